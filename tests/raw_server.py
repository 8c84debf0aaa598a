"""A server that sends exactly the bytes it is given, in exactly the pieces it is given."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Sequence

Script = Callable[[bytes], Sequence[bytes]]


class RawServer:
    """Answers every request on loopback with the pieces that ``script`` returns for its head.

    Each piece is one TCP segment. After the last piece the connection is closed, unless
    ``hold`` is set: then it stays open and silent until the server ends.
    """

    def __init__(self, script: Script, *, hold: bool = False) -> None:
        self._script = script
        self._hold = hold
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> RawServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, contextlib.suppress(OSError):
            head = _read_request(connection)
            for piece in self._script(head):
                connection.sendall(piece)
                # Without a pause the kernel would join the pieces into one segment.
                self._closing.wait(0.0005)
            if self._hold:
                self._closing.wait(30)


def reply(status: int, reason: str, headers: Sequence[Sequence[str]], body: bytes) -> bytes:
    """A whole HTTP response; a chunked one is sent as a single chunk."""
    lines = [f"HTTP/1.1 {status} {reason}", *(": ".join(header) for header in headers)]
    head = ("\r\n".join(lines) + "\r\nConnection: close\r\n\r\n").encode()
    chunked = any(header[0] == "Transfer-Encoding" for header in headers)
    if not chunked:
        return head + body
    first = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    return head + first + b"0\r\n\r\n"


def _read_request(connection: socket.socket) -> bytes:
    """The request line and headers; the body is read and dropped."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            return received
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(body) < length:
        body += connection.recv(65536)
    return head
