"""A Llama from a Hugging Face folder as a student: its words, with eyes that have learned nothing.

The tokenizer gets our special tokens; their embeddings start at the mean of all others, so that
they are like no word in particular until they are taught.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.bundles.bundle import CONFIG, TOKENIZER, Card
from model.config import DecoderConfig, StudentConfig, VisionConfig
from model.errors import BundleIncompatible, BundleNotFound, ConfigError
from model.network.text_tokenizer import TextTokenizer

if TYPE_CHECKING:
    from torch import Tensor, nn

LONGEST = 4096
"""Tokens that a student reads at most: its tables of positions are kept in memory."""


@dataclass(frozen=True)
class HfLlama:
    """A Llama of ``transformers`` on disk, read and checked, but for its weights."""

    path: Path
    config: StudentConfig
    card: Card
    tokenizer_json: str

    def load_into(self, student: nn.Module) -> None:
        """Copy the decoder's weights; the eyes stay as they are. Raises: BundleIncompatible."""
        tensors = _read_weights(self.path)
        wanted = {
            name: tensor.shape
            for name, tensor in student.state_dict().items()
            if name.startswith("model.")
        }
        embeddings = "model.embed_tokens.weight"
        if embeddings in tensors:
            tensors[embeddings] = _longer(tensors[embeddings], wanted[embeddings][0])
        wrong = sorted(
            name
            for name, shape in wanted.items()
            if name not in tensors or tensors[name].shape != shape
        )
        if wrong:
            raise BundleIncompatible(
                f"{len(wrong)} of {len(wanted)} weights in {self.path} are missing or do not fit "
                f"its {CONFIG}, first {wrong[0]}. Download the folder again."
            )
        student.load_state_dict({name: tensors[name].float() for name in wanted}, strict=False)


def read_hf_folder(path: Path) -> HfLlama:
    """Read config and tokenizer of a Llama's folder. Raises: BundleNotFound, BundleIncompatible."""
    try:
        values = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        text = (path / TOKENIZER).read_text(encoding="utf-8")
    except OSError as error:
        raise BundleNotFound(f"There is no model in {path}: {error}.") from error
    except ValueError as error:
        raise BundleIncompatible(f"{path / CONFIG} is not JSON: {error}.") from error
    _check_llama(path, values)
    tokenizer = _tokenizer(path, text)
    try:
        decoder = DecoderConfig(
            vocab_size=max(int(values["vocab_size"]), len(tokenizer)),
            hidden_size=values["hidden_size"],
            intermediate_size=values["intermediate_size"],
            num_hidden_layers=values["num_hidden_layers"],
            num_attention_heads=values["num_attention_heads"],
            num_key_value_heads=values.get("num_key_value_heads") or values["num_attention_heads"],
            max_position_embeddings=min(values["max_position_embeddings"], LONGEST),
            rms_norm_eps=values.get("rms_norm_eps", 1e-6),
            rope_theta=_rope(values).get("rope_theta", 10_000.0),
        )
    except (KeyError, TypeError, ConfigError) as error:
        raise BundleIncompatible(f"{path / CONFIG} is not a Llama's: {error}.") from error
    config = StudentConfig(decoder, VisionConfig(), preset="pretrained", picture_heads=False)
    card = Card(name=path.name, origin=f"{path.name}, a pretrained Llama; its eyes are new")
    return HfLlama(path, config, card, tokenizer.to_json())


def _tokenizer(path: Path, text: str) -> TextTokenizer:
    try:
        return TextTokenizer.from_foreign_json(text)
    except KeyError as error:
        raise BundleIncompatible(
            f"The tokenizer of {path.name} is not byte-level (it has the letter {error}). Choose a "
            "model with a byte-level one, such as SmolLM2."
        ) from error


def _rope(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Rotary settings: since transformers 5 in a record of their own, before beside the others."""
    return values.get("rope_parameters") or values


def _check_llama(path: Path, values: Mapping[str, Any]) -> None:
    """Refuse what our decoder does not compute. Raises: BundleIncompatible."""
    kind, rope = values.get("model_type"), _rope(values)
    scaling = values.get("rope_scaling") or {}
    width = values.get("hidden_size", 0) // max(1, values.get("num_attention_heads", 1))
    scaled = (
        rope.get("rope_type", "default") != "default"
        or scaling.get("rope_type", "default") != "default"
    )
    faults = {
        f"is a {kind}, not a llama": kind != "llama",
        "has an output layer of its own": not values.get("tie_word_embeddings", False),
        "has biases": bool(values.get("attention_bias") or values.get("mlp_bias")),
        "scales its rotary positions": scaled,
        "has heads of another width": values.get("head_dim", width) not in (None, width),
        "does not use SiLU": values.get("hidden_act", "silu") != "silu",
    }
    found = [words for words, true in faults.items() if true]
    if found:
        raise BundleIncompatible(
            f"{path.name} {found[0]}; a student's decoder is a Llama with tied embeddings and "
            "plain rotary positions. Choose a model such as SmolLM2-135M."
        )


def _read_weights(path: Path) -> dict[str, Tensor]:
    """All tensors of the folder's safetensors files. Raises: BundleNotFound, BundleIncompatible."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise BundleNotFound(f"There are 0 safetensors files in {path}. Download the model again.")
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            tensors |= load_file(file)
        except (SafetensorError, OSError) as error:
            raise BundleIncompatible(
                f"{file} cannot be read: {error}. Download it again."
            ) from error
    return tensors


def _longer(embeddings_VD: Tensor, rows: int) -> Tensor:
    """The embeddings with as many rows as wanted, new ones at the mean. Returns (rows, D)."""
    new = rows - embeddings_VD.shape[0]
    if new <= 0:
        return embeddings_VD
    mean_1D = embeddings_VD.float().mean(0, keepdim=True).to(embeddings_VD.dtype)
    import torch

    return torch.cat([embeddings_VD, mean_1D.expand(new, -1)])
