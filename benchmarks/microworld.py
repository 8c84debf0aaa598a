"""What a student can do in the micro-world: tasks × splits × controls, with intervals.

``python -m benchmarks.microworld --bundle assets/student`` asks fresh questions of the test splits,
which no training saw; another ``--seed`` asks others. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image

from benchmarks.choices import by_pixels, choice, chosen
from benchmarks.style import WORK, measure
from model.bundles.bundle import read_bundle
from model.comparing.significance import wilson
from model.learning.answering import answers, prompt_of
from model.learning.examples import Lesson
from model.learning.familiarity import judge_line
from model.learning.recipe import lesson_of
from model.microworld import everyday
from model.microworld.blocks_words import steps_answer
from model.microworld.language import noun
from model.microworld.oracle import Example, example
from model.microworld.scoring import ATTRIBUTES, score_change, score_description, score_event
from model.microworld.splits import seed_of, world_hash
from model.model import ImageTokenReasoningLLM
from model.paths import SHIPPED_BUNDLE

STRETCH = 1_000_000
"""Numbers of one seed's questions begin at this multiple of it."""
Judge = Callable[[str, Example], bool]


def word_for_word(said: str, drawn: Example) -> bool:
    """Whether an answer is the oracle's own."""
    return said == drawn.answer


def by_effect(said: str, drawn: Example) -> bool:
    """Whether what is said to have been done leads from the first scene to the last."""
    before, after = drawn.scenes[0], drawn.scenes[-1]
    assert before is not None
    assert after is not None
    if len(drawn.steps) == 1:
        return score_change(said, before, after, drawn.steps[0]).all
    return score_event(said, before, after).strict


@dataclass(frozen=True)
class Task:
    """One row of the table: which questions, of which split, judged how."""

    name: str
    kind: str
    split: str
    judge: Judge = word_for_word
    hops: int = 0


TASKS = (
    Task("describe_iid", "blocks-describe", "test"),
    Task("describe_cogent", "blocks-describe", "cogent"),
    Task("describe_count", "blocks-describe", "count"),
    Task("inverse_iid", "blocks-inverse", "test", by_effect),
    Task("inverse_cogent", "blocks-inverse", "cogent", by_effect),
    Task("count_acc", "blocks-inverse", "count", by_effect),
    Task("explain_iid", "blocks-explain", "test", by_effect),
    Task("event_acc_iid", "blocks-event", "test", by_effect),
    Task("primitive_acc", "blocks-event", "primitive", by_effect),
    Task("length_acc", "blocks-event", "length", by_effect),
    Task("hop1_iid", "everyday-hop", "test", hops=1),
    Task("hop2_iid", "everyday-hop", "test", hops=2),
    Task("hop3", "everyday-hop", "hop", hops=3),
    Task("everyday_name", "everyday-name", "test"),
    Task("everyday_name_augment", "everyday-name", "augment"),
    Task("everyday_action", "everyday-action", "test"),
    Task("everyday_explain", "everyday-explain", "test"),
    Task("everyday_predict", "everyday-predict-picture", "test"),
    Task("everyday_predict_augment", "everyday-predict-picture", "augment"),
    Task("everyday_predict_words", "everyday-predict-words", "test"),
    Task("everyday_predict_fact", "everyday-predict-fact", "test"),
    Task("everyday_new_pair", "everyday-predict-fact", "new-pair"),
    Task("everyday_chain", "everyday-chain", "test"),
)
THINKING = ("event_acc_iid", "inverse_iid", "hop2_iid", "everyday_predict")
"""Rows that are asked without a thought, too."""


def items(task: Task, seed: int, count: int) -> list[Example]:
    """The questions of a row; for hops, those that are as long as the row says."""
    found: list[Example] = []
    index = seed * STRETCH
    while len(found) < count:
        drawn = example(task.split, index, task.kind)
        index += 1
        if not task.hops or drawn.thought.count(" | ") == 2 * task.hops:
            found.append(drawn)
    return found


