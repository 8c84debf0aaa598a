"""Where things lie on disk, asked for when needed; reads the environment, as app.py does."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
ASSETS = PROJECT / "assets"
SHIPPED_BUNDLE = ASSETS / "student"


def default_workspace() -> Path:
    """The data directory: ``ITR_WORKSPACE``, else a Space's ``/data``, else ``./workspace``."""
    named = os.environ.get("ITR_WORKSPACE", "").strip()
    if named:
        return Path(named).expanduser()
    space_disk = Path("/data")
    if os.environ.get("SPACE_ID") and os.access(space_disk, os.W_OK):
        return space_disk / "workspace"
    return PROJECT / "workspace"


def ollama_host() -> str:
    """The value of ``OLLAMA_HOST`` as the user wrote it, or an empty string."""
    return os.environ.get("OLLAMA_HOST", "")


def database(workspace: Path) -> Path:
    """The one SQLite file of a workspace."""
    return workspace / "workspace.db"


def students(workspace: Path) -> Path:
    """The folder of the students that a workspace made."""
    return workspace / "students"


def pictures(workspace: Path) -> Path:
    """The folder of a workspace's pictures."""
    return workspace / "pictures"


def exports(workspace: Path) -> Path:
    """The folder of the files that a person carries away: graphs, students for Ollama."""
    return workspace / "exports"


def process_rank() -> int:
    """Which of several processes that train together this one is; 0 for the first and for one."""
    return int(os.environ.get("RANK", "0"))
