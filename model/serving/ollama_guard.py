"""Who may call the API: the rules of Host, Origin and password, before anything is read.

A page of a stranger that is open in the same browser must not reach a server on this machine,
neither by its own Origin nor by a name of its own that points here. The rules are Ollama's.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import secrets
import socket
from typing import Any

HEADERS_ALLOWED = ",".join(
    ["Authorization", "Content-Type", "User-Agent", "Accept", "X-Requested-With", "Openai-Beta"]
    + [
        f"X-Stainless-{name}"
        for name in ("Arch", "Async", "Custom-Poll-Interval", "Helper-Method", "Lang", "Os",
                     "Package-Version", "Poll-Helper", "Retry-Count", "Runtime",
                     "Runtime-Version", "Timeout")
    ]
)  # fmt: skip
METHODS_ALLOWED = "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
_LOCAL_ORIGIN = re.compile(
    r"https?://(localhost|127\.0\.0\.1|0\.0\.0\.0)(:\d+)?"
    r"|(app|file|tauri|vscode-webview|vscode-file)://.*"
)
_LOCAL_NAMES = ("localhost", "local", "internal")


class Guard:
    """ASGI middleware around the API; ``listens_on`` is the address of the server itself.

    A server that listens for other machines is called by many names, so only one that listens on
    the loopback looks at the Host. ``password`` is ``USER:PASSWORD`` or empty; a client sends it
    by HTTP Basic, or as the whole of a bearer token where it knows nothing else.
    """

    def __init__(self, app: Any, *, listens_on: str, password: str = "") -> None:
        self._app, self._password = app, password.encode()
        self._looks_at_host = _is_loopback(listens_on)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, or answer it with 403, 401 or the preflight's 204."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value for name, value in scope["headers"]}
        host = headers.get("host", b"").decode("latin-1")
        origin = headers.get("origin", b"").decode("latin-1")
        foreign = self._looks_at_host and not host_is_local(host)
        if foreign or (origin and not origin_is_allowed(origin, host)):
            await _answer(send, 403)
        elif origin and scope["method"] == "OPTIONS":
            await _answer(send, 204, _preflight(origin))
        elif not self._knows_password(headers.get("authorization", b"")):
            refusal = [(b"www-authenticate", b'Basic realm="student"'), _JSON]
            await _answer(send, 401, refusal, b'{"error":"unauthorized"}')
        else:
            await self._app(scope, receive, _shared(send, origin) if origin else send)

    def _knows_password(self, header: bytes) -> bool:
        if not self._password:
            return True
        kind, _, token = header.strip().partition(b" ")
        said = token.strip()
        if kind.lower() == b"basic":
            try:
                said = base64.b64decode(said, validate=True)
            except binascii.Error:
                return False
        elif kind.lower() != b"bearer":
            return False
        return secrets.compare_digest(said, self._password)


_JSON = (b"content-type", b"application/json; charset=utf-8")


def host_is_local(host: str) -> bool:
    """Whether a Host header names this machine or its network; foreign names may be a trick."""
    name = re.sub(r":\d+$", "", host).strip("[]").lower().rstrip(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name in ("", socket.gethostname().lower()) or name.split(".")[-1] in _LOCAL_NAMES
    return address.is_loopback or address.is_private or address.is_unspecified


def origin_is_allowed(origin: str, host: str) -> bool:
    """Whether a page of this origin may read answers: local ones, and the app's own."""
    own = (f"http://{host}", f"https://{host}")
    return origin in own or bool(_LOCAL_ORIGIN.fullmatch(origin))


def _is_loopback(listens_on: str) -> bool:
    if listens_on == "localhost":
        return True
    try:
        return ipaddress.ip_address(listens_on).is_loopback
    except ValueError:
        return False


def _preflight(origin: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-headers", HEADERS_ALLOWED.encode()),
        (b"access-control-allow-methods", METHODS_ALLOWED.encode()),
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-max-age", b"43200"),
        (b"vary", b"Origin"),
        (b"vary", b"Access-Control-Request-Method"),
        (b"vary", b"Access-Control-Request-Headers"),
    ]


def _shared(send: Any, origin: str) -> Any:
    """``send`` with the header by which a browser lets the other page read the answer."""

    async def send_shared(message: Any) -> None:
        if message["type"] == "http.response.start":
            allowed = (b"access-control-allow-origin", origin.encode("latin-1"))
            message["headers"] = [*message["headers"], allowed, (b"vary", b"Origin")]
        await send(message)

    return send_shared


async def _answer(send: Any, status: int, headers: Any = (), body: bytes = b"") -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
