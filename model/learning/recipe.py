"""Stages 2 and 3 of the shipped student: the decoder learns to answer, then to read facts.

The tower was taught by ``sight.py`` and is frozen by then. Lessons are drawn by the micro-world and
answered by its oracle; some carry facts that matter, some facts that do not.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch.utils.data import DataLoader, Dataset

from model.learning.examples import Batch, Lesson, collate, encode_lesson
from model.microworld.oracle import KINDS, Example, example
from model.microworld.splits import seed_of
from model.model import ImageTokenReasoningLLM
from model.network.text_tokenizer import PAD

AnyBatch = TypeVar("AnyBatch")
LESSONS_APART = 128
"""Numbers between the first lessons of two steps: no lesson is drawn twice."""


def lesson_of(drawn: Example) -> Lesson:
    """A drawn example as a lesson."""
    facts = tuple(" | ".join(fact) for fact in drawn.facts)
    return Lesson(drawn.question, drawn.answer, drawn.pictures, drawn.roles, facts)


@dataclass(frozen=True)
class Mix:
    """How often each kind of question is asked, and from which number on lessons are drawn."""

    name: str
    weights: Mapping[str, float]
    first_lesson: int


ANSWERING = Mix("answering", KINDS, 0)
READING = Mix(
    "reading",
    {kind: 0.45 * weight for kind, weight in KINDS.items()}
    | {"everyday-predict-fact": 0.5, "blocks-change": 0.05},
    10_000_000,
)
"""After all else is known: mostly facts that contradict it, until they are read word for word."""

_THREE_PICTURES = frozenset({"everyday-explain", "blocks-explain"})
_NO_PICTURE = frozenset({"everyday-predict-words", "everyday-chain", "chat"})
_GROUPS = (
    (_THREE_PICTURES, 24),
    (frozenset(KINDS) - _THREE_PICTURES - _NO_PICTURE, 36),
    (_NO_PICTURE, 64),
)
"""Kinds of about one length, and how many of them make a batch: so it holds little padding."""


def answer_batch(step: int, student: ImageTokenReasoningLLM, mix: Mix) -> Batch:
    """The lessons of one step: one group of kinds, each kind as often as the mix says."""
    rng = random.Random(seed_of("train", step, mix.name))
    shares = [sum(mix.weights[kind] for kind in kinds) / size for kinds, size in _GROUPS]
    group, size = rng.choices(_GROUPS, weights=shares)[0]
    chosen = sorted(group)
    weights = [mix.weights[kind] for kind in chosen]
    kinds = rng.choices(chosen, weights=weights, k=2 * size)
    first = mix.first_lesson + step * LESSONS_APART
    lessons = [
        encode_lesson(student, lesson_of(example("train", first + row, kind)))
        for row, kind in enumerate(kinds)
    ]
    # the shorter or the longer half, by chance: a third less padding
    lessons.sort(key=lambda lesson: len(lesson.ids))
    half = slice(size) if rng.random() < 0.5 else slice(size, None)
    return collate(lessons[half], student.tokenizer.id(PAD))


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
