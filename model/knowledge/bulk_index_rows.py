"""The SQL of building indices once, after very many rows, instead of row by row.

Rows of an import hit a secondary index at random places, and the larger the index, the longer each
takes. Sorting all rows once takes less.
"""

from __future__ import annotations

import sqlite3

MANY = 50_000
"""Rows of an import from which on its indices are built once; below, nothing is gained."""


def pays(db: sqlite3.Connection, rows: int) -> bool:
    """Whether so many fresh triplets are worth sorting those that are there once more."""
    (there,) = db.execute("SELECT COALESCE(MAX(id), 0) FROM triplets").fetchone()
    return rows >= max(MANY, int(there))


def drop(db: sqlite3.Connection, *tables: str) -> list[str]:
    """Take the secondary indices of tables away; returns the statements that build them again.

    Part of the caller's transaction: others see the indices all the time, and whatever ends it
    early leaves them in place. Those behind UNIQUE stay, as conflicts are found by them.
    """
    marks = ", ".join("?" * len(tables))
    found = db.execute(
        f"""SELECT name, sql FROM sqlite_master
            WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({marks}) ORDER BY rowid""",
        tables,
    ).fetchall()
    for name, _ in found:
        db.execute(f'DROP INDEX "{name}"')
    return [statement for _, statement in found]


def build(db: sqlite3.Connection, statements: list[str]) -> None:
    """Build the indices that ``drop`` took away."""
    for statement in statements:
        db.execute(statement)
