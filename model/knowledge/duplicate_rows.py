"""The SQL of nodes that may be the same thing, and of pairs that a person has refused.

Nodes with one sense key, or with the very same picture, lie side by side in an index; so nothing
is compared with everything. A group of k nodes gives k - 1 pairs: each with the most connected one.
"""

from __future__ import annotations

import difflib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping

from model.graph_records import DuplicatePair
from model.knowledge.graph_rows import node_of
from model.knowledge.labels import norm_label
from model.knowledge.node_rows import get
from model.records import Node

MOST_PAIRS = 1000
"""Pairs that are proposed at a time; more come once these are answered."""
SAME_WORDS = "the same words but for punctuation, accents, articles or the plural"
SAME_PICTURE = "the very same picture"


def pairs(db: sqlite3.Connection) -> tuple[DuplicatePair, ...]:
    """Nodes with the same words in other clothes, or the same picture; most alike first."""
    found: dict[tuple[int, int], DuplicatePair] = {}
    for column, why in (("sense", SAME_WORDS), ("picture", SAME_PICTURE)):
        for pair in _within(db, _groups(db, column), why):
            found.setdefault(_key(pair), pair)
            if len(found) >= MOST_PAIRS:
                break
    return by_score(found.values())


def alike(db: sqlite3.Connection, scores: Mapping[tuple[int, int], float]) -> list[DuplicatePair]:
    """Pairs of nodes whose pictures look alike: by their numbers, with the cosine."""
    made = []
    for (first, second), score in scores.items():
        rows = db.execute("SELECT * FROM nodes WHERE id IN (?, ?)", (first, second)).fetchall()
        if len(rows) == 2 and not _refused(db, rows[0]["label"], rows[1]["label"]):
            why = f"pictures that look alike ({score:.0%})"
            made.append(_pair(node_of(rows[0]), node_of(rows[1]), why, score))
    return made


def by_score(found: Iterable[DuplicatePair]) -> tuple[DuplicatePair, ...]:
    """Each two nodes once, most alike first."""
    best: dict[tuple[int, int], DuplicatePair] = {}
    for pair in sorted(found, key=lambda pair: -pair.score):
        best.setdefault(_key(pair), pair)
    return tuple(best.values())[:MOST_PAIRS]


def refuse(db: sqlite3.Connection, first: int, second: int) -> None:
    """Remember that two nodes are not the same. Raises: GraphError if one is gone."""
    # by their words, not their numbers: a node that undo brings back has another number
    labels = sorted(norm_label(get(db, node)["label"]) for node in (first, second))
    db.execute("INSERT OR IGNORE INTO refused_pairs VALUES (?, ?)", labels)


def _groups(db: sqlite3.Connection, column: str) -> Iterator[list[Node]]:
    there = "sense <> ''" if column == "sense" else "picture IS NOT NULL"
    keys = db.execute(
        f"SELECT {column} FROM nodes WHERE {there} GROUP BY {column} HAVING COUNT(*) > 1"
    )
    for (key,) in keys:
        rows = db.execute(
            f"SELECT * FROM nodes WHERE {there} AND {column} = ? ORDER BY degree DESC, id LIMIT ?",
            (key, MOST_PAIRS + 1),
        )
        yield [node_of(row) for row in rows]


def _within(
    db: sqlite3.Connection, groups: Iterable[list[Node]], why: str
) -> Iterator[DuplicatePair]:
    for first, *others in groups:
        for other in others:
            if not _refused(db, first.label, other.label):
                ratio = difflib.SequenceMatcher(None, first.label, other.label).ratio()
                # words that differ in their clothes only are nearly sure; the same picture is less
                score = 0.9 + 0.1 * ratio if why == SAME_WORDS else 0.9
                yield _pair(first, other, why, round(score, 3))


def _refused(db: sqlite3.Connection, first: str, second: str) -> bool:
    labels = sorted((norm_label(first), norm_label(second)))
    found = db.execute("SELECT 1 FROM refused_pairs WHERE first = ? AND second = ?", labels)
    return found.fetchone() is not None


def _pair(first: Node, second: Node, why: str, score: float) -> DuplicatePair:
    if second.degree > first.degree:  # the more connected one is the one to keep
        first, second = second, first
    return DuplicatePair(first, second, why, score)


def _key(pair: DuplicatePair) -> tuple[int, int]:
    return min(pair.first.id, pair.second.id), max(pair.first.id, pair.second.id)
