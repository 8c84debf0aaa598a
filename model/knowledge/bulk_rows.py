"""The SQL of storing very many triplets: staged without a lock, then moved by SQL alone.

The rows wait in temporary tables of the connection, on disk beyond a few megabytes. So reading a
slow file makes nobody wait, memory does not grow with the rows, and the move is one transaction.
A label is staged once and then stands as a number: comparing texts in a growing index is what made
a large import slower for each triplet than a small one.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from itertools import islice

from model.knowledge.edit_rows import Edit
from model.knowledge.labels import clean_draft, clean_notes, norm_label, sense_key
from model.records import TripletDraft

_SAME = """FROM staged AS g
    CROSS JOIN ends AS s ON s.k = g.subject
    CROSS JOIN ends AS o ON o.k = g.object"""
_BRINGS = """(g.subject_picture IS NOT NULL OR g.relation_picture IS NOT NULL
    OR g.object_picture IS NOT NULL OR g.note <> '')"""
_TABLES = {
    "names": "k INTEGER PRIMARY KEY, label, norm_label, sense",
    "ends": "k INTEGER PRIMARY KEY, node",
    "staged": "n INTEGER PRIMARY KEY, subject, relation, norm_relation, object, subject_picture, "
    "relation_picture, object_picture, source, note, confidence, author, origin",
}
_AT_ONCE = 5000
MOST_NAMES = 500_000
"""Labels that are kept in mind; beyond them one may be staged twice, which does no harm."""


class _Staged:
    """Drafts as rows of the temporary tables; a label is cleaned and numbered once.

    ``fresh`` holds the labels that are not stored yet.
    """

    def __init__(self) -> None:
        self.fresh: list[tuple[int, str, str, str]] = []
        self._by_text: dict[str, int] = {}
        self._by_norm: dict[str, int] = {}
        self._relations: dict[str, tuple[str, str]] = {}
        self._next = 0

    def row(self, draft: TripletDraft) -> tuple[object, ...]:
        """The values of a row. Raises: InputError as ``clean_draft``."""
        subject, object_ = self._by_text.get(draft.subject), self._by_text.get(draft.object)
        relation = self._relations.get(draft.relation)
        if subject is None or object_ is None or relation is None:
            cleaned = clean_draft(draft)
            subject = self._by_text[draft.subject] = self._number(cleaned.subject)
            object_ = self._by_text[draft.object] = self._number(cleaned.object)
            relation = (cleaned.relation, norm_label(cleaned.relation))
            self._relations[draft.relation] = relation
        note, source, author, origin = clean_notes(draft)
        return (
            subject,
            *relation,
            object_,
            draft.subject_picture,
            draft.relation_picture,
            draft.object_picture,
            source,
            note,
            draft.confidence,
            author,
            origin,
        )

    def store(self, db: sqlite3.Connection) -> None:
        """Put the fresh labels into their table."""
        db.executemany("INSERT INTO names VALUES (?, ?, ?, ?)", self.fresh)
        self.fresh.clear()
        for known in (self._by_text, self._by_norm, self._relations):
            if len(known) > MOST_NAMES:
                known.clear()

    def _number(self, label: str) -> int:
        norm = norm_label(label)
        number = self._by_norm.get(norm)
        if number is None:
            number = self._by_norm[norm] = self._next
            self._next += 1
            self.fresh.append((number, label, norm, sense_key(label)))
        return number


def stage(db: sqlite3.Connection, drafts: Iterable[TripletDraft]) -> None:
    """Put drafts into the temporary tables, cleaned and in their order.

    Raises: InputError as ``clean_draft``.
    """
    for table, columns in _TABLES.items():
        db.execute(f"DROP TABLE IF EXISTS temp.{table}")
        db.execute(f"CREATE TEMP TABLE {table} ({columns})")
    staged, waiting = _Staged(), iter(drafts)
    while some := list(islice(waiting, _AT_ONCE)):
        db.executemany(f"INSERT INTO staged VALUES (NULL{', ?' * 12})", map(staged.row, some))
        staged.store(db)


def store(edit: Edit) -> int:
    """Move the staged rows into the graph; returns how many triplets are new.

    A row with the words of a triplet that is there brings it new pictures and a new note.
    """
    db = edit.db
    last = _last(db, "triplets")
    db.execute(
        """INSERT INTO nodes (label, norm_label, sense) SELECT label, norm_label, sense FROM names
           WHERE true ORDER BY k ON CONFLICT (norm_label) DO NOTHING"""
    )
    db.execute(
        """INSERT INTO ends SELECT g.k, n.id FROM names AS g
           CROSS JOIN nodes AS n ON n.norm_label = g.norm_label"""
    )
    if db.execute(f"SELECT 1 FROM staged AS g WHERE {_BRINGS} LIMIT 1").fetchone():
        edit.touch(
            f"""t.id IN (SELECT k.id {_SAME}
                CROSS JOIN triplets AS k ON k.subject_id = s.node
                    AND k.norm_relation = g.norm_relation AND k.object_id = o.node
                WHERE {_BRINGS})"""
        )
    db.execute(
        f"""INSERT INTO triplets (subject_id, relation, norm_relation, object_id,
                subject_picture, relation_picture, object_picture, source, note, version,
                created_at, updated_at, confidence, author, origin)
            SELECT s.node, g.relation, g.norm_relation, o.node, g.subject_picture,
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
    for table in _TABLES:
        db.execute(f"DROP TABLE IF EXISTS temp.{table}")


def _last(db: sqlite3.Connection, table: str) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return 0 if row is None else int(row["seq"])
