"""Which students there are, which one answers, and the engines of those that are loaded.

Nothing here imports torch until a student is asked for, and then in a thread of its own, so that
the page is up long before the weights are.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from model.bundles.bundle import bundle_info
from model.config import SHIPPED_STUDENT
from model.errors import BundleError, BundleIncompatible, BundleNotFound, EngineBusy
from model.precision_records import Precision
from model.records import StudentId, StudentInfo, StudentStatus
from model.serving.room import ENGINES

if TYPE_CHECKING:
    from model.model import ImageTokenReasoningLLM
    from model.serving.engine import Engine

log = logging.getLogger(__name__)

LOAD_LIMIT_S = 180.0
IDLE_S = 10.0
"""Whoever fetched an engine has asked it by then; one with nothing to do for longer may go."""
SHIPPED = StudentId(SHIPPED_STUDENT)
SHIPPED_SETTING = "shipped"
"""Under this name the store keeps the folder of the student that the app was started with."""


@dataclass(frozen=True)
class Taught:
    """What votes taught a student: the file of its adapter, and the hash of the weights with it."""

    adapter: Path
    weights_hash: str


class EnginePool:
    """Engines by weights, shared by all visitors; idle ones used longest ago are unloaded.

    While all are at work, there may be more than ``most``.
    """

    def __init__(self, most: int = ENGINES, idle_s: float = IDLE_S) -> None:
        self._most, self._idle_s = most, idle_s
        self._look_again: threading.Timer | None = None
        self._lock = threading.Lock()
        self._engines: OrderedDict[str, Future[Engine]] = OrderedDict()

    def engine(
        self,
        path: Path,
        weights_hash: str,
        precision: Precision = "full",
        adapter: Path | None = None,
    ) -> Future[Engine]:
        """The engine of a bundle, loaded in the background if it is not there yet.

        ``weights_hash`` is that of the weights with the ``adapter``, if there is one.
        """
        key = f"{path}@{weights_hash}@{precision}"
        with self._lock:
            future = self._engines.get(key)
            if future is None or (future.done() and future.exception() is not None):
                future = Future()
                self._engines[key] = future
                name = f"load-{path.name}"
                work = (path, weights_hash, precision, adapter, future)
                threading.Thread(target=self._load, args=work, name=name).start()
            elif future.done():
                future.result().expect()
            self._engines.move_to_end(key)
            self._unload_idle()
        return future

    def is_loaded(self, path: Path, weights_hash: str, precision: Precision = "full") -> bool:
        """Whether a bundle's engine is in memory; unlike ``engine`` this loads nothing."""
        with self._lock:
            future = self._engines.get(f"{path}@{weights_hash}@{precision}")
        return future is not None and future.done() and future.exception() is None

    def unload(self, path: Path, weights_hash: str, precision: Precision = "full") -> None:
        """Let go of a bundle's engine, if it is loaded and nobody is being answered."""
        key = f"{path}@{weights_hash}@{precision}"
        with self._lock:
            future = self._engines.get(key)
        loaded = future is not None and future.done() and future.exception() is None
        if future is None or not loaded or not future.result().idle():
            return
        with self._lock:
            self._engines.pop(key, None)
        future.add_done_callback(_close)

    def _load(
        self,
        path: Path,
        weights_hash: str,
        precision: Precision,
        adapter: Path | None,
        future: Future[Engine],
    ) -> None:
        # torch takes a second to import; this thread is the first that needs it
        import torch

        from model.serving.precision import loaded_engine

        # one token is little work: more threads than this wait for each other, and for the page
        torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
        try:
            future.set_result(loaded_engine(path, precision, weights_hash, adapter))
        except BundleError as error:
            log.warning("could not load %s: %s", path, error)
            future.set_exception(error)
        except Exception as error:
            # damaged files raise whatever their readers raise, `tokenizers` a bare Exception, and
            # somebody waits for this future
            log.exception("could not load %s", path)
            words = f"“{path.name}” cannot be loaded ({type(error).__name__}: {error}). "
            future.set_exception(BundleIncompatible(f"{words}Copy it again."))

    def close(self) -> None:
        """End the threads of all engines; the process may then end cleanly."""
        with self._lock:
            futures = list(self._engines.values())
            self._engines.clear()
            if self._look_again is not None:
                self._look_again.cancel()
        for future in futures:
            if future.done() and future.exception() is None:
                future.result().close()

    def _unload_idle(self) -> None:
        """Unload idle engines beyond the limit, the oldest first; look again later if too few."""
        for key, future in list(self._engines.items()):
            if len(self._engines) <= self._most:
                return
            if not future.done():
                continue
            if future.exception() is not None or future.result().close_if_idle(self._idle_s):
                del self._engines[key]
        if len(self._engines) > self._most and self._look_again is None:
            self._look_again = threading.Timer(self._idle_s, self._unload_later)
            self._look_again.daemon = True
            self._look_again.start()

    def _unload_later(self) -> None:
        with self._lock:
            self._look_again = None
            self._unload_idle()


def _close(future: Future[Engine]) -> None:
    if future.exception() is None:
        threading.Thread(target=future.result().close, name="unload").start()


def student_folder(students: Path, shipped: Path, student: str) -> Path:
    """The folder of a student: the shipped one's, or one of a workspace's.

    Raises: BundleNotFound for a name that is no plain folder.
    """
    if student == SHIPPED:
        return shipped
    if Path(student).name != student or student.startswith("."):
        raise BundleNotFound(f"“{student}” is not the name of a student.")
    return students / student


