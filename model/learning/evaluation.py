"""Measures a student on drawn questions that no training saw."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from model.config import SampleConfig
from model.learning.examples import Lesson, answer_loss, collate, encode_lesson
from model.learning.recipe import lesson_of
from model.microworld.oracle import example
from model.model import ImageTokenReasoningLLM, Prompt
from model.network.image_tokenizer import Message
from model.network.text_tokenizer import PAD

SAMPLING = SampleConfig(max_tokens=192)


@dataclass(frozen=True)
class Measured:
    """Share of exact answers, overall and by kind of question; mean loss in nats per token."""

    questions: int
    exact: float
    loss: float
    tokens_per_s: float
    by_kind: dict[str, float]


def ask(student: ImageTokenReasoningLLM, lesson: Lesson) -> Prompt:
    """A lesson's question as a prompt."""
    message = Message("user", lesson.question, len(lesson.images), lesson.roles)
    think = lesson.thought is not None
    room = SAMPLING.max_tokens
    return student.prompt([message], lesson.images, lesson.facts, room=room, think=think)


def say(student: ImageTokenReasoningLLM, lesson: Lesson) -> str:
    """The student's likeliest answer to a lesson's question."""
    return "".join(student.pieces(ask(student, lesson), SAMPLING))


@torch.inference_mode()
def mean_loss(student: ImageTokenReasoningLLM, lessons: Sequence[Lesson], size: int = 16) -> float:
    """Mean cross-entropy of the answers' tokens, in nats."""
    total, tokens = 0.0, 0
    for start in range(0, len(lessons), size):
        encoded = [encode_lesson(student, lesson) for lesson in lessons[start : start + size]]
        batch = collate(encoded, student.tokenizer.id(PAD))
        total += float(answer_loss(student, batch)) * batch.learned
        tokens += batch.learned
    return total / max(tokens, 1)


def evaluate(
    split: str,
    questions: int,
    answer: Callable[[Lesson], str],
    loss: Callable[[Sequence[Lesson]], float],
    count_tokens: Callable[[str], int],
) -> Measured:
    """Ask the first questions of a split one by one and compare word for word."""
    right: dict[str, list[bool]] = defaultdict(list)
    lessons, tokens, started = [], 0, time.monotonic()
    for index in range(questions):
        drawn = example(split, index)
        lessons.append(lesson_of(drawn, think=True))
        said = answer(lessons[-1])
        tokens += count_tokens(said)
        right[drawn.kind].append(said == drawn.answer)
    seconds = time.monotonic() - started
    return Measured(
        questions=questions,
        exact=sum(sum(hits) for hits in right.values()) / questions,
        loss=round(loss(lessons), 4),
        tokens_per_s=tokens / seconds,
        by_kind={kind: round(sum(hits) / len(hits), 3) for kind, hits in sorted(right.items())},
    )


def evaluate_student(student: ImageTokenReasoningLLM, split: str, questions: int) -> Measured:
    """Measure a student that nobody else uses meanwhile."""
    return evaluate(
        split,
        questions,
        partial(say, student),
        partial(mean_loss, student),
        lambda text: len(student.tokenizer.encode(text)),
    )
