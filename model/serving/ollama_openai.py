"""The same answers under ``/v1``, in the shapes of OpenAI's API as Ollama gives them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.errors import ReasonerError
from model.serving.ollama_answering import Asked, End, Piece, Wish
from model.serving.ollama_body import Body, base64_bytes
from model.serving.ollama_models import Served, ServedStudents
from model.serving.ollama_options import read_options
from model.serving.ollama_prompt import Turn
from model.serving.ollama_refusals import Refused, refusal_of

Chunk = dict[str, Any]
DONE = b"data: [DONE]\n\n"
SAME_NAMES = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty")
NO_ADDRESSES = "image URLs are not currently supported, please use base64 encoded data instead"


@dataclass(frozen=True)
class Completion:
    """A request to ``/v1/chat/completions`` that was understood."""

    wish: Wish
    stream: bool
    with_usage: bool
    id: str
    created: int

    def frame(self, kind: str, choices: list[Chunk], **more: Any) -> Chunk:
        """What every object of the answer has around its choices."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.wish.served.asked,
            "system_fingerprint": "fp_ollama",
            "choices": choices,
            **more,
        }


def model_entry(served: Served) -> Chunk:
    """A student in ``/v1/models``."""
    created = int(served.info.created_at)
    return {"id": served.name, "object": "model", "created": created, "owned_by": "library"}


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


def read_completion(values: Mapping[str, Any], served_students: ServedStudents) -> Completion:
    """A request to ``/v1/chat/completions``. Raises: Refused, ConfigError."""
    body = Body(values, "ChatCompletionRequest")
    model, turns = body.text("model"), tuple(_turn(each) for each in body.items("messages"))
    if not turns:
        raise Refused(400, "[] is too short - 'messages'")
    top, told = body.top_logprobs(), body.flag("logprobs")
    served = served_students.find(model)
    if body.has("tools"):
        raise Refused(400, f"registry.ollama.ai/library/{served.name} does not support tools")
    served_students.keep(served, None)
    wish = Wish(
        served,
        read_options(_options(body)),
        turns,
        think=_think(values.get("reasoning_effort"), served),
        schema=_schema(body.table("response_format")),
        logprobs=told,
        top_logprobs=top if told else 0,
    )
    usage = Body(body.table("stream_options"), "StreamOptions").flag("include_usage")
    name = f"chatcmpl-{secrets.randbelow(1000)}"
    return Completion(wish, body.flag("stream"), usage, name, int(time.time()))


def _options(body: Body) -> dict[str, Any]:
    options = {name: body.values[name] for name in SAME_NAMES if name in body.values}
    limit = body.number("max_completion_tokens") or body.number("max_tokens")
    if limit:
        options["num_predict"] = limit
    stop = body.values.get("stop")
    if stop is not None:
        options["stop"] = [stop] if isinstance(stop, str) else stop
    return options


def _think(effort: Any, served: Served) -> bool | None:
    """What a wished effort means for a student; one that cannot think is not refused for it."""
    if effort is None or not served.bundle.config.thinks:
        return None
    return bool(effort != "none")


def _schema(response_format: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = response_format.get("type")
    if kind == "json_object":
        return {"type": "object"}
    if kind == "json_schema":
        schema = Body(response_format, "ResponseFormat").table("json_schema").get("schema")
        return schema if isinstance(schema, dict) else {"type": "object"}
    return None


def _turn(value: Any) -> Turn:
    if not isinstance(value, dict):
        raise Refused(400, "json: cannot unmarshal into Go struct field ChatRequest.messages")
    message = Body(value, "Message")
    content = value.get("content")
    if not isinstance(content, list):
        return Turn(message.text("role"), message.text("content"))
    texts, pictures = list[str](), list[bytes]()
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            texts.append(Body(part, "Content").text("text"))
        elif kind == "image_url":
            pictures.append(_picture(part.get("image_url")))
        else:
            raise Refused(400, "invalid message format")
    return Turn(message.text("role"), "\n".join(texts), tuple(pictures))


def _picture(value: Any) -> bytes:
    address = value.get("url") if isinstance(value, dict) else value
    if not isinstance(address, str):
        raise Refused(400, "invalid message format")
    if address.startswith(("http://", "https://")):
        raise Refused(400, NO_ADDRESSES)
    head, _, data = address.partition(";base64,")
    if not head.startswith("data:") or not data:
        raise Refused(400, "invalid image input")
    return base64_bytes(data)


# ── writing ─────────────────────────────────────────────────────────────────────────────────────


async def events(call: Completion, asked: Asked) -> AsyncIterator[bytes]:
    """The answer as server-sent events."""
    kind, opening = "chat.completion.chunk", {"role": "assistant"}
    try:
        async for piece in asked.pieces():
            if isinstance(piece, Piece):
                said = {"reasoning" if piece.thought else "content": piece.text}
                delta = {**opening, "content": "", **said} if opening else said
                opening = {}
                yield _sent(call.frame(kind, [_choice("delta", delta, None, piece.logprobs)]))
                continue
            last = _choice("delta", opening, piece.done_reason, piece.logprobs)
            yield _sent(call.frame(kind, [last]))
            if call.with_usage:
                yield _sent(call.frame(kind, [], usage=_usage(piece)))
    except ReasonerError as error:
        yield _sent(refusal_of(error).openai_body)
        return
    yield DONE


async def whole(call: Completion, asked: Asked) -> Chunk:
    """The answer as one object."""
    said = {"content": "", "reasoning": ""}
    entries: list[dict[str, Any]] = []
    end: End | None = None
    async for piece in asked.pieces():
        entries += piece.logprobs
        if isinstance(piece, Piece):
            said["reasoning" if piece.thought else "content"] += piece.text
        else:
            end = piece
    assert end is not None  # an answer without an end has raised
    message = {"role": "assistant", "content": said["content"]}
    message.update({"reasoning": said["reasoning"]} if said["reasoning"] else {})
    choice = _choice("message", message, end.done_reason, entries)
    return call.frame("chat.completion", [choice], usage=_usage(end))


def _choice(key: str, said: Chunk, reason: str | None, entries: Sequence[dict[str, Any]]) -> Chunk:
    told = {"logprobs": {"content": list(entries)}} if entries else {}
    return {"index": 0, key: said, "finish_reason": reason, **told}


def _usage(end: End) -> Chunk:
    asked, said = end.prompt_tokens, end.tokens
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _sent(chunk: Chunk) -> bytes:
    return (
        b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
    )
