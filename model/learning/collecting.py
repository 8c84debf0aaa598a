"""Asks a teacher many questions at once and keeps every answer the moment it arrives.

An answer is stored under a hash of everything it depends on, so a run that is started again asks
nothing twice.
"""

from __future__ import annotations

import logging
import random
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
from model.learning.pace import Breaker, Pace
from model.teachers.base import Question, Teacher, TeacherAnswer
from model.teachers.logprobs import pack, unpack

log = logging.getLogger(__name__)

TRIES = 4
TRIES_WHILE_AWAY = 6
"""Tries of one question with a teacher that seems away: it may be this question that fails it."""
FIRST_PAUSE_S = 0.5
WORTH_A_RETRY = (TeacherUnavailable, TeacherTimeout, TeacherReplyInvalid)
GIVE_UP_AFTER = 6
"""Questions in a row without an answer after which the teacher is taken to be of no use."""


class TraceStore(Protocol):
    """Where answers are kept; the store fulfils it."""

    def trace(self, key: str) -> str | None:
        """The stored answer under a key."""
        ...

    def trace_details(self, key: str) -> bytes | None:
        """What is kept with the answer under a key, as ``teachers.logprobs.pack`` wrote it."""
        ...

    def save_trace(
        self, key: str, question: str, answer: str, model: str, details: bytes | None = None
    ) -> None:
        """Keep an answer; returns when it is on disk."""
        ...


@dataclass(frozen=True)
class AskSettings:
    """What is asked of the teacher beside the question."""

    temperature: float
    max_tokens: int
    seed: int
    top_logprobs: int = 0


@dataclass(frozen=True)
class Listener:
    """Whom a collector tells what happens; called from its threads."""

    counted: Callable[[int, int], None] = lambda answers, failures: None
    """How many questions have an answer, and how many failed for good."""
    answered: Callable[[str], None] = lambda key: None
    """The key of a question that has its answer."""
    failed: Callable[[str, str], None] = lambda key, reason: None
    """The key of a question that failed for good, and why."""
    left_out: Callable[[str, str], None] = lambda key, reason: None
    """The key of a question whose answer is there but not to be learned from, and why."""


