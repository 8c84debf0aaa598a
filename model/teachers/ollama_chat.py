"""How a question is put to ``/api/chat``, and what makes its reply a whole answer."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from model.errors import TeacherError, TeacherReplyInvalid
from model.teachers.base import Question, TeacherAnswer, TokenLogprob
from model.teachers.ollama_models import whole_number

PROTOCOL = "ollama-chat/1"
"""Part of every cache key: changes when the same question is put to the server differently."""
NANOSECONDS = 1e9


@dataclass(frozen=True)
class ChatSettings:
    """How the teacher is to answer; everything but the question that shapes the answer."""

    temperature: float
    max_tokens: int
    seed: int
    format: dict[str, Any] | None

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}; Ollama takes 0 as no limit at all")


def chat_body(
    model: str,
    question: Question,
    settings: ChatSettings,
    *,
    think_off: bool,
    top_logprobs: int = 0,
) -> dict[str, Any]:
    """The JSON for ``/api/chat``; ``think_off`` tells a model that could think not to.

    Left out, a model that can think does, and its steps use up the answer's tokens. Servers before
    0.12.11 pass over the wish for log-probabilities.
    Raises: TeacherError if no model is chosen.
    """
    if not model:
        raise TeacherError("No teacher model is chosen. Pick one from the list of the server.")
    user: dict[str, Any] = {"role": "user", "content": question.text}
    if question.pictures:
        user["images"] = [base64.b64encode(picture).decode() for picture in question.pictures]
    system = [{"role": "system", "content": question.system}] if question.system else []
    body: dict[str, Any] = {
        "model": model,
        "messages": [*system, user],
        "stream": True,
        "options": {
            "temperature": settings.temperature,
            "num_predict": settings.max_tokens,
            "seed": settings.seed,
        },
    }
    if settings.format is not None:
        body["format"] = settings.format
    if think_off:
        body["think"] = False
    if top_logprobs:
        body |= {"logprobs": True, "top_logprobs": top_logprobs}
    return body


def whole_answer(
    model: str,
    last: Mapping[str, Any],
    text: str,
    thought: bool,
    logprobs: Sequence[TokenLogprob] = (),
) -> TeacherAnswer:
    """The record of a finished answer, from its ``done`` line and all of its text.

    Raises: TeacherReplyInvalid if there is no text; ``thought`` tells whether thinking came.
    """
    tokens = whole_number(last.get("eval_count"))
    if not text.strip():
        why = f" All {tokens} tokens went into thinking." if thought else ""
        remedy = "Allow longer answers" if thought else "Try another prompt or temperature"
        raise TeacherReplyInvalid(
            f"The answer of “{model}” is empty: 0 letters.{why} {remedy}, or choose another model."
        )
    return TeacherAnswer(
        text=text.strip(),
        stopped_by=str(last.get("done_reason") or "stop"),
        tokens=tokens,
        duration_s=whole_number(last.get("total_duration")) / NANOSECONDS,
        model=str(last.get("model") or model),
        logprobs=tuple(logprobs),
    )


def question_hash(identity: str, question: Question, settings: ChatSettings) -> str:
    """SHA-256 over the model's identity, the question and the settings, hex."""
    parts = {
        "protocol": PROTOCOL,
        "model": identity,
        "system": question.system,
        "text": question.text,
        "pictures": [hashlib.sha256(picture).hexdigest() for picture in question.pictures],
        **asdict(settings),
        "temperature": float(settings.temperature),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
