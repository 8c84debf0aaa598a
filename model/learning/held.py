"""Known answers that an update holds where they were: those that it moved most come first.

They are held to what the student before would have said at every token, not to one text: a whole
law tells more than a label, and nothing pulls on an answer that has not moved. Sources: learning
without forgetting, Li & Hoiem 2016, https://arxiv.org/abs/1606.09282; choosing what an update
disturbs most, Aljundi et al. 2019, https://arxiv.org/abs/1908.04742.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from model.learning.answer_scores import SeenLesson, score
from model.model import ImageTokenReasoningLLM


class HeldAnswers:
    """The answers of ``seen`` as the student ``before`` gives them; called by their numbers."""

    @torch.no_grad()
    def __init__(self, before: ImageTokenReasoningLLM, seen: Sequence[SeenLesson]) -> None:
        self._seen = list(seen)
        self._then_KV: list[Tensor] = []
        if seen:
            scores = score(before, self._seen)
            tokens = torch.bincount(scores.row_K, minlength=scores.rows).tolist()
            self._then_KV = list(torch.split(scores.logits_KV.log_softmax(-1), tokens))

    def __len__(self) -> int:
        return len(self._seen)

    def moved(self, learner: ImageTokenReasoningLLM, numbers: Sequence[int]) -> Tensor:
        """Mean KL(before ‖ now) of each answer's tokens, in nats, with a gradient. (B)"""
        return self._compared(learner, numbers)[0]

    def loss(
        self,
        learner: ImageTokenReasoningLLM,
        numbers: Sequence[int],
        *,
        hold_weight: float,
        replay_weight: float,
    ) -> Tensor:
        """How far answers moved, and how unlikely they are, each weighted. A scalar, in nats.

        The second keeps those right that were only just right: a nudge too small to tell from how
        far they moved makes them wrong.
        """
        moved_B, unlikely_B = self._compared(learner, numbers)
        return (hold_weight * moved_B + replay_weight * unlikely_B).mean()

    @torch.no_grad()
    def most_moved(
        self, learner: ImageTokenReasoningLLM, numbers: Sequence[int], most: int
    ) -> list[int]:
        """Those ``most`` of the numbered answers that ``learner`` changed most."""
        if len(numbers) <= most:
            return list(numbers)
        order_B = self.moved(learner, numbers).argsort(descending=True, stable=True)
        return [numbers[place] for place in order_B[:most].tolist()]

    def _compared(
        self, learner: ImageTokenReasoningLLM, numbers: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Divergence and cross-entropy of each answer, as means over its tokens. (B) each"""
        scores = score(learner, [self._seen[number] for number in numbers])
        then_KV = torch.cat([self._then_KV[number] for number in numbers])
        now_KV = scores.logits_KV.log_softmax(-1)
        kl_K = F.kl_div(now_KV, then_KV, log_target=True, reduction="none").sum(-1)
        tokens_B = torch.bincount(scores.row_K, minlength=scores.rows)
        total_B = kl_K.new_zeros(scores.rows).index_add(0, scores.row_K, kl_K)
        return total_B / tokens_B, -scores.total_B / tokens_B
