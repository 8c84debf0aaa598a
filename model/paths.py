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


def hub_token() -> str:
    """The value of ``HF_TOKEN``, or an empty string; no stored sign-in is looked for."""
    return os.environ.get("HF_TOKEN", "").strip()


def hub_endpoint() -> str:
    """The value of ``HF_ENDPOINT``, or an empty string for the public Hub."""
    return os.environ.get("HF_ENDPOINT", "").strip().rstrip("/")


def database(workspace: Path) -> Path:
    """The one SQLite file of a workspace."""
    return workspace / "workspace.db"


def students(workspace: Path) -> Path:
    """The folder of the students that a workspace made."""
    return workspace / "students"


def adapters(workspace: Path) -> Path:
    """The folder of what votes taught the students of a workspace."""
    return workspace / "adapters"


def pictures(workspace: Path) -> Path:
    """The folder of a workspace's pictures."""
    return workspace / "pictures"


def exports(workspace: Path) -> Path:
    """The folder of the files that a person carries away: graphs, students for Ollama."""
    return workspace / "exports"


def process_rank() -> int:
    """Which of several processes that train together this one is; 0 for the first and for one."""
    return int(os.environ.get("RANK", "0"))
