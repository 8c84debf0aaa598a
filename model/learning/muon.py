"""Muon in float32: orthogonal steps for the matrices between layers, on any processor.

PyTorch's own ``torch.optim.Muon`` computes in bfloat16, which a CPU without the instructions for it
does forty times slower than float32: there a step of the shipped student's training took 11 s
instead of 2 s.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration, steep at zero (Jordan 2024, https://kellerjordan.github.io/posts/muon)."""


def orthogonal(matrices_NRC: Tensor, steps: int = 5) -> Tensor:
    """Bring the singular values of each matrix near 1 by Newton and Schulz. Returns (N, R, C).

    They come out between about 0.7 and 1.2, which serves as well as 1.
    """
    a, b, c = COEFFICIENTS
    tall = matrices_NRC.shape[1] > matrices_NRC.shape[2]
    x_NRC = matrices_NRC.mT if tall else matrices_NRC
    x_NRC = x_NRC / x_NRC.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        gram_NRR = x_NRC @ x_NRC.mT
        update_NRR = torch.baddbmm(gram_NRR, gram_NRR, gram_NRR, beta=b, alpha=c)
        x_NRC = torch.baddbmm(x_NRC, update_NRR, x_NRC, beta=a)
    return x_NRC.mT if tall else x_NRC


class Muon(torch.optim.Optimizer):
    """Momentum whose steps are made orthogonal, as long as AdamW's (Liu et al. 2025, 2502.16982).

    Matrices of one shape are worked on together. All parameters must be matrices.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        if any(p.ndim != 2 for group in self.param_groups for p in group["params"]):
            raise ValueError("Muon takes matrices only; give vectors to another optimiser.")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step along the gradients."""
        loss = closure() if closure else None
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[parameter.shape].append(parameter)
            for shape, parameters in alike.items():
                ahead_NRC = torch.stack([self._ahead(p, group["momentum"]) for p in parameters])
                steps_NRC = orthogonal(ahead_NRC)
                length = 0.2 * math.sqrt(max(shape)) * group["lr"]
                for parameter, step_RC in zip(parameters, steps_NRC, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(step_RC, alpha=-length)
        return loss

    def _ahead(self, parameter: Tensor, momentum: float) -> Tensor:
        """The gradient with Nesterov's momentum."""
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        grad_RC = parameter.grad
        assert grad_RC is not None
        average_RC: Tensor = state["momentum_buffer"].lerp_(grad_RC, 1 - momentum)
        return grad_RC.lerp(average_RC, momentum)
