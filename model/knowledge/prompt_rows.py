"""The SQL of a run's prompts: what is asked, what became of it, and what a person made of it.

A prompt's state is not stored but follows from what is there: a mark of the person's, an answer of
their own, an answer in ``traces``, or a reason in ``failures``. So it is never out of step.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from model.errors import RunError
from model.knowledge.labels import storable
from model.prompt_records import PROMPT_STATES, PromptDraft, PromptPage, PromptState, RunPrompt
from model.records import PictureId, Role, RunId

_STATE = """CASE WHEN prompts.dropped THEN 'dropped'
    WHEN prompts.answer IS NOT NULL THEN 'answered'
    WHEN prompts.left_out <> '' THEN 'left out'
    WHEN traces.key IS NOT NULL THEN 'answered'
    WHEN failures.key IS NOT NULL THEN 'failed'
    ELSE 'waiting' END"""
_JOINED = """prompts
    LEFT JOIN traces ON traces.key = prompts.key
    LEFT JOIN failures ON failures.run = prompts.run AND failures.key = prompts.key"""
_SELECT = f"""SELECT prompts.*, {_STATE} AS state, traces.answer AS told, failures.reason AS why
    FROM {_JOINED}"""
_ROLES: tuple[Role, ...] = get_args(Role)


def add(db: sqlite3.Connection, run: RunId, drafts: Iterable[PromptDraft]) -> None:
    """Write down what a run asks; the order of the drafts is that of asking."""
    db.executemany(
        """INSERT INTO prompts (run, n, text, spec, pictures, roles, facts, origin, answer)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            (
                run,
                n,
                storable(each.text),
                each.spec,
                json.dumps(each.pictures),
                json.dumps(each.roles),
                json.dumps(each.facts),
                storable(each.origin),
                None if each.answer is None else storable(each.answer),
            )
            for n, each in enumerate(drafts)
        ),
    )


def kept(db: sqlite3.Connection, run: RunId) -> tuple[RunPrompt, ...]:
    """Every prompt of a run that a person did not drop, in order."""
    rows = db.execute(
        f"{_SELECT} WHERE prompts.run = ? AND NOT prompts.dropped ORDER BY prompts.n", (run,)
    )
    return tuple(_prompt(row) for row in rows)


def page(
    db: sqlite3.Connection, run: RunId, state: str, query: str, limit: int, offset: int
) -> PromptPage:
    """Prompts of one state, or of any for an empty one, whose words contain a query."""
    counted = db.execute(
        f"SELECT {_STATE} AS state, COUNT(*) FROM {_JOINED} WHERE prompts.run = ? GROUP BY 1",
        (run,),
    )
    counts: dict[PromptState, int] = dict.fromkeys(PROMPT_STATES, 0) | dict(counted)
    wanted = "%" + query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    found = f"""prompts.run = ? AND (? = '' OR {_STATE} = ?) AND (prompts.text LIKE ? ESCAPE '\\'
        OR COALESCE(prompts.answer, traces.answer, '') LIKE ? ESCAPE '\\')"""
    values = (run, state, state, wanted, wanted)
    (total,) = db.execute(f"SELECT COUNT(*) FROM {_JOINED} WHERE {found}", values).fetchone()
    rows = db.execute(
        f"{_SELECT} WHERE {found} ORDER BY prompts.n LIMIT ? OFFSET ?",
        (*values, max(0, limit), max(0, offset)),
    )
    return PromptPage(tuple(_prompt(row) for row in rows), int(total), counts)


def one(db: sqlite3.Connection, run: RunId, n: int) -> RunPrompt:
    """One prompt. Raises: RunError if there is none of this number."""
    row = db.execute(f"{_SELECT} WHERE prompts.run = ? AND prompts.n = ?", (run, n)).fetchone()
    if row is None:
        raise RunError(f"The run has no prompt number {n + 1}. Reload the list and try again.")
    return _prompt(row)


def rewrite(db: sqlite3.Connection, run: RunId, n: int, text: str, answer: str | None) -> None:
    """Give a prompt other words, and an answer of the person's own or ``None`` for the teacher's.

    The teacher's answer to other words is another one: its key is found anew.
    """
    before = one(db, run, n)
    changed = storable(text) != before.draft.text
    db.execute(
        f"""UPDATE prompts SET text = ?, answer = ?, left_out = ''{", key = ''" if changed else ""}
            WHERE run = ? AND n = ?""",
        (storable(text), None if answer is None else storable(answer), run, n),
    )


def drop(db: sqlite3.Connection, run: RunId, n: int, dropped: bool) -> None:
    """Leave a prompt out of the training, or take it back in."""
    one(db, run, n)
    db.execute("UPDATE prompts SET dropped = ? WHERE run = ? AND n = ?", (dropped, run, n))


def set_keys(db: sqlite3.Connection, run: RunId, keys: Mapping[int, str]) -> None:
    """Under which keys the answers to prompts are kept, by number."""
    db.executemany(
        "UPDATE prompts SET key = ? WHERE run = ? AND n = ?",
        [(key, run, n) for n, key in keys.items()],
    )


def set_left_out(db: sqlite3.Connection, run: RunId, key: str, reason: str) -> None:
    """Why the answer under a key is not learned from; an empty reason takes one back."""
    db.execute(
        "UPDATE prompts SET left_out = ? WHERE run = ? AND key = ?", (storable(reason), run, key)
    )


def keys_left_out(db: sqlite3.Connection, run: RunId) -> frozenset[str]:
    """The keys of the answers that are left out."""
    rows = db.execute("SELECT key FROM prompts WHERE run = ? AND left_out <> ''", (run,))
    return frozenset(key for (key,) in rows)


def left_out(db: sqlite3.Connection, run: RunId) -> dict[str, int]:
    """How many answers are left out, by reason, most frequent first."""
    rows = db.execute(
        """SELECT left_out, COUNT(*) FROM prompts
           WHERE run = ? AND left_out <> '' AND answer IS NULL AND NOT dropped
           GROUP BY left_out ORDER BY 2 DESC, 1""",
        (run,),
    )
    return dict(tuple(row) for row in rows)


def copy(db: sqlite3.Connection, source: RunId, target: RunId) -> None:
    """Let another run ask the same, with everything that a person changed."""
    columns = "n, text, spec, pictures, roles, facts, origin, key, answer, left_out, dropped"
    db.execute(
        f"INSERT INTO prompts (run, {columns}) SELECT ?, {columns} FROM prompts WHERE run = ?",
        (target, source),
    )


def _prompt(row: sqlite3.Row) -> RunPrompt:
    draft = PromptDraft(
        text=row["text"],
        pictures=tuple(PictureId(each) for each in json.loads(row["pictures"])),
        roles=_roles(json.loads(row["roles"])),
        facts=tuple(json.loads(row["facts"])),
        spec=row["spec"],
        origin=row["origin"],
        answer=row["answer"],
    )
    state: PromptState = row["state"]
    reason = {"failed": row["why"], "left out": row["left_out"]}.get(state) or ""
    given = row["answer"] is not None
    answer = row["answer"] if given else row["told"]
    return RunPrompt(row["n"], draft, state, answer or "", reason, given)


def _roles(names: Sequence[str]) -> tuple[Role, ...]:
    return tuple(role for name in names for role in _ROLES if role == name)
