"""Low-rank adapters: a frozen layer learns through two thin matrices beside it.

Source: Hu et al. 2021, LoRA, https://arxiv.org/abs/2106.09685. The second matrix starts at zero, so
that an adapted network computes at first what it computed before.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DECODER_LAYERS = (
    *("q_proj", "k_proj", "v_proj", "o_proj"),
    *("gate_proj", "up_proj", "down_proj"),
)
"""Every linear layer between a decoder's embeddings and its head: where few weights teach most
(Dettmers et al. 2023, https://arxiv.org/abs/2305.14314)."""


class LoraLinear(nn.Module):
    """A frozen linear layer plus ``scale`` · B · A, of which A and B learn."""

    def __init__(self, base: nn.Linear, rank: int, scale: float = 2.0) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.scale = scale
        self.lora_a = nn.Parameter(torch.empty(rank, base.in_features))
        self.lora_b = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output with the adapter's correction."""
        correction = F.linear(F.linear(x, self.lora_a), self.lora_b)
        return self.base(x) + self.scale * correction  # type: ignore[no-any-return]

    def merged(self) -> nn.Linear:
        """One plain layer that computes the same."""
        with torch.no_grad():
            self.base.weight += self.scale * self.lora_b @ self.lora_a
        return self.base


def add_lora(network: nn.Module, rank: int, names: Collection[str]) -> int:
    """Put an adapter at every linear layer whose own name is among ``names``; returns how many."""
    found = 0
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if name in names and isinstance(child, nn.Linear):
                setattr(module, name, LoraLinear(child, rank))
                found += 1
    return found


def merge_lora(network: nn.Module) -> int:
    """Fold every adapter into its layer; returns how many."""
    found = 0
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, LoraLinear):
                setattr(module, name, child.merged())
                found += 1
    return found
