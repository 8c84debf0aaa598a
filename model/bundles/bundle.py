"""A student as a folder: ``config.json``, ``model.safetensors``, ``tokenizer.json``, ``card.md``.

``config.json`` is a ``LlamaConfig`` with one key of our own, so ``transformers`` loads the folder
as a ``LlamaForCausalLM``; the vision tower lies in the same weights file under its own names.
Weights are read from safetensors only, never unpickled. Reading a bundle's card needs no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.config import ChatFormat, DecoderConfig, StudentConfig, VisionConfig, from_json
from model.errors import BundleIncompatible, BundleNotFound, ConfigError
from model.records import StudentId, StudentInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = 1
OUR_KEY = "image_token_reasoning"
CONFIG, WEIGHTS, TOKENIZER, CARD = "config.json", "model.safetensors", "tokenizer.json", "card.md"
ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
_HEAD, _HEAD_ON_DISK = "model.lm_head.weight", "lm_head.weight"
"""Hugging Face keeps a head that is not tied beside the model, not in it."""
_OURS_ALONE = ("family", "head_width", "rope_stretch")
"""Fields of a decoder that Hugging Face writes under other names."""
FAMILIAR_THRESHOLD = "familiar threshold"
"""The figure of a card by which unfamiliar pictures are told."""


@dataclass(frozen=True)
class Card:
    """Where a student comes from and what was measured on it."""

    name: str
    origin: str = ""
    teacher: str = ""
    parent: str = ""
    created_at: float = 0.0
    figures: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def familiar_threshold(self) -> float:
        """Pictures less familiar than this are like nothing seen; 0 if it cannot tell."""
        found = self.figures.get(FAMILIAR_THRESHOLD, 0.0)
        return float(found) if isinstance(found, int | float) else 0.0


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read and checked, but for the weights, which are read when asked for."""

    path: Path
    config: StudentConfig
    card: Card
    tokenizer_json: str
    weights_hash: str
    parameters: int

    def load_into(self, student: nn.Module) -> None:
        """Copy the weights into a student. Raises: BundleIncompatible."""
        # torch is heavy: only whoever wants the weights pays for it
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            tensors = load_file(self.path / WEIGHTS)
        except (SafetensorError, OSError) as error:
            raise BundleIncompatible(
                f"{self.path / WEIGHTS} cannot be read: {error}. Copy the bundle again."
            ) from error
        tensors = inner_names(tensors)
        wanted = {name: tuple(tensor.shape) for name, tensor in student.state_dict().items()}
        given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        wrong = sorted(
            name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name)
        )
        if wrong:
            raise BundleIncompatible(
                f"{len(wrong)} of {len(wanted)} weights in {self.path} do not fit its config.json, "
                f"first {wrong[0]}: {given.get(wrong[0])} instead of {wanted.get(wrong[0])}. "
                "The files come from different students."
            )
        student.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})


def read_bundle(path: Path) -> Bundle:
    """Read everything of a bundle but the weights.

    Raises: BundleNotFound if a file is missing, BundleIncompatible if one cannot be understood.
    """
    for name in (CONFIG, WEIGHTS, TOKENIZER):
        if not (path / name).is_file():
            raise BundleNotFound(f"There is no student in {path}: {name} is missing.")
    try:
        values = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        ours = values[OUR_KEY]
        if ours["format"] > FORMAT:
            raise BundleIncompatible(
                f"{path} has bundle format {ours['format']}; this version reads up to {FORMAT}. "
                "Update the app."
            )
        config = StudentConfig(
            decoder=_decoder(values, ours),
            vision=from_json(VisionConfig, ours["vision"]),
            preset=ours["preset"],
            picture_heads=bool(ours.get("picture_heads", False)),
            thinks=bool(ours.get("thinks", False)),
            graph_tokens=int(ours.get("graph_tokens", 0)),
            chat=from_json(ChatFormat, ours.get("chat", {})),
        )
        card = from_json(Card, ours["card"])
        weights_hash, parameters = str(ours["weights_sha256"]), int(ours["parameters"])
        tokenizer_json = (path / TOKENIZER).read_text(encoding="utf-8")
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ConfigError) as error:
        raise BundleIncompatible(
            f"{path / CONFIG} is not a student's ({type(error).__name__}: {error})."
        ) from error
    return Bundle(path, config, card, tokenizer_json, weights_hash, parameters)


def _decoder(values: Mapping[str, Any], ours: Mapping[str, Any]) -> DecoderConfig:
    """The decoder's shape; bundles of early versions hold it among the keys of Hugging Face."""
    if "decoder" in ours:
        return from_json(DecoderConfig, ours["decoder"])
    names = [name for name in DecoderConfig.__annotations__ if name in values]
    return DecoderConfig(**{name: values[name] for name in names})


def inner_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file under the student's own names."""
    return {_HEAD if name == _HEAD_ON_DISK else name: each for name, each in tensors.items()}


