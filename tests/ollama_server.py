"""An Ollama server on loopback that keeps to the protocol of 0.33, and fails on request.

Shapes, keys and words come from the recorded pairs in ``tests/captures``; ``test_ollama_server``
holds the two against each other. Run it by hand: ``python -m tests.ollama_server --port 11434``.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.ollama_blobs import Blobs, Refused
from tests.ollama_logprobs import merged, plain_entries
from tests.ollama_setup import DEFAULT_MODELS, STAMP, Faults, Model
from tests.ollama_words import (
    Message,
    chatml,
    made_up_turn,
    plain_answer,
    split_tokens,
    structured_answer,
)

VERSION = "0.33.0-rc2"
PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF")
POSTS = ("/api/chat", "/api/generate", "/api/show", "/api/embed")
GETS = ("/", "/api/version", "/api/tags", "/api/ps")


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    json: Any


class OllamaServer:
    """``with OllamaServer() as server: … server.url``; ``server.requests`` is the log."""

    def __init__(
        self,
        models: Sequence[Model] = DEFAULT_MODELS,
        answer: Callable[[Sequence[Message]], str] | None = None,
        faults: Faults | None = None,
        port: int = 0,
        speak: Callable[[Sequence[Message], dict[str, Any]], list[dict[str, Any]]] | None = None,
    ) -> None:
        self.models = list(models)
        self.speak = speak
        self.answer = answer
        self.faults = faults or Faults()
        self.requests: list[Request] = []
        self.blobs = Blobs()
        self.disconnects = 0
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._http = _HttpServer(("127.0.0.1", port), _Handler)
        self._http.ollama = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> OllamaServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def chats(self) -> list[Any]:
        """The bodies of all chats so far."""
        return [request.json for request in self.requests if request.path == "/api/chat"]

    def find(self, name: Any) -> Model | None:
        full = str(name) if ":" in str(name) else f"{name}:latest"
        return next((model for model in self.models if model.name == full), None)

    def reply_text(self, messages: Sequence[Message], body: dict[str, Any]) -> str:
        if self.faults.empty_answer:
            return ""
        if self.answer is not None:
            return self.answer(messages)
        seed = int((body.get("options") or {}).get("seed", 0))
        if body.get("raw"):
            return made_up_turn(str(body.get("prompt")), seed)
        if body.get("format"):
            return structured_answer(messages, body["format"], seed)
        return plain_answer(messages)

    def take_busy(self) -> bool:
        with self._lock:
            busy = self.faults.busy_next > 0
            self.faults.busy_next -= busy
        return busy

    def count_disconnect(self) -> None:
        with self._lock:
            self.disconnects += 1


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    ollama: OllamaServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _HttpServer
    disable_nagle_algorithm = True

    @property
    def ollama(self) -> OllamaServer:
        return self.server.ollama

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the log is ``OllamaServer.requests``."""

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.ollama.count_disconnect()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if not self._admitted(None):
            return
        if self.path.startswith("/api/blobs/"):
            self._send(200 if self.ollama.blobs.has(self.path) else 404, b"", "")
        elif self.path == "/":
            self._send(200, b"Ollama is running", "text/plain; charset=utf-8")
        elif self.path == "/api/version":
            self._send_json(200, {"version": VERSION})
        elif self.path == "/api/tags":
            known = self.ollama.faults.tags_capabilities
            entries = [model.entry(capabilities=known) for model in self.ollama.models]
            self._send_json(200, {"models": entries})
        elif self.path == "/api/ps":
            self._send_json(200, {"models": []})
        else:
            self._send_unknown_path()

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/api/blobs/"):
            self._take_blob(raw)
            return
        try:
            body = _read_body(raw)
        except Refused as error:
            if self._admitted(None):
                self._send_json(error.status, {"error": str(error)})
            return
        if not self._admitted(body):
            return
        try:
            if self.path == "/api/show":
                self._send_json(200, self._show(body))
            elif self.path == "/api/embed":
                self._send_json(200, self._embed(body))
            elif self.path == "/api/create":
                self._create(body)
            elif self.path in ("/api/chat", "/api/generate"):
                self._talk(body)
            else:
                self._send_unknown_path()
        except Refused as error:
            self._send_json(error.status, {"error": str(error)})

    def _admitted(self, body: Any) -> bool:
        """Logs the request; False if it has been dealt with already."""
        self.ollama.requests.append(Request(self.command, self.path, body))
        faults = self.ollama.faults
        if faults.refuse:
            self.close_connection = True
            return False
        host = (self.headers.get("Host") or "").rpartition(":")[0] or self.headers.get("Host", "")
        if host not in ("127.0.0.1", "localhost"):
            self._send(403, b"", "")
            return False
        if self.path in faults.replies:
            status, reply = faults.replies[self.path]
            kind = "application/json; charset=utf-8" if reply.startswith(b"{") else "text/plain"
            self._send(status, reply, kind)
            return False
        return True

    # ── what is there ───────────────────────────────────────────────────────────────────────────

    def _show(self, body: dict[str, Any]) -> dict[str, Any]:
        if not body.get("model"):
            raise Refused(400, "model is required")
        model = self.ollama.find(body["model"])
        if model is None:
            name = str(body["model"])
            raise Refused(404, f"model '{name if ':' in name else name + ':latest'}' not found")
        stops = 'stop                           "<|im_end|>"'
        shown: dict[str, Any] = {
            "modelfile": f'# Modelfile generated by "ollama show"\nFROM {model.name}\n',
            "parameters": stops,
            "template": "{{- range .Messages }}{{ .Role }}: {{ .Content }}\n{{ end }}",
            "details": model.details(),
            "model_info": {"general.architecture": "llama", "llama.context_length": 2048},
            "tensors": [{"name": "output_norm.weight", "type": "F32", "shape": [64]}],
            "modified_at": STAMP,
        }
        if "vision" in model.capabilities:
            shown["projector_info"] = {"general.architecture": "clip"}
        if self.ollama.faults.show_capabilities:
            shown["capabilities"] = list(model.capabilities)
        return shown

    def _embed(self, body: dict[str, Any]) -> dict[str, Any]:
        model = self.ollama.find(body.get("model", ""))
        if model is None:
            name = body.get("model", "")
            words = (
                f'model "{name}" not found, try pulling it first' if name else "model '' not found"
            )
            raise Refused(404, words)
        if "embedding" not in model.capabilities:
            raise Refused(
                501, "This server does not support embeddings. Start it with `--embeddings`"
            )
        texts = [body["input"]] if isinstance(body["input"], str) else list(body["input"])
        width = int(body.get("dimensions") or 8)
        sums = [hashlib.sha256(text.encode()).digest()[:width] for text in texts]
        vectors = [[round(byte / 255, 4) for byte in digest] for digest in sums]
        durations = {"total_duration": 8_207_075, "load_duration": 1_874_257}
        return {"model": body["model"], "embeddings": vectors, **durations, "prompt_eval_count": 3}

    # ── models that are handed in ───────────────────────────────────────────────────────────────

    def _take_blob(self, raw: bytes) -> None:
        if not self._admitted(None):
            return
        try:
            self._send(self.ollama.blobs.take(self.path, raw), b"", "")
        except Refused as error:
            self._send_json(error.status, {"error": str(error)})

    def _create(self, body: dict[str, Any]) -> None:
        lines = self.ollama.blobs.create(body)
        self.ollama.models.append(self.ollama.blobs.model(str(body["model"])))
        if body.get("stream") is False:
            self._send_json(200, {"status": "success"})
        else:
            self._send_stream(_ndjson(line) for line in lines)

    # ── chat and generate ───────────────────────────────────────────────────────────────────────

    def _talk(self, body: dict[str, Any]) -> None:
        chat = self.path == "/api/chat"
        model = self._talker(body, chat)
        made = self.ollama.blobs.made.get(model.name)
        if made is not None and (body.get("_debug_render_only") or body.get("raw")):
            self._send_json(200, {"model": body["model"], "created_at": STAMP, **made.reply(body)})
            return
        asked = body.get("messages") or []
        if body.get("_debug_render_only"):
            rendered = {"_debug_info": {"rendered_template": chatml(asked)}}
            self._send_json(200, {"model": body["model"], "created_at": STAMP, **rendered})
            return
        messages = asked if chat else [{"role": "user", "content": body.get("prompt", ""),
                                        "images": body.get("images")}]  # fmt: skip
        _check_pictures(messages, model)
        if not (body.get("messages") if chat else body.get("prompt")):
            reason = "unload" if body.get("keep_alive") == 0 else "load"
            self._send_json(200, {**self._line(body, ""), "done": True, "done_reason": reason})
            return
        limit = int((body.get("options") or {}).get("num_predict", -1))
        entries = self._entries(messages, body)
        tokens = [entry["token"] for entry in entries]
        reason = "length" if 0 < limit < len(tokens) else "stop"
        entries = entries[:limit] if limit > 0 else entries
        tokens = tokens[:limit] if limit > 0 else tokens
        thinks = "thinking" in model.capabilities and body.get("think", True) is not False
        context = {} if chat else {"context": [1, 2, 3]}
        ending = {"done": True, "done_reason": reason, **context, **_metrics(len(tokens))}
        last = {**self._line(body, ""), **ending}
        self.ollama.closing.wait(self.ollama.faults.first_byte_delay_s)
        if body.get("stream") is False:
            self._send_whole(body, entries, last)
        else:
            self._send_stream(self._stream(body, entries, thinks, last))

    def _entries(self, messages: Sequence[Message], body: dict[str, Any]) -> list[dict[str, Any]]:
        """The answer's tokens with their log-probabilities, in the protocol's shape."""
        if self.ollama.speak is not None:
            return self.ollama.speak(messages, body)
        tokens = split_tokens(self.ollama.reply_text(messages, body))
        entries = plain_entries(tokens, int(body.get("top_logprobs") or 0))
        faults = self.ollama.faults
        return merged(entries, 1) if faults.merge_entries and len(entries) > 2 else entries

    def _told(self, body: dict[str, Any], entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The logprobs of a line, if they were asked for."""
        wanted = body.get("logprobs") is True and not self.ollama.faults.no_logprobs
        return {"logprobs": list(entries)} if wanted and entries else {}

    def _talker(self, body: dict[str, Any], chat: bool) -> Model:
        """The model that is asked to talk, if it may. Raises: Refused."""
        name, faults = body.get("model", ""), self.ollama.faults
        if chat and not name:
            raise Refused(400, "model is required")
        model = self.ollama.find(name)
        if model is None:
            raise Refused(404, f"model '{name}' not found")
        if self.ollama.take_busy():
            words = "server busy, please try again.  maximum pending requests exceeded"
            raise Refused(503, words)
        if "completion" not in model.capabilities:
            verb = "chat" if chat else "generate"
            raise Refused(400, f'"{name}" does not support {verb}')
        cannot_think = "thinking" not in model.capabilities
        if "think" in body and (faults.think_unknown or (body["think"] and cannot_think)):
            raise Refused(400, f'"{name}" does not support thinking')
        seed = (body.get("options") or {}).get("seed", 0)
        if not isinstance(seed, (int, float)):
            raise Refused(500, 'option "seed" must be of type integer')
        return model

    def _line(self, body: dict[str, Any], token: str, thinking: str = "") -> dict[str, Any]:
        head = {"model": body["model"], "created_at": STAMP}
        if self.path == "/api/generate":
            return {**head, "response": token, "done": False}
        message = {"role": "assistant", "content": token}
        if thinking:
            message["thinking"] = thinking
        return {**head, "message": message, "done": False}

    def _stream(
        self,
        body: dict[str, Any],
        entries: list[dict[str, Any]],
        thinks: bool,
        last: dict[str, Any],
    ) -> Iterator[bytes]:
        """The lines of a stream, faults included; a ConnectionError breaks it off."""
        faults = self.ollama.faults
        if thinks:
            yield _ndjson(self._line(body, "", thinking="Let me see."))
        for index, entry in enumerate([*entries, None]):
            if index == faults.cut_after:
                return
            if index == faults.drop_after:
                raise ConnectionAbortedError
            if index == faults.error_after:
                yield _ndjson({"error": "model runner has unexpectedly stopped"})
                return
            if faults.malformed_line and index == 1:
                yield b'{"model":"llama3.2:1b","messa\n'
            if entry is not None:
                yield _ndjson(self._line(body, entry["token"]) | self._told(body, [entry]))
            self.ollama.closing.wait(faults.token_delay_s)
        yield _ndjson(last)

    def _send_whole(
        self, body: dict[str, Any], entries: list[dict[str, Any]], last: dict[str, Any]
    ) -> None:
        cut = self.ollama.faults.cut_after
        whole = self._line(body, "".join(entry["token"] for entry in entries[:cut]))
        told = self._told(body, entries[:cut])
        if cut is None:
            metrics = {key: last[key] for key in _metrics(0)}
            content = {key: whole[key] for key in whole if key != "done"}
            whole = {**{key: last[key] for key in last if key not in metrics}, **content}
            told = told | metrics if self.path == "/api/chat" else metrics | told
        whole |= told
        self._send_json(200, whole)

    def _send_stream(self, lines: Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in lines:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _send_unknown_path(self) -> None:
        if self.path in (POSTS if self.command == "GET" else GETS):
            self._send(405, b"405 method not allowed", "text/plain")
        else:
            self._send(404, b"404 page not found", "text/plain")

    def _send_json(self, status: int, value: Any) -> None:
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        self._send(status, body, "application/json; charset=utf-8")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _read_body(raw: bytes) -> dict[str, Any]:
    """The request's JSON object. Raises: Refused in Go's words."""
    if not raw:
        raise Refused(400, "missing request body")
    try:
        body = json.loads(raw)
    except ValueError as error:
        at = getattr(error, "pos", 0)
        letter = raw[at : at + 1].decode(errors="replace")
        words = f"invalid character '{letter}' looking for beginning of object key string"
        raise Refused(400, words) from None
    if not isinstance(body, dict):
        raise Refused(400, "json: cannot unmarshal array into Go value of type api.ChatRequest")
    return body


def _check_pictures(messages: Sequence[Message], model: Model) -> None:
    for text in (picture for message in messages for picture in message.get("images") or ()):
        stray = re.search(r"[^A-Za-z0-9+/=]", text)
        try:
            data = b"" if stray else base64.b64decode(text, validate=True)
        except binascii.Error:
            data = b""
        if stray or not data:
            at = stray.start() if stray else 0
            raise Refused(400, f"illegal base64 data at input byte {at}")
        if "vision" not in model.capabilities:
            words = "Multimodal data provided, but model does not support multimodal requests."
            raise Refused(400, _nested(400, words))
        if not data.startswith(PICTURE_STARTS):
            raise Refused(400, _nested(400, "Failed to load image or audio file"))


def _nested(code: int, words: str) -> str:
    """An error of the process behind Ollama, which arrives as JSON inside the error string."""
    error = {"code": code, "message": words, "type": "invalid_request_error"}
    return json.dumps({"error": error}, separators=(",", ":"))


def _metrics(tokens: int) -> dict[str, int]:
    return {
        "total_duration": 3_673_663_174,
        "load_duration": 1_314_233,
        "prompt_eval_count": 23,
        "prompt_eval_duration": 611_509_000,
        "eval_count": tokens,
        "eval_duration": 3_056_027_000,
    }


def _ndjson(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="A small Ollama server for tests, on loopback.")
    parser.add_argument("--port", type=int, default=11434)
    parser.add_argument("--token-delay", type=float, default=0.02, metavar="SECONDS")
    options = parser.parse_args()
    faults = Faults(token_delay_s=options.token_delay)
    with OllamaServer(port=options.port, faults=faults) as server:
        print(f"listening on {server.url}, Ctrl+C ends it", flush=True)  # noqa: T201
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
