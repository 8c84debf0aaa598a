"""Which tokens a piece of text was made of, as ``logprobs`` tells them.

A token is told once all of its letters are out; one that a stop string cuts is told with the
letters that were, as Ollama does. Unlike Ollama's, ``bytes`` are the token's own, also where they
are only a part of a letter, and no two tokens are merged into one entry.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.model import ImageTokenReasoningLLM
    from model.serving.engine_answer import EngineAnswer


class TokenLedger:
    """Follows an answer's tokens beside its text; only the reader of its events may ask."""

    def __init__(self, answer: EngineAnswer, student: ImageTokenReasoningLLM) -> None:
        self._answer, self._tokenizer = answer, student.tokenizer
        self._ends, self._end_of_thought = student.end_ids, student.end_of_thought
        self._thought = answer.prompt.thinking
        self._next = 0
        self._out = self._letters = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending: tuple[int, int] | None = None

    def entries(self, text: str, thought: bool) -> tuple[dict[str, Any], ...]:
        """The tokens that are complete now that this text is out."""
        if thought != self._thought:
            self._leave_thought()
        self._out += len(text)
        return tuple(self._ready())

    def rest(self, *, stopped: bool) -> tuple[dict[str, Any], ...]:
        """What is left at the end; with ``stopped`` the token that the stop string cut."""
        found = list(self._ready())
        if stopped and self._pending is not None:
            index, letters = self._pending
            left = self._out - (self._letters - letters)
            if left > 0:
                found.append(self._entry(index, letters=left))
        return tuple(found)

    def _leave_thought(self) -> None:
        """Pass over what is left of the thought, ``</think>`` included."""
        ids = self._answer.ids
        self._next = ids.index(self._end_of_thought) + 1
        self._thought, self._pending = False, None
        self._out = self._letters = 0
        self._decoder.reset()

    def _ready(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            if self._pending is None:
                if self._next >= len(self._answer.ids):
                    return found
                token = self._answer.ids[self._next]
                if token in self._ends or token == self._end_of_thought:
                    return found
                letters = len(self._decoder.decode(self._tokenizer.token_bytes(token)))
                self._letters += letters
                self._pending = (self._next, letters)
                self._next += 1
            if self._letters > self._out:
                return found
            found.append(self._entry(self._pending[0]))
            self._pending = None

    def _entry(self, index: int, letters: int | None = None) -> dict[str, Any]:
        answer = self._answer
        entry = self._pair(answer.ids[index], answer.logprobs[index], letters)
        if answer.tops:
            entry["top_logprobs"] = [self._pair(*top) for top in answer.tops[index]]
        return entry

    def _pair(self, token: int, logprob: float, letters: int | None = None) -> dict[str, Any]:
        raw = self._tokenizer.token_bytes(token)
        text = raw.decode("utf-8", "replace")
        if letters is not None:
            text = text[:letters]
            raw = text.encode()
        return {"token": text, "logprob": logprob, "bytes": list(raw)}
