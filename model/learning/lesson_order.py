"""Which lessons a training step holds: a pure function of the step, whatever the teacher's speed.

New lessons are brought in steadily, in the order of the questions, so that the student learns
while the teacher still answers; the rest of a batch repeats lessons that are there already.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

HELD_OUT_EVERY = 8
MOST_HELD_OUT = 24
BROUGHT_IN = 0.9
"""Share of the steps after which every lesson was met: what is left is what a run takes longer
than its teacher, if the two are equally fast."""


def split(count: int) -> tuple[list[int], list[int]]:
    """Which questions are held out and which are learned, by number."""
    held_out = list(range(0, count, HELD_OUT_EVERY))[:MOST_HELD_OUT] if count > 1 else []
    kept = set(held_out)
    return held_out, [index for index in range(count) if index not in kept]


@dataclass(frozen=True)
class LessonOrder:
    """The order in which ``count`` lessons are learned in ``steps`` batches of ``batch_size``."""

    count: int
    steps: int
    batch_size: int
    seed: int

    def known(self, step: int) -> int:
        """How many lessons, counted from the first, steps 0 to ``step`` may hold."""
        first = min(self.batch_size, self.count)
        last = max(1.0, min(BROUGHT_IN * self.steps, self.steps - 1))
        rate = (self.count - first) / last
        return min(self.count, first + math.floor(min(rate, self.batch_size) * step))

    def step(self, step: int) -> list[int]:
        """The lessons of a step, by number, each at most once: those new to it come first.

        Later lessons are repeated more often, because they have fewer steps left: a lesson's
        chance grows with its number, so that over a run all are met about equally often.
        """
        known = self.known(step)
        chosen = list(range(self.known(step - 1) if step else 0, known))[: self.batch_size]
        draw = random.Random(f"{self.seed}/{step}")
        size = min(self.batch_size, known)
        while len(chosen) < size:
            lesson = int(known * math.sqrt(draw.random()))
            if lesson not in chosen:
                chosen.append(lesson)
        return chosen
