"""How a question is put to ``/v1/chat/completions``, and how its events and refusals are read."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any

from model.errors import TeacherError, TeacherModelMissing, TeacherUnavailable
from model.teachers.base import Question
from model.teachers.ollama_chat import ChatSettings
from model.teachers.ollama_lines import MalformedLine, parse_object, whole_lines
from model.teachers.ollama_refusal import error_words

JPEG = b"\xff\xd8"
END = b"[DONE]"


def completion_body(
    model: str, question: Question, settings: ChatSettings, *, top_logprobs: int = 0
) -> dict[str, Any]:
    """The JSON for ``/v1/chat/completions``; pictures go along as data URLs, before the words.

    Raises: TeacherError if no model is chosen.
    Source: OpenAI's API reference, "Create chat completion".
    """
    if not model:
        raise TeacherError("No model is chosen. Pick one from the list of the server.")
    words: Any = question.text
    if question.pictures:
        shown = [
            {"type": "image_url", "image_url": {"url": _data_url(picture)}}
            for picture in question.pictures
        ]
        words = [*shown, {"type": "text", "text": question.text}]
    system = [{"role": "system", "content": question.system}] if question.system else []
    body: dict[str, Any] = {
        "model": model,
        "messages": [*system, {"role": "user", "content": words}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "seed": settings.seed,
    }
    if settings.format is not None:
        schema = {"name": "answer", "schema": settings.format, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if top_logprobs:
        body |= {"logprobs": True, "top_logprobs": top_logprobs}
    return body


def _data_url(picture: bytes) -> str:
    kind = "jpeg" if picture.startswith(JPEG) else "png"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def read_events(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON of server-sent events, each as soon as its line is complete, up to ``[DONE]``.

    Comments and other fields than ``data`` are passed over. A server that does not stream sends
    one plain object, which is a malformed line here. Raises: MalformedLine.
    """
    for line in whole_lines(chunks):
        data = _data(line)
        if data == END:
            return
        if data:
            yield parse_object(data)


def _data(line: bytes) -> bytes:
    """What a line says, or nothing if it is a comment or another field of an event."""
    line = line.strip()
    if line.startswith(b"data:"):
        return line.removeprefix(b"data:").strip()
    if line and not line.startswith((b":", b"event:", b"id:", b"retry:")):
        raise MalformedLine(repr(line[:60].decode(errors="replace")))
    return b""


def refusal(status: int, body: str, *, model: str, address: str) -> TeacherError:
    """The error for a status other than 200; ``body`` may be JSON, plain text or empty.

    A ``TeacherUnavailable`` may pass when asked again later; the others will not.
    """
    words = error_words(body)
    quote = f": {words}" if words else ""
    if status == 404 and model and "model" in words and not words.startswith("<"):
        return TeacherModelMissing(
            f"The server at {address} does not have the model “{model}” (404{quote}). "
            "Choose one from its list."
        )
    if status in (401, 403):
        return TeacherUnavailable(
            f"The server at {address} wants a key ({status}). Set OLLAMA_HOST to "
            "http://KEY@host:port before the app is started."
        )
    if status in (400, 422) or (status == 500 and _about_pictures(words)):
        return _bad_request(status, words, model=model)
    if status in (404, 405) or 300 <= status < 400:
        return TeacherUnavailable(
            f"The server at {address} does not answer under /v1 ({status}). "
            "Check host, port and path, and that it speaks OpenAI's protocol."
        )
    if status in (429, 503):
        return TeacherUnavailable(
            f"The server at {address} is busy ({status}{quote}). Try again later."
        )
    return TeacherUnavailable(
        f"The server at {address} failed with “{model}” ({status}{quote}). "
        "Look at its log, then try again."
    )


def _bad_request(status: int, words: str, *, model: str) -> TeacherError:
    if _about_pictures(words):
        return TeacherError(
            f"The model “{model}” did not take the pictures ({words}). Choose a model that sees, "
            "or ask without pictures."
        )
    if "context" in words.lower() or "too long" in words.lower():
        return TeacherError(
            f"The question is too long for “{model}” ({words}). Ask a shorter one, with fewer "
            "facts, or start the server with a larger context."
        )
    return TeacherError(f"The server refused the request ({status}): {words or 'no reason'}.")


def _about_pictures(words: str) -> bool:
    return any(hint in words.lower() for hint in ("multimodal", "image", "vision", "mmproj"))
