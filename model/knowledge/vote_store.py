"""Answers, votes and updates in the database, behind one door: each method is one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from model.feedback_records import (
    AnswerId,
    GivenAnswer,
    Mark,
    Update,
    UpdateId,
    Vote,
)
from model.knowledge import update_rows, vote_rows
from model.knowledge.graph_store import GraphStore
from model.records import StudentId


class VoteStore(GraphStore):
    """What people thought of answers, and what was learned from it. ``Store`` adds the rest."""

    # ── answers and votes ───────────────────────────────────────────────────────────────────────

    def save_answer(self, answer: GivenAnswer) -> None:
        """Keep an answer that was given, so that a vote on it can teach."""
        with self._database.write() as db:
            vote_rows.save_answer(db, answer)

    def given_answer(self, answer: AnswerId) -> GivenAnswer:
        """An answer that was given. Raises: InputError if it is not kept any more."""
        with self._database.read() as db:
            return vote_rows.answer(db, answer)

    def save_vote(self, vote: Vote) -> Vote:
        """Keep a vote in the place of earlier ones on the answer. Raises: InputError."""
        with self._database.write() as db:
            return vote_rows.save_vote(db, vote)

    def withdraw_votes(self, answer: AnswerId) -> int:
        """Take the votes on an answer back; returns how many had been learned from already."""
        with self._database.write() as db:
            return vote_rows.withdraw(db, answer)

    def new_votes(self, base: str) -> tuple[Vote, ...]:
        """The votes that no update has looked at yet, oldest first."""
        with self._database.read() as db:
            return vote_rows.fresh(db, base)

    def count_new_votes(self, base: str) -> int:
        """How many different answers have a vote that no update has looked at."""
        with self._database.read() as db:
            return vote_rows.count_fresh(db, base)

    def learned_votes(self, base: str, most: int) -> tuple[Vote, ...]:
        """The newest votes that the student stands on."""
        with self._database.read() as db:
            return vote_rows.learned(db, base, most)

    def voted_choices(self, base: str, most: int) -> tuple[tuple[Vote, GivenAnswer], ...]:
        """The newest votes on answers whose settings were chosen, oldest first."""
        with self._database.read() as db:
            return vote_rows.choices(db, base, most)

    def votes_of(self, update: UpdateId) -> tuple[Vote, ...]:
        """The votes that an update looks at, oldest first."""
        with self._database.read() as db:
            return vote_rows.of_update(db, update)

    def rewards(self, base: str) -> tuple[tuple[float, UpdateId | None], ...]:
        """The reward of every vote in its order, and the update that has looked at it."""
        with self._database.read() as db:
            return vote_rows.rewards(db, base)

    def marks(self, answers: Sequence[AnswerId]) -> dict[AnswerId, Mark]:
        """What was thought of each of the answers that are kept."""
        with self._database.read() as db:
            return vote_rows.marks(db, answers)

    # ── updates ─────────────────────────────────────────────────────────────────────────────────

    def queue_update(self, student: StudentId, base: str, least_votes: int) -> Update | None:
        """Queue an update on all new votes; None if they are too few or one is unfinished."""
        with self._database.write() as db:
            if vote_rows.count_fresh(db, base) < least_votes or update_rows.unfinished(db):
                return None
            votes = vote_rows.fresh(db, base)
            if votes[-1].created_at < update_rows.last_failure(db, base):
                return None  # the same votes would fail again
            return update_rows.create(db, student, base, [vote.id for vote in votes])

    def update(self, update: UpdateId) -> Update:
        """One update. Raises: InputError if it is not there."""
        with self._database.read() as db:
            return update_rows.get(db, update)

    def updates(self, base: str) -> tuple[Update, ...]:
        """The updates of a base, newest first."""
        with self._database.read() as db:
            return update_rows.every(db, base)

    def unfinished_updates(self) -> tuple[Update, ...]:
        """The updates that wait or run, oldest first."""
        with self._database.read() as db:
            return update_rows.unfinished(db)

    def active_update(self, base: str) -> Update | None:
        """The update whose adapter answers, or None while the bundle alone does."""
        with self._database.read() as db:
            return update_rows.active(db, base)

    def change_update(
        self, update: UpdateId, states: Collection[str] = (), /, **fields: Any
    ) -> bool:
        """Write fields of an update (``update_rows.FIELDS``), if it is in one of the states.

        Returns whether it was.
        """
        with self._database.write() as db:
            return update_rows.change(db, update, fields, states)

    def fail_update(self, update: UpdateId, states: Collection[str] = (), /, **fields: Any) -> None:
        """Write how an update failed, if it is in one of the states; its votes are new again."""
        with self._database.write() as db:
            if update_rows.change(db, update, {"state": "failed", **fields}, states):
                update_rows.release(db, update)

    def keep_update(self, update: UpdateId, parent: UpdateId | None, /, **fields: Any) -> bool:
        """Write that a running update built on ``parent`` is kept, with its other fields.

        Returns whether it was. If ``parent`` was undone meanwhile it failed; its votes are new.
        """
        with self._database.write() as db:
            return update_rows.keep(db, update, parent, fields)

    def undo_update(self, update: UpdateId) -> tuple[Update, ...]:
        """Take an update back, with those built on it. Raises: InputError if it is not there."""
        with self._database.write() as db:
            return update_rows.undo(db, update)

    # ── replay and policies ─────────────────────────────────────────────────────────────────────

    def replay(self, base: str) -> tuple[dict[str, Any], ...]:
        """The lessons that a student replays, as plain JSON values."""
        with self._database.read() as db:
            return update_rows.replay(db, base)

    def save_replay(self, base: str, lessons: Mapping[int, Mapping[str, Any]]) -> None:
        """Put lessons into their slots."""
        with self._database.write() as db:
            update_rows.save_replay(db, base, lessons)

    def policy(self, name: str) -> bytes | None:
        """The state of a policy as it was kept, or ``None``."""
        with self._database.read() as db:
            return update_rows.policy(db, name)

    def save_policy(self, name: str, state: bytes) -> None:
        """Keep the state of a policy."""
        with self._database.write() as db:
            update_rows.save_policy(db, name, state)
