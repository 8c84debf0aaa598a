"""The stages in which the shipped student's decoder learns, and the lessons of every step.

The tower was taught by ``sight.py`` and is frozen by then. Lessons are drawn by the micro-world and
answered by its oracle. First whole scenes are described, long answers that teach reading; then all
kinds of questions come, about half of them with a thought before the answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from model.learning.examples import Lesson, encode_lesson
from model.learning.tutor import Task, TutorBatch, tutor_batch, with_result
from model.microworld.everyday import things
from model.microworld.language import noun
from model.microworld.oracle import KINDS, Example, example
from model.microworld.splits import seed_of
from model.model import ImageTokenReasoningLLM

AnyBatch = TypeVar("AnyBatch")
LESSONS_APART = 256
"""Numbers between the first lessons of two steps: no lesson is drawn twice."""
THINKING = 0.5
"""Share of the lessons with a thought in which it is asked for."""
CLOSING = 0.15
"""Share of the other lessons in which a thought is asked for and there is none."""
IMAGINING = 0.3
"""Share of the predictions that are answered with a picture's embedding instead of words."""


def lesson_of(drawn: Example, *, think: bool = False) -> Lesson:
    """A drawn example as a lesson, with its thought if the student is to ``think``."""
    facts = tuple(" | ".join(fact) for fact in drawn.facts)
    thought = drawn.thought if think else None
    return Lesson(drawn.question, drawn.answer, drawn.pictures, drawn.roles, facts, thought)


@dataclass(frozen=True)
class Mix:
    """How often each kind of question is asked, and from which number on lessons are drawn."""

    name: str
    weights: Mapping[str, float]
    first_lesson: int
    thinking: float = THINKING


READING = Mix(
    "reading",
    {
        "everyday-name": 0.14,
        "everyday-action": 0.04,
        "everyday-explain": 0.12,
        "everyday-predict-fact": 0.12,
        "everyday-hop": 0.12,
        "blocks-describe": 0.22,
        "blocks-look": 0.08,
        "blocks-inverse": 0.12,
        "blocks-event": 0.04,
    },
    10_000_000,
    thinking=0.8,
)
"""First: what is in a picture, in a line of facts, in two pictures; mostly with thoughts."""
ANSWERING = Mix("answering", KINDS, 0)
"""Then every kind of question."""

PARTS = 2
"""A step learns from this many small batches, each of one kind: so they hold little padding."""
_LESSONS = {
    "everyday-explain": 12,
    "blocks-explain": 10,
    "blocks-inverse": 12,
    "blocks-event": 11,
    "everyday-hop": 16,
    "everyday-predict-words": 44,
    "everyday-chain": 30,
    "chat": 56,
}
_USUAL_LESSONS = 24
"""How many lessons of a kind make one part: about 1,800 tokens."""


@lru_cache(maxsize=1)
def _thing_numbers() -> dict[str, int]:
    return {label: number for number, label in enumerate(things())}


def task_of(
    student: ImageTokenReasoningLLM, drawn: Example, rng: random.Random, thinking: float
) -> Task:
    """A drawn example as it is learned this time: thinking or not, in words or as a picture."""
    outcome = _thing_numbers().get(drawn.outcome)
    if outcome is not None and rng.random() < IMAGINING:
        lesson = encode_lesson(student, lesson_of(drawn))
        return Task(with_result(student, lesson), drawn.scenes, outcome)
    think = rng.random() < (thinking if drawn.thought else CLOSING)
    return Task(encode_lesson(student, lesson_of(drawn, think=think)), drawn.scenes)


def shown_by_name(student: ImageTokenReasoningLLM, rng: random.Random) -> Task:
    """“Show me an egg.”: the picture of a thing that is only named."""
    label = rng.choice(tuple(things()))
    lesson = encode_lesson(student, Lesson(f"Show me {noun(label)}.", ""))
    return Task(with_result(student, lesson), (), _thing_numbers()[label])


def answer_part(
    student: ImageTokenReasoningLLM, mix: Mix, rng: random.Random, first: int
) -> TutorBatch:
    """Lessons of one kind, numbered from ``first``, all with a thought or all without."""
    kinds = tuple(mix.weights)
    sizes = [_LESSONS.get(kind, _USUAL_LESSONS) for kind in kinds]
    chances = [mix.weights[kind] / size for kind, size in zip(kinds, sizes, strict=True)]
    kind, size = rng.choices(tuple(zip(kinds, sizes, strict=True)), chances)[0]
    thinking = float(rng.random() < mix.thinking)
    drawn = (example("train", first + row, kind) for row in range(size))
    tasks = [task_of(student, one, rng, thinking) for one in drawn]
    if kind == "chat":
        tasks += [shown_by_name(student, rng) for _ in range(size // 4)]
    return tutor_batch(student, tasks)


@dataclass(frozen=True)
class Parts:
    """The small batches of one step."""

    parts: tuple[TutorBatch, ...]

    @property
    def tokens(self) -> int:
        """Number of tokens, padding included."""
        return sum(part.tokens for part in self.parts)

    def to(self, device: torch.device) -> Parts:
        """The same batches on another device."""
        return Parts(tuple(part.to(device) for part in self.parts))


def answer_batch(step: int, student: ImageTokenReasoningLLM, mix: Mix, seed: int = 0) -> Parts:
    """The lessons of one step, each kind as often as the mix says."""
    rng = random.Random(seed_of("train", step, f"{mix.name} {seed}"))
    first = mix.first_lesson + seed * 100_000_000 + step * LESSONS_APART
    apart = LESSONS_APART // PARTS
    return Parts(
        tuple(answer_part(student, mix, rng, first + part * apart) for part in range(PARTS))
    )


def parts_loss(tutor: nn.Module, batch: Parts) -> Tensor:
    """Mean loss of a step's parts, in nats."""
    return torch.stack([tutor(part) for part in batch.parts]).mean()


# ── drawing ahead ───────────────────────────────────────────────────────────────────────────────


class _Steps(Dataset[AnyBatch], Generic[AnyBatch]):
    def __init__(self, make: Callable[[int], AnyBatch], steps: int) -> None:
        self.make, self.steps = make, steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> AnyBatch:
        return self.make(step)


class DrawnAhead(Generic[AnyBatch]):
    """Makes batches in worker processes while the model trains on the one before.

    Called with a step like the function it wraps; steps must rise one by one.
    """

    def __init__(self, make: Callable[[int], AnyBatch], steps: int, workers: int = 1) -> None:
        self._make, self._steps, self._workers = make, steps, workers
        self._iterator: Iterator[AnyBatch] | None = None

    def __call__(self, step: int) -> AnyBatch:
        """The batch of ``step``."""
        if not self._workers:
            return self._make(step)
        if self._iterator is None:
            steps = range(step, self._steps)
            loader = DataLoader(
                _Steps(self._make, self._steps),
                batch_size=None,
                sampler=steps,
                num_workers=self._workers,
                prefetch_factor=4,
            )
            self._iterator = iter(loader)
        return next(self._iterator)
