"""What Ollama says when it refuses, word for word, so that clients find what they look for."""

from __future__ import annotations

import json
from typing import Any

from model.errors import BundleNotFound, ConfigError, EngineBusy, InputError, ReasonerError

BUSY = "server busy, please try again.  maximum pending requests exceeded"
NOT_A_PICTURE = "Failed to load image or audio file"


class Refused(ReasonerError):
    """A request that is answered by an error: its HTTP status, and the words for the client."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of Ollama's own endpoints."""
        return {"error": str(self)}

    @property
    def openai_body(self) -> dict[str, Any]:
        """The JSON of the endpoints under ``/v1``."""
        kinds = {400: "invalid_request_error", 404: "not_found_error"}
        kind = kinds.get(self.status, "api_error")
        return {"error": {"message": str(self), "type": kind, "param": None, "code": None}}


def from_runner(words: str, kind: str = "invalid_request_error", **more: int) -> Refused:
    """A refusal of what runs the model, which Ollama passes on as JSON inside its own."""
    inner = {"error": {"code": 400, "message": words, "type": kind, **more}}
    return Refused(400, json.dumps(inner, separators=(",", ":"), ensure_ascii=False))


def too_long(tokens: int, window: int) -> Refused:
    """The refusal of a prompt of more tokens than the student reads."""
    words = f"request ({tokens} tokens) exceeds the available context size ({window} tokens)"
    return from_runner(
        f"{words}, try increasing it",
        "exceed_context_size_error",
        n_prompt_tokens=tokens,
        n_ctx=window,
    )


def refusal_of(error: ReasonerError) -> Refused:
    """One of this program's errors as a client of Ollama expects it."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, EngineBusy):
        return Refused(503, BUSY)
    if isinstance(error, ConfigError):
        return Refused(400, str(error))
    if isinstance(error, InputError):
        return from_runner(str(error))
    return Refused(404 if isinstance(error, BundleNotFound) else 500, str(error))
