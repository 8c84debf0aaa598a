"""Teach a reasoner to answer questions about any graph, and ask it.

    python -m model.scripts.graph_reasoner fit --kb KB.tsv --questions TRAIN.tsv --out DIR
    python -m model.scripts.graph_reasoner answer --model DIR --questions TEST.tsv --report
    python -m model.scripts.graph_reasoner answer --model DIR --questions TEST.tsv --workspace WS

A line of the graph is ``subject<TAB or |>relation<TAB or |>object``; a line of questions is a text
with the [topic] in brackets, a tab, and ``answer|answer``. Ctrl-C keeps what was learned so far;
the same command goes on from there. With ``--workspace`` the answers come out of the app's graph
through its own index, whatever graph was learned from.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from model.errors import InputError, ReasonerError
from model.graph_records import RowProblem
from model.knowledge.graph_memory import GraphMemory
from model.knowledge.store import Store
from model.learning.graph_answers import FoundAnswer, answers_from
from model.learning.graph_paths import Edge, best_path
from model.learning.graph_questions import (
    GraphQuestion,
    missing_labels,
    read_graph,
    read_questions,
)
from model.learning.graph_reasoner import (
    GraphReasoner,
    RankedAnswer,
    ReasonerConfig,
    fit_reasoner,
    new_reasoner,
    rank_answers,
)
from model.learning.reasoner_folder import load_reasoner, save_reasoner
from model.learning.training import StepReport
from model.paths import database
from model.records import Signal
from model.scripts.console import Interrupt

SHOWN_PROBLEMS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when it is done, 1 when it cannot be, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        return _fit(options) if options.command == "fit" else _answer(options)
    except ReasonerError as error:
        print(f"{error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="graph_reasoner",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    teach = commands.add_parser("fit", help="learn from questions and answers")
    teach.add_argument("--kb", type=Path, required=True, help="the triples")
    teach.add_argument("--questions", type=Path, required=True)
    teach.add_argument("--out", type=Path, required=True, help="folder of the reasoner")
    for item in dataclasses.fields(ReasonerConfig):
        name = "--" + item.name.replace("_", "-")
        kind = type(item.default)
        words = f"{item.metadata['help']} (default {item.default})"
        teach.add_argument(name, type=kind, default=item.default, help=words)
    ask = commands.add_parser("answer", help="answer questions")
    ask.add_argument("--model", type=Path, required=True, help="folder of the reasoner")
    ask.add_argument("--questions", type=Path, required=True)
    ask.add_argument("--workspace", type=Path, help="data directory of the app to be asked")
    ask.add_argument("--report", action="store_true", help="print figures, not every answer")
    return parser


def _fit(options: argparse.Namespace) -> int:
    config = ReasonerConfig(
        **{item.name: getattr(options, item.name) for item in dataclasses.fields(ReasonerConfig)}
    )
    started = time.monotonic()
    table, bad_triples = read_graph(options.kb)
    _tell(options.kb, bad_triples)
    read, bad_lines = read_questions(options.questions)
    questions, unusable = missing_labels(read, table.labels)
    _tell(options.questions, [*bad_lines, *unusable])
    print(f"{len(table.triples_E3)} triples, {len(table.labels)} nodes, {len(questions)} questions")
    model = new_reasoner(config, table, questions)
    losses: list[float] = []
    interrupt = Interrupt()

    def on_step(report: StepReport) -> Signal:
        losses.append(report.loss)
        if report.step % 50 == 0 or report.step == config.steps:
            recent = sum(losses[-50:]) / len(losses[-50:])
            print(f"step {report.step}/{config.steps}  loss {recent:.3f}", flush=True)
        return "pause" if interrupt.asked else "go"

    checkpoint = options.out / f"checkpoint-{_mark(options, config)}.pt"
    result = fit_reasoner(model, questions, on_step, checkpoint)
    if result.ended == "paused":
        print(f"Stopped at step {result.step}. The same command goes on from there.")
        return 130
    save_reasoner(model, options.out)
    checkpoint.unlink(missing_ok=True)
    figures = {
        "steps": result.step,
        "loss": round(losses[-1], 4) if losses else None,
        "triples": len(table.triples_E3),
        "questions": len(questions),
        "bad_lines": len(bad_triples) + len(bad_lines) + len(unusable),
        "seconds": round(time.monotonic() - started, 1),
    }
    print(json.dumps(figures))
    return 0


def _mark(options: argparse.Namespace, config: ReasonerConfig) -> str:
    """Tells this run from others: a checkpoint of other data or settings is not gone on with."""
    digest = hashlib.sha256(repr(config).encode())
    for path in (options.kb, options.questions):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _answer(options: argparse.Namespace) -> int:
    model = load_reasoner(options.model)
    questions, bad_lines = read_questions(options.questions)
    if options.workspace is not None:
        _tell(options.questions, bad_lines)
        return _answer_from(options, model, questions, len(bad_lines))
    strange = [question for question in questions if model.node_of(question.topic) is None]
    _tell(
        options.questions,
        bad_lines
        + [RowProblem(q.row, f"asks about “{q.topic}”, which no triple names.") for q in strange],
    )
    if not options.report:
        _print_answers(model, questions)
        return 0
    started = time.monotonic()
    ranked = rank_answers(model, questions)
    seconds = time.monotonic() - started
    _print_report(report(questions, ranked, seconds) | {"bad_lines": len(bad_lines)})
    return 0


def _answer_from(
    options: argparse.Namespace,
    model: GraphReasoner,
    questions: Sequence[GraphQuestion],
    bad_lines: int,
) -> int:
    """Ask the graph of a workspace."""
    file = database(options.workspace)
    if not file.is_file():
        raise InputError(f"{options.workspace} is no workspace: it has no {file.name}.")
    store = Store(file)
    try:
        with GraphMemory(store).current() as graph:
            started = time.monotonic()
            found = answers_from(graph, model, questions)
            seconds = time.monotonic() - started
    finally:
        store.close()
    if options.report:
        _print_report(report(questions, found, seconds) | {"bad_lines": bad_lines})
        return 0
    for question, answers in zip(questions, found, strict=True):
        _print_found(question, answers[:3], answers[0].path if answers else ())
    return 0


def _print_report(figures: dict[str, object]) -> None:
    print(f"{'questions':<16}{figures['questions']:>8}   (unknown topics count as wrong)")
    print(f"{'Hits@1':<16}{figures['hits_at_1']:>8.4f}")
    print(f"{'Hits@10':<16}{figures['hits_at_10']:>8.4f}")
    print(f"{'ms per question':<16}{figures['ms_per_question']:>8.3f}")
    print(json.dumps(figures))


def report(
    questions: Sequence[GraphQuestion],
    ranked: Sequence[Sequence[RankedAnswer | FoundAnswer]],
    seconds: float,
) -> dict[str, object]:
    """How many questions have a right answer first, and among the first ten."""
    first = tenth = 0
    for question, answers in zip(questions, ranked, strict=True):
        wanted = {answer.casefold() for answer in question.answers}
        right = [answer.label.casefold() in wanted for answer in answers[:10]]
        first += right[:1] == [True]
        tenth += any(right)
    count = len(questions)
    return {
        "questions": count,
        "hits_at_1": round(first / count, 4),
        "hits_at_10": round(tenth / count, 4),
        "ms_per_question": round(1000 * seconds / count, 3),
    }


@torch.inference_mode()
def _print_answers(model: GraphReasoner, questions: Sequence[GraphQuestion]) -> None:
    """Each question, its best answers with their scores, and the way to the first."""
    for question, answers in zip(questions, rank_answers(model, questions, best=3), strict=True):
        path: Sequence[Edge] = ()
        if answers:
            walk = model(model.batch([question]), model.config.answer_budget)
            path = best_path(model, walk, 0, answers[0].label)
        _print_found(question, answers, path)


def _print_found(
    question: GraphQuestion,
    answers: Sequence[RankedAnswer | FoundAnswer],
    path: Sequence[Edge],
) -> None:
    print(question.text)
    for answer in answers:
        print(f"  {answer.score:.2f}  {answer.label}")
    for subject, relation, object_ in path:
        print(f"        {subject} —{relation}→ {object_}")


def _tell(path: Path, problems: Sequence[RowProblem]) -> None:
    """Say which lines were left out, and why."""
    for problem in problems[:SHOWN_PROBLEMS]:
        print(f"{path.name} line {problem.row} {problem.words}", file=sys.stderr)
    if len(problems) > SHOWN_PROBLEMS:
        print(f"{path.name}: {len(problems)} such lines in all.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
