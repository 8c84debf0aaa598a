"""Trains a small student and writes its curve down: started twice by ``test_devices``.

``python -m torch.distributed.run --nproc-per-node=2 tests/two_processes.py OUT``
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from model.config import TrainConfig
from model.learning.devices import Share, SharedBatches
from model.learning.examples import Batch, Lesson, answer_loss, collate, encode_lesson
from model.learning.training import Signal, StepReport, fit
from model.network.text_tokenizer import PAD
from model.paths import process_rank
from tests.small import make_student, picture

ANSWERS = ("red.", "a very deep green, I think.", "blue", "white as snow", "grey and small.")
STEPS = 6


class Lessons:
    """Five lessons of unlike length, one of them in words alone; three to a step."""

    def __init__(self) -> None:
        self.student = make_student(seed=4)
        self.encoded = [
            encode_lesson(
                self.student, Lesson("What is this?", answer, (picture("red"),) if n else ())
            )
            for n, answer in enumerate(ANSWERS)
        ]

    def _part(self, numbers: Sequence[int]) -> Batch:
        pad = self.student.tokenizer.id(PAD)
        return collate([self.encoded[number] for number in numbers], pad)

    def _numbers(self, step: int) -> list[int]:
        return [(step + shift) % len(ANSWERS) for shift in range(3)]

    def whole(self, step: int) -> Batch:
        return self._part(self._numbers(step))

    def shares(self, step: int, count: int) -> list[Share]:
        numbers = self._numbers(step)
        parts = [self._part(numbers[n::count]) for n in range(count)]
        total = sum(part.learned for part in parts)
        return [(part, part.learned * count / total) for part in parts]


def curve() -> list[float]:
    """The loss of every step."""
    lessons, losses = Lessons(), []

    def on_step(report: StepReport) -> Signal:
        losses.append(report.loss)
        return "stop" if report.step == STEPS - 1 else "go"

    batches = SharedBatches(lessons.whole, lessons.shares)
    config = TrainConfig(steps=STEPS, learning_rate=3e-3)
    fit(lessons.student, batches, answer_loss, config, on_step)
    return losses


if __name__ == "__main__":
    found = curve()
    if process_rank() == 0:
        Path(sys.argv[1]).write_text(json.dumps(found))
