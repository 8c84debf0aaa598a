"""The SQL of storing very many triplets: staged without a lock, then moved by SQL alone.

The rows wait in a temporary table of the connection, on disk beyond a few megabytes. So reading a
slow file makes nobody wait, memory does not grow with the rows, and the move is one transaction.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable

from model.knowledge.edit_rows import Edit
from model.knowledge.labels import norm_label
from model.records import TripletDraft

_SAME = """FROM staged AS g
    CROSS JOIN nodes AS s ON s.norm_label = g.norm_subject
    CROSS JOIN nodes AS o ON o.norm_label = g.norm_object"""
_BRINGS = """(g.subject_picture IS NOT NULL OR g.relation_picture IS NOT NULL
    OR g.object_picture IS NOT NULL OR g.note <> '')"""


def stage(db: sqlite3.Connection, drafts: Iterable[TripletDraft]) -> None:
    """Put cleaned drafts into the temporary table, in their order."""
    db.execute("DROP TABLE IF EXISTS staged")
    db.execute(
        """CREATE TEMP TABLE staged (n INTEGER PRIMARY KEY, subject, norm_subject, relation,
           norm_relation, object, norm_object, subject_picture, relation_picture, object_picture,
           source, note, confidence, author, origin)"""
    )
    db.executemany(
        f"INSERT INTO staged VALUES (NULL{', ?' * 14})", (_values(draft) for draft in drafts)
    )


def _values(draft: TripletDraft) -> tuple[object, ...]:
    return (
        draft.subject,
        norm_label(draft.subject),
        draft.relation,
        norm_label(draft.relation),
        draft.object,
        norm_label(draft.object),
        draft.subject_picture,
        draft.relation_picture,
        draft.object_picture,
        draft.source,
        draft.note,
        draft.confidence,
        draft.author,
        draft.origin,
    )


def store(edit: Edit) -> int:
    """Move the staged rows into the graph; returns how many triplets are new.

    A row with the words of a triplet that is there brings it new pictures and a new note.
    """
    db = edit.db
    nodes, last = _last(db, "nodes"), _last(db, "triplets")
    for end in ("subject", "object"):
        db.execute(
            f"""INSERT INTO nodes (label, norm_label) SELECT {end}, norm_{end} FROM staged
                WHERE true ORDER BY n ON CONFLICT (norm_label) DO NOTHING"""
        )
    db.execute("UPDATE nodes SET sense = sense_key(label) WHERE id > ?", (nodes,))
    if db.execute(f"SELECT 1 FROM staged AS g WHERE {_BRINGS} LIMIT 1").fetchone():
        edit.touch(
            f"""t.id IN (SELECT k.id {_SAME}
                CROSS JOIN triplets AS k ON k.subject_id = s.id
                    AND k.norm_relation = g.norm_relation AND k.object_id = o.id
                WHERE {_BRINGS})"""
        )
    db.execute(
        f"""INSERT INTO triplets (subject_id, relation, norm_relation, object_id,
                subject_picture, relation_picture, object_picture, source, note, version,
                created_at, updated_at, confidence, author, origin)
            SELECT s.id, g.relation, g.norm_relation, o.id, g.subject_picture,
                g.relation_picture, g.object_picture, g.source, g.note, :version, :at, :at,
                g.confidence, g.author, g.origin {_SAME} WHERE true ORDER BY g.n
            ON CONFLICT (subject_id, norm_relation, object_id) DO UPDATE SET
                subject_picture = COALESCE(excluded.subject_picture, subject_picture),
                relation_picture = COALESCE(excluded.relation_picture, relation_picture),
                object_picture = COALESCE(excluded.object_picture, object_picture),
                note = CASE excluded.note WHEN '' THEN note ELSE excluded.note END,
                version = excluded.version, updated_at = excluded.updated_at
            WHERE COALESCE(excluded.subject_picture <> COALESCE(subject_picture, ''), 0)
                OR COALESCE(excluded.relation_picture <> COALESCE(relation_picture, ''), 0)
                OR COALESCE(excluded.object_picture <> COALESCE(object_picture, ''), 0)
                OR (excluded.note <> '' AND excluded.note <> note)""",
        {"version": edit.version, "at": time.time()},
    )
    first_last = db.execute(
        "SELECT MIN(id), MAX(id), COUNT(*) FROM triplets WHERE id > ?", (last,)
    ).fetchone()
    if first_last[2]:
        edit.added(first_last[0], first_last[1])
    return int(first_last[2])


def unstage(db: sqlite3.Connection) -> None:
    """Let go of the staged rows."""
    db.execute("DROP TABLE IF EXISTS staged")


def _last(db: sqlite3.Connection, table: str) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return 0 if row is None else int(row["seq"])
