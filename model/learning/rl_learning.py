"""The student learns from votes: KTO from thumbs, DPO from pairs, typed answers as they stand.

Everything is judged as a whole answer, against the student as it was before the update. Half of
every step are known answers from the replay, so that what was known stays known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from model.config import FeedbackConfig
from model.learning.answer_scores import SeenLesson, answered, look, score, totals
from model.learning.ewc import Anchor
from model.learning.examples import EncodedLesson
from model.learning.guarded_update import FeedbackFigures, FeedbackUpdate, GuardedUpdate
from model.learning.held import HeldAnswers
from model.learning.preference_loss import (
    dpo_loss,
    importance_weights,
    kl_estimate,
    kto_loss,
    side_weights,
)
from model.learning.replay import drawn
from model.learning.votes import VotedAnswer, fair_weights, latest
from model.model import ImageTokenReasoningLLM

MOST_IMPORTANCE = 10.0
"""Largest importance weight: one answer that became likely must not speak for all."""
LOOKED_AT = 2
"""Known answers that are newly looked at in a step for each one that is held."""
DRIFT_ANSWERS = 24
"""Voted answers on which it is told how far the student moved."""


@dataclass(frozen=True)
class VoteBatch:
    """The votes of a step and the known answers that are held, by their numbers."""

    votes: list[int]
    held: list[int]

    @property
    def tokens(self) -> int:
        """Number of votes and lessons: the work of the step, roughly."""
        return len(self.votes) + len(self.held)

    def to(self, device: torch.device) -> VoteBatch:
        """The same batch; its tensors move when they are used."""
        return self


class _Judged:
    """Votes laid out for learning, with what the student before the update gives each answer.

    By the number of the vote: ``answer``; of thumbs ``other``, its prompt with the next vote's
    answer; of pairs ``rejected``. The tensors hold their log-probabilities. (B) each.
    """

    def __init__(
        self, student: ImageTokenReasoningLLM, votes: Sequence[VotedAnswer], most_share: float
    ) -> None:
        self.votes = list(votes)
        numbers = range(len(votes))
        self.answer = look(student, [answered(v.prompt, v.answer_ids) for v in votes])
        mismatched, rejected = {}, {}
        for number in self.of_kind(numbers, "thumb", "teacher"):
            after = votes[(number + 1) % len(votes)]
            mismatched[number] = answered(votes[number].prompt, after.answer_ids)
        for number in self.of_kind(numbers, "pair"):
            rejected[number] = answered(votes[number].prompt, votes[number].rejected_ids or ())
        self.other = dict(zip(mismatched, look(student, [*mismatched.values()]), strict=True))
        self.rejected = dict(zip(rejected, look(student, [*rejected.values()]), strict=True))
        self.answer_B = totals(student, self.answer)
        self.other_B = self._spread(student, self.other)
        self.rejected_B = self._spread(student, self.rejected)
        fair_B = torch.tensor(fair_weights(votes, most_share))
        self.weight_B = fair_B * torch.tensor([abs(v.reward) for v in votes])
        self.liked_B = torch.tensor([v.reward > 0 for v in votes])

    def _spread(self, student: ImageTokenReasoningLLM, seen: dict[int, SeenLesson]) -> Tensor:
        """Log-probabilities at the numbers of their votes, 0 elsewhere. (B)"""
        spread_B = torch.zeros(len(self.votes))
        spread_B[list(seen)] = totals(student, [*seen.values()])
        return spread_B

    def of_kind(self, numbers: Sequence[int], *kinds: str) -> list[int]:
        """Those of the votes that are of one of the kinds."""
        return [n for n in numbers if self.votes[n].kind in kinds]

    def rewards(self, student: ImageTokenReasoningLLM) -> float:
        """Mean reward of the judged answers, as likely as ``student`` makes them.

        Self-normalised importance sampling from what answered at the time.
        """
        judged = self.of_kind(range(len(self.votes)), "thumb", "teacher")
        judged = [n for n in judged if self.votes[n].logprobs]
        if not judged:
            return 0.0
        behaviour_B = torch.tensor([sum(self.votes[n].logprobs) for n in judged])
        now_B = totals(student, [self.answer[n] for n in judged])
        weight_B = importance_weights(now_B, behaviour_B, MOST_IMPORTANCE)
        reward_B = torch.tensor([self.votes[n].reward for n in judged])
        return float((weight_B * reward_B).sum() / weight_B.sum().clamp_min(1e-9))


class VoteLoss:
    """The loss of a step: thumbs, pairs, typed answers and replay, each as a mean, and the pull."""

    def __init__(
        self,
        judged: _Judged,
        held: HeldAnswers,
        config: FeedbackConfig,
        pull: Callable[[], Tensor],
    ) -> None:
        self._judged, self._held, self._config, self._pull = judged, held, config, pull

    def __call__(self, learner: ImageTokenReasoningLLM, batch: VoteBatch) -> Tensor:
        """Returns a scalar."""
        judged, config = self._judged, self._config
        thumbs = judged.of_kind(batch.votes, "thumb", "teacher")
        pairs = judged.of_kind(batch.votes, "pair")
        typed = judged.of_kind(batch.votes, "typed")
        parts = [self._pull()]
        # β only says where the pull of a vote ends: divided by it, its strength is the same
        if thumbs:
            parts.append(self._thumbs(learner, thumbs).sum() / config.beta / len(batch.votes))
        if pairs:
            parts.append(self._pairs(learner, pairs).sum() / config.beta / len(batch.votes))
        if typed:
            weight_B = judged.weight_B[typed]
            loss_B = mean_losses(learner, [judged.answer[n] for n in typed])
            parts.append(config.typed_weight * (weight_B * loss_B).sum() / len(batch.votes))
        if batch.held:
            parts.append(
                self._held.loss(
                    learner,
                    batch.held,
                    hold_weight=config.hold_weight,
                    replay_weight=config.replay_weight,
                )
            )
        return torch.stack(parts).sum()

    def _thumbs(self, learner: ImageTokenReasoningLLM, numbers: list[int]) -> Tensor:
        judged = self._judged
        with torch.no_grad():
            other_B = score(learner, [judged.other[n] for n in numbers]).total_B
        drift = kl_estimate(other_B - judged.other_B[numbers])
        now_B = score(learner, [judged.answer[n] for n in numbers]).total_B
        liked_B = judged.liked_B[numbers]
        weight_B = side_weights(liked_B, judged.weight_B[numbers], self._config.loss_balance)
        gain_B = now_B - judged.answer_B[numbers]
        return weight_B * kto_loss(gain_B, liked_B, drift, self._config.beta)

    def _pairs(self, learner: ImageTokenReasoningLLM, numbers: list[int]) -> Tensor:
        judged = self._judged
        kept_B = score(learner, [judged.answer[n] for n in numbers]).total_B
        rejected_B = score(learner, [judged.rejected[n] for n in numbers]).total_B
        loss_B = dpo_loss(
            kept_B - judged.answer_B[numbers],
            rejected_B - judged.rejected_B[numbers],
            self._config.beta,
        )
        return judged.weight_B[numbers] * loss_B


def mean_losses(student: ImageTokenReasoningLLM, seen: Sequence[SeenLesson]) -> Tensor:
    """Mean cross-entropy of each lesson's tokens, in nats. (B)"""
    scores = score(student, seen)
    tokens_B = torch.bincount(scores.row_K, minlength=scores.rows)
    return -scores.total_B / tokens_B


