"""The SQL of how large the graph is."""

from __future__ import annotations

import sqlite3

import numpy as np

from model.knowledge.components import count_components

_TOGETHER = 100_000
"""Edges that are turned into an array at a time."""


def nodes(db: sqlite3.Connection) -> int:
    """How many nodes there are."""
    return int(db.execute("SELECT COUNT(*) FROM nodes").fetchone()[0])


def components(db: sqlite3.Connection) -> int:
    """How many pieces the graph falls into."""
    cursor = db.cursor()
    cursor.row_factory = None  # plain tuples become an array several times faster
    cursor.execute("SELECT subject_id, object_id FROM triplets")
    parts = [np.empty((0, 2), dtype=np.int64)]
    while rows := cursor.fetchmany(_TOGETHER):
        parts.append(np.array(rows, dtype=np.int64))
    edges_E2 = np.concatenate(parts)
    return count_components(edges_E2[:, 0], edges_E2[:, 1])
