"""The SQL of edits that concern whole nodes: another label, two made one, one made two, none."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from model.errors import GraphError, StaleEditError
from model.knowledge import edit_rows, triplet_rows
from model.knowledge.edit_rows import Edit
from model.knowledge.labels import clean_label, norm_label, sense_key
from model.knowledge.live_rows import SELECTED, triplet_of

_THESE = "(SELECT value FROM json_each(?))"


def get(db: sqlite3.Connection, node: int) -> sqlite3.Row:
    """The row of a node. Raises: GraphError if it is not there."""
    row: sqlite3.Row | None = db.execute("SELECT * FROM nodes WHERE id = ?", (node,)).fetchone()
    if row is None:
        raise GraphError(
            f"Node number {node} is no longer in the graph: its last triplet was deleted, or it "
            "was merged. Look at the graph again; undo brings it back."
        )
    return row


def rename(edit: Edit, node: int, label: str, seen: str) -> str:
    """Give a node another label; says in words what was done.

    Raises: StaleEditError if it is no longer called ``seen``; GraphError if another node is
    called so already; InputError if the label cannot be used.
    """
    row = _as_seen(edit.db, node, seen)
    label = clean_label(label, "label")
    other = _named(edit.db, label)
    if other is not None and other["id"] != node:
        raise GraphError(
            f"“{other['label']}” is already in the graph, with {_triplets(other['degree'])}. "
            "Merge the two nodes instead, or choose another label."
        )
    if label != row["label"]:
        edit.renamed(row["label"], label)
        edit_rows.relabel(edit.db, row["label"], label, edit.version)
    return f"renamed “{row['label']}” to “{label}” ({_triplets(row['degree'])})."


def remove(edit: Edit, node: int, seen: str) -> str:
    """Delete a node with every triplet that touches it; says in words what was done.

    Raises: StaleEditError if it is no longer called ``seen``; GraphError if it is gone.
    """
    row = _as_seen(edit.db, node, seen)
    # two conditions: SQLite looks each up in its own index
    for end in ("subject_id", "object_id"):
        edit.touch(f"t.{end} = ?", node)
    gone = sum(
        edit.db.execute(f"DELETE FROM triplets WHERE {end} = ?", (node,)).rowcount
        for end in ("subject_id", "object_id")
    )
    return f"deleted “{row['label']}” ({_triplets(gone)})."


def merge(edit: Edit, keep: int, others: Sequence[int]) -> str:
    """Let a node take over every triplet of the others; says in words what was done.

    Where both had a triplet with the same words, one is left, with the pictures and notes of both.

    Raises: GraphError if a node is gone, or there is nothing to merge.
    """
    db = edit.db
    kept = get(db, keep)
    gone = [get(db, node) for node in dict.fromkeys(others) if node != keep]
    if not gone:
        raise GraphError("A merge needs 2 different nodes; only 1 is chosen. Choose another one.")
    ids = json.dumps([row["id"] for row in gone])
    # two conditions: SQLite looks each up in its own index
    edit.touch(f"t.subject_id IN {_THESE}", ids)
    edit.touch(f"t.object_id IN {_THESE}", ids)
    for end in ("subject_id", "object_id"):
        db.execute(
            f"UPDATE OR IGNORE triplets SET {end} = ?, version = ? WHERE {end} IN {_THESE}",
            (keep, edit.version, ids),
        )
    _join_twins(edit, keep, ids)
    names = ", ".join(f"“{row['label']}”" for row in gone[:3])
    more = f" and {len(gone) - 3:,} more" if len(gone) > 3 else ""
    moved = sum(row["degree"] for row in gone)
    return f"merged {names}{more} into “{kept['label']}” ({_triplets(moved)})."


def _join_twins(edit: Edit, keep: int, others: str) -> None:
    """What the update left out would repeat the words of a triplet that is there already."""
    db, ids = edit.db, set(json.loads(others))
    rows = db.execute(
        f"SELECT * FROM triplets WHERE subject_id IN {_THESE} OR object_id IN {_THESE} ORDER BY id",
        (others, others),
    ).fetchall()
    for row in rows:
        ends = [keep if row[end] in ids else row[end] for end in ("subject_id", "object_id")]
        twin = db.execute(
            f"{SELECTED} WHERE t.subject_id = ? AND t.norm_relation = ? AND t.object_id = ?",
            (ends[0], row["norm_relation"], ends[1]),
        ).fetchone()
        if twin is None:
            db.execute(
                "UPDATE triplets SET subject_id = ?, object_id = ?, version = ? WHERE id = ?",
                (*ends, edit.version, row["id"]),
            )
            continue
        edit.touch("t.id = ?", twin["id"])
        doomed = triplet_rows.get(db, row["id"])
        db.execute("DELETE FROM triplets WHERE id = ?", (row["id"],))
        triplet_rows.merge_into(db, triplet_of(twin), doomed, edit.version)


def split(edit: Edit, node: int, triplets: Sequence[int], label: str) -> str:
    """Move some triplets of a node to a new one; says in words what was done.

    Raises: GraphError if a triplet does not belong to the node, if none or all would move, or if
    the label is taken; InputError if the label cannot be used.
    """
    db = edit.db
    row, label = get(db, node), clean_label(label, "label")
    other = _named(db, label)
    if other is not None:
        raise GraphError(
            f"“{other['label']}” is already in the graph, with {_triplets(other['degree'])}. "
            "Choose a label that no node has yet."
        )
    ids = json.dumps(sorted(set(triplets)))
    mine = f"id IN {_THESE} AND (subject_id = ? OR object_id = ?)"
    (moved,) = db.execute(
        f"SELECT COUNT(*) FROM triplets WHERE {mine}", (ids, node, node)
    ).fetchone()
    if moved != len(set(triplets)):
        raise GraphError(
            f"{len(set(triplets)) - moved:,} of the {len(set(triplets)):,} chosen triplets do not "
            f"belong to “{row['label']}” any more. Look at its triplets and choose again."
        )
    (whole,) = db.execute(
        "SELECT COUNT(*) FROM triplets WHERE subject_id = ? OR object_id = ?", (node, node)
    ).fetchone()
    if moved in (0, whole):
        raise GraphError(
            f"{moved:,} of the {whole:,} triplets of “{row['label']}” are chosen; a split leaves "
            "some on both sides. Choose fewer or more, or rename the node."
        )
    edit.touch(f"t.id IN {_THESE}", ids)
    fresh = db.execute(
        "INSERT INTO nodes (label, norm_label, sense) VALUES (?, ?, ?)",
        (label, norm_label(label), sense_key(label)),
    ).lastrowid
    db.execute(
        f"""UPDATE triplets SET version = ?,
                subject_id = CASE WHEN subject_id = ? THEN ? ELSE subject_id END,
                object_id = CASE WHEN object_id = ? THEN ? ELSE object_id END
            WHERE id IN {_THESE}""",
        (edit.version, node, fresh, node, fresh, ids),
    )
    return f"split “{label}” off “{row['label']}” ({_triplets(moved)})."


def _as_seen(db: sqlite3.Connection, node: int, seen: str) -> sqlite3.Row:
    row = get(db, node)
    if row["label"] != seen:
        raise StaleEditError(
            f"Somebody else renamed “{seen}” in the meantime: it is now “{row['label']}”. "
            "Nothing was overwritten; look at it and make your change again."
        )
    return row


def _named(db: sqlite3.Connection, label: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = db.execute(
        "SELECT * FROM nodes WHERE norm_label = ?", (norm_label(label),)
    ).fetchone()
    return found


def _triplets(count: int) -> str:
    return f"{count:,} triplet" + ("" if count == 1 else "s")