class Table:
    """Collects rows and figures and prints them as they come."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        print(f"{'row':<34}{'n':>6}{'value':>8}   95 % interval")

    def add(self, name: str, hits: Sequence[bool]) -> float:
        """A row that is a share of right answers."""
        return self.share(name, sum(hits), len(hits))

    def share(self, name: str, right: float, asked: int) -> float:
        """A row that is a share."""
        value = right / asked
        low, high = wilson(value, asked)
        self.figures[name] = round(value, 4)
        print(f"{name:<34}{asked:>6}{value:>8.3f}   {low:.3f}–{high:.3f}", flush=True)
        return value

    def number(self, name: str, value: float) -> None:
        """A row that is no share."""
        self.figures[name] = round(value, 4)
        print(f"{name:<34}{'':>6}{value:>8.3f}", flush=True)


def hits_of(
    student: ImageTokenReasoningLLM,
    drawn: Sequence[Example],
    lessons: Sequence[Lesson],
    judge: Judge,
) -> list[bool]:
    """Which of the answers are right."""
    said = answers(student, lessons)
    return [judge(one.answer, item) for one, item in zip(said, drawn, strict=True)]


def lessons_of(student: ImageTokenReasoningLLM, drawn: Sequence[Example]) -> list[Lesson]:
    """The questions as they are asked; with a thought if the student thinks."""
    return [lesson_of(one, think=student.config.thinks) for one in drawn]


def questions(student: ImageTokenReasoningLLM, table: Table, seed: int, count: int) -> None:
    """Every row that is a question with one right answer, and its ablations."""
    for task in TASKS:
        drawn = items(task, seed, count)
        lessons = lessons_of(student, drawn)
        said = [one.answer for one in answers(student, lessons)]
        pairs = list(zip(said, drawn, strict=True))
        value = table.add(task.name, [task.judge(words, one) for words, one in pairs])
        _details(table, task, pairs)
        if task.name in THINKING and student.config.thinks:
            plain = [replace(lesson, thought=None) for lesson in lessons]
            without = table.add(
                f"{task.name} without thought", hits_of(student, drawn, plain, task.judge)
            )
            table.number(f"think_gain {task.name}", value - without)
        if task.name == "inverse_iid":
            _controls(student, table, drawn, lessons)
        if task.name in ("hop2_iid", "everyday_new_pair"):
            _facts(student, table, task, drawn, lessons, value)


def _details(table: Table, task: Task, pairs: Sequence[tuple[str, Example]]) -> None:
    """TRANCE's parts of the score, and a description's attributes."""
    if task.kind == "blocks-describe":
        scores = [score_description(words, one.scenes[0]) for words, one in pairs if one.scenes[0]]
        blocks = sum(score.blocks for score in scores)
        for name in ATTRIBUTES:
            table.share(f"  {task.name} {name}", sum(s.right[name] for s in scores), blocks)
    if task.kind == "blocks-inverse":
        changes = [score_change(w, e.scenes[0], e.scenes[1], e.steps[0]) for w, e in pairs]  # type: ignore[arg-type]
        for part in ("object", "attribute", "value"):
            table.share(
                f"  {task.name} {part}", sum(getattr(c, part) for c in changes), len(changes)
            )
    if task.kind == "blocks-event":
        events = [score_event(w, e.scenes[0], e.scenes[1]) for w, e in pairs]  # type: ignore[arg-type]
        steps = [len(one.steps) for _, one in pairs]
        away = [event.distance for event in events]
        table.number(f"  {task.name} AD", sum(away) / len(away))
        table.number(
            f"  {task.name} AND", sum(a / s for a, s in zip(away, steps, strict=True)) / len(away)
        )
        table.share(f"  {task.name} LAcc", sum(event.loose for event in events), len(events))


def _controls(
    student: ImageTokenReasoningLLM,
    table: Table,
    drawn: Sequence[Example],
    lessons: Sequence[Lesson],
) -> None:
    """What is left of *inverse* when the pictures are taken away, swapped or merely subtracted."""
    blank = Image.new("RGB", (96, 96), "white")
    blanks = [replace(lesson, images=tuple(blank for _ in lesson.images)) for lesson in lessons]
    table.add("blank_control", hits_of(student, drawn, blanks, by_effect))
    turned = [replace(lesson, images=lesson.images[::-1]) for lesson in lessons]
    table.add("swap_control", hits_of(student, drawn, turned, by_effect))
    bare = [replace(lesson, images=(), roles=()) for lesson in lessons]
    table.add("text_only_control", hits_of(student, drawn, bare, by_effect))
    common = Counter(
        example("train", index, "blocks-inverse").answer for index in range(2000)
    ).most_common(1)[0][0]
    table.add("majority_control", [by_effect(common, one) for one in drawn])
    guesses = [by_pixels(one.scenes[0], one.pictures) for one in drawn if one.scenes[0]]
    table.add(
        "pixel_difference_control",
        [
            guess is not None and by_effect(steps_answer([guess]), one)
            for guess, one in zip(guesses, drawn, strict=True)
        ],
    )
    table.add("oracle", [by_effect(one.answer, one) for one in drawn])


def _facts(
    student: ImageTokenReasoningLLM,
    table: Table,
    task: Task,
    drawn: Sequence[Example],
    lessons: Sequence[Lesson],
    value: float,
) -> None:
    """What is left when the facts are taken away, or their objects exchanged."""
    bare = [replace(lesson, facts=()) for lesson in lessons]
    without = table.add(f"{task.name} without facts", hits_of(student, drawn, bare, task.judge))
    table.number(f"{task.name}_gain", value - without)
    rng = random.Random(seed_of("test", 0, task.name))
    mixed = []
    for lesson, one in zip(lessons, drawn, strict=True):
        objects = [fact[2] for fact in one.facts]
        rng.shuffle(objects)
        facts = tuple(f"{s} | {r} | {o}" for (s, r, _), o in zip(one.facts, objects, strict=True))
        mixed.append(replace(lesson, facts=facts))
    table.add(f"{task.name} shuffled graph", hits_of(student, drawn, mixed, task.judge))


def forward(student: ImageTokenReasoningLLM, table: Table, seed: int, count: int) -> None:
    """What + action → which of 4, of 16 results?"""
    first = seed * STRETCH
    for name, split, candidates in (
        ("forward4_iid", "test", 4),
        ("forward16_iid", "test", 16),
        ("forward16_cogent", "cogent", 16),
    ):
        drawn = [choice(split, first + index, candidates) for index in range(count)]
        table.add(name, [chosen(student, one) == 0 for one in drawn])


@torch.inference_mode()
def retrieve(student: ImageTokenReasoningLLM, table: Table, seed: int, count: int) -> None:
    """Picture ↔ label by the 512-d embedding, among 100 things.

    A label stands for its picture in the graph, or for what the student imagines when it reads
    “Show me an egg.”.
    """
    rng = random.Random(seed_of("test", seed, "retrieve"))
    labels = rng.sample(tuple(everyday.things()), min(100, len(everyday.things())))
    asked = [rng.randrange(len(labels)) for _ in range(count)]
    pictures = [everyday.draw(labels[number], rng) for number in asked]
    drawn_NE = student.picture_embeddings(pictures)
    graph_LE = student.picture_embeddings([everyday.picture(label, 96) for label in labels])
    found = (drawn_NE @ graph_LE.T).argmax(dim=1).tolist()
    table.add("retrieve_r1", [a == b for a, b in zip(found, asked, strict=True)])
    if student.picture_heads is None:
        return
    prompts = [prompt_of(student, Lesson(f"Show me {noun(label)}.", "")) for label in labels]
    imagined_LE = torch.stack([student.imagine(prompt) for prompt in prompts])
    found = (drawn_NE @ imagined_LE.T).argmax(dim=1).tolist()
    table.add(
        "retrieve_r1 by imagined picture", [a == b for a, b in zip(found, asked, strict=True)]
    )


def unknown(student: ImageTokenReasoningLLM, table: Table, count: int) -> None:
    """Pictures of nothing known, of kinds that no training showed."""
    line = judge_line(student, student.card.familiar_threshold, count)
    table.share("strange_refused", line.strange_refused * count, count)
    table.share("known_refused", line.known_refused * count, count)


def main() -> None:
    """Print the table, then the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bundle", type=Path, default=SHIPPED_BUNDLE)
    parser.add_argument("--seed", type=int, default=0, help="which stretch of the test splits")
    parser.add_argument("--questions", type=int, default=1000, help="questions of each row")
    parser.add_argument("--quick", action="store_true", help="few questions: about a minute")
    parser.add_argument(
        "--style-steps",
        type=int,
        default=0,
        help="also train a tower on one style of drawing for so many steps, test it on the other",
    )
    options = parser.parse_args()
    count = 8 if options.quick else options.questions
    started = time.monotonic()
    student = ImageTokenReasoningLLM.load_from_bundle(options.bundle)
    table = Table()
    questions(student, table, options.seed, count)
    forward(student, table, options.seed, count)
    retrieve(student, table, options.seed, count)
    unknown(student, table, count)
    if options.style_steps:
        style = measure(options.style_steps, options.seed, WORK, count)
        table.share("everyday_style", style["everyday_style"] * count, count)
        table.share("same_style", style["same_style"] * count, count)
    figures: dict[str, float | str] = {**table.figures}
    figures["think_gain"] = table.figures.get("think_gain event_acc_iid", 0.0)
    figures |= {
        "questions": count,
        "seed": options.seed,
        "world": world_hash(),
        "weights": read_bundle(options.bundle).weights_hash[:6],
        "seconds": round(time.monotonic() - started),
    }
    print(f"{figures['seconds']} s", file=sys.stderr)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
