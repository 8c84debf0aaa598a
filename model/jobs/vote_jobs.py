"""Updates from votes as child processes: one at a time, between answers, mended after a crash.

A worker and the app talk through the store alone. It lives as long as it holds the lock
``adapters/worker.lock``; one that died without a word is started again, and what it was doing is
simply done anew: nothing is changed before it is complete.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from model.feedback_records import Update, UpdateId
from model.jobs.child import Child, is_held, start_child, still_starting
from model.knowledge.store import Store
from model.paths import adapters
from model.records import StudentId

log = logging.getLogger(__name__)

MOST_TRIES = 3
"""Workers that may die over one update before it counts as failed."""
AT_A_TIME = 1
"""Workers of all visitors that learn at the same time."""


def update_lock(workspace: Path) -> FileLock:
    """The lock that a worker takes first and holds until it ends."""
    adapters(workspace).mkdir(parents=True, exist_ok=True)
    return FileLock(adapters(workspace) / "worker.lock", timeout=10.0)


class Learners:
    """The workers of all workspaces of one app; no more than ``most`` learn at a time."""

    def __init__(self, most: int = AT_A_TIME) -> None:
        self._most = most
        self._guard = threading.Lock()
        self._children: dict[int, Child[bytes]] = {}

    def start(self, command: list[str], output: Path) -> int | None:
        """Start a worker; returns its process number, None if enough are at work.

        Raises: OSError.
        """
        with self._guard:
            self._children = {n: c for n, c in self._children.items() if c.poll() is None}
            if len(self._children) >= self._most:
                return None
            child = start_child(command, output)
            self._children[child.pid] = child
            return child.pid

    def works(self, pid: int | None) -> bool | None:
        """Whether a worker is alive; None if this app did not start it."""
        with self._guard:
            child = None if pid is None else self._children.get(pid)
            return None if child is None else child.poll() is None


class VoteJobs:
    """The updates of one workspace. ``command`` makes a worker's argument list."""

    def __init__(
        self,
        store: Store,
        workspace: Path,
        learners: Learners,
        least_votes: int,
        command: Callable[[UpdateId], list[str]] | None = None,
    ) -> None:
        self._store, self._workspace, self._learners = store, workspace, learners
        self._least_votes = least_votes
        self._command = command or self._worker_command

    def tick(self, student: StudentId, base: str) -> None:
        """Queue an update if there are enough new votes, mend what a crash left, start what waits.

        ``base`` is the hash of the bundle of the student who answers now.
        """
        self._store.queue_update(student, base, self._least_votes)
        if not self._store.unfinished_updates():
            return
        with self._alone() as alone:
            if not alone:
                return
            for update in self._store.unfinished_updates():
                if update.state == "running" and not self._alive(update):
                    self._mend(update)
            waiting = self._store.unfinished_updates()
            if waiting and all(update.state == "queued" for update in waiting):
                self._start(waiting[0])

    def _mend(self, update: Update) -> None:
        tries = update.tries + 1
        if tries < MOST_TRIES:
            log.warning("the worker of update %d ended without a word; it is done anew", update.id)
            self._store.change_update(update.id, ("running",), state="queued", tries=tries)
            return
        words = f"The worker died {tries} times without a word. The votes are kept for the next."
        ended = {"reason": words, "tries": tries, "finished_at": time.time()}
        self._store.fail_update(update.id, ("running",), **ended)

    def _start(self, update: Update) -> None:
        output = adapters(self._workspace) / "worker.log"
        now = time.time()
        try:
            pid = self._learners.start(self._command(update.id), output)
        except OSError as error:
            words = f"The worker could not be started: {error.strerror or error}."
            self._store.fail_update(update.id, ("queued",), reason=words, finished_at=now)
            return
        if pid is not None:
            started = {"state": "running", "pid": pid, "started_at": now}
            self._store.change_update(update.id, ("queued",), **started)
            log.info("update %d started as process %d", update.id, pid)

    def _alive(self, update: Update) -> bool:
        ours = self._learners.works(update.pid)
        if ours:
            return True
        if is_held(adapters(self._workspace) / "worker.lock"):
            return True
        return ours is None and still_starting(update.pid, update.started_at)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        # two threads, or two apps on one workspace, must not start the same update
        folder = adapters(self._workspace)
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "jobs.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def _worker_command(self, update: UpdateId) -> list[str]:
        workspace = str(self._workspace.resolve())
        return [sys.executable, "-m", "model.jobs.vote_worker", workspace, str(update)]


def be_modest() -> None:
    """Let this process wait for those that answer, where the system knows priorities."""
    if hasattr(os, "nice"):
        os.nice(10)
