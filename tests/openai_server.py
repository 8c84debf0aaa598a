"""A server that speaks OpenAI's protocol only, as vLLM does; ``SAYS`` is what it streams."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SAYS = ("A fried", " egg", ".")


def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> str:
    """One event of a streamed chat completion, in the form of vLLM."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    event = {"id": "c", "object": "chat.completion.chunk", "model": "student", "choices": [choice]}
    return f"data: {json.dumps({**event, **more})}\n\n"


def told(says: Sequence[str] = SAYS, reason: str = "stop") -> list[str]:
    """A whole stream: role, words, end, usage."""
    usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": len(says) + 1}}
    words = [chunk({"content": piece}) for piece in says]
    end = [chunk({}, reason), f"data: {json.dumps(usage)}\n\n", "data: [DONE]\n\n"]
    return [chunk({"role": "assistant", "content": ""}), *words, *end]


class OpenAIServer:
    """Lists ``models`` and answers every chat with ``events``, or refuses with a status."""

    def __init__(
        self,
        models: Sequence[str] = ("student",),
        events: Sequence[str] | None = None,
        *,
        status: int = 200,
        body: str = "",
        key: str = "",
    ) -> None:
        self.models, self.status, self.body, self.key = models, status, body, key
        self.events = told() if events is None else events
        self.chats: list[dict[str, Any]] = []
        handler = type("Handler", (_Handler,), {"told": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    told: OpenAIServer

    def do_GET(self) -> None:
        if self._may():
            listed = [{"id": name, "object": "model"} for name in self.told.models]
            known = self.path == "/v1/models"
            self._send(
                200 if known else 404, {"data": listed} if known else {"detail": "Not Found"}
            )

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._may():
            return
        if self.path != "/v1/chat/completions":
            self._send(404, {"detail": "Not Found"})
            return
        self.told.chats.append(body)
        if self.told.status != 200:
            self._send(self.told.status, self.told.body)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in self.told.events:
            self.wfile.write(event.encode())
            self.wfile.flush()

    def _may(self) -> bool:
        allowed = not self.told.key or self.headers["Authorization"] == f"Bearer {self.told.key}"
        if not allowed:
            self._send(401, {"error": "Unauthorized"})
        return allowed

    def _send(self, status: int, body: Any) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: tests read what was asked from ``chats``."""
