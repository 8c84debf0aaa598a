"""Where a student draws the line between what it knows and what it has never seen.

The line is chosen on validation so that few known pictures are refused, and judged on test, where
strange pictures are of kinds that no training showed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from model.learning.sight import as_uploaded
from model.microworld.oracle import example
from model.microworld.splits import seed_of
from model.microworld.strange import HELD_OUT_KINDS, TRAINED_KINDS, draw_strange
from model.model import ImageTokenReasoningLLM

REFUSED = 0.01
"""Share of the known pictures that may be refused on validation."""
_KINDS = ("everyday-name", "everyday-action", "blocks-describe", "blocks-action")
_TOGETHER = 64


@dataclass(frozen=True)
class Line:
    """Pictures below ``threshold`` are called strange; what that costs and brings, as shares."""

    threshold: float
    known_refused: float
    strange_refused: float


def known_pictures(split: str, count: int) -> list[Image.Image]:
    """Pictures of things, actions and blocks, some as a camera would take them."""
    found = []
    for index in range(count):
        picture = example(split, index, _KINDS[index % len(_KINDS)]).pictures[0]
        found.append(as_uploaded(picture, random.Random(seed_of(split, index, "uploaded"))))
    return found


def strange_pictures(split: str, count: int) -> list[Image.Image]:
    """Pictures of nothing known; on every split but the test's of the kinds that training shows."""
    kinds = HELD_OUT_KINDS if split == "test" else TRAINED_KINDS
    return [
        draw_strange(random.Random(seed_of(split, index, "strange")), kinds=kinds)
        for index in range(count)
    ]


def familiarity(student: ImageTokenReasoningLLM, pictures: Sequence[Image.Image]) -> list[float]:
    """How familiar each picture looks to a student, from 0 to 1."""
    found: list[float] = []
    for start in range(0, len(pictures), _TOGETHER):
        found += student.familiarity(pictures[start : start + _TOGETHER])
    return found


def draw_line(student: ImageTokenReasoningLLM, count: int = 1000) -> float:
    """The threshold at which ``REFUSED`` of the known validation pictures would be refused."""
    scores = sorted(familiarity(student, known_pictures("validation", count)))
    return round(scores[int(REFUSED * len(scores))], 4)


def judge_line(student: ImageTokenReasoningLLM, threshold: float, count: int = 1000) -> Line:
    """What a threshold does on the test split."""
    known = familiarity(student, known_pictures("test", count))
    strange = familiarity(student, strange_pictures("test", count))
    return Line(
        threshold,
        known_refused=sum(score < threshold for score in known) / count,
        strange_refused=sum(score < threshold for score in strange) / count,
    )
