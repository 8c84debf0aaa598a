"""What every teacher can do; the rest of the program knows no more about one than this page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from model.records import TeacherStatus


@dataclass(frozen=True)
class Question:
    """One prompt for a teacher. Pictures are PNG or JPEG bytes, shown before the text.

    ``spec`` names a drawn micro-world example (``"train/17/everyday-name"``): the built-in teacher
    answers it exactly; other teachers see only text and pictures.
    """

    text: str
    pictures: tuple[bytes, ...] = ()
    system: str = ""
    spec: str = ""


@dataclass(frozen=True)
class TeacherAnswer:
    """A complete answer; an incomplete one is an error, never a record."""

    text: str
    stopped_by: str = "stop"
    tokens: int = 0
    duration_s: float = 0.0
    model: str = ""


class Teacher(Protocol):
    """Somebody who answers questions, and says which models it has."""

    name: str

    def status(self) -> TeacherStatus:
        """Reachability and models, within a few seconds; never raises."""
        ...

    def answer(
        self,
        question: Question,
        *,
        temperature: float = 0.7,
        max_tokens: int = 256,
        seed: int = 0,
        format: dict[str, Any] | None = None,
    ) -> TeacherAnswer:
        """Answer one question; ``format`` is a JSON schema that the answer must follow.

        Raises: TeacherError (one of its kinds) when there is no complete answer.
        """
        ...

    def answer_key(
        self, question: Question, *, temperature: float, max_tokens: int, seed: int
    ) -> str:
        """SHA-256 over everything that the answer depends on: the name under which it is cached."""
        ...
