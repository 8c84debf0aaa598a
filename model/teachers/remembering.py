"""A teacher that is asked the same only once: for the questions from which prompts are made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

from model.records import TeacherStatus
from model.teachers.base import CompletesRaw, Question, Teacher, TeacherAnswer


class TraceStore(Protocol):
    """Where answers are kept; the store fulfils it."""

    def trace(self, key: str) -> str | None:
        """The stored answer under a key."""
        ...

    def save_trace(
        self, key: str, question: str, answer: str, model: str, details: bytes | None = None
    ) -> None:
        """Keep an answer; returns when it is on disk."""
        ...


class RawTeacher(Teacher, CompletesRaw, Protocol):
    """A teacher that also continues any text."""


class RememberingTeacher:
    """Passes questions on and keeps the answers, so that prompts are written once per topic.

    Kept are words alone; who wants log-probabilities asks the teacher itself.
    """

    def __init__(self, teacher: Teacher, store: TraceStore) -> None:
        self.name = teacher.name
        self._teacher, self._store = teacher, store

    def status(self) -> TeacherStatus:
        """The teacher's."""
        return self._teacher.status()

    def answer(
        self,
        question: Question,
        *,
        temperature: float = 0.7,
        max_tokens: int = 256,
        seed: int = 0,
        format: dict[str, Any] | None = None,
        top_logprobs: int = 0,
    ) -> TeacherAnswer:
        """The kept answer to this very question and format, or a new one. Raises: TeacherError."""
        plain = self.answer_key(question, temperature=temperature, max_tokens=max_tokens, seed=seed)
        key = _hash("prompts", plain, format)
        kept = self._store.trace(key)
        if kept is not None:
            return TeacherAnswer(kept)
        answer = self._teacher.answer(
            question, temperature=temperature, max_tokens=max_tokens, seed=seed, format=format
        )
        self._store.save_trace(key, question.text, answer.text, self.name)
        return answer

    def answer_key(
        self, question: Question, *, temperature: float, max_tokens: int, seed: int
    ) -> str:
        """The teacher's."""
        return self._teacher.answer_key(
            question, temperature=temperature, max_tokens=max_tokens, seed=seed
        )


class RememberingRawTeacher(RememberingTeacher):
    """The same for a teacher that also continues any text."""

    def __init__(self, teacher: RawTeacher, store: TraceStore) -> None:
        super().__init__(teacher, store)
        self._raw = teacher

    def rendered(self, question: Question) -> str:
        """What the model reads of a question; kept. Raises: TeacherError."""
        key = _hash("rendered", self._key(question, 0))
        kept = self._store.trace(key)
        if kept is None:
            kept = self._raw.rendered(question)
            self._store.save_trace(key, question.text, kept, self.name)
        return kept

    def complete(
        self, text: str, *, temperature: float, max_tokens: int, seed: int, stop: Sequence[str]
    ) -> TeacherAnswer:
        """A text's continuation; kept with why it ended. Raises: TeacherError."""
        key = _hash("raw", self._key(Question(text), seed), temperature, max_tokens, list(stop))
        kept = self._store.trace(key)
        if kept is not None:
            return TeacherAnswer(**json.loads(kept))
        answer = self._raw.complete(
            text, temperature=temperature, max_tokens=max_tokens, seed=seed, stop=stop
        )
        values = {name: value for name, value in asdict(answer).items() if name != "logprobs"}
        self._store.save_trace(key, text, json.dumps(values), self.name)
        return answer

    def _key(self, question: Question, seed: int) -> str:
        return self.answer_key(question, temperature=0.0, max_tokens=1, seed=seed)


def remembering(teacher: Teacher, store: TraceStore) -> RememberingTeacher:
    """The teacher, asked only once for the same; it continues texts if the teacher does."""
    if isinstance(teacher, CompletesRaw):
        return RememberingRawTeacher(teacher, store)
    return RememberingTeacher(teacher, store)


def _hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
