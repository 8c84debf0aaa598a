"""The SQL of single triplets; every function works inside the caller's transaction.

A node exists as long as a triplet touches it. Its label is the first spelling that was stored,
until somebody edits it; its picture is that of the oldest triplet that shows it.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence

from model.errors import GraphError, StaleEditError
from model.knowledge.edit_rows import Edit
from model.knowledge.labels import norm_label, sense_key
from model.knowledge.live_rows import SELECTED, triplet_of
from model.records import Triplet, TripletDraft, TripletId


def words_of(triplet: Triplet | TripletDraft) -> str:
    """A triplet as it is named in messages."""
    return f"“{triplet.subject} · {triplet.relation} · {triplet.object}”"


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


def find(db: sqlite3.Connection, triplet: int) -> Triplet | None:
    """One triplet, or ``None``."""
    row = db.execute(f"{SELECTED} WHERE t.id = ?", (triplet,)).fetchone()
    return None if row is None else triplet_of(row)


def get(db: sqlite3.Connection, triplet: int) -> Triplet:
    """One triplet. Raises: GraphError if it is not there."""
    found = find(db, triplet)
    if found is None:
        raise GraphError(
            f"Triplet number {triplet} is no longer in the graph; somebody deleted it. "
            "Undo brings a deleted triplet back."
        )
    return found


def same_words(db: sqlite3.Connection, draft: TripletDraft | Triplet) -> Triplet | None:
    """The stored triplet with the same three labels, case aside."""
    row = db.execute(
        f"{SELECTED} WHERE s.norm_label = ? AND t.norm_relation = ? AND o.norm_label = ?",
        (norm_label(draft.subject), norm_label(draft.relation), norm_label(draft.object)),
    ).fetchone()
    return None if row is None else triplet_of(row)


def about(db: sqlite3.Connection, labels: Sequence[str], limit: int) -> tuple[Triplet, ...]:
    """Triplets whose subject or object is one of the labels; those that join two come first."""
    norms = json.dumps(sorted({norm_label(label) for label in labels}))
    rows = db.execute(
        """WITH named (id) AS MATERIALIZED (
               SELECT n.id FROM json_each(?) AS j JOIN nodes AS n ON n.norm_label = j.value)
           SELECT id FROM (
               SELECT t.id FROM named CROSS JOIN triplets AS t ON t.subject_id = named.id
               UNION ALL
               SELECT t.id FROM named CROSS JOIN triplets AS t ON t.object_id = named.id)
           GROUP BY id ORDER BY COUNT(*) DESC, id DESC LIMIT ?""",
        (norms, max(0, limit)),
    ).fetchall()
    return tuple(get(db, row["id"]) for row in rows)


def after(db: sqlite3.Connection, last: int, limit: int) -> Iterator[Triplet]:
    """The triplets that follow a number, oldest first."""
    rows = db.execute(f"{SELECTED} WHERE t.id > ? ORDER BY t.id LIMIT ?", (last, limit))
    return (triplet_of(row) for row in rows.fetchall())


# ── writing ─────────────────────────────────────────────────────────────────────────────────────


def add(edit: Edit, draft: TripletDraft) -> TripletId:
    """Store a cleaned draft; the same words again only bring new pictures or a new note."""
    db = edit.db
    known = same_words(db, draft)
    if known is not None:
        edit.touch("t.id = ?", known.id)
        merge_into(db, known, draft, edit.version)
        return known.id
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'triplets'").fetchone()
    fresh = _triplet(draft, TripletId(1 if row is None else row["seq"] + 1), edit.version)
    edit.fresh(fresh.id)
    spelled = dataclasses.replace(
        fresh, subject=_spelling(db, draft.subject), object=_spelling(db, draft.object)
    )
    put(db, spelled)
    return fresh.id


def change(edit: Edit, triplet: TripletId, draft: TripletDraft, seen: int) -> Triplet:
    """Replace a triplet by a cleaned draft, if it is still the version that was ``seen``.

    Returns: what it was before. Raises: StaleEditError with the newer words; GraphError if it is
    gone, or if another triplet has these words already.
    """
    known = get(edit.db, triplet)
    if known.version != seen:
        raise StaleEditError(
            f"Somebody else changed this triplet (number {triplet}) in the meantime: it is now "
            f"{words_of(known)}. Nothing was overwritten; look at it and make your change again."
        )
    twin = same_words(edit.db, draft)
    if twin is not None and twin.id != triplet:
        raise GraphError(
            f"{words_of(twin)} is already in the graph as number {twin.id}. "
            "Edit that triplet, or delete one of the two."
        )
    edit.touch("t.id = ?", triplet)
    put(edit.db, _triplet(draft, triplet, edit.version, known.created_at))
    return known


def remove(edit: Edit, triplet: TripletId) -> Triplet:
    """Delete a triplet; returns what it was. Raises: GraphError if it is gone."""
    known = get(edit.db, triplet)
    edit.touch("t.id = ?", triplet)
    edit.db.execute("DELETE FROM triplets WHERE id = ?", (triplet,))
    return known


def merge_into(
    db: sqlite3.Connection, known: Triplet, other: TripletDraft | Triplet, version: int
) -> None:
    """Give a stored triplet the pictures and the note of another one with the same words."""
    merged = dataclasses.replace(
        known,
        subject_picture=other.subject_picture or known.subject_picture,
        relation_picture=other.relation_picture or known.relation_picture,
        object_picture=other.object_picture or known.object_picture,
        note=other.note or known.note,
    )
    if merged != known:
        put(db, dataclasses.replace(merged, version=version))


def put(db: sqlite3.Connection, triplet: Triplet) -> None:
    """Write a triplet under its own id, with the spelling of its labels."""
    subject, object_ = _node(db, triplet.subject), _node(db, triplet.object)
    db.execute(
        """INSERT INTO triplets (id, subject_id, relation, norm_relation, object_id,
               subject_picture, relation_picture, object_picture, source, note, version,
               created_at, updated_at, confidence, author, origin)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET subject_id = excluded.subject_id,
               relation = excluded.relation, norm_relation = excluded.norm_relation,
               object_id = excluded.object_id, subject_picture = excluded.subject_picture,
               relation_picture = excluded.relation_picture,
               object_picture = excluded.object_picture, source = excluded.source,
               note = excluded.note, version = excluded.version,
               updated_at = excluded.updated_at, confidence = excluded.confidence,
               author = excluded.author, origin = excluded.origin
        """,
        (
            triplet.id,
            subject,
            triplet.relation,
            norm_label(triplet.relation),
            object_,
            *triplet.pictures,
            triplet.source,
            triplet.note,
            triplet.version,
            triplet.created_at,
            time.time(),
            triplet.confidence,
            triplet.author,
            triplet.origin,
        ),
    )


def _triplet(
    draft: TripletDraft, triplet: TripletId, version: int, created_at: float | None = None
) -> Triplet:
    at = time.time() if created_at is None else created_at
    parts = {field.name: getattr(draft, field.name) for field in dataclasses.fields(draft)}
    return Triplet(id=triplet, version=version, created_at=at, **parts)


def _spelling(db: sqlite3.Connection, label: str) -> str:
    row = db.execute(
        "SELECT label FROM nodes WHERE norm_label = ?", (norm_label(label),)
    ).fetchone()
    return label if row is None else str(row["label"])


def _node(db: sqlite3.Connection, label: str) -> int:
    db.execute(
        """INSERT INTO nodes (label, norm_label, sense) VALUES (?, ?, ?)
           ON CONFLICT (norm_label) DO UPDATE SET label = excluded.label
           WHERE label <> excluded.label""",
        (label, norm_label(label), sense_key(label)),
    )
    row = db.execute("SELECT id FROM nodes WHERE norm_label = ?", (norm_label(label),)).fetchone()
    return int(row["id"])
