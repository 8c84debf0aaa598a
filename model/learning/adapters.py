"""What an update learned, as a small thing that can be kept, put on again and left away.

An adapter holds, for every adapted layer, two thin matrices whose product is added to its weight.
The same adapters put on the same student in the same order give the same weights, bit for bit.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from model.errors import BundleIncompatible
from model.model import ImageTokenReasoningLLM
from model.network.lora import LoraLinear, add_lora, merge_lora

ADAPTED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The decoder's layers that learn from votes: all between embeddings and scores."""

Adapter = dict[str, Tensor]
"""``<layer>.lora_a`` (R, in) and ``<layer>.lora_b`` (out, R), the scale already in the second."""


def with_fresh_adapter(
    student: ImageTokenReasoningLLM, rank: int, seed: int
) -> ImageTokenReasoningLLM:
    """A copy of a student in which only a new adapter learns; it computes the same at first."""
    learner = copy.deepcopy(student)
    learner.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        add_lora(learner.model, rank, ADAPTED)
    return learner


def adapted_layers(student: ImageTokenReasoningLLM) -> dict[str, LoraLinear]:
    """The layers of the decoder that wear an adapter, by name."""
    return {n: m for n, m in student.model.named_modules() if isinstance(m, LoraLinear)}


def adapter_of(student: ImageTokenReasoningLLM) -> Adapter:
    """The adapter that a student wears, as tensors of its own."""
    found: Adapter = {}
    for name, layer in adapted_layers(student).items():
        found[f"{name}.lora_a"] = layer.lora_a.detach().clone()
        found[f"{name}.lora_b"] = layer.scale * layer.lora_b.detach()
    return found


def weakened(adapter: Mapping[str, Tensor], strength: float) -> Adapter:
    """The adapter that changes every weight by ``strength`` times as much."""
    return {
        key: tensor * strength if key.endswith(".lora_b") else tensor
        for key, tensor in adapter.items()
    }


def with_adapter(
    student: ImageTokenReasoningLLM, adapter: Mapping[str, Tensor]
) -> ImageTokenReasoningLLM:
    """A plain copy of a student with an adapter folded into its weights.

    Raises: BundleIncompatible if the adapter is of a student of another shape.
    """
    changed = copy.deepcopy(student)
    merge_lora(changed.model)
    layers = {n: m for n, m in changed.model.named_modules() if isinstance(m, nn.Linear)}
    for key in adapter:
        if not key.endswith(".lora_a"):
            continue
        name = key.removesuffix(".lora_a")
        layer, lora_a_RI = layers.get(name), adapter[key]
        lora_b_OR = adapter.get(f"{name}.lora_b")
        if layer is None or lora_b_OR is None or not _fits(layer, lora_a_RI, lora_b_OR):
            raise BundleIncompatible(
                f"What was learned for layer {name} does not fit this student, which is of another "
                "shape. Undo the update, or open the student that it was learned with."
            )
        with torch.no_grad():
            layer.weight += lora_b_OR.to(layer.weight) @ lora_a_RI.to(layer.weight)
    return changed.eval()


def _fits(layer: nn.Linear, lora_a_RI: Tensor, lora_b_OR: Tensor) -> bool:
    same_rank = lora_a_RI.shape[0] == lora_b_OR.shape[1]
    shape = (lora_b_OR.shape[0], lora_a_RI.shape[1])
    return same_rank and shape == tuple(layer.weight.shape)


def effective_weights(student: ImageTokenReasoningLLM) -> dict[str, Tensor]:
    """What each adapted layer's weight is with its adapter, as a function of it. (out, in) each."""
    return {
        name: layer.base.weight + layer.scale * layer.lora_b @ layer.lora_a
        for name, layer in adapted_layers(student).items()
    }
