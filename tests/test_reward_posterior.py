"""What settings are worth: a posterior that ridge regression gives, too, and draws that tell it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.learning.reward_posterior import RewardPosterior


def test_one_choice_moves_each_of_its_values_by_its_part() -> None:
    posterior = RewardPosterior(1, [2, 2], firmness=2.0)
    posterior.learn(torch.tensor([[1.0]]), torch.tensor([[0, 1]]), torch.tensor([1.0]))
    # precision of the two that were chosen: [[3, 1], [1, 3]], so that (3 - 1) / 8 each
    assert posterior.mean(torch.tensor([[1.0], [2.0]])).tolist() == [
        pytest.approx([0.25, 0.0, 0.0, 0.25]),
        pytest.approx([0.5, 0.0, 0.0, 0.5]),
    ]


def test_the_posterior_is_that_of_ridge_regression_in_any_order() -> None:
    drawn = torch.Generator().manual_seed(0)
    x_BF = torch.randn(40, 3, generator=drawn)
    action_BC = torch.randint(0, 2, (40, 2), generator=drawn)
    reward_B = torch.randn(40, generator=drawn)
    posterior = RewardPosterior(3, [2, 2], firmness=4.0)
    posterior.learn(x_BF, action_BC, reward_B)
    seen_BD = np.zeros((40, 4, 3))
    for row, (first, second) in enumerate(action_BC.tolist()):
        seen_BD[row, first] = seen_BD[row, 2 + second] = x_BF[row].numpy()
    seen_BD = seen_BD.reshape(40, 12)
    precision_DD = seen_BD.T @ seen_BD + 4 * np.eye(12)
    mean_D = np.linalg.solve(precision_DD, seen_BD.T @ reward_B.numpy())
    asked_F = torch.tensor([1.0, -1.0, 0.5])
    expected_A = mean_D.reshape(4, 3) @ asked_F.numpy()
    assert posterior.mean(asked_F[None])[0].numpy() == pytest.approx(expected_A, abs=1e-5)
    posterior.learn(x_BF.flip(0), action_BC.flip(0), reward_B.flip(0))
    assert posterior.mean(asked_F[None])[0].numpy() == pytest.approx(expected_A, abs=1e-5)


def test_draws_lie_apart_by_what_is_not_known() -> None:
    posterior = RewardPosterior(1, [2], firmness=4.0)
    x_F = torch.tensor([1.0])
    assert posterior.draws(x_F, 1.0).std(0).tolist() == pytest.approx([0.5, 0.5], rel=0.15)
    posterior.learn(torch.ones(96, 1), torch.zeros(96, 1).long(), torch.ones(96))
    # 96 rewards and a firmness of 4: the deviation is 1 / √100, that of the other stays 1 / √4
    draws_NA = posterior.draws(x_F, 1.0)
    assert draws_NA.std(0).tolist() == pytest.approx([0.1, 0.5], rel=0.15)
    assert draws_NA.mean(0).tolist() == pytest.approx([0.96, 0.0], abs=0.1)
    assert torch.equal(draws_NA, posterior.draws(x_F, 1.0)), "chances do not change by asking"
    certain_NA = posterior.draws(x_F, 0.0)
    assert certain_NA.std(0).tolist() == [0, 0]


def test_a_context_of_zeros_is_no_trouble() -> None:
    posterior = RewardPosterior(2, [2, 3], firmness=1.0)
    assert posterior.draws(torch.zeros(2), 1.0).abs().max() < 1e-3
