"""A student read back from the GGUF files that it was exported as: the round trip.

Only files with our own keys are read: they say what a picture is cut into and what the card was.
Packed weights come back as the rounded values that llama.cpp computes with, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model.bundles.bundle import CONFIG, Card
from model.bundles.gguf import (
    LAYER_NAMES,
    OUR_PREFIX,
    OUTER_NAMES,
    STRETCH,
    halves_from_pairs,
    heads_of,
)
from model.bundles.gguf_numbers import unpack
from model.bundles.gguf_vision import lite_name
from model.bundles.gguf_vocabulary import Vocabulary, tokenizer_json
from model.config import ChatFormat, DecoderConfig, StudentConfig, VisionConfig, from_json
from model.errors import BundleIncompatible, BundleNotFound, ConfigError

if TYPE_CHECKING:
    from gguf import GGUFReader
    from torch import nn

TEXT_FILE, EYES_FILE = "model.gguf", "mmproj.gguf"
_OUTER = {theirs: ours for ours, theirs in OUTER_NAMES.items()}
_INNER = {theirs: ours for ours, theirs in LAYER_NAMES.items()}


@dataclass(frozen=True)
class GgufStudent:
    """A student in GGUF files, read and checked; ``load_into`` copies its weights."""

    path: Path
    config: StudentConfig
    card: Card
    tokenizer_json: str
    weights_hash: str
    weights: Mapping[str, np.ndarray[Any, Any]]

    def load_into(self, student: nn.Module) -> None:
        """Copy the weights into a student; eyes that were not exported stay as they are.

        Raises: BundleIncompatible if a weight does not fit.
        """
        import torch

        wanted = {name: tuple(tensor.shape) for name, tensor in student.state_dict().items()}
        needed = {name for name in wanted if name.startswith("model.")}
        wrong = sorted(
            name
            for name in needed | self.weights.keys()
            if name not in self.weights or wanted.get(name) != self.weights[name].shape
        )
        if wrong:
            raise BundleIncompatible(
                f"{len(wrong)} weights in {self.path} do not fit what the file says about itself, "
                f"first {wrong[0]}. Export the student again."
            )
        tensors = {name: torch.from_numpy(values) for name, values in self.weights.items()}
        student.load_state_dict(tensors, strict=False)


def gguf_file(path: Path) -> Path | None:
    """The text model's GGUF that ``path`` names or holds, or None."""
    if path.is_file() and path.suffix == ".gguf":
        return path
    inside = path / TEXT_FILE
    return inside if inside.is_file() else None


def read_gguf(path: Path) -> GgufStudent:
    """Read a student from its text model's file, and its eyes from ``mmproj.gguf`` beside it.

    Raises: BundleNotFound, BundleIncompatible.
    """
    reader = _open(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    try:
        described = json.loads(fields[f"{OUR_PREFIX}.{CONFIG}"])
        weights_hash = str(fields[f"{OUR_PREFIX}.weights_sha256"])
        config = _config(described["student"])
        card = from_json(Card, described["card"])
        vocabulary = Vocabulary(
            tuple(fields["tokenizer.ggml.tokens"]),
            tuple(fields["tokenizer.ggml.token_type"]),
            tuple(fields["tokenizer.ggml.merges"]),
            str(fields["tokenizer.ggml.pre"]),
        )
        weights = _decoder_weights(reader, config.decoder)
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise BundleIncompatible(
            f"{path} was not exported by this app, or by another version of it "
            f"({type(error).__name__}: {error}). Export the student again."
        ) from error
    eyes = path.with_name(EYES_FILE)
    if eyes.is_file() and config.vision.backbone == "lite":
        weights |= _eyes(_open(eyes), config)
    else:
        config = replace(config, vision=VisionConfig(), picture_heads=False)
        card = replace(card, origin=f"{card.origin} (words only, read from {path.name})")
    return GgufStudent(path, config, card, tokenizer_json(vocabulary), weights_hash, weights)


def _open(path: Path) -> GGUFReader:
    from gguf import GGUFReader

    if not path.is_file():
        raise BundleNotFound(f"There is no GGUF file at {path}.")
    try:
        return GGUFReader(path)
    except (ValueError, IndexError, KeyError, OverflowError, OSError) as error:
        raise BundleIncompatible(
            f"{path} ({path.stat().st_size} bytes) is not a whole GGUF file: {error}. "
            "Copy or export it again."
        ) from error


def _config(values: Mapping[str, Any]) -> StudentConfig:
    return StudentConfig(
        decoder=from_json(DecoderConfig, values["decoder"]),
        vision=from_json(VisionConfig, values["vision"]),
        preset=values["preset"],
        picture_heads=values["picture_heads"],
        thinks=values["thinks"],
        chat=from_json(ChatFormat, values.get("chat", {})),
    )


def _decoder_weights(reader: GGUFReader, config: DecoderConfig) -> dict[str, np.ndarray[Any, Any]]:
    """The decoder's weights under our names, rows of q and k back in our order."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    for tensor in reader.tensors:
        if tensor.name == STRETCH:  # the config says it, too
            continue
        values = _values(tensor)
        if tensor.name in _OUTER:
            found[f"model.{_OUTER[tensor.name]}"] = values
            continue
        _, number, inner, kind = tensor.name.split(".")
        part = _INNER[inner]
        heads = heads_of(part, config)
        rows = halves_from_pairs(values, heads) if heads else values
        found[f"model.layers.{number}.{part}.{kind}"] = rows
    return found


def _eyes(reader: GGUFReader, config: StudentConfig) -> dict[str, np.ndarray[Any, Any]]:
    names = {tensor.name: lite_name(tensor.name) for tensor in reader.tensors}
    return {
        names[tensor.name]: _values(tensor)
        for tensor in reader.tensors
        if config.picture_heads or not names[tensor.name].startswith("picture_heads")
    }


def _values(tensor: Any) -> np.ndarray[Any, Any]:
    """A tensor as float32 in our order of dimensions, in memory of its own."""
    shape = [int(length) for length in reversed(tensor.shape)]
    return np.array(unpack(tensor.data, tensor.tensor_type), dtype=np.float32).reshape(shape)
