"""Child processes that outlive the app: no shell, output to a file, their own group."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from model.paths import PROJECT

STARTUP_S = 60.0
"""How long a fresh worker of another process may take until it holds its lock."""

Child = subprocess.Popen


def start_child(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process whose output is appended to ``log``. Raises: OSError."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=PROJECT,
            # Ctrl-C in the app's terminal must not reach the worker.
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )


def is_held(lock: Path) -> bool:
    """Whether a living process holds this lock; a file alone says nothing."""
    if lock.exists():
        try:
            with FileLock(lock, timeout=0):
                pass
        except Timeout:
            return True
    return False


def still_starting(pid: int | None, started_at: float | None) -> bool:
    """Whether a worker that another app started may not hold its lock yet."""
    if started_at is None or time.time() - started_at > STARTUP_S:
        return False
    if pid is None or os.name != "posix":
        return True  # on Windows, asking whether a process lives would end it
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False  # gone, or its number belongs to somebody else by now
    return True
