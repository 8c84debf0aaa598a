"""What every teacher can do; the rest of the program knows no more about one than this page."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from model.records import Role, TeacherStatus

MOST_LOGPROBS = 20
"""As many alternatives as Ollama gives for a token."""


@dataclass(frozen=True)
class Question:
    """One prompt for a teacher. Pictures are PNG or JPEG bytes, shown before the text.

    ``spec`` names a drawn micro-world example (``"train/17/everyday-name"``): the built-in teacher
    answers it exactly; other teachers see only text and pictures. ``roles`` and ``facts`` are what
    the student is told beside the words; a teacher reads facts in ``system``.
    """

    text: str
    pictures: tuple[bytes, ...] = ()
    system: str = ""
    spec: str = ""
    roles: tuple[Role, ...] = ()
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class TokenLogprob:
    """One token of an answer as the teacher tells it: its text, and the likeliest texts there.

    Log-probabilities are in nats, of the whole vocabulary at temperature 1, before any sampler.
    The texts may be mended or put together from several tokens: ``learning/anchoring.py`` tells
    which can be relied on.
    """

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class TeacherAnswer:
    """A complete answer; an incomplete one is an error, never a record.

    ``logprobs`` is empty when the teacher was not asked for them or gives none.
    """

    text: str
    stopped_by: str = "stop"
    tokens: int = 0
    duration_s: float = 0.0
    model: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True)
class TeacherVocabulary:
    """A teacher's byte-level BPE: tokens in the order of their ids, merges in that of their rank.

    Written in the letters of byte-level BPE; ``pre`` is llama.cpp's name for how texts are split.
    All empty where the teacher does not say.
    """

    tokens: tuple[str, ...] = ()
    merges: tuple[str, ...] = ()
    pre: str = ""


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
        top_logprobs: int = 0,
    ) -> TeacherAnswer:
        """Answer one question; ``format`` is a JSON schema that the answer must follow.

        With ``top_logprobs`` (at most ``MOST_LOGPROBS``) a teacher that can adds log-probabilities.

        Raises: TeacherError (one of its kinds) when there is no complete answer.
        """
        ...

    def answer_key(
        self, question: Question, *, temperature: float, max_tokens: int, seed: int
    ) -> str:
        """SHA-256 over everything that the answer depends on: the name under which it is cached."""
        ...


@runtime_checkable
class Streams(Protocol):
    """A teacher whose answers come piece by piece."""

    def stream(
        self,
        question: Question,
        *,
        temperature: float = 0.7,
        max_tokens: int = 256,
        seed: int = 0,
    ) -> Generator[str, None, TeacherAnswer]:
        """Yield pieces; the generator's return value is the whole answer. Raises: TeacherError."""
        ...


def whole(pieces: Generator[str, None, TeacherAnswer]) -> TeacherAnswer:
    """The answer at the end of a stream. Raises: what the stream raises."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            answer: TeacherAnswer = end.value
            return answer


@runtime_checkable
class TellsVocabulary(Protocol):
    """A teacher that can name its tokens, so that a student with the same ones is recognised."""

    def vocabulary(self) -> TeacherVocabulary:
        """What its tokenizer consists of; may be empty."""
        ...


@runtime_checkable
class CompletesRaw(Protocol):
    """A teacher that shows its chat template and continues any text."""

    def rendered(self, question: Question) -> str:
        """What the model reads of a question, control tokens included. Raises: TeacherError."""
        ...

    def complete(
        self, text: str, *, temperature: float, max_tokens: int, seed: int, stop: Sequence[str]
    ) -> TeacherAnswer:
        """The text's continuation, without any template. Raises: TeacherError."""
        ...
