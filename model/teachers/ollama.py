"""A model on an Ollama server as a teacher; the only place of the program that calls a server."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import requests
import urllib3.exceptions

from model import paths
from model.errors import (
    ConfigError,
    TeacherError,
    TeacherReplyInvalid,
    TeacherTimeout,
    TeacherUnavailable,
)
from model.records import TeacherModel, TeacherStatus
from model.teachers.base import Question, TeacherAnswer, TeacherVocabulary, TokenLogprob
from model.teachers.logprobs import read_logprobs
from model.teachers.ollama_chat import ChatSettings, chat_body, question_hash, whole_answer
from model.teachers.ollama_host import is_loopback, parse_host
from model.teachers.ollama_lines import LONGEST_LINE, MalformedLine, parse_object, read_lines
from model.teachers.ollama_models import full_name, read_model, summary, vocabulary_of
from model.teachers.ollama_raw import RawOllama
from model.teachers.ollama_refusal import error_words, refusal

log = logging.getLogger(__name__)

STATUS_LIMIT_S = 3.0
LOOKUP_LIMIT_S = 10.0


class OllamaTeacher(RawOllama):
    """Asks one model of one Ollama server; may be used by many threads at once.

    ``address`` takes every form that ``parse_host`` takes; empty means ``OLLAMA_HOST``. The read
    limit is the longest silence: a server with a queue says nothing until it is our turn, so it
    is long. Every request has a session of its own, because sessions are not thread-safe.
    """

    name = "ollama"

    def __init__(
        self,
        model: str = "",
        address: str = "",
        *,
        connect_timeout_s: float = 3.0,
        read_timeout_s: float = 600.0,
    ) -> None:
        self.model = model
        self._written_address = address
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._lock = threading.Lock()
        self._known: dict[str, TeacherModel] = {}
        self._refuses_think: set[str] = set()

    @property
    def address(self) -> str:
        """The base URL that is called. Raises: ConfigError if the address cannot be one."""
        return parse_host(self._written_address or paths.ollama_host())

    # ── what is there ───────────────────────────────────────────────────────────────────────────

    def status(self) -> TeacherStatus:
        """Reachability and models in at most 3 s; never raises."""
        try:
            address = self.address
        except ConfigError as error:
            return TeacherStatus(False, str(error), self._written_address)
        found: list[TeacherStatus] = []
        # A name look-up knows no time limit, so the asking is done by a thread we can leave.
        asking = threading.Thread(
            target=lambda: found.append(self._ask_status(address)),
            daemon=True,
            name="ollama-status",
        )
        asking.start()
        asking.join(STATUS_LIMIT_S)
        if found:
            return found[0]
        return TeacherStatus(
            False,
            f"The Ollama server at {address} did not answer within {STATUS_LIMIT_S:.0f} s. "
            "Check the address, or try again when it is less busy.",
            address,
        )

    def _ask_status(self, address: str) -> TeacherStatus:
        deadline = time.monotonic() + STATUS_LIMIT_S - 0.25
        try:
            version = str(self._get("/api/version", deadline).get("version", ""))
            models = self._list_models(deadline)
        except TeacherError as error:
            return TeacherStatus(False, str(error), address)
        return TeacherStatus(True, summary(version, address, models), address, version, models)

    def _list_models(self, deadline: float) -> tuple[TeacherModel, ...]:
        """All models of the server; what there is no time to ask about stays unknown."""
        listed = self._get("/api/tags", deadline).get("models")
        entries = listed if isinstance(listed, list) else []
        models = []
        for entry in entries:
            if not isinstance(entry, dict):
                continue
            capabilities = entry.get("capabilities")
            if capabilities is None:
                capabilities = self._capabilities(str(entry.get("name", "")), deadline)
            models.append(read_model(entry, capabilities))
        with self._lock:
            self._known.update({full_name(model.name): model for model in models})
        return tuple(models)

    def _capabilities(self, model: str, deadline: float) -> Any:
        """What an older server says about a model on request, or None if it does not say."""
        if time.monotonic() >= deadline:
            return None
        try:
            return self._ask("POST", "/api/show", deadline, {"model": model}).get("capabilities")
        except TeacherError as error:
            log.info("the capabilities of %s stay unknown: %s", model, error)
            return None

    def _model_facts(self) -> TeacherModel | None:
        """What is known about our model, asked for once; None if the server does not list it."""
        wanted = full_name(self.model)
        with self._lock:
            known = self._known.get(wanted)
        if known is None:
            self._list_models(time.monotonic() + LOOKUP_LIMIT_S)
            with self._lock:
                known = self._known.get(wanted)
        return known

    def vocabulary(self) -> TeacherVocabulary:
        """What the model's tokenizer consists of; empty if the server does not say."""
        deadline = time.monotonic() + LOOKUP_LIMIT_S
        try:
            shown = self._ask("POST", "/api/show", deadline, {"model": self.model, "verbose": True})
        except TeacherError as error:
            log.info("the vocabulary of %s stays unknown: %s", self.model, error)
            return TeacherVocabulary()
        return vocabulary_of(shown)

    # ── answers ─────────────────────────────────────────────────────────────────────────────────

    def answer(
        self,
        question: Question,
        *,
        temperature: float = 0.7,
        max_tokens: int = 256,
        seed: int = 0,
        format: dict[str, Any] | None = None,
        top_logprobs: int = 0,
    ) -> TeacherAnswer:
        """The whole answer, without the teacher's thinking and without space around it.

        Raises: TeacherModelMissing or a plain TeacherError when asking again is of no use;
            TeacherUnavailable, TeacherTimeout or TeacherReplyInvalid when it may help.
        """
        pieces = self.stream(
            question,
            temperature=temperature,
            max_tokens=max_tokens,
            seed=seed,
            format=format,
            top_logprobs=top_logprobs,
        )
        while True:
            try:
                next(pieces)
            except StopIteration as end:
                answer: TeacherAnswer = end.value
                return answer

    def stream(
        self,
        question: Question,
        *,
        temperature: float = 0.7,
        max_tokens: int = 256,
        seed: int = 0,
        format: dict[str, Any] | None = None,
        top_logprobs: int = 0,
    ) -> Generator[str, None, TeacherAnswer]:
        """Yield the answer piece by piece; the generator's return value is the whole of it.

        Closing the generator early closes the connection, and so ends the work on the server.
        Raises: the same as ``answer``, from whichever piece fails.
        """
        settings = ChatSettings(temperature, max_tokens, seed, format)
        body = chat_body(
            self.model,
            question,
            settings,
            think_off=self._sends_think(),
            top_logprobs=top_logprobs,
        )
        text: list[str] = []
        logprobs: list[TokenLogprob] = []
        thought = False
        with self._open_chat(body) as lines:
            for line in lines:
                if "error" in line:
                    words = error_words(json.dumps(line))
                    raise TeacherReplyInvalid(
                        f"The teacher “{self.model}” broke off after {len(''.join(text))} "
                        f"letters: {words}. Try again."
                    )
                message = line.get("message")
                message = message if isinstance(message, dict) else {}
                thought = thought or bool(message.get("thinking"))
                piece = message.get("content") or ""
                if piece or not message.get("thinking"):
                    logprobs += read_logprobs(line.get("logprobs"))
                if piece:
                    text.append(str(piece))
                    yield str(piece)
                if line.get("done") is True:
                    return whole_answer(self.model, line, "".join(text), thought, logprobs)
        raise TeacherReplyInvalid(
            f"The answer of “{self.model}” was cut off after {len(''.join(text))} letters: "
            "the server closed the connection before the end. Try again."
        )

    def answer_key(
        self,
        question: Question,
        *,
        temperature: float,
        max_tokens: int,
        seed: int,
        format: dict[str, Any] | None = None,
    ) -> str:
        """SHA-256 over the model's digest and all that the answer depends on; never raises.

        Asks the server for the digest once. A model without one, or whose server cannot be asked
        now, goes by its name and address.
        """
        try:
            facts = self._model_facts()
        except TeacherError as error:
            log.info("the digest of %s stays unknown: %s", self.model, error)
            facts = None
        where = self._written_address or paths.ollama_host()
        identity = facts.digest if facts and facts.digest else f"{self.model}@{where}"
        settings = ChatSettings(temperature, max_tokens, seed, format)
        return question_hash(identity, question, settings)

    def _sends_think(self) -> bool:
        """Whether to tell the model not to think; unknown counts as able to think."""
        facts = self._model_facts()
        able = facts is None or facts.thinks is not False
        return able and self.model not in self._refuses_think

    @contextmanager
    def _open_chat(self, body: dict[str, Any]) -> Iterator[Iterator[dict[str, Any]]]:
        """The lines of a chat under way; asks a second time if the server minds ``think``."""
        timeouts = (self._connect_timeout_s, self._read_timeout_s)
        try:
            with self._request("POST", "/api/chat", timeouts, body) as response:
                yield self._lines(response)
            return
        except _ThinkRefused:
            self._refuses_think.add(self.model)
        plain = {key: value for key, value in body.items() if key != "think"}
        with self._request("POST", "/api/chat", timeouts, plain) as response:
            yield self._lines(response)

    def _lines(self, response: requests.Response) -> Iterator[dict[str, Any]]:
        try:
            with self._translated(self._read_timeout_s):
                yield from read_lines(response.iter_content(chunk_size=None))
        except MalformedLine as error:
            raise TeacherReplyInvalid(
                f"The teacher “{self.model}” sent a malformed line: {error}. "
                f"Try again; if it stays, {self.address} may not be an Ollama server."
            ) from error

    # ── the wire ────────────────────────────────────────────────────────────────────────────────

    def _get(self, path: str, deadline: float) -> dict[str, Any]:
        return self._ask("GET", path, deadline, None)

    def _ask(
        self, method: str, path: str, deadline: float, body: dict[str, Any] | None
    ) -> dict[str, Any]:
        """One small JSON object before a deadline of the monotonic clock."""
        left_s = max(0.05, deadline - time.monotonic())
        timeouts = (min(left_s, self._connect_timeout_s), left_s)
        received = b""
        with self._request(method, path, timeouts, body) as response, self._translated(left_s):
            for chunk in response.iter_content(chunk_size=2**16):
                received += chunk
                if time.monotonic() > deadline or len(received) > LONGEST_LINE:
                    raise TeacherTimeout(
                        f"The Ollama server at {self.address} is slow: {path} was not complete "
                        f"after {left_s:.1f} s and {len(received)} bytes. Try again later."
                    )
        try:
            return parse_object(received)
        except MalformedLine as error:
            raise TeacherUnavailable(
                f"What answers at {self.address} is not an Ollama server: {path} gave "
                f"{error} instead of JSON. Check the host and the port."
            ) from error

    @contextmanager
    def _request(
        self, method: str, path: str, timeouts: tuple[float, float], body: dict[str, Any] | None
    ) -> Iterator[requests.Response]:
        """A successful response, closed at the end whatever happens."""
        try:
            address = self.address
        except ConfigError as error:
            raise TeacherUnavailable(str(error)) from error
        with requests.Session() as session:
            # A proxy of the outside world cannot reach this machine's own loopback.
            session.trust_env = not is_loopback(address)
            with self._translated(timeouts[1]):
                response = session.request(
                    method, address + path, json=body, timeout=timeouts, stream=True,
                    allow_redirects=False,
                )  # fmt: skip
            with response:
                if response.status_code != 200:
                    with self._translated(timeouts[1]):
                        text = response.content.decode(errors="replace")
                    if body and "think" in body and "does not support thinking" in text:
                        raise _ThinkRefused(text)
                    raise refusal(response.status_code, text, model=self.model, address=address)
                yield response

    @contextmanager
    def _translated(self, read_timeout_s: float) -> Iterator[None]:
        """Turns what ``requests`` raises into this program's errors, once for every call."""
        try:
            yield
        except requests.RequestException as error:
            raise _network_error(error, self.address, read_timeout_s) from error
        except urllib3.exceptions.HTTPError as error:
            raise _broken_off(self.address, error) from error


