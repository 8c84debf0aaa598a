"""The app as an Ollama server: ``/api`` and ``/v1`` on the port of the page, for its students.

Any client of Ollama can list, ask and embed with the students of a workspace. Their answers share
the engines' batches with the page's. Nothing can be changed from here: no pull, create or delete.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from model.errors import ReasonerError
from model.serving import ollama_native, ollama_openai
from model.serving.ollama_answering import Asked, Wish, ask, in_thread
from model.serving.ollama_body import LARGEST_BODY, Body, parse_object
from model.serving.ollama_embed import embed, read_embed
from model.serving.ollama_guard import Guard
from model.serving.ollama_models import Served, ServedStudents, loaded_entry, tag_entry
from model.serving.ollama_native import Call
from model.serving.ollama_refusals import Refused, refusal_of
from model.serving.ollama_show import shown

if TYPE_CHECKING:
    from model.serving.engine import Engine
    from model.serving.students import Students

VERSION = "0.33.0"
"""The Ollama whose API is spoken here; clients look at it to know what they may ask for."""
RUNNING = "Ollama is running"
UTF8, OPENAI = "application/json; charset=utf-8", "application/json"
BAD_REQUEST = 400
GONE = 499
"""A status that nobody reads: the client has hung up."""


class OllamaApi:
    """The endpoints; ``students_of`` finds the students of whoever is served."""

    def __init__(self, students_of: Callable[[], Students]) -> None:
        self._students_of = students_of
        self._kept: dict[str, float] = {}

    def routes(self) -> list[Route]:
        """Every address that is answered; HEAD comes with GET."""
        return [
            Route("/", self.root, methods=["GET"]),
            Route("/api/version", self.version, methods=["GET"]),
            Route("/api/tags", self.tags, methods=["GET"]),
            Route("/api/ps", self.ps, methods=["GET"]),
            Route("/api/show", self.show, methods=["POST"]),
            Route("/api/chat", self.chat, methods=["POST"]),
            Route("/api/generate", self.generate, methods=["POST"]),
            Route("/api/embed", self.embed, methods=["POST"]),
            Route("/v1/models", self.openai_models, methods=["GET"]),
            Route("/v1/models/{name:path}", self.openai_model, methods=["GET"]),
            Route("/v1/chat/completions", self.openai_chat, methods=["POST"]),
        ]

    def _served(self) -> ServedStudents:
        return ServedStudents(self._students_of(), self._kept)

    # ── what there is ───────────────────────────────────────────────────────────────────────────

    async def root(self, request: Request) -> Response:
        """That somebody is there."""
        return PlainTextResponse(RUNNING)

    async def version(self, request: Request) -> Response:
        """Which Ollama this is like."""
        return _json({"version": VERSION})

    async def tags(self, request: Request) -> Response:
        """Every student."""
        found = await in_thread(lambda: [tag_entry(each) for each in self._served().all()])
        return _json({"models": found})

    async def ps(self, request: Request) -> Response:
        """The students that are in memory."""
        found = await in_thread(lambda: [loaded_entry(*each) for each in self._served().loaded()])
        return _json({"models": found})

    async def show(self, request: Request) -> Response:
        """Everything about one student."""
        body = Body(parse_object(await _body(request)), "ShowRequest")
        model = body.text("model") or body.text("name")
        verbose = body.flag("verbose")
        if not model:
            raise Refused(400, "model is required")

        def look() -> dict[str, Any]:
            served = self._served().find(model, unknown="model '{full}' not found")
            return shown(served, verbose=verbose)

        return _json(await in_thread(look))

    # ── answers ─────────────────────────────────────────────────────────────────────────────────

    async def chat(self, request: Request) -> Response:
        """An answer to a conversation."""
        return await self._native(request, ollama_native.read_chat)

    async def generate(self, request: Request) -> Response:
        """An answer to a prompt."""
        return await self._native(request, ollama_native.read_generate)

    async def _native(self, request: Request, read: Callable[..., Call]) -> Response:
        values = parse_object(await _body(request))
        call = await in_thread(lambda: read(values, self._served()))
        if call.loads is not None:
            await in_thread(self._engine_of(call.loads))
        if call.wish is None:
            return _json(call.ready)
        asked = await self._ask(call.wish)
        if call.stream:
            lines = ollama_native.stream(call, asked)
            return StreamingResponse(lines, headers={"content-type": "application/x-ndjson"})
        return await _unless_gone(request, ollama_native.whole(call, asked), UTF8)

    async def embed(self, request: Request) -> Response:
        """Texts as vectors."""
        values = parse_object(await _body(request))
        wish = await in_thread(lambda: read_embed(values, self._served()))
        return _json(await in_thread(lambda: embed(wish, self._engine_of(wish.served))))

    def _engine_of(self, served: Served) -> Callable[[], Engine]:
        """Waits for a student's engine; to be called in a thread."""
        return lambda: self._students_of().engine(served.info.id)

    async def _ask(self, wish: Wish) -> Asked:
        asked = await in_thread(lambda: ask(wish, self._engine_of(wish.served)))
        if wish.let_go:
            asked.when_over = partial(self._served().keep, wish.served, 0)
        return asked

    # ── OpenAI's shapes ─────────────────────────────────────────────────────────────────────────

    async def openai_models(self, request: Request) -> Response:
        """Every student."""
        found = await in_thread(lambda: self._served().all())
        data = [ollama_openai.model_entry(served) for served in found]
        return _json({"object": "list", "data": data}, OPENAI)

    async def openai_model(self, request: Request) -> Response:
        """One student."""
        name, unknown = request.path_params["name"], "model '{full}' not found"
        served = await in_thread(lambda: self._served().find(name, unknown=unknown))
        return _json(ollama_openai.model_entry(served), OPENAI)

    async def openai_chat(self, request: Request) -> Response:
        """An answer to a conversation."""
        values = parse_object(await _body(request))
        call = await in_thread(lambda: ollama_openai.read_completion(values, self._served()))
        asked = await self._ask(call.wish)
        if call.stream:
            events = ollama_openai.events(call, asked)
            return StreamingResponse(events, headers={"content-type": "text/event-stream"})
        return await _unless_gone(request, ollama_openai.whole(call, asked), OPENAI)