class Students:
    """The students of one workspace, and which of them answers."""

    def __init__(
        self,
        folder: Path,
        shipped: Path,
        pool: EnginePool,
        current: StudentId = SHIPPED,
        on_change: Callable[[StudentId], None] = lambda student: None,
        taught: Callable[[str], Taught | None] = lambda weights_hash: None,
    ) -> None:
        """``taught`` tells what votes taught the student whose bundle has these weights."""
        self._taught = taught
        self._folder, self._shipped, self._pool = folder, shipped, pool
        self._current = current
        self._on_change = on_change
        self.precision: Precision = "full"

    def path(self, student: StudentId) -> Path:
        """The folder of a student. Raises: BundleNotFound for a name that is no plain folder."""
        return student_folder(self._folder, self._shipped, student)

    def info(self, student: StudentId) -> StudentInfo:
        """What is known about a student. Raises: BundleError."""
        return bundle_info(self.path(student), student)

    def all(self) -> Sequence[StudentInfo]:
        """Every readable student, the shipped one first, then the newest."""
        found: list[StudentInfo] = []
        names = [path.name for path in self._folder.iterdir()] if self._folder.is_dir() else []
        for name in [SHIPPED, *names]:
            if name.startswith("."):
                continue
            try:
                found.append(self.info(StudentId(name)))
            except BundleError as error:
                log.warning("skipped a folder among the students: %s", error)
        return sorted(found, key=lambda info: (info.id != SHIPPED, -info.created_at))

    @property
    def current(self) -> StudentId:
        """The student who answers; the shipped one if the chosen one is gone."""
        try:
            self.info(self._current)
        except BundleError:
            return SHIPPED
        return self._current

    def use(self, student: StudentId) -> None:
        """Let another student answer; it is loaded in the background."""
        info = self.info(student)
        self._current = student
        self._on_change(student)
        self._engine(info)

    def status(self) -> StudentStatus:
        """Whether the current student is ready, and who it is."""
        try:
            info = self.info(self.current)
        except BundleError as error:
            return StudentStatus("failed", None, str(error), self.precision)
        future = self._engine(info)
        info = self.answering(info)
        if not future.done():
            return StudentStatus("loading", info, "The student is being loaded.", self.precision)
        fault = future.exception()
        state: Literal["failed", "ready"] = "failed" if fault else "ready"
        return StudentStatus(state, info, str(fault or ""), self.precision)

    def engine(self, student: StudentId | None = None, *, taught: bool = True) -> Engine:
        """The engine of a student, waiting until it is loaded; not ``taught``: without its votes.

        Raises: BundleError, EngineBusy.
        """
        info = self.info(student or self.current)
        future = self._engine(info) if taught else self._engine_untaught(info)
        try:
            return future.result(timeout=LOAD_LIMIT_S)
        except FutureTimeout as error:
            raise EngineBusy(
                f"{info.name} is still not loaded after {LOAD_LIMIT_S:.0f} s. Try again."
            ) from error

    def answering(self, info: StudentInfo) -> StudentInfo:
        """A student as it answers: what votes taught it changes its weights."""
        taught = self._taught(info.weights_hash)
        return replace(info, weights_hash=taught.weights_hash) if taught else info

    def _engine(self, info: StudentInfo) -> Future[Engine]:
        taught, path = self._taught(info.weights_hash), self.path(info.id)
        if taught is None:
            return self._engine_untaught(info)
        return self._pool.engine(path, taught.weights_hash, self.precision, taught.adapter)

    def _engine_untaught(self, info: StudentInfo) -> Future[Engine]:
        return self._pool.engine(self.path(info.id), info.weights_hash, self.precision)

    def keep_taught(self, student: StudentId, name: str, origin: str) -> StudentId:
        """Write a student with what votes taught it as a bundle of its own; returns its id.

        Raises: BundleError, also where the disk takes no more; EngineBusy if it does not load.
        """
        info, engine = self.info(student), self.engine(student)
        name = name.strip()[:60] or f"{info.name}, {origin}"
        kept = StudentId(f"votes-{engine.weights_hash[:12]}")

        def write(learner: ImageTokenReasoningLLM) -> None:
            card = learner.card
            made = f"{info.name}, {origin}"
            learner.card = replace(card, name=name, origin=made, parent=student, created_at=0.0)
            try:
                learner.save(self._folder / kept)
            finally:
                learner.card = card

        try:
            engine.run(write).result()
        except OSError as error:
            raise BundleError(
                f"“{name}” cannot be written to the disk ({error.strerror or error}). "
                "Make room there and try again."
            ) from error
        return kept

    def is_loaded(self, student: StudentId) -> bool:
        """Whether a student is in memory. Raises: BundleError."""
        info = self.answering(self.info(student))
        return self._pool.is_loaded(self.path(student), info.weights_hash, self.precision)

    def unload(self, student: StudentId) -> None:
        """Free the memory of a student, unless the page answers with it. Raises: BundleError."""
        if student != self.current:
            info = self.answering(self.info(student))
            self._pool.unload(self.path(student), info.weights_hash, self.precision)

    def delete(self, student: StudentId) -> None:
        """Remove a student from disk. Raises: BundleError for the shipped or the current one."""
        if student == SHIPPED:
            raise BundleError("The shipped student cannot be deleted; it belongs to the app.")
        if student == self.current:
            raise BundleError("This student is answering now. Choose another one first.")
        self.info(student)
        shutil.rmtree(self.path(student))
