"""Votes on answers, and what the student learns from them; the door of learning from votes.

A vote is stored at once. Once there are enough new ones, an update runs in a process of its own;
what it learned answers from the next question on, and can be taken back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from model.comparing.significance import wilson
from model.config import FeedbackConfig, SampleConfig
from model.errors import BundleError, InputError
from model.feedback_records import (
    AnswerId,
    FeedbackStatus,
    Mark,
    RewardPoint,
    Update,
    UpdateId,
    Vote,
)
from model.jobs.vote_jobs import VoteJobs
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.records import Answer, StudentId, Turn
from model.serving.given_answers import Origin, RecordedAnswer
from model.serving.judging import judge
from model.serving.settings_chooser import Chosen, SettingsChooser
from model.serving.students import Students, Taught
from model.teachers.base import Teacher

if TYPE_CHECKING:
    from model.serving.engine_answer import EngineAnswer

log = logging.getLogger(__name__)

LONGEST_TYPED = 2000
"""Letters of a better answer; a student writes at most a few hundred tokens."""


def taught_by(store: Store, adapters: Path, base: str) -> Taught | None:
    """What votes taught the student with these weights, or None while they taught nothing."""
    update = store.active_update(base)
    if update is None or not (adapters / update.adapter).is_file():
        return None
    return Taught(adapters / update.adapter, update.weights)


class Feedback:
    """Learning from votes in one workspace; fulfils ``FeedbackBackend``."""

    def __init__(
        self,
        store: Store,
        pictures: Pictures,
        students: Students,
        jobs: VoteJobs,
        teacher: Callable[[str, str, str], Teacher],
    ) -> None:
        """``teacher`` makes one from its kind, its model and the address that was wished for."""
        self._store, self._pictures, self._students = store, pictures, students
        self._jobs, self._teacher = jobs, teacher
        self._chooser = SettingsChooser(store)

    def choose(self, question: Turn, settings: SampleConfig) -> Chosen:
        """Settings for a question, as votes on earlier answers suggest them."""
        base = self._students.info(self._students.current).weights_hash
        return self._chooser.choose(question, base, settings)

    def recorded(
        self, answer: EngineAnswer, question: Turn, chosen: Chosen | None = None
    ) -> Answer:
        """An answer of the current student that is kept once it is complete."""
        student = self._students.current
        base = self._students.info(student).weights_hash
        origin = Origin(question, student, base)
        if chosen is not None:
            origin = Origin(question, student, base, chosen.choice, chosen.propensity, chosen.why)
        return RecordedAnswer(answer, origin, self._store)

    # ── votes ───────────────────────────────────────────────────────────────────────────────────

    def vote(self, answer: AnswerId, reward: float) -> None:
        """A thumb: 1 is up, -1 is down. Raises: InputError if the answer is not kept."""
        if reward not in (1.0, -1.0):
            raise InputError(f"A thumb is 1 or -1, not {reward:g}.")
        self._save(Vote(0, answer, "thumb", reward))

    def better(self, answer: AnswerId, words: str) -> None:
        """A better answer, typed by the person. Raises: InputError."""
        words = words.strip()
        if not words:
            raise InputError("The better answer is empty. Write what the student should have said.")
        if len(words) > LONGEST_TYPED:
            raise InputError(
                f"The better answer is {len(words):,} letters long; the limit is "
                f"{LONGEST_TYPED:,}. Shorten it."
            )
        self._save(Vote(0, answer, "typed", 1.0, words=words))

    def prefer(self, kept: AnswerId, dropped: AnswerId) -> Turn:
        """Keep one of two answers to the same question; returns the kept one as a turn.

        Raises: InputError if one is not kept any more, or they answer different questions.
        """
        one, other = self._store.given_answer(kept), self._store.given_answer(dropped)
        if one.prompt != other.prompt:
            # retrieval may have found other facts in between: both are judged by their thumbs
            self._save(Vote(0, dropped, "thumb", -1.0))
            self._save(Vote(0, kept, "thumb", 1.0))
            return one.said
        self._save(Vote(0, kept, "pair", 1.0, rejected=dropped))
        return one.said

    def judge(self, answer: AnswerId, teacher: str, model: str = "", address: str = "") -> Mark:
        """Let a teacher judge an answer, because the person asked for it; takes its time.

        Raises: InputError, TeacherError.
        """
        given = self._store.given_answer(answer)
        asked = self._teacher(teacher, model, address)
        pictures = [self._pictures.path(picture) for picture in given.question.pictures]
        right = judge(asked, given.question.text, pictures, given.said.text)
        self._save(Vote(0, answer, "teacher", 1.0 if right else -1.0, judge=model or asked.name))
        return self._store.marks([answer])[answer]

    def take_back(self, answer: AnswerId) -> bool:
        """Take every vote on an answer back; says whether one had been learned from already."""
        return self._store.withdraw_votes(answer) > 0

    def marks(self, answers: Sequence[AnswerId]) -> Mapping[AnswerId, Mark]:
        """What was thought of each of the answers that are kept."""
        return self._store.marks(answers)

    def _save(self, vote: Vote) -> None:
        self._store.save_vote(vote)
        self._tick()

    # ── updates ─────────────────────────────────────────────────────────────────────────────────

    def status(self) -> FeedbackStatus:
        """Where learning stands; starts an update if one is due."""
        base = self._tick()
        updates = self._store.updates(base)
        active = self._store.active_update(base)
        rewards = self._store.rewards(base)
        return FeedbackStatus(
            new_votes=self._store.count_new_votes(base),
            needed=FeedbackConfig.least_votes,
            learning=any(update.state in ("queued", "running") for update in updates),
            votes=len(rewards),
            updates=updates,
            active=active.id if active else None,
            rates=reward_rates(rewards),
        )

    def undo(self, update: UpdateId) -> tuple[Update, ...]:
        """Take an update back, with those built on it; the student answers as before it.

        Raises: InputError if there is no such update, or it was not kept.
        """
        if self._store.update(update).state != "kept":
            raise InputError("Only an update that was kept can be undone. Reload the page.")
        undone = self._store.undo_update(update)
        self._students.status()  # loads what answers now
        return undone

    def keep_as_student(self, name: str = "") -> StudentId:
        """Write the student with what votes taught it as a bundle of its own.

        Raises: InputError if votes have taught it nothing yet, BundleError.
        """
        student = self._students.current
        update = self._store.active_update(self._students.info(student).weights_hash)
        if update is None:
            raise InputError("Votes have not taught this student anything yet.")
        votes = sum(each.votes for each in self._store.updates(update.base) if _stands(each))
        return self._students.keep_taught(student, name, f"taught by {votes} votes")

    def _tick(self) -> str:
        student = self._students.current
        try:
            base = self._students.info(student).weights_hash
        except BundleError:
            return ""
        self._jobs.tick(student, base)
        return base


def _stands(update: Update) -> bool:
    return update.state == "kept"


def reward_rates(rewards: Sequence[tuple[float, UpdateId | None]]) -> tuple[RewardPoint, ...]:
    """Share of liked answers among the votes of each update in turn, the newest votes last."""
    points = list[RewardPoint]()
    seen = 0
    for _, votes in groupby(rewards, key=lambda each: each[1]):
        liked = [reward > 0 for reward, _ in votes]
        seen += len(liked)
        rate = sum(liked) / len(liked)
        points.append(RewardPoint(seen, rate, *wilson(rate, len(liked))))
    return tuple(points)
