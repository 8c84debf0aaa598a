"""Make the shipped student from nothing: ``python -m model.scripts.make_student``.

Resumable steps: learn the tokenizer, teach the tower to see, teach the decoder to answer and then
to read facts.
Stopped at any moment, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from model.bundles.bundle import Card
from model.config import TrainConfig
from model.learning.evaluation import evaluate_student
from model.learning.examples import answer_loss
from model.learning.recipe import ANSWERING, READING, DrawnAhead, Mix, answer_batch
from model.learning.sight import Sight, sight_batch
from model.learning.tokenizer_corpus import tokenizer_corpus
from model.learning.training import Signal, StepReport, fit
from model.microworld.splits import world_hash
from model.model import ImageTokenReasoningLLM
from model.network.text_tokenizer import TextTokenizer
from model.paths import PROJECT, SHIPPED_BUNDLE

SEED = 1
VOCABULARY = 2048
SIGHT = TrainConfig(
    steps=2500, batch_size=64, learning_rate=1.5e-3, seed=SEED, checkpoint_every_s=30
)
ANSWERS = TrainConfig(
    steps=3600, batch_size=36, learning_rate=1.5e-3, seed=SEED, checkpoint_every_s=60
)
FACTS = TrainConfig(
    steps=1400, batch_size=36, learning_rate=1.0e-3, seed=SEED, checkpoint_every_s=60
)


def reporter(stage: str, config: TrainConfig, curve: Path) -> Callable[[StepReport], Signal]:
    """Print a line now and then, and append every 20th step to the curve's file."""
    started, recent = time.monotonic(), [0.0, 0.0]

    def on_step(report: StepReport) -> Signal:
        recent[0] += report.loss
        recent[1] += 1
        if report.step % 20 == 0 or report.step == config.steps:
            mean, seconds = recent[0] / recent[1], time.monotonic() - started
            recent[:] = [0.0, 0.0]
            with open(curve, "a", encoding="utf-8") as file:
                point = {"stage": stage, "step": report.step, "loss": round(mean, 4)}
                file.write(json.dumps(point) + "\n")
            if report.step % 100 == 0 or report.step == config.steps:
                print(
                    f"{stage} {report.step}/{config.steps}  loss {mean:.4f}  "
                    f"{report.tokens / report.seconds:.0f} tokens/s  {seconds:.0f} s",
                    flush=True,
                )
        return "go"

    return on_step


def make_tokenizer(folder: Path) -> TextTokenizer:
    """Learn the tokenizer, or read the one learned before."""
    path = folder / "tokenizer.json"
    if not path.exists():
        path.write_text(TextTokenizer.train(tokenizer_corpus(), VOCABULARY).to_json())
    return TextTokenizer.from_json(path.read_text())


def teach_sight(student: ImageTokenReasoningLLM, folder: Path, workers: int) -> None:
    """Stage 1: the tower."""
    size = student.config.vision.image_size
    make = partial(sight_batch, size=SIGHT.batch_size, image_size=size)
    torch.manual_seed(SEED)
    fit(
        Sight(student),
        DrawnAhead(make, SIGHT.steps, workers),
        lambda sight, batch: sight(batch),
        SIGHT,
        reporter("sight", SIGHT, folder / "curve.jsonl"),
        folder / "sight.pt",
    )


def teach_decoder(
    student: ImageTokenReasoningLLM, mix: Mix, config: TrainConfig, folder: Path, workers: int
) -> None:
    """Stages 2 and 3: the projector and the decoder; the tower is frozen."""
    student.vision_tower.requires_grad_(False)
    make = partial(answer_batch, student=student, mix=mix)
    fit(
        student,
        DrawnAhead(make, config.steps, workers),
        answer_loss,
        config,
        reporter(mix.name, config, folder / "curve.jsonl"),
        folder / f"{mix.name}.pt",
    )


def main() -> None:
    """Run the steps that are not done yet and write the bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=SHIPPED_BUNDLE, help="folder of the bundle")
    parser.add_argument(
        "--work", type=Path, default=PROJECT / "build" / "student", help="checkpoints and curve"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that draw pictures")
    parser.add_argument("--only-sight", action="store_true", help="stop after stage 1")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options.work.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(options.work)
    student = ImageTokenReasoningLLM.new("tiny", tokenizer, seed=SEED)
    teach_sight(student, options.work, options.workers)
    if options.only_sight:
        return
    teach_decoder(student, ANSWERING, ANSWERS, options.work, options.workers)
    teach_decoder(student, READING, FACTS, options.work, options.workers)
    student.card = Card(
        name="Micro-world student",
        origin=f"make student, seed {SEED}, micro-world {world_hash()}",
        teacher="built-in micro-world oracle",
    )
    student.save(options.out)
    learned = ImageTokenReasoningLLM.load_from_bundle(options.out)
    measured = evaluate_student(learned, "validation", 400)
    figures = {f"validation exact, {kind}": value for kind, value in measured.by_kind.items()}
    figures = {"validation exact": measured.exact, "validation loss": measured.loss, **figures}
    student.card = Card(**{**vars(student.card), "figures": figures})
    print(student.save(options.out), json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
