"""How policy and value learn together, from one choice or from many in a row.

The settings of the chat are a bandit: every episode is one step long, and old choices are learned
again with importance weights. CartPole, which the same code is proved on, has long episodes and
fresh choices: generalised advantages and PPO's clipping.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Categorical

from model.learning.preference_loss import importance_weights, policy_loss
from model.network.policy_value import PolicyValue, entropy, log_chance


@dataclass(frozen=True)
class Experience:
    """B choices: what was seen, what was chosen among C, its log-chance then, what came of it.

    ``advantage_B`` is how much better than expected it was; ``None`` takes return minus value.
    """

    x_BF: Tensor
    action_BC: Tensor
    behaviour_B: Tensor
    return_B: Tensor
    advantage_B: Tensor | None = None

    def rows(self, index_B: Tensor) -> Experience:
        """Some of the choices."""
        advantage = self.advantage_B
        return Experience(
            self.x_BF[index_B],
            self.action_BC[index_B],
            self.behaviour_B[index_B],
            self.return_B[index_B],
            None if advantage is None else advantage[index_B],
        )


def replay_loss(
    network: Callable[[Tensor], tuple[Sequence[Categorical], Tensor]],
    old: Experience,
    *,
    most_importance: float,
    value_weight: float,
    entropy_weight: float,
) -> Tensor:
    """Policy gradient on choices that another policy made, with a value baseline. A scalar.

    Each counts min(π/μ, ``most_importance``).
    """
    choices, value_B = network(old.x_BF)
    logprob_B = log_chance(choices, old.action_BC)
    weight_B = importance_weights(logprob_B, old.behaviour_B, most_importance)
    advantage_B = (old.return_B - value_B).detach()
    value_loss = 0.5 * (value_B - old.return_B).square().mean()
    loss: Tensor = policy_loss(logprob_B, advantage_B, weight_B) + value_weight * value_loss
    return loss - entropy_weight * entropy(choices).mean()


def clipped_loss(
    network: PolicyValue,
    fresh: Experience,
    *,
    clip: float,
    value_weight: float,
    entropy_weight: float,
) -> Tensor:
    """PPO's loss on choices that nearly the same policy made. A scalar.

    Source: Schulman et al. 2017, https://arxiv.org/abs/1707.06347, equation 7.
    """
    choices, value_B = network(fresh.x_BF)
    ratio_B = (log_chance(choices, fresh.action_BC) - fresh.behaviour_B).exp()
    gain_B = fresh.advantage_B
    if gain_B is None:
        gain_B = (fresh.return_B - value_B).detach()
    gain_B = (gain_B - gain_B.mean()) / (gain_B.std(unbiased=False) + 1e-8)
    kept_B = torch.minimum(ratio_B * gain_B, ratio_B.clamp(1 - clip, 1 + clip) * gain_B)
    value_loss = 0.5 * (value_B - fresh.return_B).square().mean()
    loss: Tensor = value_weight * value_loss - kept_B.mean()
    return loss - entropy_weight * entropy(choices).mean()


def advantages(
    reward_TB: Tensor,
    value_TB: Tensor,
    after_TB: Tensor,
    over_TB: Tensor,
    *,
    discount: float,
    smoothing: float,
) -> Tensor:
    """Generalised advantage estimates of T steps in B worlds. Returns (T, B).

    ``after_TB`` is the value of where a step led, 0 where an episode really ended there;
    ``over_TB`` marks the last step of each episode, however it ended.
    Source: Schulman et al. 2015, https://arxiv.org/abs/1506.02438, equation 16.
    """
    surprise_TB = reward_TB + discount * after_TB - value_TB
    found_TB = torch.zeros_like(reward_TB)
    running_B = torch.zeros_like(reward_TB[0])
    for step in reversed(range(len(reward_TB))):
        running_B = surprise_TB[step] + discount * smoothing * running_B * ~over_TB[step]
        found_TB[step] = running_B
    return found_TB
