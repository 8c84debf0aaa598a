from __future__ import annotations

import math

import pytest
import torch

from model.learning.actor_critic import Experience, advantages, clipped_loss, replay_loss
from model.network.policy_value import PolicyValue, entropy, log_chance


def _even(choices: tuple[int, ...] = (2,)) -> PolicyValue:
    """A network that finds all choices equally likely and expects nothing."""
    network = PolicyValue(1, choices)
    for tower in (network.policy, network.value):
        torch.nn.init.zeros_(tower[-1].weight)  # type: ignore[arg-type]
    return network


def _one(action: int, behaviour: float, outcome: float) -> Experience:
    return Experience(
        torch.ones(1, 1),
        torch.tensor([[action]]),
        torch.tensor([math.log(behaviour)]),
        torch.tensor([outcome]),
    )


def test_chances_and_entropies_of_independent_choices_multiply_and_add() -> None:
    choices, value_B = _even((2, 4))(torch.ones(1, 1))
    assert float(log_chance(choices, torch.tensor([[1, 3]]))) == pytest.approx(math.log(1 / 8))
    assert float(entropy(choices)) == pytest.approx(math.log(8))
    assert float(value_B.detach()) == 0.0


def test_a_rare_old_choice_counts_for_more_up_to_a_limit() -> None:
    def slope(behaviour: float) -> float:
        network = _even()
        loss = replay_loss(
            network,
            _one(1, behaviour, 2.0),
            most_importance=4.0,
            value_weight=0.0,
            entropy_weight=0.0,
        )
        loss.backward()  # type: ignore[no-untyped-call]
        gradient = network.policy[-1].bias.grad
        assert isinstance(gradient, torch.Tensor)
        return float(gradient[1])

    # -weight · advantage · (1 - p) = -w · 2 · ½
    assert slope(0.5) == pytest.approx(-1.0)
    assert slope(0.25) == pytest.approx(-2.0)
    assert slope(0.01) == pytest.approx(-4.0), "½ / 0.01 is cut off at 4"


def test_the_value_learns_the_mean_and_entropy_is_rewarded() -> None:
    loss = replay_loss(
        _even(), _one(0, 0.5, 0.0), most_importance=4.0, value_weight=1.0, entropy_weight=0.1
    )
    assert float(loss.detach()) == pytest.approx(-0.1 * math.log(2))
    loss = replay_loss(
        _even(), _one(0, 0.5, 3.0), most_importance=4.0, value_weight=1.0, entropy_weight=0.0
    )
    assert float(loss.detach()) == pytest.approx(math.log(2) * 3 + 4.5)


def test_ppo_stops_pushing_where_the_policy_went_far_enough() -> None:
    fresh = Experience(
        torch.ones(2, 1),
        torch.tensor([[0], [1]]),
        torch.tensor([0.25, 0.5]).log(),  # the first is twice as likely now
        torch.zeros(2),
        torch.tensor([1.0, -1.0]),
    )
    network = _even()
    loss = clipped_loss(network, fresh, clip=0.2, value_weight=0.0, entropy_weight=0.0)
    # -(min(2 · 1, 1.2 · 1) + min(1 · -1, 1 · -1)) / 2
    assert float(loss.detach()) == pytest.approx(-0.1)
    loss.backward()  # type: ignore[no-untyped-call]
    gradient = network.policy[-1].bias.grad
    assert isinstance(gradient, torch.Tensor)
    assert float(gradient[1]) == pytest.approx(0.25), "only the second still has a gradient"


def test_advantages_by_hand() -> None:
    found_TB = advantages(
        torch.tensor([[1.0], [1.0], [5.0]]),
        torch.tensor([[0.5], [0.25], [0.0]]),
        torch.tensor([[0.25], [0.0], [0.0]]),
        torch.tensor([[False], [True], [True]]),
        discount=0.5,
        smoothing=0.5,
    )
    # 1 + ½ · ¼ - ½ = 0.625; 1 - ¼ = 0.75; 0.625 + ¼ · 0.75 = 0.8125; nothing leaks from the next
    assert found_TB[:, 0].tolist() == pytest.approx([0.8125, 0.75, 5.0])
