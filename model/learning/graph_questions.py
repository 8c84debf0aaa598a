"""Triples and questions from tab-separated files, and which of their lines cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import InputError
from model.graph_records import RowProblem

TOPIC = "[topic]"
"""Stands in a question for its topic, so that no name has to be learned."""
_BRACKETS = re.compile(r"\[([^\[\]]+)\]")
_WORDS = re.compile(r"\[topic\]|\w+|[^\w\s]")
_SEPARATORS = ("\t", "|")


@dataclass(frozen=True)
class GraphTable:
    """Triples as numbers: columns subject, relation, object of ``triples_E3`` (int64)."""

    labels: tuple[str, ...]
    relations: tuple[str, ...]
    triples_E3: NDArray[np.int64]


@dataclass(frozen=True)
class GraphQuestion:
    """A question about one topic, with the labels of its right answers; ``row`` counts from 1."""

    row: int
    words: tuple[str, ...]
    topic: str
    answers: tuple[str, ...]
    text: str = ""


def read_graph(path: Path) -> tuple[GraphTable, list[RowProblem]]:
    """Read ``subject<TAB or |>relation<TAB or |>object`` lines; the first line chooses which.

    Raises: InputError if the file cannot be read or no line of it is a triple.
    """
    labels: dict[str, int] = {}
    relations: dict[str, int] = {}
    triples: dict[tuple[int, int, int], None] = {}
    problems = []
    separator = ""
    for row, line in _lines(path):
        separator = separator or next((s for s in _SEPARATORS if line.count(s) == 2), "")
        cells = [cell.strip() for cell in line.split(separator)] if separator else [line]
        if len(cells) != 3:
            problems.append(
                RowProblem(row, f"has {len(cells)} cells; a triple is subject, relation, object.")
            )
        elif not all(cells):
            problems.append(RowProblem(row, "has an empty cell; fill it or take the line out."))
        else:
            subject, relation, object_ = cells
            triples[
                labels.setdefault(subject, len(labels)),
                relations.setdefault(relation, len(relations)),
                labels.setdefault(object_, len(labels)),
            ] = None
    if not triples:
        raise InputError(
            f"{path.name} holds 0 triples. A line is subject, relation and object with a tab or | "
            f"between them{_first(problems)}."
        )
    return GraphTable(tuple(labels), tuple(relations), np.array(list(triples), np.int64)), problems


def read_questions(path: Path) -> tuple[list[GraphQuestion], list[RowProblem]]:
    """Read ``text with the [topic] in brackets<TAB>answer|answer`` lines.

    Raises: InputError if the file cannot be read or no line of it is a question.
    """
    questions, problems = [], []
    for row, line in _lines(path):
        found = parse_question(row, line)
        if isinstance(found, RowProblem):
            problems.append(found)
        else:
            questions.append(found)
    if not questions:
        raise InputError(
            f"{path.name} holds 0 questions. A line is a text with the [topic] in brackets, a tab, "
            f"and answer|answer{_first(problems)}."
        )
    return questions, problems


def parse_question(row: int, line: str) -> GraphQuestion | RowProblem:
    """A question, or why the line is none."""
    text, tab, right = line.partition("\t")
    if not tab:
        return RowProblem(row, "has no tab between question and answers.")
    topics = _BRACKETS.findall(text)
    if len(topics) != 1:
        return RowProblem(row, f"names {len(topics)} topics in [brackets]; it must name one.")
    answers = tuple(dict.fromkeys(a.strip() for a in right.split("|") if a.strip()))
    if not answers:
        return RowProblem(row, "has no answer after the tab.")
    words = words_of(_BRACKETS.sub(f" {TOPIC} ", text))
    return GraphQuestion(row, words, topics[0].strip(), answers, text)


def words_of(text: str) -> tuple[str, ...]:
    """Words and marks of a question in small letters; the topic's place is one word."""
    return tuple(_WORDS.findall(text.lower()))


def missing_labels(
    questions: Sequence[GraphQuestion], labels: Iterable[str]
) -> tuple[list[GraphQuestion], list[RowProblem]]:
    """The questions whose topic and an answer are in the graph, and why not the others."""
    known = {label.casefold() for label in labels}
    usable, problems = [], []
    for question in questions:
        if question.topic.casefold() not in known:
            problems.append(
                RowProblem(question.row, f"asks about “{question.topic}”, which no triple names.")
            )
        elif known.isdisjoint(answer.casefold() for answer in question.answers):
            count = len(question.answers)
            problems.append(
                RowProblem(question.row, f"has {count} answers, none of which a triple names.")
            )
        else:
            usable.append(question)
    return usable, problems


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with open(path, encoding="utf-8-sig") as file:
            for row, line in enumerate(file, start=1):
                if line.strip():
                    yield row, line.rstrip("\r\n")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name} is not UTF-8 text (byte {error.start}). Save it as UTF-8."
        ) from error


def _first(problems: Sequence[RowProblem]) -> str:
    return f"; line {problems[0].row} {problems[0].words.rstrip('.')}" if problems else ""
