"""The stages in which the shipped student's decoder learns, and the lessons of every step.

The tower was taught by ``sight.py`` and is frozen by then. Lessons are drawn by the micro-world and
answered by its oracle. First come conversations in words, in which the student learns to find the
right line among many; then pictures are read, long answers that teach seeing; then all kinds of
questions come, about half of them with a thought before the answer; last, what is hardest.
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

from model.learning.examples import Lesson, encode_conversation, encode_lesson
from model.learning.tutor import Task, TutorBatch, tutor_batch, with_result
from model.microworld.everyday import things
from model.microworld.language import noun
from model.microworld.oracle import KINDS, Example, example
from model.microworld.splits import seed_of
from model.microworld.talks import TALKS, talk
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


FINDING = Mix(
    "finding",
    {"talk-facts": 0.5, "talk-ties": 0.28, "talk-life": 0.22},
    20_000_000,
    thinking=0.6,
)
"""First: the right line among many, in words alone, with every answer of a conversation."""
READING = Mix(
    "reading",
    {
        "talk-facts": 0.1,
        "talk-ties": 0.07,
        "talk-life": 0.03,
        "talk-thing": 0.2,
        "talk-scene": 0.13,
        "everyday-name": 0.06,
        "everyday-action": 0.05,
        "everyday-explain": 0.12,
        "blocks-describe": 0.06,
        "blocks-inverse": 0.13,
        "blocks-event": 0.04,
        "blocks-after": 0.02,
    },
    10_000_000,
    thinking=0.6,
)
"""Then: what is in a picture, and what is different in another."""
ANSWERING = Mix(
    "answering",
    {
        **{kind: 0.7 * share for kind, share in KINDS.items()},
        "blocks-event": 0.05,
        "talk-change": 0.06,
        "talk-facts": 0.08,
        "talk-ties": 0.05,
        "talk-life": 0.04,
        "talk-thing": 0.08,
        "talk-scene": 0.03,
    },
    0,
)
"""Then every kind of question, and some conversations still."""

MASTERING = Mix(
    "mastering",
    {
        "talk-thing": 0.05,
        "talk-scene": 0.045,
        "talk-facts": 0.025,
        "talk-ties": 0.025,
        "talk-change": 0.055,
        "talk-notes": 0.015,
        "talk-life": 0.01,
        "everyday-name": 0.075,
        "everyday-action": 0.015,
        "everyday-explain": 0.09,
        "everyday-predict-picture": 0.085,
        "everyday-predict-words": 0.035,
        "everyday-predict-fact": 0.075,
        "everyday-chain": 0.05,
        "everyday-hop": 0.06,
        "everyday-unknown": 0.015,
        "blocks-describe": 0.09,
        "blocks-look": 0.055,
        "blocks-action": 0.005,
        "blocks-inverse": 0.10,
        "blocks-explain": 0.04,
        "blocks-event": 0.18,
        "blocks-predict": 0.01,
        "blocks-after": 0.07,
        "chat": 0.02,
    },
    30_000_000,
    thinking=0.6,
)
"""Last, when every patch tells what it shows: above all, in what two pictures differ."""

PARTS = 2
"""A step learns from this many small batches, each of one kind: so they hold little padding."""
_LESSONS = {
    "talk-facts": 4,
    "talk-ties": 4,
    "talk-life": 5,
    "talk-thing": 5,
    "talk-scene": 5,
    "talk-change": 3,
    "talk-notes": 3,
    "everyday-explain": 6,
    "blocks-explain": 5,
    "blocks-inverse": 6,
    "blocks-event": 6,
    "everyday-hop": 8,
    "everyday-predict-words": 22,
    "everyday-chain": 15,
    "chat": 28,
}
_USUAL_LESSONS = 12
"""How many lessons of a kind make one part: about 1,000 tokens."""


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
        return Task(with_result(student, lesson), drawn.scenes, outcome, drawn.labels)
    think = rng.random() < (thinking if drawn.thought else CLOSING)
    lesson = encode_lesson(student, lesson_of(drawn, think=think))
    return Task(lesson, drawn.scenes, labels=drawn.labels)


def talk_task(student: ImageTokenReasoningLLM, index: int, kind: str, *, thinking: bool) -> Task:
    """A conversation as it is learned: all of its answers, all with a thought or all without."""
    drawn = talk(index, kind, student.config.vision.image_size)
    facts = tuple(" | ".join(fact) for fact in drawn.facts)
    lessons = [
        Lesson(
            turn.question,
            turn.answer,
            drawn.pictures,
            (),
            facts,
            turn.thought if thinking else None,
        )
        for turn in drawn.turns
    ]
    return Task(encode_conversation(student, lessons), drawn.scenes, labels=drawn.labels)


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
    if kind in TALKS:
        talks = range(first, first + size)
        return tutor_batch(
            student, [talk_task(student, row, kind, thinking=bool(thinking)) for row in talks]
        )
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
