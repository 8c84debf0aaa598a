"""Runs as child processes: start, pause, stop, resume, and mend what a crash has left.

A worker and the app talk through the store alone. A worker lives as long as it holds the lock
``runs/<id>/worker.lock``: the kernel lets go of it when the process dies, however it dies, so no
number of a process is ever mistaken for a living worker. Killing the app does not touch workers.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from model.config import DistillConfig
from model.errors import RunError
from model.jobs.child import Child, is_held, start_child, still_starting
from model.knowledge.store import Store
from model.records import RunId, RunInfo

logger = logging.getLogger(__name__)

LEAVE_S = 8.0
"""How long a worker may take from its last word to its end."""
LOG_BYTES = 32_000
LOG_LINES = 200
RESUMABLE = frozenset({"collected", "paused", "interrupted", "failed"})


def unfinished_or_new(store: Store, config: DistillConfig) -> RunInfo:
    """The run with the very same settings that was not finished, or a new one."""
    for run in store.runs():
        if run.config == config and (run.state in RESUMABLE or run.state == "queued"):
            return run
    return store.create_run(config, config.title)


def run_folder(workspace: Path, run: RunId) -> Path:
    """Where a run keeps its log, its lock and its checkpoints."""
    return workspace / "runs" / run


def worker_lock(workspace: Path, run: RunId) -> FileLock:
    """The lock that a worker takes first and holds until it ends.

    Its time limit covers the moments in which the app looks whether it is taken.
    """
    folder = run_folder(workspace, run)
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / "worker.lock", timeout=10.0)


class Jobs:
    """The runs of one workspace; at most one has a worker, the others wait in line.

    ``command`` makes the argument list of a worker; tests hand in a small one.
    """

    def __init__(
        self, store: Store, workspace: Path, command: Callable[[str], list[str]] | None = None
    ) -> None:
        self._store = store
        self._workspace = workspace
        self._command = command or self._worker_command
        self._children: dict[int, Child[bytes]] = {}
        self._guard = threading.Lock()

    # ── reading ─────────────────────────────────────────────────────────────────────────────────

    def runs(self) -> tuple[RunInfo, ...]:
        """All runs, newest first, after mending and starting what can be."""
        self.tick()
        return self._store.runs()

    def run(self, run: RunId) -> RunInfo:
        """One run, after mending and starting what can be. Raises: RunError."""
        self.tick()
        return self._store.run(run)

    def log(self, run: RunId) -> str:
        """The last lines that the worker wrote, or an empty text. Raises: RunError."""
        self._store.run(run)
        try:
            with (run_folder(self._workspace, run) / "worker.log").open("rb") as file:
                file.seek(0, os.SEEK_END)
                start = max(0, file.tell() - LOG_BYTES)
                file.seek(start)
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        lines = text.splitlines()
        if start:
            lines = lines[1:]  # most likely half a line
        return "\n".join(lines[-LOG_LINES:])

    # ── what a person asks for ──────────────────────────────────────────────────────────────────

    def start(self, run: RunId) -> RunInfo:
        """Start a queued run, or leave it in line behind the one that runs. Raises: RunError."""
        info = self._store.run(run)
        if info.state != "queued":
            raise RunError(f"{_named(info)} is {info.state}; only a queued run can be started.")
        self.tick()
        return self._store.run(run)

    def pause(self, run: RunId) -> RunInfo:
        """Ask a run to wait; a queued one waits at once. Raises: RunError if it has ended."""
        info = self.run(run)
        if self._store.move_run(run, ("queued",), state="paused"):
            return self._store.run(run)
        if info.state not in {"running", "queued"}:
            raise RunError(f"{_named(info)} is {info.state}; only a run under way can be paused.")
        self._store.request_run(run, "pause")
        return self._store.run(run)

    def resume(self, run: RunId) -> RunInfo:
        """Go on with a run that was paused, interrupted or has failed. Raises: RunError."""
        info = self.run(run)
        if info.state not in RESUMABLE:
            raise RunError(
                f"{_named(info)} is {info.state}; only a collected, paused, interrupted or failed "
                "run can go on."
            )
        self._store.request_run(run, None)
        self._store.move_run(
            run, RESUMABLE, state="queued", message="", finished_at=None, remaining_s=None
        )
        return self.run(run)

    def stop(self, run: RunId, *, keep: bool) -> RunInfo:
        """End a run early; with ``keep``, its worker makes a student of what was learned.

        A run that waits without a worker is handed to one if there is something to keep, and is
        cancelled at once if not. Raises: RunError if it has ended already.
        """
        info = self.run(run)
        request = "stop-keep" if keep else "stop-drop"
        if info.state == "running":
            self._store.request_run(run, request)
            return self._store.run(run)
        waiting = ("queued", "collected", "paused", "interrupted")
        if info.state not in waiting:
            raise RunError(f"{_named(info)} is {info.state} already; there is nothing to stop.")
        if keep and info.step > 0:
            self._store.request_run(run, request)
            self._store.move_run(run, waiting, state="queued")
            return self.run(run)
        if not self._cancel(run, waiting):  # it was started in this very moment
            self._store.request_run(run, request)
        return self._store.run(run)

    def delete(self, run: RunId) -> None:
        """Remove a run with its files; the student it made stays. Raises: RunError."""
        info = self.run(run)
        if info.state == "running" or not self._worker_ends(run):
            raise RunError(f"{_named(info)} has a worker. Stop it first, then delete it.")
        self._store.move_run(run, ("queued",), state="paused")  # nobody starts it now
        folder = run_folder(self._workspace, run)
        try:
            if folder.exists():
                shutil.rmtree(folder)
        except OSError as error:
            raise RunError(
                f"The files of {_named(info)} could not be deleted ({error.strerror or error}). "
                f"Close whatever uses {folder} and delete the run again."
            ) from error
        self._store.delete_run(run)

    def _worker_ends(self, run: RunId) -> bool:
        """Whether the run has no worker, after a moment for one that just wrote its last state."""
        deadline = time.monotonic() + LEAVE_S
        while self._alive(run):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    # ── keeping order ───────────────────────────────────────────────────────────────────────────

    def tick(self) -> None:
        """Mend what a crash has left, and start the next run in line; called by every read."""
        self._reap()
        if not any(info.state in {"running", "queued"} for info in self._store.runs()):
            return
        with self._alone() as alone:
            if alone:
                self._repair(self._store.runs())
                self._start_next(self._store.runs())

    def repair(self) -> None:
        """Find runs whose worker is gone and make them interrupted, without starting any."""
        self._reap()
        with self._alone() as alone:
            if alone:
                self._repair(self._store.runs())

    def _repair(self, runs: tuple[RunInfo, ...]) -> None:
        for info in runs:
            # The worker writes its last state before it lets go of the lock, and the update below
            # only touches rows that are still running: a finished run is never overwritten.
            if info.state != "running" or self._alive(info.id):
                continue
            if self._store.run_request(info.id) == "stop-drop":
                self._cancel(info.id, ("running",))
                continue
            self._store.move_run(
                info.id,
                ("running",),
                state="interrupted",
                remaining_s=None,
                message=(
                    f"The worker ended without a word at step {info.step} of {info.steps}. "
                    "Resume goes on from the last checkpoint; the log may say why."
                ),
            )

    def _start_next(self, runs: tuple[RunInfo, ...]) -> None:
        if any(info.state == "running" for info in runs):
            return
        queued = [info.id for info in runs if info.state == "queued"]
        if queued:
            self._spawn(queued[-1])

    def _spawn(self, run: RunId) -> None:
        now = time.time()
        fields = {"state": "running", "stage": "starting", "started_at": now, "heartbeat_at": now}
        if not self._store.move_run(run, ("queued",), pid=None, **fields):
            return
        folder = run_folder(self._workspace, run)
        try:
            child = start_child(self._command(run), folder / "worker.log")
        except OSError as error:
            message = f"The worker could not be started: {error.strerror or error}. Resume retries."
            self._store.update_run(run, state="failed", message=message, finished_at=time.time())
            return
        with self._guard:
            self._children[child.pid] = child
        self._store.update_run(run, pid=child.pid)
        logger.info("run %s started as process %d", run, child.pid)

    def _cancel(self, run: RunId, states: tuple[str, ...]) -> bool:
        cancelled = self._store.move_run(
            run,
            states,
            state="cancelled",
            finished_at=time.time(),
            remaining_s=None,
            message="Stopped; nothing was kept.",
        )
        if cancelled:
            self._store.request_run(run, None)
        return cancelled

    def _alive(self, run: RunId) -> bool:
        pid, started_at = self._store.run_process(run)
        with self._guard:
            child = None if pid is None else self._children.get(pid)
        if child is not None and child.poll() is None:
            return True
        if is_held(run_folder(self._workspace, run) / "worker.lock"):
            return True
        return child is None and still_starting(pid, started_at)

    def _reap(self) -> None:
        # Asking a dead child for its result frees its entry in the kernel's table.
        with self._guard:
            for child in self._children.values():
                child.poll()

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        # Two apps, or two threads, on one workspace must not start the same run; who comes second
        # gets False and goes on, for somebody else is doing just what it came for.
        folder = self._workspace / "runs"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / "jobs.lock", timeout=0)
            lock.acquire()
        except Timeout:
            yield False
            return
        except OSError as error:
            raise RunError(
                f"The folder {folder} cannot be written to ({error.strerror or error}). Check its "
                "permissions and free space."
            ) from error
        try:
            yield True
        finally:
            lock.release()

    def _worker_command(self, run: str) -> list[str]:
        worker = ["-m", "model.jobs.worker", str(self._workspace.resolve()), run]
        together = self._store.run(RunId(run)).config.processes
        if together == 1:
            return [sys.executable, *worker]
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={together}"]
        return [sys.executable, *launcher, *worker]


def _named(info: RunInfo) -> str:
    return f"The run “{info.name or info.id}”"
