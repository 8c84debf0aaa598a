"""An Ollama server's refusals, told as errors that say what happened and what helps."""

from __future__ import annotations

import json
import re
from typing import Any

from model.errors import TeacherError, TeacherModelMissing, TeacherUnavailable

LONGEST_QUOTE = 200
_MODEL_MISSING = re.compile(r"^model\b.*\bnot found", re.IGNORECASE)
"""How Ollama begins when the model is what is missing, and not the address or a file."""


def refusal(status: int, body: str, *, model: str, address: str) -> TeacherError:
    """The error for an HTTP status other than 200; ``body`` may be JSON, plain text or empty.

    A ``TeacherUnavailable`` may pass when asked again later; a ``TeacherModelMissing`` or a plain
    ``TeacherError`` will not.
    """
    words = error_words(body)
    if status == 404:
        return _not_found(words, model=model, address=address)
    if status == 400:
        return _bad_request(words, model=model)
    return TeacherUnavailable(_turned_away(status, words, model=model, address=address))


def error_words(body: str) -> str:
    """What the server says in an error body, without the JSON around it (which may be nested)."""
    text = body.strip()
    try:
        value: Any = json.loads(text)
    except ValueError:
        return text[:LONGEST_QUOTE]
    while isinstance(value, dict):
        inner = value.get("error", value.get("message", ""))
        if isinstance(inner, str) and inner.startswith("{"):
            return error_words(inner)
        value = inner
    return str(value)[:LONGEST_QUOTE]


def _not_found(words: str, *, model: str, address: str) -> TeacherError:
    if model and _MODEL_MISSING.search(words):
        return TeacherModelMissing(
            f"The Ollama server at {address} does not have the model “{model}”. "
            f"Run `ollama pull {model}` there, or choose another model."
        )
    return TeacherUnavailable(
        f"The server at {address} does not know Ollama's addresses (404). "
        "Check host, port and path, and that it is an Ollama server."
    )


def _bad_request(words: str, *, model: str) -> TeacherError:
    if "multimodal" in words.lower() or "does not support vision" in words:
        return TeacherError(
            f"The model “{model}” cannot see pictures. Choose a model that can, "
            "or ask without pictures."
        )
    if "does not support chat" in words or "does not support generate" in words:
        return TeacherError(
            f"The model “{model}” cannot answer questions; it is made for something else, "
            "such as embeddings. Choose a model that can chat."
        )
    if "image" in words or "base64" in words:
        return TeacherError(
            f"The Ollama server could not read a picture ({words}). Use a PNG or JPEG picture."
        )
    return TeacherError(f"The Ollama server refused the request (400): {words or 'no reason'}.")


def _turned_away(status: int, words: str, *, model: str, address: str) -> str:
    quote = f": {words}" if words else ""
    if status == 503:
        return (
            f"The Ollama server at {address} is busy (503): too many requests wait. "
            "Try again later, or use fewer requests at a time."
        )
    if status == 429:
        return (
            f"The Ollama server at {address} limits how often “{model}” may be asked "
            f"(429{quote}). Try again later, or use a model that runs locally."
        )
    if status == 401:
        return (
            f"The Ollama server at {address} wants a sign-in for “{model}” (401). "
            "Run `ollama signin` there, or use a model that runs locally."
        )
    if status == 403:
        return (
            f"The Ollama server at {address} refuses this client (403{quote}). Use a model that "
            "runs locally, or allow this machine with OLLAMA_HOST and OLLAMA_ORIGINS there."
        )
    if 300 <= status < 400:
        return (
            f"The server at {address} sends us elsewhere ({status}). "
            "Write the address it sends to, with https:// if it wants that."
        )
    return (
        f"The Ollama server at {address} failed with “{model}” ({status}{quote}). "
        "Often memory is short: try again, or choose a smaller model."
    )
