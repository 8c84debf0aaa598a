"""The tables of learning from votes: migration m011, in a file of its own to keep the list short.

Like every migration that was released, it is never edited.
"""

from __future__ import annotations

import sqlite3


def m011_votes(db: sqlite3.Connection) -> None:
    """Answers with their tokens, the votes on them, what was learned, and what is replayed."""
    db.execute(
        """CREATE TABLE answers (
            id TEXT PRIMARY KEY,
            question TEXT NOT NULL,
            said TEXT NOT NULL,
            prompt TEXT NOT NULL,
            thinking INTEGER NOT NULL,
            tokens TEXT NOT NULL,
            logprobs TEXT NOT NULL,
            settings TEXT NOT NULL,
            chosen TEXT NOT NULL,
            propensity REAL NOT NULL,
            student TEXT NOT NULL,
            base TEXT NOT NULL,
            weights TEXT NOT NULL,
            created_at REAL NOT NULL)"""
    )
    db.execute("CREATE INDEX answers_by_time ON answers (created_at)")
    db.execute(
        """CREATE TABLE updates (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            student TEXT NOT NULL,
            base TEXT NOT NULL,
            parent INTEGER,
            state TEXT NOT NULL,
            votes INTEGER NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            adapter TEXT NOT NULL DEFAULT '',
            weights TEXT NOT NULL DEFAULT '',
            figures TEXT NOT NULL DEFAULT '{}',
            samples TEXT NOT NULL DEFAULT '[]',
            tries INTEGER NOT NULL DEFAULT 0,
            pid INTEGER,
            created_at REAL NOT NULL,
            started_at REAL,
            finished_at REAL)"""
    )
    db.execute(
        """CREATE TABLE votes (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            answer TEXT NOT NULL REFERENCES answers (id),
            kind TEXT NOT NULL,
            reward REAL NOT NULL,
            words TEXT NOT NULL,
            rejected TEXT REFERENCES answers (id),
            judge TEXT NOT NULL,
            created_at REAL NOT NULL,
            seen_by INTEGER REFERENCES updates (id),
            withdrawn INTEGER NOT NULL DEFAULT 0)"""
    )
    db.execute("CREATE INDEX votes_by_answer ON votes (answer)")
    db.execute("CREATE INDEX votes_by_update ON votes (seen_by)")
    db.execute(
        """CREATE TABLE replay (
            base TEXT NOT NULL,
            slot INTEGER NOT NULL,
            lesson TEXT NOT NULL,
            PRIMARY KEY (base, slot)) WITHOUT ROWID"""
    )
    db.execute("CREATE TABLE policies (name TEXT PRIMARY KEY, state BLOB NOT NULL)")