class Drift:
    """How far students are from the one before, on given answers: mean KL(now ‖ before) a token."""

    @torch.no_grad()
    def __init__(self, before: ImageTokenReasoningLLM, seen: Sequence[SeenLesson]) -> None:
        self._seen = seen
        if seen:
            self._then_KV = score(before, seen).logits_KV.log_softmax(-1)

    @torch.no_grad()
    def __call__(self, student: ImageTokenReasoningLLM) -> float:
        """In nats; 0 if there are no answers."""
        if not self._seen:
            return 0.0
        now_KV = score(student, self._seen).logits_KV.log_softmax(-1)
        return float(F.kl_div(self._then_KV, now_KV, log_target=True, reduction="batchmean"))


def learn_from_votes(
    student: ImageTokenReasoningLLM,
    votes: Sequence[VotedAnswer],
    replay: Sequence[EncodedLesson],
    anchor: Anchor | None,
    config: FeedbackConfig,
    *,
    canary: Callable[[ImageTokenReasoningLLM], float],
    deadline_s: float,
    cancelled: Callable[[], bool] = lambda: False,
    first: Callable[[], ImageTokenReasoningLLM] | None = None,
) -> FeedbackUpdate:
    """Teach a copy of ``student`` what the votes say; the student itself is not touched.

    ``replay`` are known answers that are held as they are beside the votes. ``canary`` gives the
    share of known questions that a student answers right; if it falls by more than
    ``config.canary_drop``, the old student is returned, not ``kept``. Where no vote says what is
    better, it is compared with what ``first`` gives as well, the one before any vote: mere
    dislike may cost that much once, not in every update. The work ends after about
    ``deadline_s`` seconds, or soon after ``cancelled`` says so.
    """
    told = [vote for vote in latest(votes) if vote.reward]
    if len(told) < config.least_votes:
        reason = f"{len(told)} votes are too few to learn from; {config.least_votes} are needed."
        return FeedbackUpdate(student, False, reason, FeedbackFigures(votes=len(told)))
    update = GuardedUpdate(
        student,
        replay,
        anchor,
        config,
        canary=canary,
        deadline_s=deadline_s,
        cancelled=cancelled,
        first=first() if first and all(vote.reward < 0 for vote in told) else None,
    )
    judged = _Judged(student, told, config.most_share)
    held = HeldAnswers(student, update.replay)
    numbers, replayed = range(len(told)), config.replayed_per_step

    worst = list[int]()

    def batch(step: int) -> VoteBatch:
        # what had moved most is looked at again until other answers have moved more
        more = drawn(range(len(held)), LOOKED_AT * replayed, step, config.seed + 1)
        worst[:] = held.most_moved(update.learner, [*dict.fromkeys([*worst, *more])], replayed)
        return VoteBatch(
            drawn(numbers, min(config.votes_per_step, len(told)), step, config.seed), [*worst]
        )

    drift = Drift(student, judged.answer[:DRIFT_ANSWERS])
    update.fit(batch, VoteLoss(judged, held, config, update.pull), drift)

    def figures(changed: ImageTokenReasoningLLM) -> dict[str, float]:
        return {
            "votes": len(told),
            "kl": drift(changed),
            "reward_before": judged.rewards(student),
            "reward_after": judged.rewards(changed),
        }

    return update.finish(figures)
