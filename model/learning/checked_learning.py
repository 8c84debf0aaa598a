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
from model.learning.rl_learning import Drift, mean_losses
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


class _Rounds:
    """The batches of an update: in each some questions are asked, and every answer is judged."""

    def __init__(
        self, update: GuardedUpdate, prompts: Sequence[Prompt], judge: Judge, longest: int
    ) -> None:
        self._update, self._prompts, self._judge = update, prompts, judge
        self._longest = longest
        self.questions = max(1, update.config.votes_per_step // update.config.samples)
        self.rewards: list[float] = []
        self.seen: list[SeenLesson] = []

    def __call__(self, step: int) -> CheckedBatch:
        """Draw the answers of a step from the copy as it is now."""
        student, config = self._update.student, self._update.config
        numbers = drawn(range(len(self._prompts)), self.questions, step, config.seed)
        told = draw(
            self._update.learner,
            [self._prompts[number] for number in numbers],
            config.samples,
            longest=self._longest,
            seed=config.seed + 1 + step,
        )
        asked = list(zip(numbers, told, strict=True))
        lessons = [answered(self._prompts[n], each.ids) for n, answers in asked for each in answers]
        seen = look(student, lessons)
        rewards = [[self._judge(n, words(student, a.ids)) for a in answers] for n, answers in asked]
        reward_GK = torch.tensor(rewards)
        self.rewards.append(float(reward_GK.mean()))
        self.seen += seen
        chance_GK = torch.tensor([[sum(a.logprobs) for a in answers] for answers in told])
        drift_GK = chance_GK - totals(student, seen).view_as(chance_GK)
        advantage_GK = rloo_advantages(reward_GK - config.kl_weight * drift_GK)
        replayed = drawn(self._update.replay, config.replayed_per_step, step, config.seed + 1)
        return CheckedBatch(seen, advantage_GK.flatten(), replayed)

    def figures(self, changed: ImageTokenReasoningLLM) -> dict[str, float]:
        """Rewards of the first and the last quarter of the steps, and how far the copy went."""
        quarter = max(1, len(self.rewards) // 4)
        return {
            "votes": len(self.seen),
            "kl": Drift(self._update.student, self.seen[-32:])(changed),
            "reward_before": sum(self.rewards[:quarter]) / quarter,
            "reward_after": sum(self.rewards[-quarter:]) / quarter,
        }


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
    the guard rails are those of ``learn_from_votes``. ``votes`` of the figures counts the answers
    that were judged.
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
    rounds = _Rounds(update, prompts, judge, longest)

    def loss(learner: ImageTokenReasoningLLM, batch: CheckedBatch) -> Tensor:
        told = policy_loss(score(learner, batch.seen).total_B, batch.advantage_B) + update.pull()
        if batch.replayed:
            told = told + config.replay_weight * mean_losses(learner, batch.replayed).mean()
        return told

    update.fit(rounds, loss)
    return update.finish(rounds.figures)


def words(student: ImageTokenReasoningLLM, ids: Sequence[int]) -> str:
    """The words of an answer, without a thought before it and without its end."""
    told = [index for index in ids if index not in student.end_ids]
    if student.end_of_thought in told:
        told = told[told.index(student.end_of_thought) + 1 :]
    return student.tokenizer.decode(told)
