"""The SQL of undo and redo: every edit is kept with the triplets before and after it.

Edits form one line: undoing walks back, redoing walks forward, and a new edit cuts off what lay
ahead. A triplet that comes back gets a fresh version, so that nobody who read it before its
return can overwrite it unseen.

What an edit changed lies in rows and is copied by SQL alone, so an edit may touch any number of
triplets. Those that an import added have consecutive numbers, because it is one transaction: only
the first and the last are kept, and the rows are copied when the import is undone.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from model.errors import GraphError
from model.knowledge.labels import norm_label, sense_key
from model.knowledge.live_rows import COLUMNS, JOINED, LIVE

HISTORY = 500
"""Edits that can be undone; older ones are forgotten."""

_OF_COLUMNS = ", ".join(f"{{0}}.{name}" for name in COLUMNS.split(", "))


def tick(db: sqlite3.Connection) -> int:
    """The next version number; it is never given twice."""
    db.execute("UPDATE clock SET tick = tick + 1")
    return now(db)


def now(db: sqlite3.Connection) -> int:
    """The number of the last change of the graph."""
    return int(db.execute("SELECT tick FROM clock").fetchone()[0])


class Edit:
    """An edit under way. ``touch`` notes triplets before they are changed; ``close`` keeps it.

    ``version`` is what every triplet gets that the edit changes.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.version = tick(db)
        self.id = db.execute(
            "INSERT INTO edits (words, at) VALUES ('', ?)", (time.time(),)
        ).lastrowid
        _clear(db)

    def touch(self, where: str, *values: Any) -> None:
        """Note the triplets ``t`` of a condition as they are now; the first time counts."""
        fresh = f"({where}) AND t.id NOT IN (SELECT id FROM seen)"
        self.db.execute(
            f"INSERT INTO changes (edit, side, {COLUMNS}) "
            f"SELECT {self.id}, 'before', {LIVE} {JOINED} WHERE {fresh}",
            values,
        )
        _touch_nodes(self.db, fresh, values)
        self.db.execute(f"INSERT INTO seen SELECT t.id FROM triplets AS t WHERE {fresh}", values)

    def fresh(self, triplet: int) -> None:
        """Note a triplet that the edit is about to add."""
        self.db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (triplet,))

    def renamed(self, old: str, new: str) -> None:
        """Note that a node got another label."""
        self.db.execute(
            "UPDATE edits SET renamed_from = ?, renamed_to = ? WHERE id = ?", (old, new, self.id)
        )

    def added(self, first: int, last: int) -> None:
        """Note that the triplets with these numbers are new, and only those."""
        self.db.execute(
            "UPDATE edits SET first_added = ?, last_added = ? WHERE id = ?", (first, last, self.id)
        )
        _touch_nodes(self.db, "t.id BETWEEN ? AND ?", (first, last))

    def close(self) -> int:
        """Note what became of the triplets and bring the nodes up to date.

        Returns how many of the triplets that were touched have really changed.
        """
        db = self.db
        db.execute(
            f"INSERT INTO changes (edit, side, {COLUMNS}) SELECT {self.id}, 'after', {LIVE} "
            f"{JOINED} WHERE t.id IN (SELECT id FROM seen)"
        )
        _touch_nodes(db, "t.id IN (SELECT id FROM seen)", ())
        db.execute(
            f"""DELETE FROM changes WHERE edit = {self.id} AND id IN (
                SELECT b.id FROM changes AS b JOIN changes AS a
                    ON a.edit = b.edit AND a.side = 'after' AND a.id = b.id
                WHERE b.edit = {self.id} AND b.side = 'before'
                    AND ({_OF_COLUMNS.format("a")}) IS ({_OF_COLUMNS.format("b")}))"""
        )
        _refresh(db)
        (changed,) = db.execute(
            "SELECT COUNT(DISTINCT id) FROM changes WHERE edit = ?", (self.id,)
        ).fetchone()
        return int(changed)

    def record(self, words: str) -> None:
        """Keep the edit for undo under these words, and forget what could be redone."""
        self.db.execute("UPDATE edits SET words = ? WHERE id = ?", (words, self.id))
        self.db.execute("DELETE FROM edits WHERE undone = 1")
        self.db.execute(
            "DELETE FROM edits WHERE id NOT IN (SELECT id FROM edits ORDER BY id DESC LIMIT ?)",
            (HISTORY,),
        )

    def drop(self) -> None:
        """Forget the edit: it changed nothing."""
        self.db.execute("DELETE FROM edits WHERE id = ?", (self.id,))


# ── back and forth ──────────────────────────────────────────────────────────────────────────────


def last(db: sqlite3.Connection) -> int:
    """The number of the edit that undo would take back; 0 if there is none."""
    row = db.execute("SELECT MAX(id) AS id FROM edits WHERE undone = 0").fetchone()
    return int(row["id"] or 0)


def undo(db: sqlite3.Connection, expected: int | None = None) -> str:
    """Take the last edit back; says in words which.

    Raises: GraphError if there is none, or if it is not the one of the number ``expected``.
    """
    row = db.execute("SELECT * FROM edits WHERE undone = 0 ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        raise GraphError(
            f"There are 0 edits left to undo. The last {HISTORY} edits of a workspace are kept."
        )
    if expected is not None and row["id"] != expected:
        raise GraphError("Something else was changed since. Undo it step by step in the Graph tab.")
    if row["first_added"] is not None:
        db.execute(
            f"INSERT INTO changes (edit, side, {COLUMNS}) SELECT ?, 'after', {LIVE} {JOINED} "
            "WHERE t.id BETWEEN ? AND ?",
            (row["id"], row["first_added"], row["last_added"]),
        )
    _apply(db, row["id"], "after", "before", rename=(row["renamed_to"], row["renamed_from"]))
    db.execute("UPDATE edits SET undone = 1 WHERE id = ?", (row["id"],))
    return f"Undone: {row['words']}"


