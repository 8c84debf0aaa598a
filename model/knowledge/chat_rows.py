"""The SQL of conversations, of the teachers' answers and of the small settings."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
import uuid
from collections.abc import Sequence
from typing import Any

from model.knowledge.labels import storable
from model.records import AnswerStats, Chat, ChatId, Fact, PictureId, TripletId, Turn

# ── chats ───────────────────────────────────────────────────────────────────────────────────────


def latest(db: sqlite3.Connection) -> Chat | None:
    """The conversation that was written to last, or ``None``."""
    row = db.execute("SELECT id FROM chats ORDER BY updated_at DESC, rowid DESC LIMIT 1").fetchone()
    return None if row is None else get(db, ChatId(row["id"]))


def create(db: sqlite3.Connection) -> Chat:
    """A new empty conversation."""
    chat, now = ChatId(uuid.uuid4().hex), time.time()
    db.execute("INSERT INTO chats (id, created_at, updated_at) VALUES (?, ?, ?)", (chat, now, now))
    return Chat(chat, ())


def get(db: sqlite3.Connection, chat: ChatId) -> Chat:
    """A conversation with its turns; empty if nobody has written to it."""
    rows = db.execute("SELECT turn FROM turns WHERE chat = ? ORDER BY n", (chat,))
    return Chat(chat, tuple(turn_from(json.loads(row["turn"])) for row in rows))


def every(db: sqlite3.Connection, limit: int) -> tuple[Chat, ...]:
    """The conversations, last written to first."""
    rows = db.execute(
        "SELECT id FROM chats ORDER BY updated_at DESC, rowid DESC LIMIT ?", (max(0, limit),)
    ).fetchall()
    return tuple(get(db, ChatId(row["id"])) for row in rows)


def save(db: sqlite3.Connection, chat: ChatId, turns: Sequence[Turn]) -> None:
    """Replace the turns of a conversation, which need not exist yet."""
    now = time.time()
    db.execute(
        """INSERT INTO chats (id, created_at, updated_at) VALUES (?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at""",
        (chat, now, now),
    )
    db.execute("DELETE FROM turns WHERE chat = ?", (chat,))
    db.executemany(
        "INSERT INTO turns (chat, n, turn) VALUES (?, ?, ?)",
        [(chat, n, json.dumps(dataclasses.asdict(turn))) for n, turn in enumerate(turns)],
    )


def turn_from(values: dict[str, Any]) -> Turn:
    """A turn from its JSON values; what an older version did not write has its default."""
    stats = values["stats"]
    return Turn(
        role=values["role"],
        text=values["text"],
        pictures=tuple(PictureId(each) for each in values["pictures"]),
        roles=tuple(values["roles"]),
        facts=tuple(_fact(fact) for fact in values["facts"]),
        stats=None if stats is None else AnswerStats(**stats),
        thought=values.get("thought", ""),
        earlier=values.get("earlier", ""),
    )


def _fact(values: dict[str, Any]) -> Fact:
    path = tuple(TripletId(each) for each in values.get("path", ()))
    return Fact(**{**values, "triplet": TripletId(values["triplet"]), "path": path})


# ── the teachers' answers ───────────────────────────────────────────────────────────────────────


def save_trace(db: sqlite3.Connection, key: str, question: str, answer: str, model: str) -> None:
    """Keep an answer; the first one under a key stays."""
    db.execute(
        """INSERT INTO traces (key, question, answer, model, created_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (key) DO NOTHING""",
        (key, storable(question), storable(answer), model, time.time()),
    )


def replace_trace(
    db: sqlite3.Connection, key: str, question: str, answer: str, model: str, details: bytes
) -> None:
    """Keep an answer with its details; one that was there before under the key is replaced."""
    db.execute("DELETE FROM traces WHERE key = ?", (key,))
    save_trace(db, key, question, answer, model)
    db.execute(
        """INSERT INTO trace_details (key, details) VALUES (?, ?)
           ON CONFLICT (key) DO UPDATE SET details = excluded.details""",
        (key, details),
    )


def trace_details(db: sqlite3.Connection, key: str) -> bytes | None:
    """What is kept with the answer under a key, or ``None``."""
    row = db.execute("SELECT details FROM trace_details WHERE key = ?", (key,)).fetchone()
    return None if row is None else bytes(row["details"])


def traces(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, str]:
    """The answers that are there, by key, in the order of ``keys``."""
    rows = db.execute(
        "SELECT key, answer FROM traces WHERE key IN (SELECT value FROM json_each(?))",
        (json.dumps(keys),),
    )
    found = {row["key"]: row["answer"] for row in rows}
    return {key: found[key] for key in keys if key in found}


def texts(db: sqlite3.Connection, besides: str, most: int) -> tuple[tuple[str, str], ...]:
    """The oldest questions in words alone with their answers, of all teachers but one."""
    rows = db.execute(
        """SELECT question, answer FROM traces WHERE model <> ? AND question <> ''
           ORDER BY created_at, key LIMIT ?""",
        (besides, most),
    )
    return tuple((row["question"], row["answer"]) for row in rows)


# ── settings ────────────────────────────────────────────────────────────────────────────────────


def setting(db: sqlite3.Connection, key: str) -> str | None:
    """A small value by its name, or ``None``."""
    row = db.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row["value"])


def set_setting(db: sqlite3.Connection, key: str, value: str) -> None:
    """Keep a small value under a name."""
    db.execute(
        """INSERT INTO settings (key, value) VALUES (?, ?)
           ON CONFLICT (key) DO UPDATE SET value = excluded.value""",
        (key, value),
    )
