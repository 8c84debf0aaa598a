"""The SQL of answers that were given, and of the votes on them."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from model.config import SampleConfig, from_json, to_json
from model.errors import InputError
from model.feedback_records import AnswerId, GivenAnswer, Mark, UpdateId, Vote
from model.knowledge.chat_rows import turn_from
from model.knowledge.labels import storable
from model.records import StudentId

UNVOTED_KEPT = 500
"""Answers without a vote that are kept: somebody may still scroll up and vote on them."""
LEARNABLE = "votes.withdrawn = 0 AND answers.base = ?"
"""What a vote must be to teach the student of a base."""

# ── answers ─────────────────────────────────────────────────────────────────────────────────────


def save_answer(db: sqlite3.Connection, answer: GivenAnswer) -> None:
    """Keep an answer that was given; of those without votes only the newest stay."""
    values = {
        "id": answer.id,
        "question": json.dumps(dataclasses.asdict(answer.question)),
        "said": json.dumps(dataclasses.asdict(answer.said)),
        "prompt": json.dumps(answer.prompt),
        "thinking": int(answer.thinking),
        "tokens": json.dumps(answer.tokens),
        "logprobs": json.dumps(answer.logprobs),
        "settings": json.dumps(to_json(answer.settings)),
        "chosen": json.dumps(dict(answer.chosen)),
        "propensity": answer.propensity,
        "student": answer.student,
        "base": answer.base,
        "weights": answer.weights,
        "created_at": answer.created_at or time.time(),
    }
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    db.execute(f"INSERT INTO answers ({names}) VALUES ({places})", values)
    db.execute(
        """DELETE FROM answers WHERE id IN (
               SELECT id FROM answers WHERE id NOT IN (SELECT answer FROM votes)
               AND id NOT IN (SELECT rejected FROM votes WHERE rejected IS NOT NULL)
               ORDER BY created_at DESC LIMIT -1 OFFSET ?)""",
        (UNVOTED_KEPT,),
    )


def answer(db: sqlite3.Connection, wanted: AnswerId) -> GivenAnswer:
    """An answer that was given. Raises: InputError if it is not kept any more."""
    row = db.execute("SELECT * FROM answers WHERE id = ?", (wanted,)).fetchone()
    if row is None:
        raise InputError("This answer is no longer kept. Ask again, then vote on the new answer.")
    return GivenAnswer(
        id=AnswerId(row["id"]),
        question=turn_from(json.loads(row["question"])),
        said=turn_from(json.loads(row["said"])),
        prompt=tuple(json.loads(row["prompt"])),
        thinking=bool(row["thinking"]),
        tokens=tuple(json.loads(row["tokens"])),
        logprobs=tuple(json.loads(row["logprobs"])),
        settings=_settings(json.loads(row["settings"])),
        student=StudentId(row["student"]),
        base=row["base"],
        weights=row["weights"],
        chosen=json.loads(row["chosen"]),
        propensity=row["propensity"],
        created_at=row["created_at"],
    )


def _settings(values: dict[str, Any]) -> SampleConfig:
    """Settings of any version: what is unknown today is left out."""
    known = {item.name for item in dataclasses.fields(SampleConfig)}
    return from_json(SampleConfig, {name: v for name, v in values.items() if name in known})


# ── votes ───────────────────────────────────────────────────────────────────────────────────────


def save_vote(db: sqlite3.Connection, vote: Vote) -> Vote:
    """Keep a vote; an earlier one on the same answer that nothing was learned from is replaced.

    One that was learned from stays in the books, withdrawn.
    """
    answer(db, vote.answer)
    withdraw(db, vote.answer)
    made = vote.created_at or time.time()
    words = storable(vote.words)
    row = db.execute(
        """INSERT INTO votes (answer, kind, reward, words, rejected, judge, created_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (vote.answer, vote.kind, vote.reward, words, vote.rejected, vote.judge, made),
    )
    assert row.lastrowid is not None
    return dataclasses.replace(vote, id=row.lastrowid, words=words, created_at=made)


def withdraw(db: sqlite3.Connection, voted: AnswerId) -> int:
    """Take the votes on an answer back; returns how many had been learned from already."""
    db.execute(
        "DELETE FROM votes WHERE (answer = ? OR rejected = ?) AND seen_by IS NULL", (voted, voted)
    )
    return db.execute(
        "UPDATE votes SET withdrawn = 1 WHERE (answer = ? OR rejected = ?) AND withdrawn = 0",
        (voted, voted),
    ).rowcount


