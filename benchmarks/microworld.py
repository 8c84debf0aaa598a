"""What a student knows of the micro-world: ``python -m benchmarks.microworld``.

Asks fresh questions of the test split, which no training and no tuning saw, and counts answers that
are right word for word. Controls: the same questions with blank pictures, and with the pictures of
other questions.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from model.learning.evaluation import say
from model.learning.examples import Lesson
from model.learning.recipe import lesson_of
from model.microworld.oracle import Example, example
from model.microworld.splits import world_hash
from model.model import ImageTokenReasoningLLM
from model.paths import SHIPPED_BUNDLE


def interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z, share = 1.96, right / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - spread) / (1 + z * z / count), (middle + spread) / (1 + z * z / count)


def exact(
    student: ImageTokenReasoningLLM, drawn: Sequence[Example], lessons: Sequence[Lesson]
) -> float:
    right = sum(say(student, x) == e.answer for e, x in zip(drawn, lessons, strict=True))
    return right / max(len(drawn), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=SHIPPED_BUNDLE)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="which stretch of the test split")
    parser.add_argument("--mistakes", type=int, default=5, help="how many mistakes to print")
    options = parser.parse_args()
    student = ImageTokenReasoningLLM.load_from_bundle(options.bundle)
    first = options.seed * 100_000
    drawn = [example("test", first + index) for index in range(options.questions)]
    lessons = [lesson_of(one) for one in drawn]
    by_kind: dict[str, list[bool]] = defaultdict(list)
    mistakes: list[str] = []
    for one, lesson in zip(drawn, lessons, strict=True):
        said = say(student, lesson)
        by_kind[one.kind].append(said == one.answer)
        if said != one.answer:
            mistakes.append(f"{one.kind}: {one.question} → {said!r}, right is {one.answer!r}")
    print(f"{'kind':<26}{'n':>5}{'exact':>8}   95 % interval")
    for kind, hits in sorted(by_kind.items()):
        low, high = interval(sum(hits), len(hits))
        print(f"{kind:<26}{len(hits):>5}{sum(hits) / len(hits):>8.3f}   {low:.3f}–{high:.3f}")
    right = sum(sum(hits) for hits in by_kind.values())
    low, high = interval(right, len(drawn))
    print(f"{'all':<26}{len(drawn):>5}{right / len(drawn):>8.3f}   {low:.3f}–{high:.3f}")
    seen = [(one, lesson) for one, lesson in zip(drawn, lessons, strict=True) if lesson.images]
    pictured, with_pictures = [one for one, _ in seen], [lesson for _, lesson in seen]
    blank = [
        replace(x, images=tuple(Image.new("RGB", (96, 96), "white") for _ in x.images))
        for x in with_pictures
    ]
    others = [*with_pictures[7:], *with_pictures[:7]]
    swapped = [
        replace(x, images=tuple((*y.images, *y.images, *y.images)[: len(x.images)]))
        for x, y in zip(with_pictures, others, strict=True)
    ]
    figures = {
        "microworld_exact": round(right / len(drawn), 4),
        "pictured_exact": round(exact(student, pictured, with_pictures), 4),
        "blank_control": round(exact(student, pictured, blank), 4),
        "swap_control": round(exact(student, pictured, swapped), 4),
        "questions": len(drawn),
        "seed": options.seed,
        "world": world_hash(),
    }
    for name in ("pictured_exact", "blank_control", "swap_control"):
        print(f"{name.replace('_', ' '):<26}{len(pictured):>5}{figures[name]:>8.3f}")
    for mistake in mistakes[: options.mistakes]:
        print(f"  {mistake}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