class _ThinkRefused(TeacherError):
    """The server minds that ``think`` is sent for a model that cannot think."""


def _network_error(
    error: requests.RequestException, address: str, read_timeout_s: float
) -> TeacherError:
    """The error that a person can act on, for a request that did not get through."""
    cause = error.args[0] if error.args else None
    slow = isinstance(error, requests.ReadTimeout)
    if slow or isinstance(cause, urllib3.exceptions.ReadTimeoutError):
        return TeacherTimeout(
            f"The Ollama server at {address} sent nothing for {read_timeout_s:g} s. "
            "It may still load the model: try again, or choose a smaller one."
        )
    if isinstance(error, requests.exceptions.SSLError):
        return TeacherUnavailable(
            f"No secure connection to {address} can be made. "
            "Use http:// if the server has no certificate."
        )
    unreachable = isinstance(cause, urllib3.exceptions.MaxRetryError)
    if unreachable or isinstance(error, requests.ConnectTimeout):
        return TeacherUnavailable(
            f"No Ollama server answers at {address}. Start it with `ollama serve`, "
            "or write the address of the machine it runs on."
        )
    return _broken_off(address, error)


def _broken_off(address: str, error: Exception) -> TeacherError:
    return TeacherUnavailable(
        f"The connection to the Ollama server at {address} broke off "
        f"({type(error).__name__}). Check that it still runs, then try again."
    )
