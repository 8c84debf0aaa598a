"""Whose workspace is whose: one for everybody, or one for each visitor with a lifetime."""

from __future__ import annotations

import hashlib
import logging
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

from model.jobs.child import is_held
from model.jobs.vote_jobs import Learners
from model.paths import SHIPPED_BUNDLE
from model.serving.students import EnginePool
from model.workspace import Workspace

log = logging.getLogger(__name__)

LIFETIME_S = 24 * 3600.0
"""How long a visitor's workspace is kept after it was last used."""


class Visitors:
    """Hands every visitor a workspace; the engines of loaded students are shared by all.

    In single-user mode everybody gets the one in ``folder`` itself.
    """

    def __init__(
        self,
        folder: Path,
        *,
        multi_user: bool,
        shipped: Path = SHIPPED_BUNDLE,
        teacher_address: str | None = None,
    ) -> None:
        self._folder, self._multi_user, self._shipped = folder, multi_user, shipped
        self._teacher_address = teacher_address
        self._pool = EnginePool()
        self._learners = Learners()
        self._lock = threading.Lock()
        self._workspaces: dict[str, Workspace] = {}
        self._used_at: dict[str, float] = {}

    def workspace(self, visitor: str = "") -> Workspace:
        """The workspace of a visitor, made when they first come. The id may be any text."""
        name = hashlib.sha256(visitor.encode()).hexdigest()[:24] if self._multi_user else ""
        with self._lock:
            self._used_at[name] = time.time()
            if name not in self._workspaces:
                self._forget_old()
                self._workspaces[name] = Workspace(
                    self._folder / "visitors" / name if name else self._folder,
                    shipped=self._shipped,
                    pool=self._pool,
                    learners=self._learners,
                    teacher_address=self._teacher_address if self._multi_user else None,
                )
            return self._workspaces[name]

    def close(self) -> None:
        """Let go of models and databases; runs go on in their own processes."""
        self._pool.close()
        with self._lock:
            for workspace in self._workspaces.values():
                workspace.close()

    def _forget_old(self) -> None:
        """Delete workspaces that nobody used for a lifetime, also those of earlier processes."""
        now = time.time()
        found = (self._folder / "visitors").glob("*") if self._multi_user else ()
        for path in [path for path in found if path.is_dir()]:
            used_at = max(self._used_at.get(path.name, 0.0), _written_at(path))
            if now - used_at < LIFETIME_S or _at_work(path):
                continue
            workspace = self._workspaces.pop(path.name, None)
            if workspace is not None:
                workspace.close()
            shutil.rmtree(path, ignore_errors=True)
            log.info("forgot a visitor's workspace after %.0f h", (now - used_at) / 3600)


def _written_at(folder: Path) -> float:
    """When a workspace was last written to.

    A folder's own time does not change when its database or the log beside it is written into.
    """
    times = [folder.stat().st_mtime]
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # the log goes with the last one that reads it
            times.append(path.stat().st_mtime)
    return max(times)


def _at_work(folder: Path) -> bool:
    """Whether a run, or an update from votes, has a worker: it holds its lock until it ends."""
    locks = (*folder.glob("runs/*/worker.lock"), *folder.glob("adapters/worker.lock"))
    return any(map(is_held, locks))
