"""One server over HTTP: requests that close themselves, and failures told in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
import urllib3.exceptions
from requests import Response

from model.errors import ConfigError, TeacherError, TeacherTimeout, TeacherUnavailable
from model.teachers.ollama_host import is_loopback, server_at
from model.teachers.ollama_lines import LONGEST_LINE, MalformedLine, parse_object

__all__ = ["Response", "Wire"]

Timeouts = tuple[float, float]
"""Seconds for connecting, and the longest silence after it."""


class Wire:
    """Calls one server; may be used by many threads, for every request has a session of its own.

    ``written`` is the address as a person wrote it; ``kind`` is what the server is called in words,
    ``start`` how it is started. ``refusal`` makes an error of a status other than 200 and its body.
    """

    def __init__(
        self,
        written: str,
        kind: str,
        start: str,
        refusal: Callable[[int, str], TeacherError],
        connect_timeout_s: float = 3.0,
    ) -> None:
        self.written = written
        self._kind, self._start = kind, start
        self._refusal = refusal
        self._connect_timeout_s = connect_timeout_s

    @property
    def address(self) -> str:
        """The base URL that is called. Raises: ConfigError if the address cannot be one."""
        return server_at(self.written).url

    @contextmanager
    def request(
        self, method: str, path: str, timeouts: Timeouts, body: dict[str, Any] | None = None
    ) -> Iterator[Response]:
        """A successful response, closed at the end whatever happens.

        Raises: TeacherUnavailable, TeacherTimeout, or what ``refusal`` makes.
        """
        try:
            server = server_at(self.written)
        except ConfigError as error:
            raise TeacherUnavailable(str(error)) from error
        with requests.Session() as session:
            # A proxy of the outside world cannot reach this machine's own loopback.
            session.trust_env = not is_loopback(server.url)
            with self.translated(timeouts[1]):
                response = session.request(
                    method, server.url + path, json=body, headers=server.headers,
                    timeout=timeouts, stream=True, allow_redirects=False,
                )  # fmt: skip
            with response:
                if response.status_code != 200:
                    with self.translated(timeouts[1]):
                        text = response.content.decode(errors="replace")
                    raise self._refusal(response.status_code, text)
                yield response

    def ask(
        self, method: str, path: str, deadline: float, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """One small JSON object before a deadline of the monotonic clock. Raises: TeacherError."""
        left_s = max(0.05, deadline - time.monotonic())
        timeouts = (min(left_s, self._connect_timeout_s), left_s)
        received = b""
        with self.request(method, path, timeouts, body) as response, self.translated(left_s):
            for chunk in response.iter_content(chunk_size=2**16):
                received += chunk
                if time.monotonic() > deadline or len(received) > LONGEST_LINE:
                    raise TeacherTimeout(
                        f"The {self._kind} at {self.address} is slow: {path} was not complete "
                        f"after {left_s:.1f} s and {len(received)} bytes. Try again later."
                    )
        try:
            return parse_object(received)
        except MalformedLine as error:
            raise TeacherUnavailable(
                f"What answers at {self.address} is not an {self._kind}: {path} gave "
                f"{error} instead of JSON. Check the host and the port."
            ) from error

    @contextmanager
    def translated(self, read_timeout_s: float) -> Iterator[None]:
        """Turns what ``requests`` raises into this program's errors, once for every call."""
        try:
            yield
        except requests.RequestException as error:
            raise self._network_error(error, read_timeout_s) from error
        except urllib3.exceptions.HTTPError as error:
            raise self._broken_off(error) from error

    def _network_error(
        self, error: requests.RequestException, read_timeout_s: float
    ) -> TeacherError:
        """The error that a person can act on, for a request that did not get through."""
        cause = error.args[0] if error.args else None
        slow = isinstance(error, requests.ReadTimeout)
        if slow or isinstance(cause, urllib3.exceptions.ReadTimeoutError):
            return TeacherTimeout(
                f"The {self._kind} at {self.address} sent nothing for {read_timeout_s:g} s. "
                "It may still load the model: try again, or choose a smaller one."
            )
        if isinstance(error, requests.exceptions.SSLError):
            return TeacherUnavailable(
                f"No secure connection to {self.address} can be made. "
                "Use http:// if the server has no certificate."
            )
        unreachable = isinstance(cause, urllib3.exceptions.MaxRetryError)
        if unreachable or isinstance(error, requests.ConnectTimeout):
            return TeacherUnavailable(
                f"No {self._kind} answers at {self.address}. {self._start}, "
                "or write the address of the machine it runs on."
            )
        return self._broken_off(error)

    def _broken_off(self, error: Exception) -> TeacherError:
        return TeacherUnavailable(
            f"The connection to the {self._kind} at {self.address} broke off "
            f"({type(error).__name__}). Check that it still runs, then try again."
        )
