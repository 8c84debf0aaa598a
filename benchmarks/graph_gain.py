"""What the graph brings a student, and in which form: ``python -m benchmarks.graph_gain``.

Asked are facts that may contradict what the student learned, and chains of one and two facts: what
is only in the graph. The student gets no facts, all that were drawn with the question in any order,
those that retrieval finds (in words, as graph tokens, or both), and both from a graph whose objects
were exchanged. Retrieval is the app's own, over the drawn facts; pictures count under their true
labels there. A student without graph tokens is asked the other rows only. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.microworld import TASKS, Table, hits_of, items, lessons_of
from model.bundles.bundle import read_bundle
from model.knowledge.told_facts import told_facts
from model.learning.examples import Lesson
from model.microworld.example import FactWords
from model.microworld.language import fact_line
from model.microworld.oracle import Example
from model.microworld.splits import seed_of
from model.model import ImageTokenReasoningLLM
from model.paths import SHIPPED_BUNDLE

ROWS = ("hop1_iid", "hop2_iid", "everyday_predict_fact")


def exchanged(drawn: Example, rng: random.Random) -> tuple[FactWords, ...]:
    """The facts of a question with their objects dealt out anew."""
    objects = [fact[2] for fact in drawn.facts]
    rng.shuffle(objects)
    return tuple((s, r, o) for (s, r, _), o in zip(drawn.facts, objects, strict=True))


def as_lines(facts: Sequence[FactWords]) -> tuple[str, ...]:
    return tuple(fact_line(*fact) for fact in facts)


def in_forms(
    lesson: Lesson, drawn: Example, mixed: tuple[FactWords, ...], *, tokens: bool
) -> dict[str, Lesson]:
    """The same question with its facts in every form."""
    found = tuple(told_facts(lesson.question, drawn.facts, drawn.labels))
    wrong = tuple(told_facts(lesson.question, mixed, drawn.labels))
    lines, wrong_lines = (tuple(fact.line for fact in each) for each in (found, wrong))
    forms = {
        "none": replace(lesson, facts=()),
        "all lines": replace(lesson, facts=as_lines(drawn.facts)),
        "shuffled lines": replace(lesson, facts=as_lines(mixed)),
        "text": replace(lesson, facts=lines),
    }
    if tokens:
        forms |= {
            "tokens": replace(lesson, facts=(), graph=found),
            "both": replace(lesson, facts=lines, graph=found),
            "shuffled": replace(lesson, facts=wrong_lines, graph=wrong),
        }
    return forms


def graph_gain(bundle: Path, seed: int, count: int) -> dict[str, float | str]:
    """Print each row in every form; returns the means over the rows, and what they gain."""
    student = ImageTokenReasoningLLM.load_from_bundle(bundle)
    tokens = student.graph_tokens is not None
    table = Table()
    sums: dict[str, float] = {}
    tasks = [task for task in TASKS if task.name in ROWS]
    for task in tasks:
        drawn = items(task, seed, count)
        rng = random.Random(seed_of("test", seed, f"graph gain {task.name}"))
        asked = [
            in_forms(lesson, one, exchanged(one, rng), tokens=tokens)
            for lesson, one in zip(lessons_of(student, drawn), drawn, strict=True)
        ]
        for form in asked[0]:
            hits = hits_of(student, drawn, [each[form] for each in asked], task.judge)
            value = table.add(f"{task.name} {form}", hits)
            sums[form] = sums.get(form, 0.0) + value / len(tasks)
    figures: dict[str, float | str] = {"weights": read_bundle(bundle).weights_hash[:6]}
    figures |= {f"graph {form}".replace(" ", "_"): round(v, 4) for form, v in sums.items()}
    figures |= {
        "graph_accuracy": round(sums["all lines"], 4),
        "graph_gain": round(sums["all lines"] - sums["none"], 4),
        "shuffled_graph_gain": round(sums["shuffled lines"] - sums["none"], 4),
    }
    if tokens:
        figures["tokens_over_text"] = round(sums["both"] - sums["text"], 4)
    return figures


def main() -> None:
    """Print the table, then the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bundle", type=Path, default=SHIPPED_BUNDLE)
    parser.add_argument("--seed", type=int, default=1, help="another seed, other questions")
    parser.add_argument("--questions", type=int, default=200, help="of each row")
    options = parser.parse_args()
    started = time.monotonic()
    figures = graph_gain(options.bundle, options.seed, options.questions)
    figures["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