def bundle_info(path: Path, student: StudentId) -> StudentInfo:
    """What lists show of a bundle. Raises: BundleNotFound, BundleIncompatible.

    Every answer asks for it, so a bundle is read again only when one of its files was written.
    """
    written = [path / name for name in (CONFIG, WEIGHTS, TOKENIZER, CARD)]
    stamps = tuple(each.stat().st_mtime_ns if each.is_file() else 0 for each in written)
    return _bundle_info(path, student, stamps)


@lru_cache(maxsize=256)
def _bundle_info(path: Path, student: StudentId, stamps: tuple[int, ...]) -> StudentInfo:
    bundle = read_bundle(path)
    return StudentInfo(
        id=student,
        name=bundle.card.name,
        preset=bundle.config.preset,
        parameters=bundle.parameters,
        size_bytes=sum(file.stat().st_size for file in path.iterdir() if file.is_file()),
        weights_hash=bundle.weights_hash,
        created_at=bundle.card.created_at,
        parent=StudentId(bundle.card.parent) if bundle.card.parent else None,
        origin=bundle.card.origin,
    )


def packed_weights(tensors: Mapping[str, Tensor]) -> bytes:
    """Weights in float16 as a safetensors file holds them; its SHA-256 names the student."""
    from safetensors.torch import save

    halves = {
        _HEAD_ON_DISK if name == _HEAD else name: tensor.detach().half().contiguous()
        for name, tensor in tensors.items()
    }
    return bytes(save(halves, metadata={"format": "pt"}))


def write_bundle(
    path: Path,
    config: StudentConfig,
    tensors: Mapping[str, Tensor],
    tokenizer_json: str,
    card: Card,
) -> str:
    """Write a bundle in float16, all of it or nothing; returns the weights' SHA-256."""
    weights = packed_weights(tensors)
    weights_hash = hashlib.sha256(weights).hexdigest()
    card = replace(card, created_at=card.created_at or time.time())
    parameters = sum(tensor.numel() for tensor in tensors.values())
    values = _config_json(config, card, weights_hash, parameters, json.loads(tokenizer_json))
    files = {
        CONFIG: json.dumps(values, indent=2).encode(),
        WEIGHTS: weights,
        TOKENIZER: tokenizer_json.encode(),
        CARD: card_text(config, card, weights_hash, parameters).encode(),
    }
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name, data in files.items():
        with open(draft / name, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    if path.exists():
        path.rename(old)
    draft.rename(path)
    shutil.rmtree(old, ignore_errors=True)
    return weights_hash


def _config_json(
    config: StudentConfig,
    card: Card,
    weights_hash: str,
    parameters: int,
    tokenizer: Mapping[str, Any],
) -> dict[str, Any]:
    ids = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    decoder, chat = config.decoder, config.chat
    shape = asdict(decoder)
    theirs = {name: shape[name] for name in shape if name not in _OURS_ALONE}
    return {
        "architectures": [ARCHITECTURES[decoder.family]],
        "model_type": decoder.family,
        "dtype": "float16",
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "head_dim": decoder.head_dim,
        "rope_parameters": _rope(decoder),
        "bos_token_id": ids.get(chat.bos),
        "eos_token_id": list(dict.fromkeys((ids[chat.eos], ids[chat.end]))),
        "pad_token_id": ids["<pad>"],
        **theirs,
        OUR_KEY: {
            "format": FORMAT,
            "decoder": shape,
            "chat": asdict(chat),
            "preset": config.preset,
            "picture_heads": config.picture_heads,
            "thinks": config.thinks,
            "graph_tokens": config.graph_tokens,
            "vision": asdict(config.vision),
            "parameters": parameters,
            "weights_sha256": weights_hash,
            "card": asdict(card),
        },
    }


def _rope(decoder: DecoderConfig) -> dict[str, Any]:
    """Rotary positions as ``transformers`` writes them."""
    if not decoder.rope_stretch:
        return {"rope_type": "default", "rope_theta": decoder.rope_theta}
    factor, low, high, length = decoder.rope_stretch
    return {
        "rope_type": "llama3",
        "rope_theta": decoder.rope_theta,
        "factor": factor,
        "low_freq_factor": low,
        "high_freq_factor": high,
        "original_max_position_embeddings": int(length),
    }


def card_text(config: StudentConfig, card: Card, weights_hash: str, parameters: int) -> str:
    """The bundle's ``card.md``: what it is, where it comes from, what was measured."""
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(card.created_at))
    lines = [
        f"# {card.name}",
        "",
        f"A student of the Image-Token Reasoning LLM, preset `{config.preset}`, "
        f"{parameters / 1e6:.2f} million parameters, made {made}.",
        "",
        f"- weights: SHA-256 `{weights_hash}`",
        f"- decoder: {config.decoder.num_hidden_layers} layers of {config.decoder.hidden_size}, "
        f"{config.decoder.vocab_size} tokens; pictures: {config.vision.image_size} px, "
        f"{config.vision.num_patches} image tokens each",
    ]
    named = (
        ("comes from", card.origin),
        ("teacher", card.teacher),
        ("taught further from", card.parent),
    )
    lines += [f"- {name}: {value}" for name, value in named if value]
    if card.figures:
        lines += ["", "| figure | value |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in card.figures.items()]
    return "\n".join(lines) + "\n"