def redo(db: sqlite3.Connection) -> str:
    """Make the last undone edit again. Raises: GraphError if there is none."""
    row = db.execute("SELECT * FROM edits WHERE undone = 1 ORDER BY id LIMIT 1").fetchone()
    if row is None:
        raise GraphError("There are 0 edits to redo: a new edit ends what can be redone.")
    _apply(db, row["id"], "before", "after", rename=(row["renamed_from"], row["renamed_to"]))
    if row["first_added"] is not None:
        db.execute(
            "DELETE FROM changes WHERE edit = ? AND side = 'after' AND id BETWEEN ? AND ?",
            (row["id"], row["first_added"], row["last_added"]),
        )
    db.execute("UPDATE edits SET undone = 0 WHERE id = ?", (row["id"],))
    return f"Done again: {row['words']}"


def _apply(
    db: sqlite3.Connection, edit: int, old: str, new: str, rename: tuple[str | None, str | None]
) -> None:
    version = tick(db)
    _clear(db)
    side = "SELECT id FROM changes WHERE edit = ? AND side = ?"
    _touch_nodes(db, f"t.id IN ({side})", (edit, old))
    # All removals first: two triplets of one edit may swap their words.
    db.execute(f"DELETE FROM triplets WHERE id IN ({side})", (edit, old))
    if rename[0] is not None and rename[1] is not None:
        relabel(db, rename[0], rename[1], version)
    _put_back(db, edit, new, version)
    _touch_nodes(db, f"t.id IN ({side})", (edit, new))
    _refresh(db)


def _put_back(db: sqlite3.Connection, edit: int, side: str, version: int) -> None:
    for end in ("subject", "object"):
        db.execute(
            f"""INSERT INTO nodes (label, norm_label, sense)
                SELECT DISTINCT {end}, norm_label({end}), sense_key({end}) FROM changes
                WHERE edit = ? AND side = ?
                ON CONFLICT (norm_label) DO UPDATE SET label = excluded.label
                WHERE label <> excluded.label""",
            (edit, side),
        )
    db.execute(
        """INSERT INTO triplets (id, subject_id, relation, norm_relation, object_id,
               subject_picture, relation_picture, object_picture, source, note, version,
               created_at, updated_at, confidence, author, origin)
           SELECT c.id, s.id, c.relation, norm_label(c.relation), o.id, c.subject_picture,
               c.relation_picture, c.object_picture, c.source, c.note, ?, c.created_at, ?,
               c.confidence, c.author, c.origin
           FROM changes AS c
               CROSS JOIN nodes AS s ON s.norm_label = norm_label(c.subject)
               CROSS JOIN nodes AS o ON o.norm_label = norm_label(c.object)
           WHERE c.edit = ? AND c.side = ?""",
        (version, time.time(), edit, side),
    )


# ── nodes ───────────────────────────────────────────────────────────────────────────────────────


def relabel(db: sqlite3.Connection, old: str, new: str, version: int) -> None:
    """Give the node that is called ``old`` another label; its triplets get a new version."""
    row = db.execute("SELECT id FROM nodes WHERE norm_label = ?", (norm_label(old),)).fetchone()
    assert row is not None, f"no node is called {old!r}"
    db.execute(
        "UPDATE nodes SET label = ?, norm_label = ?, sense = ? WHERE id = ?",
        (new, norm_label(new), sense_key(new), row["id"]),
    )
    for end in ("subject_id", "object_id"):
        db.execute(f"UPDATE triplets SET version = ? WHERE {end} = ?", (version, row["id"]))


def _clear(db: sqlite3.Connection) -> None:
    # Temporary tables belong to this connection, and nobody else waits for them.
    for table in ("seen", "touched"):
        db.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY)")
        db.execute(f"DELETE FROM {table}")


def _touch_nodes(db: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> None:
    for end in ("subject_id", "object_id"):
        db.execute(
            f"INSERT OR IGNORE INTO touched SELECT t.{end} FROM triplets AS t WHERE {where}", values
        )


def _refresh(db: sqlite3.Connection) -> None:
    """Bring picture and degree of the touched nodes up to date; drop those without a triplet."""
    db.execute(
        """UPDATE nodes SET
               degree = (SELECT COUNT(*) FROM triplets WHERE subject_id = nodes.id)
                   + (SELECT COUNT(*) FROM triplets WHERE object_id = nodes.id),
               picture = (SELECT picture FROM (
                   SELECT * FROM (SELECT id, subject_picture AS picture FROM triplets
                       WHERE subject_id = nodes.id AND subject_picture IS NOT NULL
                       ORDER BY id LIMIT 1)
                   UNION ALL
                   SELECT * FROM (SELECT id, object_picture FROM triplets
                       WHERE object_id = nodes.id AND object_picture IS NOT NULL
                       ORDER BY id LIMIT 1)
                   ORDER BY 1 LIMIT 1))
           WHERE id IN (SELECT id FROM touched)"""
    )
    db.execute("DELETE FROM nodes WHERE degree = 0 AND id IN (SELECT id FROM touched)")
