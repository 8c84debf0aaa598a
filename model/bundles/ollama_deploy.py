"""Puts an exported student on an Ollama server over HTTP: files by their digest, then the model.

A file that the server has already is not sent again, so a push that broke off goes on where it
stopped. Errors are told in the words of ``teachers/ollama_refusal.py``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import requests
import urllib3.exceptions

from model.bundles.ollama_bundle import OllamaBundle, sha256_of
from model.errors import DeployConflict, DeployError, TeacherError
from model.teachers.ollama_host import is_loopback, server_at
from model.teachers.ollama_lines import MalformedLine, parse_object, read_lines
from model.teachers.ollama_models import full_name
from model.teachers.ollama_refusal import error_words, refusal

BLOCK = 2**18
"""Bytes between two looks at the clock and the button."""
_MEGABYTE = 2**20
Progress = Callable[[str, float], None]


class _Told:
    """A file as the body of a request that tells how much of it was read.

    It has a length, so that the server hears it beforehand; a generator would not.
    """

    def __init__(self, file: BinaryIO, size: int, on_read: Callable[[int], None]) -> None:
        self._file, self._size, self._on_read = file, size, on_read
        self._done = self._said = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(BLOCK), b"")

    def read(self, size: int = -1) -> bytes:
        """The next bytes; every ``BLOCK`` of them the listener hears of it."""
        data = self._file.read(size)
        self._done += len(data)
        if self._done - self._said >= BLOCK or self._done == self._size != self._said:
            self._said = self._done
            self._on_read(self._done)
        return data


class OllamaDeploy:
    """One Ollama server that takes students. ``on_step`` hears words and a share from 0 to 1."""

    def __init__(
        self, address: str, *, connect_timeout_s: float = 3.0, read_timeout_s: float = 300.0
    ) -> None:
        server = server_at(address)
        self.address, self._headers = server.url, server.headers
        self._timeouts = (connect_timeout_s, read_timeout_s)

    def has_model(self, name: str) -> bool:
        """Whether the server has a model of this name. Raises: TeacherError."""
        with self._request("GET", "/api/tags") as response:
            listed = self._object(response).get("models")
        names = [entry.get("name", "") for entry in listed or [] if isinstance(entry, dict)]
        return full_name(name) in {full_name(str(known)) for known in names}

    def push(
        self,
        bundle: OllamaBundle,
        *,
        overwrite: bool = False,
        on_step: Progress = lambda words, share: None,
    ) -> None:
        """Send the files and create the model.

        Raises: DeployConflict if the model exists and ``overwrite`` is not set; TeacherError if the
            server cannot be reached; DeployError if it refuses the model.
        """
        name = bundle.recipe.name
        if not overwrite and self.has_model(name):
            raise DeployConflict(
                f"{self.address} has a model “{name}” already. Tick “replace it”, or choose "
                "another name."
            )
        digests = {file.name: f"sha256:{sha256_of(file)}" for file in bundle.files}
        total = sum(file.stat().st_size for file in bundle.files)
        sent = 0
        for file in bundle.files:
            self._send(file, digests[file.name], sent, total, on_step)
            sent += file.stat().st_size
        self._create(bundle, digests, on_step)

    def _send(self, file: Path, digest: str, before: int, total: int, on_step: Progress) -> None:
        if self._has_blob(digest):
            on_step(f"{file.name} is there already", (before + file.stat().st_size) / total)
            return

        def told(done: int) -> None:
            words = f"Sending {file.name}: {done / _MEGABYTE:.1f} MB"
            on_step(words, (before + done) / total)

        with open(file, "rb") as source:
            body = _Told(source, file.stat().st_size, told)
            with self._request("POST", f"/api/blobs/{digest}", data=body):
                pass

    def _has_blob(self, digest: str) -> bool:
        with self._request("HEAD", f"/api/blobs/{digest}", may_be_missing=True) as response:
            return bool(response.status_code == 200)

    def _create(self, bundle: OllamaBundle, digests: dict[str, str], on_step: Progress) -> None:
        recipe = bundle.recipe
        body: dict[str, Any] = {
            "model": recipe.name,
            "files": digests,
            "template": recipe.template,
            "parameters": recipe.parameters,
            "stream": True,
        }
        if recipe.system:
            body["system"] = recipe.system
        if recipe.licence:
            body["license"] = recipe.licence
        last = ""
        with self._request("POST", "/api/create", json=body) as response:
            for line in self._lines(response):
                if "error" in line:
                    raise DeployError(
                        f"{self.address} refused the model “{recipe.name}”: "
                        f"{error_words(json.dumps(line))}. Export it as f16 and try again."
                    )
                last = str(line.get("status", ""))
                on_step(f"Ollama: {last}", 1.0)
        if last != "success":
            raise DeployError(
                f"{self.address} stopped in the middle of creating “{recipe.name}” "
                f"(after “{last or 'nothing'}”). Try again."
            )

    # ── asking the model that was made ──────────────────────────────────────────────────────────

    def complete(self, name: str, prompt: str, pictures: list[str], tokens: int) -> dict[str, Any]:
        """The whole reply to a raw prompt, likeliest tokens with their log-probabilities.

        ``pictures`` are base64; each has its ``[img-0]`` in the prompt. Raises: TeacherError.
        """
        body: dict[str, Any] = {
            "model": name,
            "prompt": prompt,
            "raw": True,
            "stream": False,
            "logprobs": True,
            "options": {"temperature": 0, "seed": 0, "num_predict": tokens},
        }
        if pictures:
            body["images"] = pictures
        with self._request("POST", "/api/generate", model=name, json=body) as response:
            return self._object(response)

    def rendered(self, name: str, words: str, system: str) -> str:
        """The prompt that the server makes of a question, or nothing if it does not say."""
        messages = [{"role": "user", "content": words}]
        if system:
            messages.insert(0, {"role": "system", "content": system})
        body = {"model": name, "messages": messages, "stream": False, "_debug_render_only": True}
        with self._request("POST", "/api/chat", model=name, json=body) as response:
            told = self._object(response).get("_debug_info")
        return str(told.get("rendered_template", "")) if isinstance(told, dict) else ""

    # ── the wire ────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _request(
        self,
        method: str,
        path: str,
        *,
        model: str = "",
        may_be_missing: bool = False,
        **options: Any,
    ) -> Iterator[requests.Response]:
        """A successful response, closed at the end whatever happens."""
        with requests.Session() as session, self._translated():
            # a proxy of the outside world cannot reach this machine's own loopback
            session.trust_env = not is_loopback(self.address)
            session.headers.update(self._headers)
            url = self.address + path
            response = session.request(
                method, url, timeout=self._timeouts, stream=True, allow_redirects=False, **options
            )
            with response:
                missing = may_be_missing and response.status_code == 404
                if response.status_code not in (200, 201) and not missing:
                    text = response.content.decode(errors="replace")
                    raise self._refused(path, response.status_code, text, model)
                yield response

    def _refused(self, path: str, status: int, text: str, model: str) -> TeacherError | DeployError:
        if status in (400, 500) and path.startswith(("/api/create", "/api/blobs/")):
            return DeployError(
                f"{self.address} refused the student ({status}): {error_words(text)}. "
                "Export it again and push it once more."
            )
        return refusal(status, text, model=model, address=self.address)

    def _lines(self, response: requests.Response) -> Iterator[dict[str, Any]]:
        try:
            yield from read_lines(response.iter_content(chunk_size=None))
        except MalformedLine as error:
            raise self._malformed(str(error)) from error

    def _object(self, response: requests.Response) -> dict[str, Any]:
        try:
            return parse_object(response.content)
        except MalformedLine as error:
            raise self._malformed(str(error)) from error

    def _malformed(self, words: str) -> DeployError:
        return DeployError(
            f"{self.address} sent {words} instead of JSON. It may not be an Ollama server; check "
            "host and port."
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turns what ``requests`` raises into this program's errors."""
        started = time.monotonic()
        try:
            yield
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise DeployError(
                f"The Ollama server at {self.address} does not answer, or broke off after "
                f"{time.monotonic() - started:.0f} s ({type(error).__name__}). Check that it runs; "
                "what was sent whole is not sent again."
            ) from error
