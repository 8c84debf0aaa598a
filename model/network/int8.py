"""Decoder matrices in eight bits: a quarter of the memory, and more words a second on a CPU.

Each row of a matrix is kept as whole numbers from -127 to 127 with one scale; each row of the
input is brought to whole numbers from -63 to 63 by its own largest value, so that an answer does
not depend on whose answers share its batch. The products are FBGEMM's, exact in whole numbers.
Seven bits for the input, because without VNNI instructions FBGEMM adds pairs of products in 16
bits: 2 · 127 · 127 fits, 2 · 255 · 127 does not (measured: errors of .3 where .03 is right).
"""

from __future__ import annotations

import platform
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.network.text_generation import Decoder, TokenTable

TOP, INPUT_TOP, INPUT_ZERO = 127, 63, 64
SMALLEST = 2**18
"""Weights of the smallest matrix that is quantised: products with smaller ones take longer in
eight bits than as they are, because bringing the input to whole numbers costs more than is saved
(256 × 256 on Zen 3: 15 µs in float32, 61 µs in int8; 1,536 × 512: 90 and 75)."""
_TINY = 1e-12


warnings.filterwarnings("ignore", message="torch.quantize_per_tensor")
# PyTorch means to drop its quantised tensors some day; the packed products take nothing else yet


def int8_works_here() -> bool:
    """Whether this processor and this PyTorch have the products; they are written for x86."""
    able = hasattr(torch, "_make_per_channel_quantized_tensor")
    return able and platform.machine().lower() in ("x86_64", "amd64")


def quantise_rows(weight_OD: Tensor) -> tuple[Tensor, Tensor]:
    """Rows as whole numbers with a scale each. Returns int8 (O, D) and float32 (O)."""
    scale_O = (weight_OD.abs().amax(1) / TOP).clamp_min(_TINY)
    return (weight_OD / scale_O[:, None]).round().to(torch.int8), scale_O


class Int8Matrix:
    """A matrix in eight bits that inputs are multiplied with."""

    def __init__(self, whole_OD: Tensor, scale_O: Tensor) -> None:
        zeros_O = torch.zeros(len(scale_O), dtype=torch.long)
        torch.backends.quantized.engine = "fbgemm"  # nothing else here uses these products
        quantised = torch._make_per_channel_quantized_tensor(  # type: ignore[attr-defined]
            whole_OD, scale_O.double(), zeros_O, 0
        )
        self._packed: Any = torch.ops.quantized.linear_prepack(quantised, None)
        self.bytes = whole_OD.numel() + 4 * len(scale_O)

    def times(self, x: Tensor) -> Tensor:
        """The matrix times each vector in the last dimension of ``x``; every other one stays."""
        top = x.abs().amax(-1, keepdim=True).clamp_min(_TINY)
        product: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            (x / top).view(-1, x.shape[-1]), 1 / INPUT_TOP, INPUT_ZERO, self._packed
        )
        return product.view(*x.shape[:-1], -1) * top


class Int8Linear(nn.Module):
    """A linear layer without bias, its matrix in eight bits. It cannot learn."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.matrix = Int8Matrix(*quantise_rows(base.weight.detach().float()))

    def forward(self, x: Tensor) -> Tensor:
        """Returns (…, out features)."""
        return self.matrix.times(x)


class Int8TokenTable(nn.Module):
    """Embeddings in eight bits: looked up by token, and multiplied with to score all tokens."""

    def __init__(self, base: TokenTable) -> None:
        super().__init__()
        self.whole_VD, self.scale_V = quantise_rows(base.weight.detach().float())
        self.matrix = Int8Matrix(self.whole_VD, self.scale_V)

    def forward(self, ids: Tensor) -> Tensor:
        """Returns (…, D)."""
        return F.embedding(ids, self.whole_VD).float() * self.scale_V[ids][..., None]

    def scores(self, hidden_BSD: Tensor) -> Tensor:
        """Returns (B, S, V)."""
        return self.matrix.times(hidden_BSD)


def to_int8(decoder: Decoder) -> int:
    """Turn the decoder's large matrices into eight bits, in place; returns how many.

    Adapters must be folded in before. The decoder can answer afterwards, but not learn.
    """
    found = 0
    for module in list(decoder.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear and child.weight.numel() >= SMALLEST and child.bias is None:
                setattr(module, name, Int8Linear(child))
                found += 1
    table = decoder.embed_tokens
    if isinstance(table, TokenTable) and table.weight.numel() >= SMALLEST:
        decoder.embed_tokens = Int8TokenTable(table)
        found += 1
    return found


def weight_bytes(network: nn.Module) -> int:
    """Bytes that a network's weights take in memory, those in eight bits included."""
    plain = sum(p.numel() * p.element_size() for p in network.parameters())
    for module in network.modules():
        if isinstance(module, Int8Linear | Int8TokenTable):
            plain += module.matrix.bytes
        if isinstance(module, Int8TokenTable):
            plain += module.whole_VD.numel()  # a second time, for looking tokens up
    return plain
