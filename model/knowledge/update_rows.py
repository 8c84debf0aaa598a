"""The SQL of updates: the times that a student learned from votes, and what it replays."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from model.config import from_json
from model.errors import InputError
from model.feedback_records import BeforeAfter, Update, UpdateFigures, UpdateId
from model.knowledge.chat_rows import turn_from
from model.records import StudentId

FIELDS = frozenset(
    {"state", "reason", "adapter", "weights", "figures", "samples", "tries", "pid",
     "started_at", "finished_at"}
)  # fmt: skip
"""The columns that ``change`` may write."""
GROUND_GONE = "What it built on was undone meanwhile; its votes are used in the next update."


def create(db: sqlite3.Connection, student: StudentId, base: str, votes: Sequence[int]) -> Update:
    """A queued update that looks at these votes."""
    parent = active(db, base)
    row = db.execute(
        """INSERT INTO updates (student, base, parent, state, votes, created_at)
           VALUES (?, ?, ?, 'queued', ?, ?)""",
        (student, base, parent.id if parent else None, len(votes), time.time()),
    )
    assert row.lastrowid is not None
    db.execute(
        "UPDATE votes SET seen_by = ? WHERE id IN (SELECT value FROM json_each(?))",
        (row.lastrowid, json.dumps(list(votes))),
    )
    return get(db, UpdateId(row.lastrowid))


def get(db: sqlite3.Connection, update: UpdateId) -> Update:
    """One update. Raises: InputError if it is not there."""
    row = db.execute("SELECT * FROM updates WHERE id = ?", (update,)).fetchone()
    if row is None:
        raise InputError(f"There is no update {update}. Reload the page to see which there are.")
    return _update(row)


def every(db: sqlite3.Connection, base: str) -> tuple[Update, ...]:
    """The updates of a base, newest first."""
    rows = db.execute("SELECT * FROM updates WHERE base = ? ORDER BY id DESC", (base,))
    return tuple(_update(row) for row in rows)


def unfinished(db: sqlite3.Connection) -> tuple[Update, ...]:
    """The updates that wait or run, of whichever student, oldest first."""
    rows = db.execute("SELECT * FROM updates WHERE state IN ('queued', 'running') ORDER BY id")
    return tuple(_update(row) for row in rows)


def last_failure(db: sqlite3.Connection, base: str) -> float:
    """When an update of a base failed last; 0 if none did."""
    row = db.execute(
        "SELECT MAX(finished_at) AS at FROM updates WHERE base = ? AND state = 'failed'", (base,)
    ).fetchone()
    return float(row["at"] or 0.0)


def active(db: sqlite3.Connection, base: str) -> Update | None:
    """The newest update that was kept and whose adapter is there; its adapter answers."""
    row = db.execute(
        """SELECT * FROM updates WHERE base = ? AND state = 'kept' AND adapter <> ''
           ORDER BY id DESC LIMIT 1""",
        (base,),
    ).fetchone()
    return None if row is None else _update(row)


def change(
    db: sqlite3.Connection,
    update: UpdateId,
    fields: Mapping[str, Any],
    states: Collection[str] = (),
) -> bool:
    """Write some columns; with ``states``, only while the update is in one of them.

    Raises: ValueError if a column may not be written; InputError if there is no such update.
    """
    unknown = sorted(set(fields) - FIELDS)
    if unknown or not fields:
        raise ValueError(f"an update has no fields {unknown}; known: {sorted(FIELDS)}")
    if states and get(db, update).state not in states:
        return False
    columns = ", ".join(f"{name} = ?" for name in fields)
    db.execute(
        f"UPDATE updates SET {columns} WHERE id = ?", [*map(_stored, fields.values()), update]
    )
    return True


def release(db: sqlite3.Connection, update: UpdateId) -> None:
    """Make the votes of an update new again."""
    db.execute("UPDATE votes SET seen_by = NULL WHERE seen_by = ?", (update,))


def keep(
    db: sqlite3.Connection, update: UpdateId, parent: UpdateId | None, fields: Mapping[str, Any]
) -> bool:
    """Write that a running update is kept, if what it was built on still answers.

    If ``parent`` was undone meanwhile the update has failed, and its votes are new again: its
    adapter would bring back what the person took away. Returns whether it was kept.
    """
    found = get(db, update)
    if found.state != "running":
        return False
    ground = active(db, found.base)
    if parent == (ground.id if ground else None):
        return change(db, update, {**fields, "state": "kept"})
    # no time of failure: that would hold these votes back, which on other ground need not fail
    change(db, update, {"state": "failed", "reason": GROUND_GONE})
    release(db, update)
    return False


def undo(db: sqlite3.Connection, update: UpdateId) -> tuple[Update, ...]:
    """Take an update back, with those that were built on it; returns what was taken back."""
    wanted = get(db, update)
    rows = db.execute(
        "SELECT * FROM updates WHERE base = ? AND state = 'kept' AND id >= ? ORDER BY id",
        (wanted.base, update),
    ).fetchall()
    for row in rows:
        change(db, UpdateId(row["id"]), {"state": "undone"})
    if active(db, wanted.base) is None:  # what it was built on is no longer on disk
        db.execute(
            "UPDATE updates SET state = 'undone' WHERE base = ? AND state = 'kept'", (wanted.base,)
        )
    return tuple(_update(row) for row in rows)


# ── replay and policies ─────────────────────────────────────────────────────────────────────────


def replay(db: sqlite3.Connection, base: str) -> tuple[dict[str, Any], ...]:
    """The lessons that a student replays, in the order of their slots."""
    rows = db.execute("SELECT lesson FROM replay WHERE base = ? ORDER BY slot", (base,))
    return tuple(json.loads(row["lesson"]) for row in rows)


def save_replay(
    db: sqlite3.Connection, base: str, lessons: Mapping[int, Mapping[str, Any]]
) -> None:
    """Put lessons into their slots; what was there is forgotten."""
    db.executemany(
        """INSERT INTO replay (base, slot, lesson) VALUES (?, ?, ?)
           ON CONFLICT (base, slot) DO UPDATE SET lesson = excluded.lesson""",
        [(base, slot, json.dumps(dict(lesson))) for slot, lesson in lessons.items()],
    )


def policy(db: sqlite3.Connection, name: str) -> bytes | None:
    """The state of a policy as it was kept, or ``None``."""
    row = db.execute("SELECT state FROM policies WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row["state"])


def save_policy(db: sqlite3.Connection, name: str, state: bytes) -> None:
    """Keep the state of a policy."""
    db.execute(
        """INSERT INTO policies (name, state) VALUES (?, ?)
           ON CONFLICT (name) DO UPDATE SET state = excluded.state""",
        (name, state),
    )


# ── inside ──────────────────────────────────────────────────────────────────────────────────────


def _stored(value: Any) -> Any:
    if isinstance(value, UpdateFigures):
        return json.dumps(dataclasses.asdict(value))
    if isinstance(value, tuple):
        return json.dumps([dataclasses.asdict(each) for each in value])
    return value


def _update(row: sqlite3.Row) -> Update:
    samples = tuple(
        BeforeAfter(turn_from(each["question"]), each["before"], each["after"])
        for each in json.loads(row["samples"])
    )
    return Update(
        id=UpdateId(row["id"]),
        student=StudentId(row["student"]),
        base=row["base"],
        parent=None if row["parent"] is None else UpdateId(row["parent"]),
        state=row["state"],
        votes=row["votes"],
        reason=row["reason"],
        adapter=row["adapter"],
        weights=row["weights"],
        figures=from_json(UpdateFigures, json.loads(row["figures"])),
        samples=samples,
        tries=row["tries"],
        pid=row["pid"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