def fresh(db: sqlite3.Connection, base: str) -> tuple[Vote, ...]:
    """The votes that no update has looked at yet, oldest first."""
    rows = db.execute(
        f"""SELECT votes.* FROM votes JOIN answers ON answers.id = votes.answer
            WHERE {LEARNABLE} AND seen_by IS NULL ORDER BY votes.id""",
        (base,),
    )
    return tuple(_vote(row) for row in rows)


def count_fresh(db: sqlite3.Connection, base: str) -> int:
    """How many different answers have new votes: the same words ten times teach as much as once.

    The same words about another picture are another answer.
    """
    row = db.execute(
        f"""SELECT COUNT(DISTINCT prompt || tokens || kind
               || json_extract(question, '$.pictures')) AS many
            FROM votes JOIN answers ON answers.id = votes.answer
            WHERE {LEARNABLE} AND seen_by IS NULL""",
        (base,),
    ).fetchone()
    return int(row["many"])


def learned(db: sqlite3.Connection, base: str, most: int) -> tuple[Vote, ...]:
    """The newest votes that the student stands on: those of updates that were kept."""
    rows = db.execute(
        f"""SELECT votes.* FROM votes JOIN answers ON answers.id = votes.answer
            JOIN updates ON updates.id = votes.seen_by
            WHERE {LEARNABLE} AND updates.state = 'kept' ORDER BY votes.id DESC LIMIT ?""",
        (base, most),
    )
    return tuple(_vote(row) for row in rows)


def choices(db: sqlite3.Connection, base: str, most: int) -> tuple[tuple[Vote, GivenAnswer], ...]:
    """The newest votes on answers whose settings were chosen, oldest first."""
    rows = db.execute(
        f"""SELECT votes.* FROM votes JOIN answers ON answers.id = votes.answer
            WHERE {LEARNABLE} AND chosen <> '{{}}' ORDER BY votes.id DESC LIMIT ?""",
        (base, most),
    ).fetchall()
    votes = [_vote(row) for row in reversed(rows)]
    return tuple((vote, answer(db, vote.answer)) for vote in votes)


def of_update(db: sqlite3.Connection, update: UpdateId) -> tuple[Vote, ...]:
    """The votes that an update looks at, oldest first."""
    rows = db.execute(
        "SELECT * FROM votes WHERE seen_by = ? AND withdrawn = 0 ORDER BY id", (update,)
    )
    return tuple(_vote(row) for row in rows)


def rewards(db: sqlite3.Connection, base: str) -> tuple[tuple[float, UpdateId | None], ...]:
    """Every thumb, pair and judgement on answers of a base: its reward, and who learned from it.

    A typed answer says that the one that was given was not liked.
    """
    rows = db.execute(
        """SELECT kind, reward, seen_by FROM votes JOIN answers ON answers.id = votes.answer
           WHERE answers.base = ? ORDER BY votes.id""",
        (base,),
    )
    return tuple(
        (-1.0 if row["kind"] == "typed" else row["reward"], row["seen_by"]) for row in rows
    )


def marks(db: sqlite3.Connection, wanted: Sequence[AnswerId]) -> dict[AnswerId, Mark]:
    """What was thought of each of the answers that are kept."""
    ids = json.dumps(list(wanted))
    rows = db.execute(
        """SELECT answers.id, json_extract(said, '$.text') AS text, reward, words, judge, kind,
               updates.state AS state
           FROM answers LEFT JOIN votes ON votes.answer = answers.id AND withdrawn = 0
           LEFT JOIN updates ON updates.id = votes.seen_by
           WHERE answers.id IN (SELECT value FROM json_each(?)) ORDER BY votes.id""",
        (ids,),
    )
    return {
        AnswerId(row["id"]): Mark(
            text=row["text"],
            reward=0.0 if row["reward"] is None or row["kind"] == "typed" else row["reward"],
            better=row["words"] or "",
            judge=row["judge"] or "",
            learned=row["state"] == "kept",
        )
        for row in rows
    }


def _vote(row: sqlite3.Row) -> Vote:
    return Vote(
        id=row["id"],
        answer=AnswerId(row["answer"]),
        kind=row["kind"],
        reward=row["reward"],
        words=row["words"],
        rejected=None if row["rejected"] is None else AnswerId(row["rejected"]),
        judge=row["judge"],
        created_at=row["created_at"],
        update=None if row["seen_by"] is None else UpdateId(row["seen_by"]),
    )
