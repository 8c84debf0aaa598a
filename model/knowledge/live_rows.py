"""How a stored triplet is read: the one list of its columns, as rows of SQL and as a record."""

from __future__ import annotations

import sqlite3

from model.records import PictureId, Triplet, TripletId

COLUMNS = (
    "id, subject, relation, object, subject_picture, relation_picture, object_picture, source, "
    "note, version, created_at, confidence, author, origin"
)
"""The columns of a triplet with its words, in the order of the record's fields."""
JOINED = """FROM triplets AS t
    JOIN nodes AS s ON s.id = t.subject_id
    JOIN nodes AS o ON o.id = t.object_id"""
LIVE = """t.id, s.label AS subject, t.relation, o.label AS object, t.subject_picture,
    t.relation_picture, t.object_picture, t.source, t.note, t.version, t.created_at,
    t.confidence, t.author, t.origin"""
"""``COLUMNS`` out of ``JOINED``."""
SELECTED = f"SELECT {LIVE} {JOINED}"


def triplet_of(row: sqlite3.Row) -> Triplet:
    """The record of a row with ``COLUMNS``."""
    return Triplet(
        id=TripletId(row["id"]),
        subject=row["subject"],
        relation=row["relation"],
        object=row["object"],
        subject_picture=picture_of(row["subject_picture"]),
        relation_picture=picture_of(row["relation_picture"]),
        object_picture=picture_of(row["object_picture"]),
        source=row["source"],
        note=row["note"],
        version=row["version"],
        created_at=row["created_at"],
        confidence=row["confidence"],
        author=row["author"],
        origin=row["origin"],
    )


def picture_of(value: str | None) -> PictureId | None:
    """The id of a picture, or ``None``."""
    return None if value is None else PictureId(value)
