"""Asks a teacher many questions at once and keeps every answer the moment it arrives.

An answer is stored under a hash of everything it depends on, so a run that is started again asks
nothing twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from model.errors import (
    ReasonerError,
    TeacherError,
    TeacherReplyInvalid,
    TeacherTimeout,
    TeacherUnavailable,
)
from model.teachers.base import Question, Teacher

log = logging.getLogger(__name__)

TRIES = 4
FIRST_PAUSE_S = 0.5
WORTH_A_RETRY = (TeacherUnavailable, TeacherTimeout, TeacherReplyInvalid)
GIVE_UP_AFTER = 6
"""Failures in a row after which the teacher is taken to be gone."""


class TraceStore(Protocol):
    """Where answers are kept; the store fulfils it."""

    def trace(self, key: str) -> str | None:
        """The stored answer under a key."""
        ...

    def save_trace(self, key: str, question: str, answer: str, model: str) -> None:
        """Keep an answer; returns when it is on disk."""
        ...


@dataclass(frozen=True)
class AskSettings:
    """What is asked of the teacher beside the question."""

    temperature: float
    max_tokens: int
    seed: int


class Collector:
    """Collects the answers to a list of questions, in order, several at a time."""

    def __init__(
        self,
        teacher: Teacher,
        questions: Sequence[Question],
        store: TraceStore,
        settings: AskSettings,
        *,
        concurrency: int,
        on_change: Callable[[int, int], None] = lambda answers, failures: None,
    ) -> None:
        self._teacher, self._questions, self._store = teacher, questions, store
        self._settings = settings
        self._on_change = on_change
        self._answers: dict[int, str | None] = {}
        self._reasons: dict[int, str] = {}
        self._next = 0
        self._failures_in_a_row = 0
        self._gone: ReasonerError | None = None
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, name=f"collect-{n}", daemon=True)
            for n in range(min(concurrency, len(questions)))
        ]

    def start(self) -> None:
        """Begin to ask, in threads of our own."""
        for thread in self._threads:
            thread.start()

    def stop(self, wait_s: float = 0.0) -> None:
        """Ask nothing more. Requests under way are waited for, but no longer than ``wait_s``."""
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()
        deadline = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def answer(self, index: int, keep_waiting: Callable[[], bool]) -> str | None:
        """The answer to a question, waiting for it; ``None`` if it failed or nobody waits.

        Raises: ReasonerError once the teacher is gone and the answer will not come.
        """
        with self._changed:
            while index not in self._answers:
                if self._gone is not None:
                    raise self._gone
                if not keep_waiting():
                    return None
                self._changed.wait(timeout=0.2)
            return self._answers[index]

    @property
    def counts(self) -> tuple[int, int]:
        """How many questions have an answer, and how many failed for good."""
        with self._changed:
            good = sum(answer is not None for answer in self._answers.values())
            return good, len(self._answers) - good

    @property
    def reasons(self) -> list[str]:
        """Why questions failed, without repeats."""
        with self._changed:
            return sorted(set(self._reasons.values()))

    def _work(self) -> None:
        while not self._stopped.is_set() and self._gone is None:
            with self._changed:
                if self._next >= len(self._questions):
                    return
                index, self._next = self._next, self._next + 1
            try:
                self._collect(index)
            except ReasonerError as error:  # the store cannot keep answers: no use in asking on
                self._lose(error)

    def _collect(self, index: int) -> None:
        question, how = self._questions[index], self._settings
        key = self._teacher.answer_key(
            question, temperature=how.temperature, max_tokens=how.max_tokens, seed=how.seed
        )
        text = self._store.trace(key)
        if text is None:
            text = self._ask(index, question)
            if text is None:
                return
            self._store.save_trace(key, question.text, text, self._teacher.name)
        self._settle(index, text)

    def _ask(self, index: int, question: Question) -> str | None:
        """Ask until there is an answer, with growing pauses; ``None`` once given up."""
        how, pause = self._settings, FIRST_PAUSE_S
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._teacher.answer(
                    question,
                    temperature=how.temperature,
                    max_tokens=how.max_tokens,
                    seed=how.seed + attempt - 1,
                )
                self._failures_in_a_row = 0
                return answer.text
            except WORTH_A_RETRY as error:
                log.warning("question %d, try %d of %d: %s", index, attempt, TRIES, error)
                if attempt == TRIES:
                    self._give_up(index, error)
                    return None
            except TeacherError as error:  # no model, no pictures, no rights: no use in asking on
                self._lose(error)
                return None
            if self._stopped.wait(pause):
                return None
            pause *= 2
        return None

    def _give_up(self, index: int, error: TeacherError) -> None:
        self._failures_in_a_row += 1
        self._reasons[index] = str(error)
        if self._failures_in_a_row >= GIVE_UP_AFTER:
            self._lose(error)
        self._settle(index, None)

    def _lose(self, error: ReasonerError) -> None:
        with self._changed:
            self._gone = error
            self._changed.notify_all()

    def _settle(self, index: int, text: str | None) -> None:
        with self._changed:
            self._answers[index] = text
            self._changed.notify_all()
        self._on_change(*self.counts)
