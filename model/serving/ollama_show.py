"""What ``/api/show`` tells about a student, read from its bundle; the weights stay on disk."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.bundles.bundle import WEIGHTS, Bundle
from model.config import VisionConfig
from model.errors import BundleIncompatible
from model.serving.ollama_models import Served, details, timestamp

FILE_TYPE_F16 = 1
_COLUMN = 30
_EYES = ("vision_tower.", "projector.")


def shown(served: Served, *, verbose: bool) -> dict[str, Any]:
    """Everything about a student; with ``verbose`` its vocabulary, too."""
    # the Ollama side of a bundle pulls in the GGUF writer: only who asks pays for it
    from model.bundles.ollama_bundle import parameters_of, template_of

    config, weights = served.bundle.config, tensors(served.bundle.path / WEIGHTS)
    parameters = parameters_of(config)
    template = template_of(config.chat, thinks=config.thinks)
    return {
        "modelfile": _modelfile(served.name, template, parameters),
        "parameters": _listed(parameters),
        "template": template,
        "details": details(served),
        "model_info": _model_info(served, verbose),
        "projector_info": _projector_info(config.vision, config.decoder.hidden_size, weights),
        "tensors": weights,
        "capabilities": served.capabilities,
        "modified_at": timestamp(served.info.created_at),
    }


def _flat(parameters: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        (name, one)
        for name, value in sorted(parameters.items())
        for one in (value if isinstance(value, list) else [value])
    ]


def _listed(parameters: dict[str, Any]) -> str:
    lines = [f"{name:<{_COLUMN}} {json.dumps(value)}" for name, value in _flat(parameters)]
    return "\n".join(lines)


def _modelfile(name: str, template: str, parameters: dict[str, Any]) -> str:
    lines = [
        "# A student of the Image-Token Reasoning LLM, answering from the app itself.",
        "# “Export to Ollama” in the app writes the files for a server of its own.",
        f"FROM {name}",
        f'TEMPLATE """{template}"""',
        *(f"PARAMETER {key} {json.dumps(value)}" for key, value in _flat(parameters)),
    ]
    return "\n".join(lines) + "\n"


def _model_info(served: Served, verbose: bool) -> dict[str, Any]:
    decoder = served.bundle.config.decoder
    return {
        "general.architecture": "llama",
        "general.file_type": FILE_TYPE_F16,
        "general.parameter_count": served.info.parameters,
        "general.quantization_version": 2,
        "general.type": "model",
        "llama.attention.head_count": decoder.num_attention_heads,
        "llama.attention.head_count_kv": decoder.num_key_value_heads,
        "llama.attention.layer_norm_rms_epsilon": decoder.rms_norm_eps,
        "llama.block_count": decoder.num_hidden_layers,
        "llama.context_length": decoder.max_position_embeddings,
        "llama.embedding_length": decoder.hidden_size,
        "llama.feed_forward_length": decoder.intermediate_size,
        "llama.rope.dimension_count": decoder.head_dim,
        "llama.rope.freq_base": decoder.rope_theta,
        "llama.vocab_size": decoder.vocab_size,
        **_vocabulary(served.bundle, verbose),
    }


def _vocabulary(bundle: Bundle, verbose: bool) -> dict[str, Any]:
    from model.bundles.gguf_vocabulary import read_vocabulary
    from model.network.text_tokenizer import PAD

    try:
        known = read_vocabulary(bundle.tokenizer_json, bundle.config.decoder.vocab_size)
    except BundleIncompatible:
        return {}  # a tokenizer that llama.cpp has no name for has no place in these keys
    chat = bundle.config.chat
    ids = {token: index for index, token in enumerate(known.tokens)}
    return {
        "tokenizer.ggml.add_bos_token": bool(chat.bos),
        "tokenizer.ggml.add_eos_token": False,
        "tokenizer.ggml.bos_token_id": ids.get(chat.bos),
        "tokenizer.ggml.eos_token_id": ids.get(chat.end),
        "tokenizer.ggml.merges": list(known.merges) if verbose else None,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.padding_token_id": ids.get(PAD),
        "tokenizer.ggml.pre": known.pre,
        "tokenizer.ggml.token_type": list(known.kinds) if verbose else None,
        "tokenizer.ggml.tokens": list(known.tokens) if verbose else None,
    }


def _projector_info(
    vision: VisionConfig, width: int, weights: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    eyes = [each["shape"] for each in weights if each["name"].startswith(_EYES)]
    return {
        "clip.has_vision_encoder": True,
        "clip.projector_type": "mlp",
        "clip.use_gelu": True,
        "clip.vision.attention.head_count": vision.num_attention_heads,
        "clip.vision.attention.layer_norm_epsilon": vision.layer_norm_eps,
        "clip.vision.block_count": vision.num_hidden_layers,
        "clip.vision.embedding_length": vision.hidden_size,
        "clip.vision.feed_forward_length": vision.intermediate_size,
        "clip.vision.image_mean": None,
        "clip.vision.image_size": vision.image_size,
        "clip.vision.image_std": None,
        "clip.vision.patch_size": vision.patch_size,
        "clip.vision.projection_dim": width,
        "general.architecture": "clip",
        "general.file_type": FILE_TYPE_F16,
        "general.parameter_count": sum(math.prod(shape) for shape in eyes),
        "general.type": "mmproj",
    }


def tensors(weights: Path) -> list[dict[str, Any]]:
    """Name, type and shape of every weight, from the head of the file; shapes as in GGUF."""
    with open(weights, "rb") as file:
        head = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return [
        {"name": name, "type": about["dtype"], "shape": about["shape"][::-1]}
        for name, about in head.items()
        if name != "__metadata__"
    ]
