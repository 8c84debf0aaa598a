"""How long a student takes for its answers, one at a time and as one batch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model.config import SampleConfig
from model.model import ImageTokenReasoningLLM
from model.network.decoding import Steps
from model.network.image_tokenizer import Message
from model.network.text_generation import KVCache
from model.serving.engine import Engine, EngineAnswer

TOGETHER = 16
"""As many answers as the engine decodes in one batch."""
LONGEST = 48
WARM_UP = 16


@dataclass(frozen=True)
class AnswerTimes:
    """Milliseconds for an answer, its question read included: on the clock, and of a processor."""

    wall_ms: float
    cpu_ms: float
    tokens: float
    """Tokens in an answer on average."""


def answer_times(
    student: ImageTokenReasoningLLM, questions: Sequence[str]
) -> tuple[AnswerTimes, AnswerTimes]:
    """Answer every question greedily, as the app does: one after the other, then in batches."""
    cache = KVCache(student.config.decoder, 1, LONGEST, torch.float32)
    # machine code is shared by all engines of a process; the engine itself would not wait for it
    Steps(student.model, cache, wait=True)
    engine = Engine(student, "weights")
    sampling = SampleConfig(max_tokens=LONGEST)

    def ask(question: str) -> EngineAnswer:
        prompt = student.prompt([Message("user", question)], room=LONGEST)
        return engine.ask(prompt, sampling)

    def timed(together: int, asked: Sequence[str]) -> AnswerTimes:
        wall, cpu, tokens = time.monotonic(), time.process_time(), 0
        for first in range(0, len(asked), together):
            begun = [ask(question) for question in asked[first : first + together]]
            for answer in begun:
                tokens += sum(event.stats.tokens for event in answer.events() if event.stats)
        each = 1000 / len(asked)
        wall_ms = each * (time.monotonic() - wall)
        return AnswerTimes(wall_ms, each * (time.process_time() - cpu), tokens / len(asked))

    try:
        timed(TOGETHER, questions[:WARM_UP])
        return timed(1, questions), timed(TOGETHER, questions)
    finally:
        engine.close()
