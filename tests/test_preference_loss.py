from __future__ import annotations

import math

import pytest
import torch

from model.learning.preference_loss import (
    dpo_loss,
    importance_weights,
    kl_estimate,
    kto_loss,
    policy_loss,
    rloo_advantages,
    side_weights,
)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_kto_by_hand() -> None:
    gain_B, liked_B = torch.tensor([2.0, -3.0]), torch.tensor([True, False])
    loss_B = kto_loss(gain_B, liked_B, torch.tensor(0.5), beta=0.1)
    # liked: 1 - σ(0.1 · (2 - 0.5)); disliked: 1 - σ(0.1 · (0.5 + 3))
    assert loss_B.tolist() == pytest.approx([1 - _sigmoid(0.15), 1 - _sigmoid(0.35)])
    assert loss_B.tolist() == pytest.approx([0.462570, 0.413382], abs=1e-6)


def test_ktos_drift_is_never_below_zero_and_has_no_gradient() -> None:
    gain_B = torch.tensor([1.0, -4.0], requires_grad=True)
    assert float(kl_estimate(gain_B)) == 0.0
    drift = kl_estimate(gain_B + 3)
    assert float(drift) == pytest.approx(1.5)
    assert not drift.requires_grad


def test_dpo_by_hand() -> None:
    loss_B = dpo_loss(torch.tensor([1.0]), torch.tensor([-1.0]), beta=0.5)
    assert loss_B.tolist() == pytest.approx([math.log(1 + math.exp(-1))])


def test_thumbs_up_and_down_weigh_the_same_in_all() -> None:
    liked_B = torch.tensor([True, True, True, False])
    weight_B = side_weights(liked_B, torch.ones(4), balance=1.0)
    assert weight_B.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2.0])
    weight_B = side_weights(liked_B, torch.ones(4), balance=4 / 3)
    assert float(weight_B[:3].sum() / weight_B[3]) == pytest.approx(4 / 3)
    assert float(weight_B.sum()) == pytest.approx(4.0)


def test_one_side_alone_keeps_its_weights() -> None:
    weight_B = side_weights(torch.tensor([False, False]), torch.tensor([1.0, 0.5]), 1.0)
    assert weight_B.tolist() == [1.0, 0.5]


def test_an_answer_is_compared_with_the_others_of_its_question() -> None:
    reward_GK = torch.tensor([[1.0, 0.0, 0.0, -1.0], [0.5, 0.5, 0.5, 0.5]])
    advantage_GK = rloo_advantages(reward_GK)
    assert advantage_GK[0].tolist() == pytest.approx([4 / 3, 0.0, 0.0, -4 / 3])
    assert advantage_GK[1].tolist() == [0.0] * 4, "equal answers teach nothing"
    with pytest.raises(ValueError, match="at least 2"):
        rloo_advantages(torch.ones(3, 1))


def test_policy_gradient_of_three_tokens_by_hand() -> None:
    logits_3 = torch.zeros(3, requires_grad=True)
    logprob_B = logits_3.log_softmax(0)[1:2]
    policy_loss(logprob_B, torch.tensor([2.0])).backward()
    # -A · (onehot - p) = -2 · (-1/3, 2/3, -1/3)
    assert logits_3.grad is not None
    assert logits_3.grad.tolist() == pytest.approx([2 / 3, -4 / 3, 2 / 3])


def test_policy_gradient_of_an_answer_of_three_tokens_by_hand() -> None:
    """One parameter θ: each token is a coin with p = σ(θ) for “1”; the answer is 1 1 0."""
    theta = torch.zeros((), requires_grad=True)
    heads, tails = torch.sigmoid(theta).log(), torch.sigmoid(-theta).log()
    policy_loss((heads + heads + tails)[None], torch.tensor([3.0])).backward()
    # d log p / dθ = 2 · (1 - p) - p = ½ at p = ½, times the advantage 3
    assert theta.grad is not None
    assert float(theta.grad) == pytest.approx(-1.5)


def test_importance_weights_by_hand() -> None:
    now_B = torch.tensor([-1.0, -3.0, -2.0], requires_grad=True)
    weight_B = importance_weights(now_B, torch.tensor([-3.0, -1.0, -2.0]), most=5.0)
    assert weight_B.tolist() == pytest.approx([5.0, math.exp(-2), 1.0])
    assert not weight_B.requires_grad


def test_a_weighted_policy_gradient_is_the_weights_times_the_plain_one() -> None:
    logprob_B = torch.tensor([-1.0, -2.0], requires_grad=True)
    loss = policy_loss(logprob_B, torch.tensor([1.0, -1.0]), torch.tensor([5.0, 0.5]))
    loss.backward()
    assert logprob_B.grad is not None
    assert logprob_B.grad.tolist() == pytest.approx([-2.5, 0.25])
