"""Answers that are there already: a person's own, or those that a graph knows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from model.errors import TeacherError
from model.records import TeacherModel, TeacherStatus
from model.teachers.base import (
    Question,
    Teacher,
    TeacherAnswer,
    TeacherVocabulary,
    TellsVocabulary,
)

GIVEN = "given"


class GivenAnswers:
    """Gives answers that are known, and asks another teacher, if there is one, for the others.

    ``answers`` are by what ``known_as`` makes of their question. Safe for many threads, as far as
    the other teacher is.
    """

    def __init__(self, answers: Mapping[str, str], teacher: Teacher | None = None) -> None:
        self.name = teacher.name if teacher else GIVEN
        self._answers, self._teacher = dict(answers), teacher

    def status(self) -> TeacherStatus:
        """That of the other teacher; without one, how many answers there are."""
        if self._teacher is not None:
            return self._teacher.status()
        number = len(self._answers)
        model = TeacherModel(GIVEN, sees_pictures=True, thinks=False)
        return TeacherStatus(True, f"{number} prompts come with their answers.", models=(model,))

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
        """The answer that is known, whole whatever ``max_tokens`` says; else the other teacher's.

        Raises: TeacherError if nobody knows one, or as the other teacher's ``answer``.
        """
        known = self._answers.get(known_as(question))
        if known is not None:
            return TeacherAnswer(known, tokens=len(known.split()), model=GIVEN)
        return self._other().answer(
            question,
            temperature=temperature,
            max_tokens=max_tokens,
            seed=seed,
            format=format,
            top_logprobs=top_logprobs,
        )

    def answer_key(
        self, question: Question, *, temperature: float, max_tokens: int, seed: int
    ) -> str:
        """SHA-256 over the question and its known answer; else the other teacher's key."""
        known = self._answers.get(known_as(question))
        if known is not None:
            return hashlib.sha256(f"{known_as(question)}/{known}".encode()).hexdigest()
        return self._other().answer_key(
            question, temperature=temperature, max_tokens=max_tokens, seed=seed
        )

    def knows(self, question: Question) -> bool:
        """Whether the answer is known, so that nobody is asked."""
        return known_as(question) in self._answers

    def vocabulary(self) -> TeacherVocabulary:
        """The other teacher's tokenizer, if it tells it."""
        if isinstance(self._teacher, TellsVocabulary):
            return self._teacher.vocabulary()
        return TeacherVocabulary()

    def _other(self) -> Teacher:
        if self._teacher is None:
            raise TeacherError(
                "A prompt has no answer, and there is no teacher to ask. Write an answer to it, "
                "drop it, or choose a teacher."
            )
        return self._teacher


def known_as(question: Question) -> str:
    """What tells questions apart: words, facts and pictures. SHA-256, hex."""
    pictures = [hashlib.sha256(picture).hexdigest() for picture in question.pictures]
    parts = [question.text, question.spec, question.facts, question.roles, pictures]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
