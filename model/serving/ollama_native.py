"""``/api/chat`` and ``/api/generate``: requests read, answers written, line by line."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from model.errors import ReasonerError
from model.serving.ollama_answering import Asked, End, Piece, Wish
from model.serving.ollama_body import Body
from model.serving.ollama_models import Served, ServedStudents, timestamp
from model.serving.ollama_options import read_options
from model.serving.ollama_prompt import Laid, Turn, lay_out_raw
from model.serving.ollama_refusals import Refused, refusal_of

Line = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A request that was understood: what is wished for, and how its answer is written.

    Without a ``wish`` nothing is asked: ``ready`` is the whole answer, once ``loads`` is in memory.
    """

    stream: bool
    wish: Wish | None = None
    ready: Line | None = None
    loads: Served | None = None
    chat: bool = True

    def line(self, content: Mapping[str, Any], *, done: bool = False, **more: Any) -> Line:
        """One object of the answer; ``content`` may hold text, a thought, or neither."""
        assert self.wish is not None  # asked only while an answer is under way
        said: Line = {}
        if self.chat:
            said["message"] = {"role": "assistant", "content": "", **content}
        else:
            said["response"] = content.get("content", "")
            said.update({"thinking": content["thinking"]} if "thinking" in content else {})
        return {**_head(self.wish.served), **said, "done": done, **more}


def _head(served: Served) -> Line:
    return {"model": served.asked, "created_at": timestamp(time.time())}


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


def read_chat(values: Mapping[str, Any], served_students: ServedStudents) -> Call:
    """A request to ``/api/chat``. Raises: Refused, ConfigError."""
    body = Body(values, "ChatRequest")
    model, turns = body.text("model"), _turns(body)
    keep, stream, top = body.keep_alive_s(), body.flag("stream", True), body.top_logprobs()
    think, schema = body.think(), body.schema()
    if not model:
        raise Refused(400, "model is required")
    served = served_students.find(model)
    if body.has("tools"):
        raise Refused(400, f"registry.ollama.ai/library/{served.name} does not support tools")
    if not turns:
        served_students.keep(served, keep)
        empty = {"message": {"role": "assistant", "content": ""}}
        return _without_question(served, keep, empty)
    served_students.keep(served, keep or None)
    wish = Wish(
        served,
        read_options(body.table("options")),
        turns,
        think=think,
        schema=schema,
        logprobs=body.flag("logprobs"),
        top_logprobs=top if body.flag("logprobs") else 0,
        truncate=body.flag("truncate", True),
        let_go=keep == 0,
    )
    if body.flag("_debug_render_only"):
        said = {"message": {"role": "", "content": ""}, "done": False}
        return Call(False, ready={**_head(served), **said, **_rendered(wish.laid())})
    return Call(stream, wish)


def read_generate(values: Mapping[str, Any], served_students: ServedStudents) -> Call:
    """A request to ``/api/generate``. Raises: Refused, ConfigError."""
    body = Body(values, "GenerateRequest")
    model, text, pictures = body.text("model"), body.text("prompt"), body.pictures()
    keep, stream, top = body.keep_alive_s(), body.flag("stream", True), body.top_logprobs()
    think, schema, raw = body.think(), body.schema(), body.flag("raw")
    context, system = body.items("context"), body.text("system")
    served = served_students.find(model)
    if raw and any(body.has(name) for name in ("template", "system", "context")):
        raise Refused(400, "raw mode does not support template, system, or context")
    if body.text("template"):
        raise Refused(400, f"“{served.name}” answers in its own template only; send it raw")
    if body.text("suffix"):
        raise Refused(400, f"registry.ollama.ai/library/{served.name} does not support insert")
    if not text and not pictures:
        served_students.keep(served, keep)
        return _without_question(served, keep, {"response": ""})
    served_students.keep(served, keep or None)
    turns = [Turn("system", system)] if system else []
    wish = Wish(
        served,
        read_options(body.table("options")),
        (*turns, Turn("user", text, tuple(pictures))),
        raw=lay_out_raw(text, pictures) if raw else None,
        context=tuple(i for i in context if isinstance(i, int) and not isinstance(i, bool)),
        think=None if raw else think,
        schema=schema,
        logprobs=body.flag("logprobs"),
        top_logprobs=top if body.flag("logprobs") else 0,
        truncate=body.flag("truncate", True),
        let_go=keep == 0,
    )
    if body.flag("_debug_render_only"):
        said = {"response": "", "done": False}
        return Call(False, ready={**_head(served), **said, **_rendered(wish.laid())}, chat=False)
    return Call(stream, wish, chat=False)


def _turns(body: Body) -> tuple[Turn, ...]:
    found = []
    for value in body.items("messages"):
        if not isinstance(value, dict):
            raise Refused(400, "json: cannot unmarshal into Go struct field ChatRequest.messages")
        message = Body(value, "ChatRequest.messages")
        found.append(
            Turn(
                message.text("role").lower(),
                message.text("content"),
                tuple(message.pictures()),
                message.text("thinking"),
            )
        )
    return tuple(found)


def _without_question(served: Served, keep_alive_s: float | None, empty: Line) -> Call:
    """Nothing to answer: the student is loaded, or let go if it shall be kept for 0 seconds."""
    reason = "unload" if keep_alive_s == 0 else "load"
    ready = {**_head(served), **empty, "done": True, "done_reason": reason}
    return Call(False, ready=ready, loads=served if reason == "load" else None)


def _rendered(laid: Laid) -> Line:
    pictures = {"image_count": len(laid.pictures)} if laid.pictures else {}
    return {"_debug_info": {"rendered_template": laid.rendered, **pictures}}


# ── writing ─────────────────────────────────────────────────────────────────────────────────────


async def stream(call: Call, asked: Asked) -> AsyncIterator[bytes]:
    """The lines of a streamed answer; the last one has ``done`` and the figures, or ``error``."""
    try:
        async for piece in asked.pieces():
            if isinstance(piece, End):
                line = call.line({}, done=True, **_figures(call, piece), **_told(piece.logprobs))
            else:
                content = {"thinking" if piece.thought else "content": piece.text}
                line = call.line(content, **_told(piece.logprobs))
            yield _ndjson(line)
    except ReasonerError as error:
        yield _ndjson(refusal_of(error).body)


async def whole(call: Call, asked: Asked) -> Line:
    """The one object of an answer that is not streamed."""
    said = {"content": "", "thinking": ""}
    entries: list[Line] = []
    end: End | None = None
    async for piece in asked.pieces():
        entries += piece.logprobs
        if isinstance(piece, Piece):
            said["thinking" if piece.thought else "content"] += piece.text
        else:
            end = piece
    assert end is not None  # an answer without an end has raised
    content = {name: text for name, text in said.items() if text or name == "content"}
    return call.line(content, done=True, **_figures(call, end), **_told(tuple(entries)))


def _told(entries: tuple[Line, ...]) -> Line:
    return {"logprobs": list(entries)} if entries else {}


def _figures(call: Call, end: End) -> Line:
    assert call.wish is not None  # an answer came of it
    with_context = not call.chat and call.wish.raw is None
    return {
        "done_reason": end.done_reason,
        **({"context": list(end.context)} if with_context else {}),
        "total_duration": end.total_ns,
        "load_duration": end.load_ns,
        "prompt_eval_count": end.prompt_tokens,
        "prompt_eval_duration": end.prompt_ns,
        "eval_count": end.tokens,
        "eval_duration": end.answer_ns,
    }


def _ndjson(line: Line) -> bytes:
    """One line of a stream."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
