"""A model on an Ollama server as a teacher, over its own protocol."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from model import paths
from model.errors import TeacherError, TeacherReplyInvalid
from model.records import TeacherModel, TeacherStatus
from model.teachers.base import Question, TeacherAnswer, TeacherVocabulary, TokenLogprob
from model.teachers.logprobs import read_logprobs
from model.teachers.ollama_chat import ChatSettings, chat_body, question_hash, whole_answer
from model.teachers.ollama_lines import MalformedLine, read_lines
from model.teachers.ollama_models import full_name, read_model, summary, vocabulary_of
from model.teachers.ollama_raw import RawOllama
from model.teachers.ollama_refusal import error_words, refusal
from model.teachers.server_teacher import ServerTeacher
from model.teachers.wire import Response, Wire

log = logging.getLogger(__name__)

LOOKUP_LIMIT_S = 10.0


class OllamaTeacher(RawOllama, ServerTeacher):
    """Asks one model of one Ollama server; may be used by many threads at once.

    ``address`` takes every form that ``parse_host`` takes; empty means ``OLLAMA_HOST``. The read
    limit is the longest silence: a server with a queue says nothing until it is our turn, so it
    is long. Every request has a session of its own, because sessions are not thread-safe.
    """

    name = "ollama"
    kind = "Ollama server"

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
        return self._wire().address

    @property
    def written(self) -> str:
        """The address as a person wrote it."""
        return self._written_address

    def _wire(self, asks_think: bool = False) -> Wire:
        """What calls the server; with ``asks_think`` it minds that ``think`` is sent."""

        def refused(status: int, text: str) -> TeacherError:
            if asks_think and "does not support thinking" in text:
                return _ThinkRefused(text)
            return refusal(status, text, model=self.model, address=self.address)

        start = "Start it with `ollama serve`"
        limit_s = self._connect_timeout_s
        return Wire(self._written_address, self.kind, start, refused, limit_s)

    # ── what is there ───────────────────────────────────────────────────────────────────────────

    def _ask_status(self, address: str, deadline: float) -> TeacherStatus:
        try:
            version = str(self._ask("GET", "/api/version", deadline).get("version", ""))
            models = self._list_models(deadline)
        except TeacherError as error:
            return TeacherStatus(False, str(error), address)
        return TeacherStatus(True, summary(version, address, models), address, version, models)

    def _list_models(self, deadline: float) -> tuple[TeacherModel, ...]:
        """All models of the server; what there is no time to ask about stays unknown."""
        listed = self._ask("GET", "/api/tags", deadline).get("models")
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
            wire = self._wire(asks_think="think" in body)
            with wire.request("POST", "/api/chat", timeouts, body) as response:
                yield self._lines(wire, response)
            return
        except _ThinkRefused:
            self._refuses_think.add(self.model)
        plain, wire = {key: value for key, value in body.items() if key != "think"}, self._wire()
        with wire.request("POST", "/api/chat", timeouts, plain) as response:
            yield self._lines(wire, response)

    def _lines(self, wire: Wire, response: Response) -> Iterator[dict[str, Any]]:
        try:
            with wire.translated(self._read_timeout_s):
                yield from read_lines(response.iter_content(chunk_size=None))
        except MalformedLine as error:
            raise TeacherReplyInvalid(
                f"The teacher “{self.model}” sent a malformed line: {error}. "
                f"Try again; if it stays, {self.address} may not be an Ollama server."
            ) from error

    def _ask(
        self, method: str, path: str, deadline: float, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return self._wire().ask(method, path, deadline, body)


class _ThinkRefused(TeacherError):
    """The server minds that ``think`` is sent for a model that cannot think."""
