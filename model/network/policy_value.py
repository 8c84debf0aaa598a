"""A small network that chooses among actions and guesses what will come of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Categorical


class PolicyValue(nn.Module):
    """Policy π(a|x) over several independent choices, and value V(x), each with its own layers.

    The last layer of the policy begins near zero, so that every choice begins with the odds that
    ``prior`` holds in its biases, or with equal ones.
    """

    def __init__(
        self,
        features: int,
        choices: Sequence[int],
        *,
        width: int = 64,
        prior: Sequence[Sequence[float]] | None = None,
    ) -> None:
        super().__init__()
        self.choices = tuple(choices)
        self.policy = _tower(features, width, sum(choices), scale=0.01)
        self.value = _tower(features, width, 1, scale=1.0)
        if prior is not None:
            odds = torch.tensor([value for each in prior for value in each])
            last = self.policy[-1]
            assert isinstance(last, nn.Linear)
            with torch.no_grad():
                last.bias.copy_(odds)

    def forward(
        self, x_BF: Tensor, lean_BA: Tensor | None = None
    ) -> tuple[list[Categorical], Tensor]:
        """A distribution for each choice, and the values (B).

        ``lean_BA`` is added to the A log-odds of all choices; one context may have many leans.
        """
        odds_BA = self.policy(x_BF)
        if lean_BA is not None:
            odds_BA = odds_BA + lean_BA
        parts = torch.split(odds_BA, list(self.choices), dim=-1)
        return [Categorical(logits=part) for part in parts], self.value(x_BF)[:, 0]


def log_chance(choices: Sequence[Categorical], action_BC: Tensor) -> Tensor:
    """Log-probability of all C choices together. Returns (B)."""
    parts = [choice.log_prob(action_BC[:, at]) for at, choice in enumerate(choices)]  # type: ignore[no-untyped-call]
    return torch.stack(parts).sum(0)


def entropy(choices: Sequence[Categorical]) -> Tensor:
    """Entropy of all choices together, in nats. Returns (B)."""
    return torch.stack([choice.entropy() for choice in choices]).sum(0)  # type: ignore[no-untyped-call]


def _tower(features: int, width: int, out: int, *, scale: float) -> nn.Sequential:
    layers = [nn.Linear(features, width), nn.Linear(width, width), nn.Linear(width, out)]
    for layer, gain in zip(layers, (2**0.5, 2**0.5, scale), strict=True):
        nn.init.orthogonal_(layer.weight, gain)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])
