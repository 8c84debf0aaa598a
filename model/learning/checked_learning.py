"""The student learns from a judge that can check any answer: RLOO on a copy.

Some answers are drawn for a question and judged; each is pushed by how much better it was than the
mean of the others. A nat away from the student before costs ``kl_weight`` of the reward. An answer
is one action: RLOO needs no rewards for tokens, no value network and no clipping.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.config import FeedbackConfig
from model.learning.answer_scores import SeenLesson, answered, look, score, totals
from model.learning.drawing import draw
from model.learning.ewc import Anchor
from model.learning.examples import EncodedLesson
from model.learning.guarded_update import FeedbackUpdate, GuardedUpdate
from model.learning.preference_loss import policy_loss, rloo_advantages
from model.learning.replay import drawn
from model.learning.rl_learning import divergence, mean_losses
from model.model import ImageTokenReasoningLLM, Prompt

Judge = Callable[[int, str], float]
"""``judge(number of the prompt, words of the answer)``: a reward in [-1, 1]."""


@dataclass(frozen=True)
class CheckedBatch:
    """Drawn answers with how much better than their siblings they were, and replayed lessons."""

    seen: list[SeenLesson]
    advantage_B: Tensor
    replayed: list[SeenLesson]

    @property
    def tokens(self) -> int:
        """Tokens of the drawn answers and their prompts."""
        return sum(len(each.lesson.ids) for each in self.seen)

    def to(self, device: torch.device) -> CheckedBatch:
        """The same batch; its tensors move when they are used."""
        return self


def learn_from_checker(
    student: ImageTokenReasoningLLM,
    prompts: Sequence[Prompt],
    judge: Judge,
    replay: Sequence[EncodedLesson],
    anchor: Anchor | None,
    config: FeedbackConfig,
    *,
    canary: Callable[[ImageTokenReasoningLLM], float],
    deadline_s: float,
    longest: int = 64,
    cancelled: Callable[[], bool] = lambda: False,
) -> FeedbackUpdate:
    """Teach a copy of ``student`` to give answers that the judge likes.

    ``config.samples`` answers of at most ``longest`` tokens are drawn for each prompt of a step;
    the guard rails are those of ``learn_from_votes``.
    """
    update = GuardedUpdate(
        student,
        replay,
        anchor,
        config,
        canary=canary,
        deadline_s=deadline_s,
        cancelled=cancelled,
    )
    rewards: list[float] = []
    asked: list[SeenLesson] = []
    together = max(1, config.votes_per_step // config.samples)

    def batch(step: int) -> CheckedBatch:
        numbers = drawn(range(len(prompts)), together, step, config.seed)
        told = draw(
            update.learner,
            [prompts[number] for number in numbers],
            config.samples,
            longest=longest,
            seed=config.seed + 1 + step,
        )
        seen = look(
            student,
            [
                answered(prompts[number], answer.ids)
                for number, answers in zip(numbers, told, strict=True)
                for answer in answers
            ],
        )
        reward_GK = torch.tensor(
            [
                [judge(number, words(student, answer.ids)) for answer in answers]
                for number, answers in zip(numbers, told, strict=True)
            ]
        )
        rewards.append(float(reward_GK.mean()))
        asked.extend(seen[:: config.samples])
        drawn_GK = torch.tensor([[sum(a.logprobs) for a in answers] for answers in told])
        drift_GK = drawn_GK - totals(student, seen).view_as(drawn_GK)
        advantage_GK = rloo_advantages(reward_GK - config.kl_weight * drift_GK)
        replayed = drawn(update.replay, config.replayed_per_step, step, config.seed + 1)
        return CheckedBatch(seen, advantage_GK.flatten(), replayed)

    def loss(learner: ImageTokenReasoningLLM, batch: CheckedBatch) -> Tensor:
        told = policy_loss(score(learner, batch.seen).total_B, batch.advantage_B) + update.pull()
        if batch.replayed:
            told = told + config.replay_weight * mean_losses(learner, batch.replayed).mean()
        return told

    update.fit(batch, loss)
    quarter = max(1, len(rewards) // 4)
    return update.finish(
        lambda changed: {
            "votes": len(rewards) * together * config.samples,
            "kl": divergence(changed, student, asked[-32:]),
            "reward_before": sum(rewards[:quarter]) / quarter,
            "reward_after": sum(rewards[-quarter:]) / quarter,
        }
    )


def words(student: ImageTokenReasoningLLM, ids: Sequence[int]) -> str:
    """The words of an answer, without a thought before it and without its end."""
    told = [index for index in ids if index not in student.end_ids]
    if student.end_of_thought in told:
        told = told[told.index(student.end_of_thought) + 1 :]
    return student.tokenizer.decode(told)
