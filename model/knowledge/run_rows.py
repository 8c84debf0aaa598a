"""The SQL of runs: their rows, curves, samples and the prompts that got no answer.

SQLite turns "not a number" into NULL, which means "not yet" here; so it is stored as a word.
"""

from __future__ import annotations

import json
import math
import secrets
import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from model.config import DistillConfig, from_json, to_json
from model.errors import RunError
from model.knowledge.labels import storable
from model.records import Metric, PictureId, RunId, RunInfo, RunSample, RunState, StudentId

FIELDS = frozenset(
    {
        "state", "started_at", "finished_at", "step", "steps", "answers", "failed_answers",
        "prompts", "stage", "message", "student", "tokens_per_s", "remaining_s", "train_loss",
        "validation_loss", "pid", "heartbeat_at", "note", "collected", "prompt_notes",
    }
)  # fmt: skip
"""The columns that ``update`` may write."""
REQUESTS = ("pause", "stop-keep", "stop-drop")
"""What a person can ask of a run that is under way."""


# ── rows ────────────────────────────────────────────────────────────────────────────────────────


def create(db: sqlite3.Connection, config: DistillConfig, name: str, state: RunState) -> RunInfo:
    """A new run."""
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    run = RunId(f"{stamp}-{secrets.token_hex(3)}")
    db.execute(
        """INSERT INTO runs (id, name, state, config, created_at, steps, prompts)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (run, name, state, json.dumps(to_json(config)), now, config.steps, config.prompts),
    )
    return get(db, run)


def get(db: sqlite3.Connection, run: RunId) -> RunInfo:
    """One run. Raises: RunError if it is not there."""
    return _info(_row(db, run))


def every(db: sqlite3.Connection) -> tuple[RunInfo, ...]:
    """All runs, newest first."""
    return tuple(_info(row) for row in db.execute("SELECT * FROM runs ORDER BY rowid DESC"))


def update(
    db: sqlite3.Connection, run: RunId, fields: Mapping[str, Any], states: Collection[str]
) -> bool:
    """Write some columns; with ``states``, only while the run is in one of them.

    Raises: RunError if there is no such run; ValueError if a column may not be written.
    """
    unknown = sorted(set(fields) - FIELDS)
    if unknown or not fields:
        raise ValueError(f"a run has no fields {unknown}; known: {sorted(FIELDS)}")
    row = _row(db, run)
    if states and row["state"] not in states:
        return False
    columns = ", ".join(f"{name} = ?" for name in fields)
    db.execute(f"UPDATE runs SET {columns} WHERE id = ?", [*map(_stored, fields.values()), run])
    return True


def set_request(db: sqlite3.Connection, run: RunId, request: str | None) -> None:
    """Leave a wish for the worker; ``None`` takes it back."""
    if request is not None and request not in REQUESTS:
        raise ValueError(f"request is {request!r}; it must be one of {', '.join(REQUESTS)}")
    _row(db, run)
    db.execute("UPDATE runs SET request = ? WHERE id = ?", (request, run))


def get_request(db: sqlite3.Connection, run: RunId) -> str | None:
    """The wish that waits for the worker, if any."""
    request: str | None = _row(db, run)["request"]
    return request


def get_process(db: sqlite3.Connection, run: RunId) -> tuple[int | None, float | None]:
    """The worker's process number, and when it was started."""
    row = _row(db, run)
    return row["pid"], row["started_at"]


def delete(db: sqlite3.Connection, run: RunId) -> None:
    """Remove a run with its curves, samples and failures; traces stay, other runs use them."""
    _row(db, run)
    db.execute("DELETE FROM runs WHERE id = ?", (run,))


# ── curves ──────────────────────────────────────────────────────────────────────────────────────


def add_metrics(db: sqlite3.Connection, run: RunId, metrics: Iterable[Metric]) -> None:
    """Append points to the curves of a run."""
    _row(db, run)
    db.executemany(
        "INSERT INTO metrics (run, step, series, value, at) VALUES (?, ?, ?, ?, ?)",
        [(run, each.step, each.series, _stored(float(each.value)), each.at) for each in metrics],
    )


def metrics(db: sqlite3.Connection, run: RunId, points: int | None) -> tuple[Metric, ...]:
    """The curves of a run in the order of their steps, thinned if ``points`` is given."""
    rows = db.execute(
        "SELECT step, series, value, at FROM metrics WHERE run = ? ORDER BY series, step, id",
        (run,),
    )
    series: dict[str, list[Metric]] = {}
    for row in rows:
        point = Metric(row["step"], row["series"], float(row["value"]), row["at"])
        series.setdefault(row["series"], []).append(point)
    kept = series.values() if points is None else [thin(curve, points) for curve in series.values()]
    return tuple(point for curve in kept for point in curve)


def thin(curve: Sequence[Metric], points: int) -> list[Metric]:
    """At most ``points`` of a curve: the first, the last, and the extremes of equal stretches.

    A value that is not a number is an extreme too: a person must see it. ``points`` is at least 4.
    """
    if points < 4:
        raise ValueError(f"a curve cannot be thinned to {points} points; the fewest are 4")
    if len(curve) <= points:
        return list(curve)
    last = len(curve) - 1
    bins = (points - 2) // 2
    keep = {0, last}
    for number in range(bins):
        start, end = 1 + number * (last - 1) // bins, 1 + (number + 1) * (last - 1) // bins
        stretch = range(start, end)
        odd = [place for place in stretch if math.isnan(curve[place].value)]
        sound = [place for place in stretch if not math.isnan(curve[place].value)]
        if sound:
            low = min(sound, key=lambda place: curve[place].value)
            high = max(sound, key=lambda place: curve[place].value)
            keep.update((high, odd[0]) if odd else (low, high))
        elif odd:
            keep.add(odd[0])
    return [curve[place] for place in sorted(keep)]


# ── samples and failures ────────────────────────────────────────────────────────────────────────


def add_samples(db: sqlite3.Connection, run: RunId, samples: Iterable[RunSample]) -> None:
    """Append what teacher and student said to the same prompts."""
    _row(db, run)
    db.executemany(
        """INSERT INTO samples (run, step, prompt, teacher_answer, student_answer, pictures)
           VALUES (?, ?, ?, ?, ?, ?)""",
        [
            (
                run,
                each.step,
                storable(each.prompt),
                storable(each.teacher_answer),
                storable(each.student_answer),
                json.dumps(each.pictures),
            )
            for each in samples
        ],
    )


def samples(db: sqlite3.Connection, run: RunId, last: int) -> tuple[RunSample, ...]:
    """The last samples of a run, newest first."""
    rows = db.execute(
        "SELECT * FROM samples WHERE run = ? ORDER BY id DESC LIMIT ?", (run, max(0, last))
    )
    return tuple(
        RunSample(
            step=row["step"],
            prompt=row["prompt"],
            teacher_answer=row["teacher_answer"],
            student_answer=row["student_answer"],
            pictures=tuple(PictureId(each) for each in json.loads(row["pictures"])),
        )
        for row in rows
    )


def add_failure(db: sqlite3.Connection, run: RunId, key: str, reason: str) -> None:
    """Remember why a prompt got no answer; the last reason counts."""
    _row(db, run)
    db.execute(
        """INSERT INTO failures (run, key, reason) VALUES (?, ?, ?)
           ON CONFLICT (run, key) DO UPDATE SET reason = excluded.reason""",
        (run, key, storable(reason)),
    )


def clear_failure(db: sqlite3.Connection, run: RunId, key: str) -> None:
    """Forget a reason, if there is one."""
    db.execute("DELETE FROM failures WHERE run = ? AND key = ?", (run, key))


def failures(db: sqlite3.Connection, run: RunId) -> dict[str, str]:
    """The reasons by the key of the prompt, in the order in which they came."""
    rows = db.execute("SELECT key, reason FROM failures WHERE run = ? ORDER BY rowid", (run,))
    return {row["key"]: row["reason"] for row in rows}


def _row(db: sqlite3.Connection, run: RunId) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute("SELECT * FROM runs WHERE id = ?", (run,)).fetchone()
    if row is None:
        raise RunError(f"There is no run {run} in this workspace; it may have been deleted.")
    return row


def _info(row: sqlite3.Row) -> RunInfo:
    return RunInfo(
        id=RunId(row["id"]),
        name=row["name"],
        state=row["state"],
        config=from_json(DistillConfig, json.loads(row["config"])),
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        step=row["step"],
        steps=row["steps"],
        answers=row["answers"],
        failed_answers=row["failed_answers"],
        prompts=row["prompts"],
        stage=row["stage"],
        message=row["message"],
        student=None if row["student"] is None else StudentId(row["student"]),
        tokens_per_s=_number(row["tokens_per_s"]) or 0.0,
        remaining_s=_number(row["remaining_s"]),
        train_loss=_number(row["train_loss"]),
        validation_loss=_number(row["validation_loss"]),
        note=row["note"],
        collected=bool(row["collected"]),
        prompt_notes=tuple(json.loads(row["prompt_notes"])),
    )


def _stored(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def _number(value: float | str | None) -> float | None:
    return None if value is None else float(value)
