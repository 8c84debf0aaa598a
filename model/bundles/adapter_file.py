"""What votes taught a student, as a small file beside its bundle, which itself is never written to.

A file holds everything that was learned since the bundle: for each layer two thin matrices, whose
ranks add up from update to update, or the whole change once it is no larger than they are. Files
are safetensors and are never unpickled.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from model.errors import BundleIncompatible

A, B, WHOLE = ".lora_a", ".lora_b", ".whole"
BASE = "base"


class HasDecoder(Protocol):
    """A student, as far as adapters know it."""

    @property
    def model(self) -> nn.Module:
        """Its decoder."""
        ...


def stacked(earlier: Mapping[str, Tensor], later: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One adapter that does what two do one after the other; layers are told by their names."""
    found: dict[str, Tensor] = {}
    for layer in dict.fromkeys(_layer(key) for key in (*earlier, *later)):
        found.update(_stacked_layer(layer, earlier, later))
    return found


def _stacked_layer(
    layer: str, earlier: Mapping[str, Tensor], later: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    thin = [each for each in (earlier, later) if layer + A in each]
    whole = [each[layer + WHOLE] for each in (earlier, later) if layer + WHOLE in each]
    if not thin:
        return {layer + WHOLE: torch.stack(whole).sum(0)}
    a_RI = torch.cat([each[layer + A] for each in thin])
    b_OR = torch.cat([each[layer + B] for each in thin], dim=1)
    if whole or a_RI.numel() + b_OR.numel() >= len(b_OR) * a_RI.shape[1]:
        return {layer + WHOLE: sum(whole, b_OR @ a_RI)}
    return {layer + A: a_RI, layer + B: b_OR}


def write_tensors(path: Path, tensors: Mapping[str, Tensor], base_hash: str) -> None:
    """Write tensors that belong to the bundle with these weights, all of them or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    plain = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    with open(draft, "wb") as file:
        file.write(save(plain, metadata={BASE: base_hash}))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_tensors(path: Path, base_hash: str) -> dict[str, Tensor]:
    """Read what ``write_tensors`` wrote.

    Raises: BundleIncompatible if the file is damaged or belongs to other weights.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            of = (file.metadata() or {}).get(BASE, "")
    except (SafetensorError, OSError) as error:
        raise BundleIncompatible(
            f"What votes taught cannot be read ({path.name}: {error}). Undo the last update."
        ) from error
    if of != base_hash:
        raise BundleIncompatible(
            f"{path.name} was learned by the weights {of[:6]}, not by {base_hash[:6]}. "
            "Undo the last update."
        )
    return tensors


def apply_adapter(student: HasDecoder, adapter: Mapping[str, Tensor]) -> None:
    """Add an adapter to the weights of a student that was loaded from its bundle, in place.

    Raises: BundleIncompatible if it has layers that the student has not.
    """
    layers = dict(student.model.named_modules())
    for name in dict.fromkeys(_layer(key) for key in adapter):
        layer = layers.get(name)
        delta_OI = adapter.get(name + WHOLE)
        if delta_OI is None:
            a_RI, b_OR = adapter.get(name + A), adapter.get(name + B)
            fit = a_RI is not None and b_OR is not None and b_OR.shape[-1] == len(a_RI)
            delta_OI = b_OR @ a_RI if fit else None  # type: ignore[operator]
        if not isinstance(layer, nn.Linear) or delta_OI is None:
            raise BundleIncompatible(f"What votes taught does not fit this student: {name}.")
        if delta_OI.shape != layer.weight.shape:
            raise BundleIncompatible(
                f"What votes taught {name} is {tuple(delta_OI.shape)} large; this student's layer "
                f"is {tuple(layer.weight.shape)}. Undo the last update."
            )
        with torch.no_grad():
            layer.weight += delta_OI


def _layer(key: str) -> str:
    return key.rpartition(".")[0]
