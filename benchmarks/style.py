"""A tower that saw every thing in one style of drawing names it in the other.

``python -m benchmarks.style`` trains stage 1 of the recipe on Noto's drawings alone and asks for
the names of Fluent's, which no training showed. The shipped student learns from both styles; this
figure says how far one drawing of a thing carries. Goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import replace
from pathlib import Path

import torch

from model.learning.sight import SEEING, Sight, signs
from model.microworld.everyday import STYLES, Style, draw
from model.microworld.splits import seed_of
from model.network.image_tokenizer import to_pixels
from model.paths import PROJECT
from model.scripts.make_student import SIGHT, make_tokenizer, new_student, teach_sight

WORK = PROJECT / "build" / "style"


@torch.inference_mode()
def named(sight: Sight, style: Style, count: int, seed: int) -> float:
    """Share of drawings of things in a style that the tower names, among all signs."""
    things = [(number, sign) for number, sign in enumerate(signs()) if sign.kind == "thing"]
    rng = random.Random(seed_of("test", seed, f"style {style}"))
    right = 0
    for start in range(0, count, 100):
        chosen = [rng.choice(things) for _ in range(min(100, count - start))]
        pictures = [draw(sign.label, rng, 96, style=style) for _, sign in chosen]
        patches_NPM = sight.tower(to_pixels(pictures, 96))
        said = sight.name(sight.tower.embed(patches_NPM)).argmax(dim=1).tolist()
        right += sum(number == word for (number, _), word in zip(chosen, said, strict=True))
    return right / count


def measure(steps: int, seed: int, work: Path, count: int) -> dict[str, float]:
    """Train a tower on the first style alone for ``steps`` steps, test it on both."""
    work.mkdir(parents=True, exist_ok=True)
    student = new_student(make_tokenizer(work), 1)
    seen, unseen = STYLES
    torch.manual_seed(1)
    sight = Sight(student)
    config = replace(SIGHT, steps=steps, seed=1)
    teach_sight(sight, SEEING, config, work, 1, style=seen)
    sight.eval()
    return {
        "everyday_style": named(sight, unseen, count, seed),
        "same_style": named(sight, seen, count, seed),
        "style_chance": round(1 / len(signs()), 4),
        "style_steps": steps,
    }


def main() -> None:
    """Train on the first style, test on both, print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--steps", type=int, default=3000, help="steps of 96 pictures")
    parser.add_argument("--seed", type=int, default=0, help="which test drawings")
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--count", type=int, default=1000, help="drawings of each style")
    options = parser.parse_args()
    print(json.dumps(measure(options.steps, options.seed, options.work, options.count)))


if __name__ == "__main__":
    main()
