"""The teacher that is always there: the micro-world's oracle. It needs no server and no network."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from model.errors import InputError, TeacherReplyInvalid
from model.microworld.language import DO_NOT_KNOW
from model.microworld.oracle import answer_text, from_spec
from model.microworld.splits import world_hash
from model.records import TeacherModel, TeacherStatus
from model.teachers.base import Question, TeacherAnswer

MODEL_NAME = "micro-world"


class BuiltinTeacher:
    """Answers drawn questions exactly and typed ones by rule; may be used by many threads at once.

    A question that carries a ``spec`` is answered from it; any other by its words alone, because
    this teacher cannot look at uploaded pictures. What it does not understand it does not know.
    """

    name = "builtin"

    def status(self) -> TeacherStatus:
        """Always reachable, with one model."""
        return TeacherStatus(
            reachable=True,
            message="The built-in teacher is ready. It knows the micro-world only.",
            version=world_hash(),
            models=(
                TeacherModel(
                    name=MODEL_NAME, sees_pictures=True, thinks=False, digest=world_hash()
                ),
            ),
        )

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
        """The one right answer, without log-probabilities; no answer is cut off.

        Temperature and seed make no difference.

        Raises: TeacherReplyInvalid if a ``format`` is asked for, or the spec names no example.
        """
        if format is not None:
            raise TeacherReplyInvalid(
                "The built-in teacher answers in plain sentences, not in a given format. "
                "Choose micro-world prompts, or an Ollama teacher."
            )
        started = time.monotonic()
        text = self._text(question)
        return TeacherAnswer(
            text=text,
            tokens=len(text.split()),
            duration_s=time.monotonic() - started,
            model=MODEL_NAME,
        )

    def answer_key(
        self, question: Question, *, temperature: float, max_tokens: int, seed: int
    ) -> str:
        """SHA-256 over the version of the micro-world, the words and the spec, hex."""
        parts = {"world": world_hash(), "text": question.text, "spec": question.spec}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _text(self, question: Question) -> str:
        if not question.spec:
            return answer_text(question.text) or DO_NOT_KNOW
        try:
            return from_spec(question.spec).answer
        except InputError as error:
            raise TeacherReplyInvalid(str(error)) from error
