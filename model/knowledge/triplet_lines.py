"""Reads triplets by rule, line by line: “egg · heat · fried egg”, arrows, tables and CSV lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass

from model.errors import InputError
from model.graph_records import RowProblem
from model.knowledge.labels import clean_draft, norm_label
from model.records import TripletDraft

MOST_PROBLEMS = 20
MOST_WORDS = 6
"""Words in the longest cell of a line with commas; more of them is a sentence, not a table."""

_ARROWS = re.compile("→|->|=>|⇒")
_TAILS = ("—", "–", "--", " - ")
_LIST_MARK = re.compile(r"(?:[-*•]|\d{1,3}[.)])\s+")
_MARKS = ("·", "|", "\t", ";")
_HEADINGS = {"subject", "relation", "object", "predicate", "what", "action", "result"}
_NOT_A_TRIPLET = "not of the form egg · heat · fried egg"


@dataclass(frozen=True)
class LineReading:
    """The triplets of a text, how many lines had words, and the first lines without a triplet."""

    drafts: tuple[TripletDraft, ...]
    lines: int
    bad_lines: int
    problems: tuple[RowProblem, ...]


def read_lines(text: str, name: str) -> LineReading:
    """Read every line that has one of the known forms; ``name`` is where the text comes from.

    Three parts are joined by “·”, “|”, “;”, a tab, commas or arrows; a line of arrows may go on:
    what comes out of one step is what the next begins with. The same triplet counts once.
    """
    drafts: dict[tuple[str, str, str], TripletDraft] = {}
    problems: list[RowProblem] = []
    lines = bad = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not _has_words(line):
            continue
        lines += 1
        try:
            found = [_draft(parts, name, number) for parts in _triplets(line)]
            words = "" if found else _NOT_A_TRIPLET
        except InputError as exc:
            found, words = [], str(exc)
        for draft in found:
            if {draft.subject.lower(), draft.relation.lower(), draft.object.lower()} <= _HEADINGS:
                continue
            drafts.setdefault(same_key(draft), draft)
        if words:
            bad += 1
            if len(problems) < MOST_PROBLEMS:
                problems.append(RowProblem(number, words))
    return LineReading(tuple(drafts.values()), lines, bad, tuple(problems))


def same_key(draft: TripletDraft) -> tuple[str, str, str]:
    """What two drafts have in common if they say the same: case and spacing do not count."""
    return norm_label(draft.subject), norm_label(draft.relation), norm_label(draft.object)


def _has_words(line: str) -> bool:
    """Whether a line says anything; headings, fences and rules of a Markdown text do not."""
    bare = line.strip()
    return bool(bare.strip("|-:=*_ \t`")) and not bare.startswith(("#", "```"))


def _draft(parts: tuple[str, str, str], name: str, number: int) -> TripletDraft:
    origin = f"{name}, line {number}"
    return clean_draft(TripletDraft(*parts, source="text", author="you", origin=origin))


def _triplets(line: str) -> Iterator[tuple[str, str, str]]:
    """The triplets of a line, by the first mark that divides it into three."""
    bare = _LIST_MARK.sub("", line.strip(), count=1) if _LIST_MARK.match(line.strip()) else line
    steps = _stripped(_ARROWS.split(bare))
    if len(steps) >= 3 and len(steps) % 2 == 1 and all(steps):
        for start in range(0, len(steps) - 2, 2):
            yield steps[start], steps[start + 1], steps[start + 2]
        return
    if len(steps) == 2 and all(steps):
        for tail in _TAILS:
            subject, _, relation = (part.strip() for part in steps[0].partition(tail))
            if subject and relation:
                yield subject, relation, steps[1]
                return
    for mark in _MARKS:
        cells = _stripped(bare.strip().strip("|").split(mark) if mark == "|" else bare.split(mark))
        if len(cells) == 3 and all(cells):
            yield cells[0], cells[1], cells[2]
            return
    yield from _comma_triplet(bare)


def _comma_triplet(line: str) -> Iterator[tuple[str, str, str]]:
    if line.rstrip().endswith((".", "!", "?", ":")):
        return
    try:
        cells = _stripped(next(csv.reader([line], skipinitialspace=True), []))
    except csv.Error:
        return
    if len(cells) == 3 and all(cells) and max(len(cell.split()) for cell in cells) <= MOST_WORDS:
        yield cells[0], cells[1], cells[2]


def _stripped(parts: list[str]) -> list[str]:
    return [part.strip() for part in parts]
