"""A checkpoint of the Llama family as a student: its words, with eyes that have learned nothing.

Llama, Qwen2 and Qwen3 from a Hugging Face folder. The tokenizer gets our special tokens; each
begins as the mean of the tokens of its own word (``<|result|>``: “result”), the others as the mean
of all, so that they are like no word in particular until they are taught.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.bundles.bundle import CONFIG, TOKENIZER, Card, inner_names
from model.bundles.chat_formats import read_chat_format
from model.config import DecoderConfig, StudentConfig, VisionConfig
from model.errors import BundleIncompatible, BundleNotFound, ConfigError
from model.network.text_tokenizer import SPECIAL_TOKENS, TextTokenizer

if TYPE_CHECKING:
    from torch import Tensor, nn

LONGEST = 4096
"""Tokens that a student reads at most: its tables of positions are kept in memory."""
FAMILIES = ("llama", "qwen2", "qwen3")
_VOCABULARIES = ("embed_tokens.weight", "lm_head.weight")


@dataclass(frozen=True)
class HfCheckpoint:
    """A Llama or a relative of it on disk, read and checked, but for its weights."""

    path: Path
    config: StudentConfig
    card: Card
    tokenizer_json: str
    known: int
    """How many tokens it has learned; those behind are ours."""

    def load_into(self, student: nn.Module) -> None:
        """Copy the decoder's weights; the eyes stay as they are. Raises: BundleIncompatible."""
        tensors = inner_names(_read_weights(self.path))
        wanted = {
            name: tensor.shape
            for name, tensor in student.state_dict().items()
            if name.startswith("model.")
        }
        tokenizer = TextTokenizer.from_json(self.tokenizer_json)
        for part in _VOCABULARIES:
            name = f"model.{part}"
            if name in tensors and name in wanted and tensors[name].ndim == 2:
                tensors[name] = with_new_tokens(
                    tensors[name], wanted[name][0], tokenizer, self.known
                )
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


def read_hf_folder(path: Path) -> HfCheckpoint:
    """Read config and tokenizer of a checkpoint. Raises: BundleNotFound, BundleIncompatible."""
    try:
        text = (path / TOKENIZER).read_text(encoding="utf-8")
    except OSError as error:
        raise BundleNotFound(f"There is no model in {path}: {error}.") from error
    tokenizer, known, first_token = _tokenizer(path, text)
    decoder = read_decoder(path, len(tokenizer))
    chat = read_chat_format(path, tokenizer.special_tokens, first_token)
    config = StudentConfig(
        decoder, VisionConfig(), preset="pretrained", picture_heads=False, chat=chat
    )
    card = Card(name=path.name, origin=f"{path.name}, a pretrained Llama; its eyes are new")
    return HfCheckpoint(path, config, card, tokenizer.to_json(), known)


def read_decoder(path: Path, tokens: int = 0) -> DecoderConfig:
    """The decoder's shape, with room for so many tokens. Raises: BundleNotFound,
    BundleIncompatible."""
    try:
        values = json.loads((path / CONFIG).read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleNotFound(f"There is no model in {path}: {error}.") from error
    except ValueError as error:
        raise BundleIncompatible(f"{path / CONFIG} is not JSON: {error}.") from error
    _check_family(path, values)
    try:
        return _decoder(values, tokens)
    except (KeyError, TypeError, ConfigError) as error:
        raise BundleIncompatible(f"{path / CONFIG} is not a Llama's: {error}.") from error


def _decoder(values: Mapping[str, Any], tokens: int) -> DecoderConfig:
    heads, width = values["num_attention_heads"], values["hidden_size"]
    head_width = values.get("head_dim") or width // heads
    rope = _rope(values)
    return DecoderConfig(
        vocab_size=max(int(values["vocab_size"]), tokens),
        hidden_size=width,
        intermediate_size=values["intermediate_size"],
        num_hidden_layers=values["num_hidden_layers"],
        num_attention_heads=heads,
        num_key_value_heads=values.get("num_key_value_heads") or heads,
        max_position_embeddings=min(values["max_position_embeddings"], LONGEST),
        rms_norm_eps=values.get("rms_norm_eps", 1e-6),
        rope_theta=float(rope.get("rope_theta", values.get("rope_theta", 10_000.0))),
        family=values["model_type"],
        head_width=0 if head_width * heads == width else head_width,
        tie_word_embeddings=bool(values.get("tie_word_embeddings", False)),
        rope_stretch=_stretch(rope),
    )


def _tokenizer(path: Path, text: str) -> tuple[TextTokenizer, int, str]:
    """The tokenizer with our tokens, how many it had before, and what it puts before a text."""
    from tokenizers import Tokenizer

    try:
        plain = Tokenizer.from_str(text)
        begins = [
            token
            for token in plain.encode("a").tokens
            if token not in plain.encode("a", add_special_tokens=False).tokens
        ]
        tokenizer = TextTokenizer.from_foreign_json(text)
    except (KeyError, AttributeError) as error:
        raise BundleIncompatible(
            f"The tokenizer of {path.name} is not a BPE as Llamas have it ({error}). Choose "
            "another model, such as SmolLM2."
        ) from error
    return tokenizer, plain.get_vocab_size(), begins[0] if begins else ""


def _rope(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Rotary settings: since transformers 5 in a record of their own, before beside the others."""
    return values.get("rope_parameters") or values.get("rope_scaling") or {}


def _rope_kind(rope: Mapping[str, Any]) -> str:
    return str(rope.get("rope_type") or rope.get("type") or "default")


def _stretch(rope: Mapping[str, Any]) -> tuple[float, ...]:
    if _rope_kind(rope) == "default":
        return ()
    names = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
    return tuple(float(rope[name]) for name in names)


def _check_family(path: Path, values: Mapping[str, Any]) -> None:
    """Refuse what our decoder does not compute. Raises: BundleIncompatible."""
    kind, rope = str(values.get("model_type")), _rope_kind(_rope(values))
    faults = {
        f"is a {kind}, not a llama, qwen2 or qwen3": kind not in FAMILIES,
        "has biases": bool(values.get("attention_bias") or values.get("mlp_bias")),
        f"stretches its rotary positions as “{rope}”": rope not in ("default", "llama3"),
        "does not use SiLU": values.get("hidden_act", "silu") != "silu",
        "attends to a sliding window": bool(values.get("use_sliding_window")),
        "keeps its weights in a packed format": "quantization_config" in values,
    }
    found = [words for words, true in faults.items() if true]
    if found:
        raise BundleIncompatible(
            f"{path.name} {found[0]}; a student's decoder is a Llama, Qwen2 or Qwen3 in plain "
            "numbers. Choose a model such as SmolLM2-135M."
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


def with_new_tokens(table_VD: Tensor, rows: int, tokenizer: TextTokenizer, known: int) -> Tensor:
    """A table of ``rows`` tokens of which those from ``known`` on are ours. Returns (rows, D).

    Checkpoints often have more rows than tokens; what lies in the spare ones was never learned.
    """
    import torch

    table_VD = table_VD.float()
    learned_VD = table_VD[:known]
    long_VD = learned_VD.mean(0, keepdim=True).expand(max(rows, len(table_VD)), -1).clone()
    long_VD[: len(table_VD)] = table_VD
    for token in SPECIAL_TOKENS:
        index = tokenizer.id(token)
        if index >= known:
            words = [n for n in tokenizer.encode(" " + token.strip("<|/>")) if n < known]
            long_VD[index] = learned_VD[words].mean(0) if words else learned_VD.mean(0)
    return torch.as_tensor(long_VD)