class Collector:
    """Collects the answers to a list of questions, in order, several at a time.

    ``concurrency`` is the most that is asked at a time; how much of it is used follows from how
    the teacher answers. An answer with a fault is kept, but nobody gets it: ``fault_of`` says why.
    """

    def __init__(
        self,
        teacher: Teacher,
        questions: Sequence[Question],
        store: TraceStore,
        settings: AskSettings,
        *,
        concurrency: int,
        listener: Listener | None = None,
        fault_of: Callable[[Question, TeacherAnswer], str] = lambda question, answer: "",
    ) -> None:
        self._teacher, self._questions, self._store = teacher, questions, store
        self._settings, self._fault_of = settings, fault_of
        self._listener = listener or Listener()
        self._answers: dict[int, TeacherAnswer | None] = {}
        self._reasons: dict[int, str] = {}
        self._faults: set[str] = set()
        self.told_tokens = 0
        self._next = self._good = self._under_way = self._failures_in_a_row = 0
        self._gone: ReasonerError | None = None
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._pace = Pace(concurrency)
        self._breaker = Breaker(first_s=4 * FIRST_PAUSE_S, seed=settings.seed)
        self._jitter = random.Random(settings.seed)
        self._silent_until = 0.0
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

    def answer(self, index: int, keep_waiting: Callable[[], bool]) -> TeacherAnswer | None:
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
            return self._good, len(self._reasons)

    @property
    def reasons(self) -> list[str]:
        """Why questions failed or their answers were left out, without repeats."""
        with self._changed:
            faults = {f"Left out: {fault}." for fault in self._faults}
            return sorted({*self._reasons.values()}) + sorted(faults)

    # ── one question after the other ────────────────────────────────────────────────────────────

    def _work(self) -> None:
        while not self._over():
            with self._changed:
                if self._next >= len(self._questions):
                    return
                index, self._next = self._next, self._next + 1
            try:
                self._collect(index)
            except ReasonerError as error:  # the store cannot keep answers: no use in asking on
                self._lose(error)

    def _over(self) -> bool:
        return self._stopped.is_set() or self._gone is not None

    def _collect(self, index: int) -> None:
        question, how = self._questions[index], self._settings
        key = self._teacher.answer_key(
            question, temperature=how.temperature, max_tokens=how.max_tokens, seed=how.seed
        )
        answer = self._known(key)
        if answer is None:
            answer = self._ask(index, key)
            if answer is None:
                return
            details = pack(answer, asked=bool(how.top_logprobs))
            self._store.save_trace(key, question.text, answer.text, self._teacher.name, details)
            # what is learned now is what a resumed run will find, to the last digit
            answer, _ = unpack(answer.text, details)
            with self._changed:
                self.told_tokens += answer.tokens
        fault = self._fault_of(question, answer)
        if fault:
            with self._changed:
                self._faults.add(fault)
            self._listener.left_out(key, fault)
        else:
            self._listener.answered(key)
        self._settle(index, None if fault else answer, came=True)

    def _known(self, key: str) -> TeacherAnswer | None:
        """The stored answer, unless log-probabilities are wanted that nobody asked for yet."""
        text = self._store.trace(key)
        if text is None:
            return None
        details = self._store.trace_details(key)
        answer, asked = unpack(text, details) if details else (TeacherAnswer(text), False)
        return answer if asked or not self._settings.top_logprobs else None

    def _ask(self, index: int, key: str) -> TeacherAnswer | None:
        """Ask until there is an answer, with growing pauses; ``None`` once given up.

        An invalid answer is asked for again with another seed. A teacher that seems away is waited
        for longer.
        """
        tries = invalid = 0
        while self._enter():
            ticket, started = self._pace.ticket, time.monotonic()
            try:
                answer = self._teacher.answer(
                    self._questions[index],
                    temperature=self._settings.temperature,
                    max_tokens=self._settings.max_tokens,
                    seed=self._settings.seed + invalid,
                    top_logprobs=self._settings.top_logprobs,
                )
            except WORTH_A_RETRY as error:
                away = not isinstance(error, TeacherReplyInvalid)
                most = TRIES_WHILE_AWAY if self._leave_failed(error, ticket, away=away) else TRIES
                tries, invalid = tries + 1, invalid + (not away)
                log.warning("question %d, try %d of %d: %s", index, tries, most, error)
                if tries >= most:
                    self._give_up(index, key, error)
                    return None
                pause_s = FIRST_PAUSE_S * 2**tries * self._jitter.uniform(0.5, 1.0)
                self._stopped.wait(pause_s)
            except TeacherError as error:  # no model, no pictures, no rights: no use in asking on
                self._leave()
                self._lose(error)
            else:
                self._leave_answered(ticket, time.monotonic() - started, answer.tokens)
                return answer
        return None

    def _give_up(self, index: int, key: str, error: TeacherError) -> None:
        with self._changed:
            self._failures_in_a_row += 1
            self._reasons[index] = str(error)
            of_no_use = self._failures_in_a_row >= GIVE_UP_AFTER
        if of_no_use:
            self._lose(error)
        self._settle(index, None, came=False)
        self._listener.failed(key, str(error))

    def _lose(self, error: ReasonerError) -> None:
        with self._changed:
            self._gone = self._gone or error
            self._changed.notify_all()

    def _settle(self, index: int, answer: TeacherAnswer | None, *, came: bool) -> None:
        with self._changed:
            self._answers[index] = answer
            self._good += came
            self._changed.notify_all()
        self._listener.counted(*self.counts)

    # ── how many at a time ──────────────────────────────────────────────────────────────────────

    def _enter(self) -> bool:
        """Wait for our turn to ask; False when there is nothing to be asked any more."""
        with self._changed:
            while not self._over():
                silent_s = self._silent_until - time.monotonic()
                # one request finds out whether a teacher that was away is back
                allowed = 1 if self._breaker.is_open else self._pace.limit
                if silent_s <= 0 and self._under_way < allowed:
                    self._under_way += 1
                    return True
                self._changed.wait(timeout=silent_s if silent_s > 0 else 1.0)
            return False

    def _leave(self) -> None:
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def _leave_answered(self, ticket: int, seconds: float, tokens: int) -> None:
        with self._changed:
            self._failures_in_a_row = 0
            self._pace.answered(ticket, seconds, tokens)
            self._breaker.answered()
        self._leave()

    def _leave_failed(self, error: TeacherError, ticket: int, *, away: bool) -> bool:
        """Note a failed try; says whether the teacher counts as away."""
        with self._changed:
            if away:
                self._pace.refused(ticket)
                self._silent_until = time.monotonic() + self._breaker.failed()
                if self._breaker.gave_up:
                    self._gone = self._gone or error
            else:  # a bad answer, but an answer
                self._breaker.answered()
            is_away = self._breaker.is_open
        self._leave()
        return is_away
