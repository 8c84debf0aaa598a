"""Elastic weight consolidation: weights that known answers depend on are held where they were.

The importance of a weight is its Fisher information: the mean over samples of the *squared
gradient of each sample*, with the answer drawn from the network itself. (The square of a batch's
mean gradient, as reference implementations take it, is another thing, and smaller.)

Source: Kirkpatrick et al. 2017, https://arxiv.org/abs/1612.00796; one running anchor as in
Schwarz et al. 2018, https://arxiv.org/abs/1805.06370.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

Sample = TypeVar("Sample")


@dataclass(frozen=True)
class Anchor:
    """Where weights were, and how much each matters; both by the same names."""

    weights: dict[str, Tensor]
    fisher: dict[str, Tensor]

    def penalty(self, weights: Mapping[str, Tensor]) -> Tensor:
        """½ Σ F (θ - θ*)², to be multiplied by λ. A scalar."""
        parts = [
            (self.fisher[name] * (weights[name] - at).square()).sum()
            for name, at in self.weights.items()
        ]
        return 0.5 * torch.stack(parts).sum()

    def moved(self, here: Anchor, decay: float) -> Anchor:
        """One anchor out of this and a newer one: at the new weights, F ← decay · F + F_new."""
        fisher = {name: decay * self.fisher[name] + new for name, new in here.fisher.items()}
        return Anchor(here.weights, fisher)

    def state(self) -> dict[str, dict[str, Tensor]]:
        """Plain tensors, to be kept in a file."""
        return {"weights": self.weights, "fisher": self.fisher}

    @classmethod
    def from_state(cls, state: Mapping[str, Mapping[str, Tensor]]) -> Anchor:
        """The anchor that ``state`` was called on."""
        return cls(dict(state["weights"]), dict(state["fisher"]))


def fisher_information(
    parameters: Mapping[str, Tensor],
    samples: Iterable[Sample],
    log_likelihood: Callable[[Sample], Tensor],
) -> dict[str, Tensor]:
    """Mean over the samples of each one's squared gradient, in the shapes of ``parameters``.

    ``log_likelihood(sample)`` is log p(y|x) of one answer y drawn from the network, a scalar.
    """
    total = {name: torch.zeros_like(tensor) for name, tensor in parameters.items()}
    count = 0
    for sample in samples:
        gradients = torch.autograd.grad(log_likelihood(sample), list(parameters.values()))
        for name, gradient in zip(total, gradients, strict=True):
            total[name] += gradient.square()
        count += 1
    return {name: tensor / max(count, 1) for name, tensor in total.items()}
