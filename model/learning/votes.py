"""Votes as the student learns from them: an answer that somebody judged, and whose word counts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from model.model import Prompt

VoteKind = Literal["thumb", "pair", "typed", "teacher"]


@dataclass(frozen=True)
class VotedAnswer:
    """An answer with what somebody thought of it.

    ``answer_ids`` hold its end token, if it ended; ``logprobs`` are what the student gave each of
    them when it answered, in nats at temperature 1 (empty when the person typed the answer).
    ``reward`` lies in [-1, 1]. Of a ``pair``, ``answer_ids`` were kept and ``rejected_ids`` were
    not; of a ``typed`` vote, ``answer_ids`` are the person's own words. ``propensity`` is the
    chance with which ``settings`` were chosen, ``weights_hash`` tells which weights answered.
    """

    prompt: Prompt
    answer_ids: tuple[int, ...]
    reward: float
    kind: VoteKind = "thumb"
    logprobs: tuple[float, ...] = ()
    rejected_ids: tuple[int, ...] | None = None
    visitor: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    propensity: float = 1.0
    weights_hash: str = ""

    def __post_init__(self) -> None:
        if not self.answer_ids:
            raise ValueError("a vote needs the tokens of its answer")
        if not -1.0 <= self.reward <= 1.0:
            raise ValueError(f"the reward is {self.reward}; it lies between -1 and 1")
        if (self.kind == "pair") != bool(self.rejected_ids):
            raise ValueError(f"a {self.kind} vote and rejected tokens do not belong together")


def latest(votes: Sequence[VotedAnswer]) -> list[VotedAnswer]:
    """The votes without those that their visitor replaced: the last word on an answer counts."""
    last = {_same(vote): number for number, vote in enumerate(votes)}
    return [votes[number] for number in sorted(last.values())]


def _same(vote: VotedAnswer) -> tuple[object, ...]:
    """What two votes on one answer have in common; pictures are told apart by their pixels."""
    pixels = hashlib.sha256(vote.prompt.pixels_NCHW.numpy().tobytes()).digest()
    return vote.visitor, vote.prompt.ids, pixels, vote.answer_ids, vote.kind


def fair_weights(votes: Sequence[VotedAnswer], most_share: float) -> list[float]:
    """How much each vote counts, so that no visitor has more than ``most_share`` of the total.

    Where there are too few visitors for that, all of them count the same. The weights have a mean
    of 1; the votes of one visitor weigh the same.
    """
    counts = Counter(vote.visitor for vote in votes)
    share = max(most_share, 1 / len(counts)) if counts else 1.0
    ceiling = _ceiling(sorted(counts.values()), share)
    weights = [min(1.0, ceiling / counts[vote.visitor]) for vote in votes]
    mean = sum(weights) / max(len(weights), 1)
    return [weight / mean for weight in weights]


def _ceiling(counts: Sequence[int], share: float) -> float:
    """The most that a visitor may weigh: the largest c with c ≤ share · Σ min(count, c).

    With the visitors above it at c, c · (1 - share · above) = share · (votes of the others).
    """
    below = sum(counts)
    for above, count in enumerate(reversed(counts)):
        room = 1 - share * above
        if room > 1e-9 and count <= share * below / room + 1e-9:
            return share * below / room if above else float(count)
        below -= count
    # everybody is above it: the same for all
    return float(counts[0]) if counts else 0.0