def build_api(
    students_of: Callable[[], Students], *, listens_on: str, password: str = ""
) -> Starlette:
    """The API as an ASGI app, with its rules of who may call; see ``Guard``."""
    return Starlette(
        routes=OllamaApi(students_of).routes(),
        middleware=[Middleware(Guard, listens_on=listens_on, password=password)],
        exception_handlers={ReasonerError: _refuse, HTTPException: _no_such_address},
    )


def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ReasonerError)  # registered for these alone
    refused, openai = refusal_of(error), request.url.path.startswith("/v1/")
    body = refused.openai_body if openai else refused.body
    # as in Ollama, where another layer refuses what cannot be read
    kind = OPENAI if openai and refused.status != BAD_REQUEST else UTF8
    return _json(body, kind, refused.status)


def _no_such_address(request: Request, error: Exception) -> Response:
    """404 and 405 in Go's plain text."""
    assert isinstance(error, HTTPException)  # registered for these alone
    words = {404: "404 page not found", 405: "405 method not allowed"}
    text = words.get(error.status_code, error.detail)
    headers = {**(error.headers or {}), "content-type": "text/plain"}
    return Response(text, error.status_code, headers)


def _json(value: Any, kind: str = UTF8, status: int = 200) -> Response:
    return Response(
        json.dumps(value, ensure_ascii=False, separators=(",", ":")), status, {"content-type": kind}
    )


async def _body(request: Request) -> bytes:
    """The whole body of a request. Raises: Refused if it is too large."""
    chunks, size = list[bytes](), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_BODY:
            raise Refused(413, f"the request is larger than {LARGEST_BODY // 2**20} MB")
        chunks.append(chunk)
    return b"".join(chunks)


async def _unless_gone(request: Request, answer: Awaitable[Any], kind: str) -> Response:
    """The whole answer; the work on it ends early if nobody waits for it any more."""
    found: list[Any] = []
    failed: list[ReasonerError] = []
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            try:
                found.append(await answer)
            except ReasonerError as error:  # a task group would wrap it
                failed.append(error)
            group.cancel_scope.cancel()

        group.start_soon(wait)
        while (await request.receive())["type"] != "http.disconnect":
            pass
        group.cancel_scope.cancel()
    if failed:
        raise failed[0]
    return _json(found[0], kind) if found else Response(status_code=GONE)
