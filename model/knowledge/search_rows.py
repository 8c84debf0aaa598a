"""The SQL of finding and paging triplets, quick at a million rows.

Words are looked for in the labels of nodes, by an index of letter triples, and in the list of
relations; the triplets follow from these. A rare word gives its few triplets at once; a common one
is met soon by walking along the wanted order, and its count is kept by the store.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.knowledge.labels import norm_label, storable
from model.knowledge.live_rows import JOINED, LIVE, SELECTED, triplet_of
from model.records import Triplet

MAX_WORDS = 16
"""Words of a search that count; the rest of a pasted page does not."""
FEW = 20_000
"""With at most this many triplets a word is rare: they are all collected, then sorted."""
DEEP = 1000
"""From here on a page in the order of names is looked up instead of walked to."""
LETTERS = 3
"""Shortest word that the index of letter triples can find."""

_ORDERS = {
    "newest": "t.id DESC",
    "oldest": "t.id",
    "name": "s.norm_label, t.norm_relation, o.norm_label, t.id",
}
_JUST_SO = "(s.norm_label = ? OR o.norm_label = ?) DESC,"
# Nodes first, in the order of their labels: then a page needs no sorting of the whole.
_BY_NAME = """FROM nodes AS s CROSS JOIN triplets AS t ON t.subject_id = s.id
    CROSS JOIN nodes AS o ON o.id = t.object_id"""
_THESE = "(SELECT value FROM json_each(?))"


def words_of_query(query: str, order: str) -> tuple[str, ...]:
    """The words that a search is for; equal searches have equal words."""
    if order not in _ORDERS:
        raise ValueError(f"order is {order!r}; it must be one of {', '.join(_ORDERS)}")
    return tuple(dict.fromkeys(norm_label(storable(query)).split()))[:MAX_WORDS]


def label_of(words: Sequence[str]) -> str:
    """The whole label that a search for these words may mean, as labels are compared."""
    return " ".join(words)


def nodes_with(words: str) -> tuple[str, str]:
    """SQL for the ids of the nodes whose label contains ``words``, and the value of its mark."""
    if len(words) < LETTERS:
        return "SELECT id FROM nodes WHERE INSTR(norm_label, ?) > 0", words
    quoted = '"' + words.replace('"', '""') + '"'
    return "SELECT rowid FROM node_words WHERE node_words MATCH ?", quoted


def relations(db: sqlite3.Connection) -> tuple[tuple[str, str], ...]:
    """Every relation once: as it is compared, and in one of its spellings; in order."""
    rows = db.execute(
        """WITH RECURSIVE each (norm) AS (
               SELECT MIN(norm_relation) FROM triplets
               UNION ALL
               SELECT (SELECT MIN(norm_relation) FROM triplets WHERE norm_relation > each.norm)
               FROM each WHERE each.norm IS NOT NULL)
           SELECT norm, (SELECT relation FROM triplets WHERE norm_relation = norm LIMIT 1) AS word
           FROM each WHERE norm IS NOT NULL"""
    )
    return tuple((row["norm"], row["word"]) for row in rows)


def total(db: sqlite3.Connection) -> int:
    """How many triplets there are."""
    return int(db.execute("SELECT COUNT(*) FROM triplets").fetchone()[0])


# ── a search by words ───────────────────────────────────────────────────────────────────────────


def rare(
    db: sqlite3.Connection, words: Sequence[str], order: str, known: Sequence[tuple[str, str]]
) -> tuple[int, ...] | None:
    """The ids of all triplets with every word, in order; None if every word is a common one.

    ``known`` are the relations. Before the newest come those of a thing that is called just so.
    """
    sizes = {word: _size(db, word, known) for word in words}
    best = min(sizes, key=lambda word: sizes[word])
    if sizes[best] > FEW:
        return None
    some, value = nodes_with(best)
    conditions, values = _conditions([word for word in words if word != best], known)
    rows = db.execute(
        f"""WITH named (id) AS MATERIALIZED ({some}), hit (id) AS (
                SELECT id FROM triplets WHERE subject_id IN (SELECT id FROM named)
                UNION SELECT id FROM triplets WHERE object_id IN (SELECT id FROM named)
                UNION SELECT id FROM triplets WHERE norm_relation IN {_THESE})
            SELECT t.id {JOINED} WHERE t.id IN (SELECT id FROM hit) AND {conditions}
            ORDER BY {_JUST_SO if order == "newest" else ""} {_ORDERS[order]}""",
        (value, _containing(best, known), *values, *(2 * [label_of(words)] * (order == "newest"))),
    )
    return tuple(row["id"] for row in rows)


def called(db: sqlite3.Connection, words: Sequence[str]) -> NDArray[np.int32]:
    """The ids of the triplets of the thing whose whole label the words are, newest first."""
    rows = db.execute(
        """WITH this (id) AS (SELECT id FROM nodes WHERE norm_label = ?)
           SELECT id FROM triplets WHERE subject_id IN this
           UNION SELECT id FROM triplets WHERE object_id IN this ORDER BY id DESC""",
        (label_of(words),),
    )
    return np.array([triplet for (triplet,) in rows], np.int32)


def nodes_containing(db: sqlite3.Connection, word: str) -> list[int]:
    """The ids of all nodes whose label contains a common word."""
    # nearly all labels are met, so reading all is quicker than the index of letter triples
    rows = db.execute("SELECT id FROM nodes WHERE INSTR(norm_label, ?) > 0", (word,))
    return [node for (node,) in rows]


def by_name(db: sqlite3.Connection, ids_T: NDArray[np.int32]) -> NDArray[np.int32]:
    """The ids of triplets in the order of their names."""
    rows = db.execute(
        f"SELECT t.id {JOINED} WHERE t.id IN {_THESE} ORDER BY {_ORDERS['name']}",
        (json.dumps(ids_T.tolist()),),
    )
    return np.array([triplet for (triplet,) in rows], np.int32)


def these(db: sqlite3.Connection, ids: Sequence[int]) -> tuple[Triplet, ...]:
    """Triplets by their ids, in this order."""
    rows = db.execute(f"{SELECTED} WHERE t.id IN {_THESE}", (json.dumps(ids),))
    found = {row["id"]: triplet_of(row) for row in rows}
    return tuple(found[id] for id in ids)


def page(
    db: sqlite3.Connection,
    words: Sequence[str],
    limit: int,
    offset: int,
    order: str,
    known: Sequence[tuple[str, str]],
) -> tuple[Triplet, ...]:
    """Triplets with every word, found by walking along the order."""
    where, values = _conditions(words, known)
    joined = _BY_NAME if order == "name" else JOINED
    rows = db.execute(
        f"SELECT {LIVE} {joined} WHERE {where} ORDER BY {_ORDERS[order]} LIMIT ? OFFSET ?",
        [*values, limit, offset],
    )
    return tuple(triplet_of(row) for row in rows)


# ── all triplets ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Register:
    """The nodes in the order of their labels, and how many triplets begin at or before each."""

    nodes_N: NDArray[np.int64]
    ends_N: NDArray[np.int64]


def register(db: sqlite3.Connection) -> Register:
    """Where in the order of names the triplets of each node begin."""
    nodes_N = np.array([id for (id,) in db.execute("SELECT id FROM nodes ORDER BY norm_label")])
    counts_N = np.zeros(int(nodes_N.max(initial=0)) + 1, dtype=np.int64)
    for node, number in db.execute("SELECT subject_id, COUNT(*) FROM triplets GROUP BY subject_id"):
        counts_N[node] = number
    return Register(nodes_N, np.cumsum(counts_N[nodes_N]) if nodes_N.size else nodes_N)


def whole(
    db: sqlite3.Connection, limit: int, offset: int, order: str, names: Callable[[], Register]
) -> tuple[Triplet, ...]:
    """Triplets of the whole graph; what is skipped is counted off, not read.

    ``names`` makes the register; it is asked for only where a page lies deep in the names.
    """
    if order != "name":
        ids = f"SELECT id FROM triplets AS t ORDER BY {_ORDERS[order]} LIMIT ? OFFSET ?"
        rows = db.execute(
            f"{SELECTED} WHERE t.id IN ({ids}) ORDER BY {_ORDERS[order]}", (limit, offset)
        )
        return tuple(triplet_of(row) for row in rows)
    first = ""
    if offset > DEEP:
        known = names()
        place = int(np.searchsorted(known.ends_N, offset, side="right"))
        if place == known.nodes_N.size:
            return ()
        offset -= int(known.ends_N[place - 1]) if place else 0
        node = (int(known.nodes_N[place]),)
        (first,) = db.execute("SELECT norm_label FROM nodes WHERE id = ?", node).fetchone()
    rows = db.execute(
        f"SELECT {LIVE} {_BY_NAME} WHERE s.norm_label >= ? ORDER BY {_ORDERS[order]} "
        "LIMIT ? OFFSET ?",
        (first, limit, offset),
    )
    return tuple(triplet_of(row) for row in rows)


def _size(db: sqlite3.Connection, word: str, known: Sequence[tuple[str, str]]) -> int:
    """About how many triplets contain a word; more than ``FEW`` is not counted on."""
    some, value = nodes_with(word)
    (nodes,) = db.execute(
        f"SELECT COUNT(*) FROM (SELECT 1 FROM ({some}) LIMIT {FEW + 1})", (value,)
    ).fetchone()
    if nodes > FEW:
        return int(nodes)
    (size,) = db.execute(
        f"""SELECT (SELECT TOTAL(degree) FROM nodes WHERE id IN ({some}))
                + (SELECT COUNT(*) FROM (SELECT 1 FROM triplets WHERE norm_relation IN {_THESE}
                   LIMIT {FEW + 1}))""",
        (value, _containing(word, known)),
    ).fetchone()
    return int(size)


def _conditions(words: Sequence[str], known: Sequence[tuple[str, str]]) -> tuple[str, list[str]]:
    parts, values = ["1"], list[str]()
    for word in words:
        parts.append(
            f"""(t.norm_relation IN {_THESE} OR INSTR(s.norm_label, ?) > 0
                 OR INSTR(o.norm_label, ?) > 0)"""
        )
        values += [_containing(word, known), word, word]
    return " AND ".join(parts), values


def _containing(word: str, known: Sequence[tuple[str, str]]) -> str:
    return json.dumps([norm for norm, _ in known if word in norm])
