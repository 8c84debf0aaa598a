"""Teachers behind Ollama's protocol on loopback: a student of ours, and one that takes time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import Message
from model.network.text_generation import KVCache
from tests.ollama_logprobs import entry, plain_entries
from tests.ollama_words import plain_answer, split_tokens

BROKEN = "\ufffd"


class SpeakingStudent:
    """Answers chats with a student's words and its true log-probabilities, one chat at a time.

    To be the ``speak`` of ``tests.ollama_server.OllamaServer``. As in Ollama, log-probabilities are
    those of the whole vocabulary at temperature 1, the end is never told, and tokens that make up
    one character arrive as one entry with the law of the last of them.
    """

    def __init__(self, student: ImageTokenReasoningLLM) -> None:
        self._student = student
        self._one_at_a_time = threading.Lock()

    def __call__(self, messages: Sequence[Any], body: dict[str, Any]) -> list[dict[str, Any]]:
        options = body.get("options") or {}
        with self._one_at_a_time, torch.inference_mode():
            told = self._draw(
                str(messages[-1]["content"]),
                temperature=float(options.get("temperature", 0.8)),
                longest=int(options.get("num_predict", 64)),
                seed=int(options.get("seed", 0)),
            )
            return list(self._entries(told, int(body.get("top_logprobs") or 0)))

    def _draw(
        self, question: str, *, temperature: float, longest: int, seed: int
    ) -> list[tuple[int, Tensor]]:
        """Tokens with the log-probabilities (V) from which they were drawn."""
        student = self._student
        prompt = student.prompt([Message("user", question)], room=longest)
        length = len(prompt.ids) + longest
        cache = KVCache(student.config.decoder, 1, length, student.model.embed_tokens.weight.dtype)
        banned = student.banned_ids(thinking=False)
        chance = torch.Generator().manual_seed(seed * 1_000_003 + len(question))
        scores_V = student.prefill(prompt, cache, row=0)
        drawn: list[tuple[int, Tensor]] = []
        for position in range(len(prompt.ids), length):
            allowed_V = scores_V.clone()
            allowed_V[banned] = -torch.inf
            if temperature > 0:
                chances_V = (allowed_V / temperature).softmax(-1)
                index = int(torch.multinomial(chances_V, 1, generator=chance))
            else:
                index = int(allowed_V.argmax())
            if index in student.end_ids:
                break
            drawn.append((index, scores_V.log_softmax(-1)))
            scores_V = student.step([index], [position], cache)[0]
        return drawn

    def _entries(self, drawn: Sequence[tuple[int, Tensor]], top: int) -> Iterator[dict[str, Any]]:
        held = b""
        for index, law_V in drawn:
            held += self._student.tokenizer.token_bytes(index)
            text = held.decode(errors="replace")
            if text.endswith(BROKEN):
                continue
            best = law_V.topk(top) if top else None
            listed = [(self._text(n), float(p)) for p, n in zip(*best, strict=True)] if best else []
            yield entry(text, float(law_V[index]), listed)
            held = b""

    def _text(self, index: Tensor) -> str:
        return self._student.tokenizer.token_bytes(int(index)).decode(errors="replace")


class PatientTeacher:
    """Answers in made-up sentences, each after the same time; ``slots`` chats at a time."""

    def __init__(self, answer_s: float, slots: int = 1) -> None:
        self.answer_s = answer_s
        self._slots = threading.Semaphore(slots)

    def __call__(self, messages: Sequence[Any], body: dict[str, Any]) -> list[dict[str, Any]]:
        with self._slots:
            threading.Event().wait(self.answer_s)
            top = int(body.get("top_logprobs") or 0)
            return plain_entries(split_tokens(plain_answer(messages)), top)
