"""The plain records of learning from votes: no torch, no files, no SQL.

An answer that was given is kept with its tokens, so that a vote on it can teach; an update is one
time that the student learned from votes, with its figures and what it says since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NewType

from model.config import SampleConfig
from model.records import StudentId, Turn

AnswerId = NewType("AnswerId", str)
UpdateId = NewType("UpdateId", int)

VoteKind = Literal["thumb", "pair", "typed", "teacher"]
"""A thumb; one of two answers kept; a better answer typed; a teacher's judgement."""
UpdateState = Literal["queued", "running", "kept", "refused", "failed", "undone"]


@dataclass(frozen=True)
class GivenAnswer:
    """An answer as it was given, with everything that learning from a vote on it needs.

    ``prompt`` and ``tokens`` are token ids; ``logprobs`` are in nats, at temperature 1. ``base`` is
    the hash of the bundle's weights, ``weights`` that of those which answered, votes included.
    ``chosen`` holds the settings that the policy chose, and ``propensity`` their probability.
    """

    id: AnswerId
    question: Turn
    said: Turn
    prompt: tuple[int, ...]
    thinking: bool
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    settings: SampleConfig
    student: StudentId
    base: str
    weights: str
    chosen: Mapping[str, Any] = field(default_factory=dict)
    propensity: float = 1.0
    created_at: float = 0.0


@dataclass(frozen=True)
class Vote:
    """What a person, or a teacher that they asked, thinks of an answer.

    ``words`` is the better answer that was typed; ``rejected`` the answer that lost to this one.
    ``judge`` names the teacher. ``update`` is the update that has looked at the vote.
    """

    id: int
    answer: AnswerId
    kind: VoteKind
    reward: float
    words: str = ""
    rejected: AnswerId | None = None
    judge: str = ""
    created_at: float = 0.0
    update: UpdateId | None = None


@dataclass(frozen=True)
class Mark:
    """What the page shows at an answer: its words, and what was thought of it.

    ``reward`` is 0 while nobody has voted; ``better`` is the typed answer; ``judge`` the teacher.
    """

    text: str
    reward: float = 0.0
    better: str = ""
    judge: str = ""
    learned: bool = False


@dataclass(frozen=True)
class BeforeAfter:
    """The same question, answered greedily before and after an update."""

    question: Turn
    before: str
    after: str


@dataclass(frozen=True)
class UpdateFigures:
    """What an update measured. Canaries are shares of right answers, KL is in nats per token.

    ``canary_left_out`` counts known questions that did not count, being like those voted on.
    """

    canary_before: float = 0.0
    canary_after: float = 0.0
    canary_questions: int = 0
    kl: float = 0.0
    loss: float = 0.0
    reward_before: float = 0.0
    reward_after: float = 0.0
    steps: int = 0
    seconds: float = 0.0
    canary_left_out: int = 0

    @property
    def forgotten(self) -> float:
        """How much of the canary set was lost; below 0 if it was gained."""
        return self.canary_before - self.canary_after


@dataclass(frozen=True)
class Update:
    """One time that a student learned from votes. ``adapter`` names its file, ``""`` if gone."""

    id: UpdateId
    student: StudentId
    base: str
    parent: UpdateId | None
    state: UpdateState
    votes: int
    reason: str = ""
    adapter: str = ""
    weights: str = ""
    figures: UpdateFigures = field(default_factory=UpdateFigures)
    samples: tuple[BeforeAfter, ...] = ()
    tries: int = 0
    pid: int | None = None
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None


@dataclass(frozen=True)
class RewardPoint:
    """Share of answers that were liked, up to a moment, with its 95 % Wilson interval."""

    votes: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class FeedbackStatus:
    """Where learning from votes stands for the student who answers now.

    ``updates`` come newest first; ``active`` is the one whose adapter answers. ``rates`` has a
    point for every stretch between updates.
    """

    new_votes: int
    needed: int
    learning: bool
    votes: int = 0
    updates: tuple[Update, ...] = ()
    active: UpdateId | None = None
    rates: tuple[RewardPoint, ...] = ()
