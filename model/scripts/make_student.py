"""Make the shipped student from nothing: ``python -m model.scripts.make_student``.

Resumable steps: learn the tokenizer, teach the tower to see and every patch to tell by itself what
it shows; then teach the decoder to find the right line among facts, the projector to make image
tokens resemble words, the decoder to read pictures, to answer, and what is hardest: in what two
pictures differ; and last graph tokens, which ``--only graph-tokens`` adds to a finished bundle.
Stopped at any moment, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from model.bundles.bundle import FAMILIAR_THRESHOLD, Card, read_bundle
from model.config import TrainConfig
from model.learning.evaluation import evaluate_student
from model.learning.familiarity import draw_line, judge_line
from model.learning.graph_lessons import (
    PICTURES,
    GraphReading,
    add_graph_tokens,
    graph_batch,
)
from model.learning.recipe import (
    ANSWERING,
    FINDING,
    MASTERING,
    READING,
    DrawnAhead,
    Mix,
    answer_batch,
    parts_loss,
)
from model.learning.saying import Saying, saying_batch
from model.learning.sight import SEEING, SPREADING, Sight, SightPlan, sight_batch
from model.learning.tokenizer_corpus import tokenizer_corpus
from model.learning.training import StepReport, fit
from model.learning.tutor import Tutor
from model.microworld.everyday import Style
from model.microworld.splits import world_hash
from model.model import ImageTokenReasoningLLM
from model.network.text_tokenizer import TextTokenizer
from model.paths import PROJECT, SHIPPED_BUNDLE
from model.records import Signal

_COMPILER = shutil.which("c++")
"""With a compiler at hand a step takes two thirds of the time; the lessons are the same."""
SEED = 1
VOCABULARY = 2048
_SHARED = {"precision": "bfloat16", "optimizer": "muon", "checkpoint_every_s": 60.0}
SIGHT = TrainConfig(steps=8000, batch_size=96, learning_rate=2e-3, **_SHARED)  # type: ignore[arg-type]
SPREAD = TrainConfig(steps=4000, batch_size=96, learning_rate=2e-3, **_SHARED)  # type: ignore[arg-type]
FIND = TrainConfig(steps=3000, batch_size=8, learning_rate=2e-3, **_SHARED)  # type: ignore[arg-type]
SAY = TrainConfig(steps=1500, batch_size=64, learning_rate=3e-3, **_SHARED)  # type: ignore[arg-type]
READ = TrainConfig(steps=3000, batch_size=20, learning_rate=2e-3, **_SHARED)  # type: ignore[arg-type]
ANSWER = TrainConfig(steps=6800, batch_size=20, learning_rate=1.5e-3, **_SHARED)  # type: ignore[arg-type]
MASTER = TrainConfig(steps=15200, batch_size=20, learning_rate=1.5e-3, **_SHARED)  # type: ignore[arg-type]

GRAPH_WORDS = TrainConfig(
    steps=400, batch_size=16, learning_rate=5e-3, weight_decay=0.0, checkpoint_every_s=60.0
)
GRAPH = TrainConfig(
    steps=500, batch_size=16, learning_rate=3e-3, weight_decay=0.0, checkpoint_every_s=60.0
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


def new_student(tokenizer: TextTokenizer, seed: int) -> ImageTokenReasoningLLM:
    """A student of the shipped shape that knows nothing yet."""
    student = ImageTokenReasoningLLM.new("tiny", tokenizer, seed=seed)
    student.config = replace(student.config, thinks=True)
    return student


def continued_student(start: Path, seed: int) -> ImageTokenReasoningLLM:
    """A student with new eyes whose decoder and tokenizer are those of the bundle ``start``."""
    known = ImageTokenReasoningLLM.load_from_bundle(start)
    student = ImageTokenReasoningLLM.new(
        "tiny", known.tokenizer, seed=seed, decoder=known.config.decoder
    )
    student.config = replace(student.config, thinks=True)
    student.model.load_state_dict(known.model.state_dict())
    return student


def teach_sight(
    sight: Sight,
    plan: SightPlan,
    config: TrainConfig,
    folder: Path,
    workers: int = 1,
    style: Style | None = None,
) -> None:
    """Stages 1 and 2: the tower and the familiarity head."""
    tower, size = sight.tower, sight.tower.config.image_size
    make = partial(
        sight_batch,
        size=config.batch_size,
        image_size=size,
        style=style,
        seed=config.seed,
        plan=plan,
    )
    if _COMPILER:
        tower.forward = torch.compile(tower.forward, dynamic=False)  # type: ignore[method-assign]
    tower.requires_grad_(True)
    sight.every_patch = plan.every_patch
    fit(
        sight,
        DrawnAhead(make, config.steps, workers),
        lambda model, batch: model(batch),
        config,
        reporter(plan.name, config, folder / "curve.jsonl"),
        folder / f"{plan.name}.pt",
    )
    vars(tower).pop("forward", None)  # later stages show it pictures in other numbers


def teach_saying(
    student: ImageTokenReasoningLLM, config: TrainConfig, folder: Path, workers: int
) -> None:
    """Stage 4: the projector alone; it lies then where the words lie that the decoder knows."""
    make = partial(saying_batch, size=config.batch_size, student=student, seed=config.seed)
    fit(
        Saying(student),
        DrawnAhead(make, config.steps, workers),
        lambda model, batch: model(batch),
        config,
        reporter("saying", config, folder / "curve.jsonl"),
        folder / "saying.pt",
    )


def teach_decoder(
    student: ImageTokenReasoningLLM, mix: Mix, config: TrainConfig, folder: Path, workers: int
) -> None:
    """Stages 3 and 5 to 7: the projector and the decoder; the tower is frozen."""
    make = partial(answer_batch, student=student, mix=mix, seed=config.seed)
    batches = DrawnAhead(make, config.steps, workers)
    tutor = Tutor(student)
    if _COMPILER:
        student.model.states = torch.compile(student.model.states, dynamic=True)  # type: ignore[method-assign]
    fit(
        tutor,
        batches,
        parts_loss,
        config,
        reporter(mix.name, config, folder / "curve.jsonl"),
        folder / f"{mix.name}.pt",
    )


def teach_graph_tokens(
    student: ImageTokenReasoningLLM,
    plan: Callable[[TrainConfig], TrainConfig],
    folder: Path,
    workers: int,
) -> None:
    """Graph tokens alone, at first without the decoder, which does not learn any more."""
    add_graph_tokens(student)
    stages = (("graph words", plan(GRAPH_WORDS), 0.0), ("graph tokens", plan(GRAPH), PICTURES))
    for name, config, pictures in stages:
        make = partial(
            graph_batch,
            size=config.batch_size,
            student=student,
            seed=config.seed,
            pictures=pictures,
        )
        fit(
            GraphReading(student, words_alone=not pictures),
            DrawnAhead(make, config.steps, workers),
            lambda model, batch: model(batch),
            config,
            reporter(name, config, folder / "curve.jsonl"),
            folder / f"{name.replace(' ', '-')}.pt",
        )
    student.requires_grad_(True)


def only_graph_tokens(
    options: argparse.Namespace, plan: Callable[[TrainConfig], TrainConfig]
) -> None:
    """Give the bundle ``--start`` graph tokens, in ``--out``; all else stays as it is."""
    student = ImageTokenReasoningLLM.load_from_bundle(options.start)
    torch.manual_seed(options.seed)
    teach_graph_tokens(student, plan, options.work, options.workers)
    steps = f"{plan(GRAPH_WORDS).steps} + {plan(GRAPH).steps} steps"
    origin = f"{student.card.origin}, graph tokens {steps}"
    student.card = replace(student.card, origin=origin, created_at=0.0)
    print(student.save(options.out))


def finish(student: ImageTokenReasoningLLM, out: Path, origin: str, parent: str) -> None:
    """Write the bundle, with what was measured on validation in its card."""
    student.card = Card(
        name="Micro-world student",
        origin=f"{origin}, micro-world {world_hash()}",
        teacher="built-in micro-world oracle",
        parent=parent,
    )
    student.save(out)
    learned = ImageTokenReasoningLLM.load_from_bundle(out)
    measured = evaluate_student(learned, "validation", 400)
    figures = {f"validation exact, {kind}": value for kind, value in measured.by_kind.items()}
    figures = {"validation exact": measured.exact, "validation loss": measured.loss, **figures}
    line = judge_line(learned, draw_line(learned))
    figures |= {
        FAMILIAR_THRESHOLD: line.threshold,
        "known pictures refused (test)": line.known_refused,
        "strange pictures refused (test, kinds never trained)": line.strange_refused,
    }
    student.card = Card(**{**vars(student.card), "figures": figures})
    print(student.save(out), json.dumps(figures, indent=1))


def main() -> None:
    """Run the steps that are not done yet and write the bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=SHIPPED_BUNDLE, help="folder of the bundle")
    parser.add_argument(
        "--work", type=Path, default=PROJECT / "build" / "student", help="checkpoints and curve"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that draw pictures")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed, another student")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of every stage's steps that is taken"
    )
    parser.add_argument(
        "--start", type=Path, help="bundle whose decoder and tokenizer learn on; none: from nothing"
    )
    parser.add_argument(
        "--only", choices=("graph-tokens",), help="take this stage alone, with the bundle --start"
    )
    options = parser.parse_args()
    if options.only and not options.start:
        parser.error("--only needs --start: the bundle that the stage is added to")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options.work.mkdir(parents=True, exist_ok=True)

    def planned(config: TrainConfig, rate: float = 1.0) -> TrainConfig:
        steps = max(1, round(config.steps * options.scale))
        peak = config.learning_rate * rate
        return replace(config, steps=steps, seed=options.seed, learning_rate=peak)

    if options.only:
        only_graph_tokens(options, planned)
        return
    student = (
        continued_student(options.start, options.seed)
        if options.start
        else new_student(make_tokenizer(options.work), options.seed)
    )
    torch.manual_seed(options.seed)
    sight = Sight(student)

    for plan, config in ((SEEING, SIGHT), (SPREADING, SPREAD)):
        teach_sight(sight, plan, planned(config), options.work, options.workers)
    rate = 0.5 if options.start else 1.0  # what a decoder knows is easily lost to large steps
    teach_decoder(student, FINDING, planned(FIND, rate), options.work, options.workers)
    teach_saying(student, planned(SAY), options.work, options.workers)
    for mix, config in ((READING, READ), (ANSWERING, ANSWER), (MASTERING, MASTER)):
        teach_decoder(student, mix, planned(config, rate), options.work, options.workers)
    parent = read_bundle(options.start).weights_hash[:6] if options.start else ""
    origin = f"make student, seed {options.seed}, scale {options.scale:g}"
    finish(student, options.out, f"{origin}, decoder of {parent}" if parent else origin, parent)


if __name__ == "__main__":
    main()
