"""What the page may ask about votes and what they taught; ``Backend.feedback()`` hands it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from model.feedback_records import AnswerId, FeedbackStatus, Mark, Update, UpdateId
from model.records import StudentId, Turn


class FeedbackBackend(Protocol):
    """Keeps votes on answers, and lets the student learn from them."""

    def vote(self, answer: AnswerId, reward: float) -> None:
        """A thumb: 1 is up, -1 is down; it takes the place of an earlier vote."""
        ...

    def better(self, answer: AnswerId, words: str) -> None:
        """A better answer, typed by the person."""
        ...

    def prefer(self, kept: AnswerId, dropped: AnswerId) -> Turn:
        """Keep one of two answers to the same question; returns the kept one as a turn."""
        ...

    def judge(self, answer: AnswerId, teacher: str, model: str = "", address: str = "") -> Mark:
        """Let a teacher judge an answer; takes as long as the teacher does."""
        ...

    def take_back(self, answer: AnswerId) -> bool:
        """Take every vote on an answer back; says whether one had been learned from already."""
        ...

    def marks(self, answers: Sequence[AnswerId]) -> Mapping[AnswerId, Mark]:
        """What was thought of each of the answers that are kept."""
        ...

    def status(self) -> FeedbackStatus:
        """Where learning stands; starts an update if one is due."""
        ...

    def undo(self, update: UpdateId) -> Sequence[Update]:
        """Take an update back, with those built on it."""
        ...

    def keep_as_student(self, name: str = "") -> StudentId:
        """Write the student with what votes taught it as a bundle of its own."""
        ...
