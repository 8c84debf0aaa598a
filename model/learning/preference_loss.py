"""Losses of feedback, from the log-probabilities of whole answers. Pure tensors, batch B."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def kto_loss(gain_B: Tensor, liked_B: Tensor, drift: Tensor, beta: float) -> Tensor:
    """Loss of each single thumb: 1 - the value that a person sees in the answer. Returns (B).

    ``gain_B`` is log π(y|x) - log π_ref(y|x) in nats; ``drift`` is the estimate z of the KL
    between both, a scalar without gradient: gains and losses are felt against it.
    Source: KTO, Ethayarajh et al. 2024, https://arxiv.org/abs/2402.01306, equation 8.
    """
    felt_B = torch.where(liked_B, gain_B - drift, drift - gain_B)
    return 1 - torch.sigmoid(beta * felt_B)


def kl_estimate(mismatched_gain_B: Tensor) -> Tensor:
    """KTO's z: mean gain of answers under *other* prompts, never below 0. Returns a scalar."""
    return mismatched_gain_B.detach().mean().clamp_min(0)


def side_weights(liked_B: Tensor, weight_B: Tensor, balance: float) -> Tensor:
    """Weights under which thumbs up and down have totals of ``balance`` to 1. Returns (B).

    Where there is only one side it keeps its weights: there is nothing to balance.
    Source: KTO wants λ_D·n_D : λ_U·n_U between 1:1 and 4:3.
    """
    up, down = weight_B[liked_B].sum(), weight_B[~liked_B].sum()
    if not (up > 0 and down > 0):
        return weight_B
    total = up + down
    up_scale, down_scale = balance / (1 + balance) * total / up, total / (1 + balance) / down
    return weight_B * torch.where(liked_B, up_scale, down_scale)


def dpo_loss(kept_gain_B: Tensor, rejected_gain_B: Tensor, beta: float) -> Tensor:
    """Loss of each pair of which one answer was kept. Returns (B).

    Source: DPO, Rafailov et al. 2023, https://arxiv.org/abs/2305.18290, equation 7.
    """
    return -F.logsigmoid(beta * (kept_gain_B - rejected_gain_B))


def rloo_advantages(reward_GK: Tensor) -> Tensor:
    """How much better each of a question's K answers was than the others' mean. Returns (G, K).

    Source: RLOO, Ahmadian et al. 2024, https://arxiv.org/abs/2402.14740.
    """
    K = reward_GK.shape[1]
    if K < 2:
        raise ValueError(f"leaving one out needs at least 2 answers, not {K}")
    others_GK = (reward_GK.sum(1, keepdim=True) - reward_GK) / (K - 1)
    return reward_GK - others_GK


def importance_weights(logprob_B: Tensor, behaviour_B: Tensor, most: float) -> Tensor:
    """π(a|x) / μ(a|x), at most ``most``; without gradient. Returns (B)."""
    return (logprob_B - behaviour_B).detach().exp().clamp_max(most)


def policy_loss(logprob_B: Tensor, advantage_B: Tensor, weight_B: Tensor | None = None) -> Tensor:
    """REINFORCE: its gradient is minus the mean of weight · advantage · ∇ log π. A scalar."""
    weighted_B = logprob_B * advantage_B.detach()
    return -(weighted_B if weight_B is None else weighted_B * weight_B).mean()
