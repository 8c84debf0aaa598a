"""The SQL of those who keep the graph in memory: all of it once, and then only what changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from model.knowledge.adjacency import Ints
from model.knowledge.database import Connection
from model.knowledge.labels import norm_label, storable

_AT_ONCE = 20_000
"""Rows that are turned into numbers at a time: memory for a million would be ten times theirs."""


class Change(NamedTuple):
    """Something that came into the graph (``sign`` 1) or went (-1).

    A triplet with the nodes that it joins and its relation, or a node (no ``subject``) with its
    label.
    """

    sign: int
    id: int
    subject: int | None
    words: str
    object: int | None


def last_change(db: Connection) -> int:
    """The number of the newest change."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'graph_log'").fetchone()
    return 0 if row is None else int(row["seq"])


def changes_after(db: Connection, last: int) -> list[Change] | None:
    """What changed after a number, in order; ``None`` if the log no longer reaches back so far."""
    missed = last_change(db) - last
    rows = db.execute(
        "SELECT sign, id, subject, words, object FROM graph_log WHERE seq > ? ORDER BY seq", (last,)
    )
    found = [Change(*row) for row in rows]
    return found if len(found) == missed else None


def all_triplets(db: Connection, relations: dict[str, int]) -> tuple[Ints, Ints, Ints, Ints]:
    """Subject, relation, object and id of every triplet; new relations are numbered as they come.

    Shapes: four arrays of one entry per triplet.
    """
    rows = db.execute("SELECT subject_id, norm_relation, object_id, id FROM triplets")
    parts = [np.zeros((0, 4), np.int32)]
    while some := rows.fetchmany(_AT_ONCE):
        numbers = chain.from_iterable(
            (subject, relations.setdefault(relation, len(relations)), object_, triplet)
            for subject, relation, object_, triplet in some
        )
        parts.append(np.fromiter(numbers, np.int32, 4 * len(some)).reshape(-1, 4))
    subject_T, relation_T, object_T, id_T = np.concatenate(parts).T
    return subject_T, relation_T, object_T, id_T


def all_labels(db: Connection) -> Iterator[tuple[int, str]]:
    """Every node with its label as labels are compared."""
    for row in db.execute("SELECT id, norm_label FROM nodes"):
        yield row["id"], row["norm_label"]


def nodes_named(db: Connection, labels: Sequence[str]) -> dict[str, int]:
    """The nodes that have one of the labels, by the label as labels are compared."""
    norms = json.dumps(list({norm_label(storable(label)) for label in labels}))
    rows = db.execute(
        """SELECT n.norm_label, n.id FROM json_each(?) AS j
           CROSS JOIN nodes AS n ON n.norm_label = j.value""",
        (norms,),
    )
    return {row["norm_label"]: row["id"] for row in rows}


def labels_of(db: Connection, nodes: Sequence[int]) -> dict[int, str]:
    """The labels of nodes, by id."""
    rows = db.execute(
        "SELECT n.id, n.label FROM json_each(?) AS j CROSS JOIN nodes AS n ON n.id = j.value",
        (json.dumps(nodes),),
    )
    return {node: label for node, label in rows}


def words_of_triplets(db: Connection, ids: Sequence[int]) -> dict[int, tuple[str, str, str]]:
    """Subject, relation and object in words, by the id of the triplet."""
    rows = db.execute(
        """SELECT t.id, s.label, t.relation, o.label FROM json_each(?) AS j
           CROSS JOIN triplets AS t ON t.id = j.value
           CROSS JOIN nodes AS s ON s.id = t.subject_id
           CROSS JOIN nodes AS o ON o.id = t.object_id""",
        (json.dumps(ids),),
    )
    return {triplet: (what, action, result) for triplet, what, action, result in rows}
