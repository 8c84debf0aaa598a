"""The SQL of comparisons and of the votes on them."""

from __future__ import annotations

import json
import sqlite3
import time

from model.compare_records import ComparisonHead, ComparisonId, Vote


def save(db: sqlite3.Connection, head: ComparisonHead, document: str) -> None:
    """Keep a comparison as it is now."""
    db.execute(
        """INSERT INTO comparisons (id, created_at, title, state, document) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET state = excluded.state, document = excluded.document""",
        (head.id, head.created_at, head.title, head.state, document),
    )


def document(db: sqlite3.Connection, comparison: ComparisonId) -> str | None:
    """The document of a comparison, or ``None``."""
    row = db.execute("SELECT document FROM comparisons WHERE id = ?", (comparison,)).fetchone()
    return None if row is None else str(row["document"])


def every(db: sqlite3.Connection, limit: int) -> tuple[ComparisonHead, ...]:
    """The comparisons, newest first."""
    rows = db.execute(
        """SELECT id, created_at, title, state FROM comparisons
           ORDER BY created_at DESC, rowid DESC LIMIT ?""",
        (max(0, limit),),
    )
    return tuple(ComparisonHead(**dict(row)) for row in rows)


def delete(db: sqlite3.Connection, comparison: ComparisonId) -> None:
    """Remove a comparison; the votes on it still count on the board."""
    db.execute("DELETE FROM comparisons WHERE id = ?", (comparison,))


def save_vote(db: sqlite3.Connection, comparison: ComparisonId, vote: Vote) -> None:
    """Keep a vote on one prompt; a second one replaces the first."""
    db.execute(
        """INSERT INTO comparison_votes (comparison, row, best, sides, created_at)
           VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (comparison, row) DO UPDATE
           SET best = excluded.best, created_at = excluded.created_at""",
        (comparison, vote.row, vote.best, json.dumps(vote.sides), time.time()),
    )


def votes(db: sqlite3.Connection, comparison: ComparisonId | None) -> tuple[Vote, ...]:
    """The votes on a comparison, or all of them, oldest first."""
    rows = db.execute(
        """SELECT row, best, sides, created_at FROM comparison_votes
           WHERE ? IS NULL OR comparison = ? ORDER BY created_at, rowid""",
        (comparison, comparison),
    )
    return tuple(
        Vote(row["row"], row["best"], tuple(json.loads(row["sides"])), row["created_at"])
        for row in rows
    )
