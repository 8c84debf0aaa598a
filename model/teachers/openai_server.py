"""A model behind OpenAI's protocol (vLLM, llama.cpp's server, LM Studio) as a teacher."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from typing import Any

from model.errors import TeacherError, TeacherReplyInvalid
from model.records import TeacherModel, TeacherStatus
from model.teachers.base import Question, TeacherAnswer, TokenLogprob
from model.teachers.logprobs import read_logprobs
from model.teachers.ollama_chat import ChatSettings, question_hash, whole_answer
from model.teachers.ollama_lines import MalformedLine
from model.teachers.ollama_models import whole_number
from model.teachers.ollama_refusal import error_words
from model.teachers.openai_chat import completion_body, read_events, refusal
from model.teachers.server_teacher import ServerTeacher
from model.teachers.wire import Wire


class OpenAITeacher(ServerTeacher):
    """Asks one model of one server; may be used by many threads at once.

    ``address`` takes every form that ``server_at`` takes, with or without ``/v1`` at its end.
    """

    name = "openai"
    kind = "OpenAI-compatible server"

    def __init__(
        self,
        model: str = "",
        address: str = "",
        *,
        connect_timeout_s: float = 3.0,
        read_timeout_s: float = 600.0,
    ) -> None:
        self.model = model
        self._timeouts = (connect_timeout_s, read_timeout_s)
        self._wire = Wire(address, self.kind, "Start it", self._refused, connect_timeout_s)

    @property
    def address(self) -> str:
        """The base URL, without ``/v1``. Raises: ConfigError if the address cannot be one."""
        return self._wire.address.removesuffix("/v1")

    @property
    def written(self) -> str:
        """The address as a person wrote it."""
        return self._wire.written

    def _ask_status(self, address: str, deadline: float) -> TeacherStatus:
        try:
            listed = self._wire.ask("GET", self._path("models"), deadline).get("data")
        except TeacherError as error:
            return TeacherStatus(False, str(error), address)
        if not isinstance(listed, list):
            words = f"What answers at {address} lists no models under /v1/models. Check the port."
            return TeacherStatus(False, words, address)
        names = [str(each["id"]) for each in listed if isinstance(each, dict) and each.get("id")]
        models = tuple(TeacherModel(name) for name in names)
        count = f"{len(models)} model{'' if len(models) == 1 else 's'}"
        words = f"An {self.kind} answers at {address} with {count}."
        return TeacherStatus(True, words, address, "", models, "openai")

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
        Raises: TeacherError, from whichever piece fails.
        """
        settings = ChatSettings(temperature, max_tokens, seed, format)
        body = completion_body(self.model, question, settings, top_logprobs=top_logprobs)
        started, told = time.monotonic(), _Told()
        path, timeouts = self._path("chat/completions"), self._timeouts
        with self._wire.request("POST", path, timeouts, body) as response:
            events = read_events(response.iter_content(chunk_size=None))
            while True:
                try:
                    with self._wire.translated(timeouts[1]):
                        event = next(events, None)
                except MalformedLine as error:
                    raise TeacherReplyInvalid(
                        f"“{self.model}” sent a malformed line: {error}. Try again; if it stays, "
                        f"{self.address} does not speak OpenAI's protocol."
                    ) from error
                if event is None:
                    break
                if event.get("error"):
                    words = error_words(json.dumps(event))
                    raise self._cut(told, f"the server says: {words}")
                piece = told.take(event)
                if piece:
                    yield piece
        if not told.reason:
            raise self._cut(told, "the server closed the connection before the end")
        return told.answer(self.model, time.monotonic() - started)

    def answer_key(
        self,
        question: Question,
        *,
        temperature: float,
        max_tokens: int,
        seed: int,
        format: dict[str, Any] | None = None,
    ) -> str:
        """SHA-256 over all that the answer depends on; such servers tell no digest of weights."""
        settings = ChatSettings(temperature, max_tokens, seed, format)
        return question_hash(f"openai:{self.model}@{self._wire.written}", question, settings)

    def _path(self, name: str) -> str:
        return f"/{name}" if self._wire.address.endswith("/v1") else f"/v1/{name}"

    def _refused(self, status: int, text: str) -> TeacherError:
        return refusal(status, text, model=self.model, address=self.address)

    def _cut(self, told: _Told, why: str) -> TeacherReplyInvalid:
        return TeacherReplyInvalid(
            f"The answer of “{self.model}” was cut off after {len(told.text)} letters: {why}. "
            "Try again."
        )


class _Told:
    """What a stream has told so far."""

    def __init__(self) -> None:
        self.text, self.reason = "", ""
        self._pieces = self._tokens = 0
        self._thought = False
        self._model = ""
        self._logprobs: list[TokenLogprob] = []

    def take(self, event: dict[str, Any]) -> str:
        """Note an event; returns the piece of the answer in it."""
        usage = event.get("usage")
        if isinstance(usage, dict):
            self._tokens = whole_number(usage.get("completion_tokens"))
        self._model = str(event.get("model") or self._model)
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return ""
        self.reason = str(choice.get("finish_reason") or self.reason)
        delta = choice.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        thinks = bool(delta.get("reasoning") or delta.get("reasoning_content"))
        self._thought = self._thought or thinks
        piece = delta.get("content")
        piece = piece if isinstance(piece, str) else ""
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict) and not thinks:
            self._logprobs += read_logprobs(logprobs.get("content"))
        self._pieces += bool(piece)
        self.text += piece
        return piece

    def answer(self, model: str, seconds: float) -> TeacherAnswer:
        """The whole of it. Raises: TeacherReplyInvalid if there is no text."""
        last = {
            "eval_count": self._tokens or self._pieces,
            "done_reason": self.reason,
            "total_duration": seconds * 1e9,
            "model": self._model,
        }
        return whole_answer(model, last, self.text, self._thought, self._logprobs)
