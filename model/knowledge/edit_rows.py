"""The SQL of undo and redo: every edit is kept with the triplets before and after it.

Edits form one line: undoing walks back, redoing walks forward, and a new edit cuts off what lay
ahead. A triplet that comes back gets a fresh version, so that nobody who read it before its
return can overwrite it unseen.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from collections.abc import Sequence

from model.errors import GraphError
from model.knowledge import triplet_rows
from model.knowledge.triplet_rows import Change
from model.records import Triplet

HISTORY = 500
"""Edits that can be undone; older ones are forgotten."""


def tick(db: sqlite3.Connection) -> int:
    """The next version number; it is never given twice."""
    db.execute("UPDATE clock SET tick = tick + 1")
    (now,) = db.execute("SELECT tick FROM clock").fetchone()
    return int(now)


def record(db: sqlite3.Connection, words: str, changes: Sequence[Change]) -> None:
    """Keep an edit for undo, forget what could be redone, and bring the nodes up to date."""
    real = [change for change in changes if change.before != change.after]
    if not real:
        return
    _refresh(db, real)
    db.execute("DELETE FROM edits WHERE undone = 1")
    db.execute(
        "INSERT INTO edits (words, before, after, at) VALUES (?, ?, ?, ?)",
        (
            words,
            _to_json([change.before for change in real]),
            _to_json([change.after for change in real]),
            time.time(),
        ),
    )
    db.execute("DELETE FROM edits WHERE id <= (SELECT MAX(id) FROM edits) - ?", (HISTORY,))


def undo(db: sqlite3.Connection) -> str:
    """Take the last edit back; says in words which. Raises: GraphError if there is none."""
    row = db.execute("SELECT * FROM edits WHERE undone = 0 ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        raise GraphError(
            f"There are 0 edits left to undo. The last {HISTORY} edits of a workspace are kept."
        )
    _apply(db, _from_json(row["after"]), _from_json(row["before"]))
    db.execute("UPDATE edits SET undone = 1 WHERE id = ?", (row["id"],))
    return f"Undone: {row['words']}"


def redo(db: sqlite3.Connection) -> str:
    """Make the last undone edit again. Raises: GraphError if there is none."""
    row = db.execute("SELECT * FROM edits WHERE undone = 1 ORDER BY id LIMIT 1").fetchone()
    if row is None:
        raise GraphError("There are 0 edits to redo: a new edit ends what can be redone.")
    _apply(db, _from_json(row["before"]), _from_json(row["after"]))
    db.execute("UPDATE edits SET undone = 0 WHERE id = ?", (row["id"],))
    return f"Done again: {row['words']}"


def _apply(db: sqlite3.Connection, old: list[Triplet | None], new: list[Triplet | None]) -> None:
    version = tick(db)
    # All removals first: two triplets of one edit may swap their words.
    for triplet in old:
        if triplet is not None:
            triplet_rows.remove(db, triplet.id)
    for triplet in new:
        if triplet is not None:
            triplet_rows.put(db, dataclasses.replace(triplet, version=version))
    _refresh(db, [Change(before, after) for before, after in zip(old, new, strict=True)])


def _refresh(db: sqlite3.Connection, changes: Sequence[Change]) -> None:
    both = [triplet for change in changes for triplet in (change.before, change.after)]
    there = [triplet for triplet in both if triplet is not None]
    triplet_rows.refresh(db, [label for each in there for label in (each.subject, each.object)])


def _to_json(triplets: Sequence[Triplet | None]) -> str:
    return json.dumps([None if each is None else dataclasses.asdict(each) for each in triplets])


def _from_json(text: str) -> list[Triplet | None]:
    return [None if values is None else Triplet(**values) for values in json.loads(text)]
