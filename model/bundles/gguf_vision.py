"""A student's eyes as the mmproj file of llama.cpp, type ``mlp``: vision tower and projector.

The type runs a ViT without a class token whose patches go through a norm and two linear layers.
The ``lite`` tower has this shape. SigLIP has it, too, once its own last norm is written as one more
block (below). CLIP has a class token, which the type keeps in the place of a patch; ResNet is no
transformer. These leave as text only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from model.bundles.gguf import Identity, finish, quiet_writer
from model.bundles.gguf_numbers import FILE_TYPES, kind_of, pack
from model.config import VisionConfig

if TYPE_CHECKING:
    from torch import Tensor, nn

    from model.model import ImageTokenReasoningLLM

MEAN_AND_DEVIATION = (0.5, 0.5, 0.5)
"""Pixels are scaled to [-1, 1]: for both, the middle of the range."""
HEADS = ("pool_query.weight", "embedding_head.weight")
"""The tower's contrastive head: llama.cpp passes over it, reading the file back does not."""
_BLOCK_NAMES = {
    "ln1": "ln1",
    "ln2": "ln2",
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "out_proj": "attn_out",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}
_OUTER_NAMES = {"patch_embedding": "v.patch_embd", "post_layernorm": "v.post_ln"}
_PROJECTOR_NAMES = {"linear_1": "mm.0", "linear_2": "mm.2"}
_PICTURE_HEADS = "picture_heads."
_SIGLIP_NAMES = {
    "layer_norm1": "ln1",
    "layer_norm2": "ln2",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
}
_SIGLIP_OUTER = {
    "embeddings.patch_embedding.weight": "v.patch_embd.weight",
    "embeddings.patch_embedding.bias": "v.patch_embd.bias",
    "embeddings.position_embedding.weight": "v.position_embd.weight",
}
TANH_GELU = "gelu_pytorch_tanh"
LOUD = 2.0**20
"""By so much the norm that is written as a block drowns what it is added to."""
Named = tuple[str, np.ndarray[Any, Any]]


def why_text_only(config: VisionConfig) -> str:
    """Why a student with these eyes leaves without them, in one sentence; empty if it does not."""
    if config.backbone == "lite":
        return ""
    if config.backbone == "resnet":
        return "Its eyes are a ResNet, which llama.cpp does not run: only its words are exported."
    if config.backbone == "clip":
        return (
            "Its eyes are a CLIP with a class token, which llama.cpp keeps in the place of a "
            "patch: only its words are exported."
        )
    if config.hidden_act != TANH_GELU:
        return (
            f"Its eyes compute {config.hidden_act}, where llama.cpp has tanh-GELU: only its words "
            "are exported."
        )
    if config.intermediate_size < 2 * config.hidden_size:
        return (
            f"Its eyes are {config.intermediate_size} wide inside, less than twice "
            f"{config.hidden_size}, too narrow for their last norm: only its words are exported."
        )
    side = config.image_size // config.patch_size
    if config.num_patches != side * side:
        return (
            f"Its eyes pool {side * side} patches to {config.num_patches}, which llama.cpp does "
            "not do: only its words are exported."
        )
    return ""


def write_vision_gguf(
    student: ImageTokenReasoningLLM, path: Path, precision: str, identity: Identity
) -> None:
    """Write tower and projector; matrices in f32 if ``precision`` is f32, else in f16.

    Raises: ValueError for eyes that ``why_text_only`` has a word about.
    """
    config = student.config.vision
    if why_text_only(config):
        raise ValueError(why_text_only(config))
    precision = "f32" if precision == "f32" else "f16"
    tower = student.vision_tower
    lite = config.backbone == "lite"
    eyes = _lite_tensors(tower) if lite else siglip_tensors(tower, config)
    tensors = [*eyes, *_projector_tensors(student)]
    writer = quiet_writer(path, "clip")
    writer.add_type("mmproj")
    writer.add_name(f"{identity.name}, eyes")
    if identity.licence:
        writer.add_license(identity.licence)
    writer.add_file_type(FILE_TYPES[precision])
    _add_shape(writer, student, config.num_hidden_layers + (0 if lite else 1))
    for name, values in tensors:
        last = f"v.blk.{config.num_hidden_layers}."  # of SigLIP only: too loud for f16
        matrix = values.ndim > 1 and not name.startswith(("v.position_embd", last))
        kind = kind_of(values.shape[-1], precision if matrix else "f32")
        writer.add_tensor(name, pack(values, kind), raw_dtype=kind)
    finish(writer)


def _add_shape(writer: Any, student: ImageTokenReasoningLLM, blocks: int) -> None:
    config = student.config.vision
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type("mlp")
    writer.add_vision_image_size(config.image_size)
    writer.add_vision_patch_size(config.patch_size)
    writer.add_vision_embedding_length(config.hidden_size)
    writer.add_vision_feed_forward_length(config.intermediate_size)
    writer.add_vision_block_count(blocks)
    writer.add_vision_projection_dim(student.config.decoder.hidden_size)
    writer.add_vision_head_count(config.num_attention_heads)
    writer.add_vision_attention_layernorm_eps(config.layer_norm_eps)
    writer.add_vision_image_mean(list(MEAN_AND_DEVIATION))
    writer.add_vision_image_std(list(MEAN_AND_DEVIATION))
    writer.add_vision_use_gelu(True)
    # left out, the last block would not run
    writer.add_array("clip.vision.feature_layer", [blocks])


def _lite_tensors(tower: nn.Module) -> Iterator[Named]:
    """The tower's weights under the names of an mmproj file, and our own head beside them."""
    for name, tensor in tower.state_dict().items():
        if name in HEADS:
            yield f"head.{name}", _values(tensor)
        elif name == "position_embedding":
            yield "v.position_embd.weight", _values(tensor)
        elif name.startswith("layers."):
            _, number, part, end = name.split(".")
            yield f"v.blk.{number}.{_BLOCK_NAMES[part]}.{end}", _values(tensor)
        else:
            part, end = name.split(".")
            yield f"{_OUTER_NAMES[part]}.{end}", _values(tensor)


def siglip_tensors(tower: nn.Module, config: VisionConfig) -> Iterator[Named]:
    """SigLIP's weights under the names of an mmproj file, its last norm as one more block.

    The file has room for one norm after the blocks, and ours stands there. SigLIP's own becomes the
    block x + 2²⁰ · LN(x): attention gives nothing, and gelu(z) − gelu(−z) = z lets the norm's
    output through. Our norm divides by its input's size, so all that is left of x is its 2⁻²⁰.
    """
    own: dict[str, np.ndarray[Any, Any]] = {}
    for full, tensor in tower.state_dict().items():
        name = full.removeprefix("backbone.network.")
        if name == full:
            outer = f"head.{name}" if name in HEADS else name.replace("post_layernorm", "v.post_ln")
            yield outer, _values(tensor)
        elif name in _SIGLIP_OUTER:
            yield _SIGLIP_OUTER[name], _values(tensor)
        elif name.startswith("post_layernorm."):
            own[name.removeprefix("post_layernorm.")] = _values(tensor)
        else:
            number, inner = name.removeprefix("encoder.layers.").split(".", 1)
            part, end = inner.rsplit(".", 1)
            yield f"v.blk.{number}.{_SIGLIP_NAMES[part]}.{end}", _values(tensor)
    yield from _norm_as_block(own, config)


def _norm_as_block(norm: dict[str, np.ndarray[Any, Any]], config: VisionConfig) -> Iterator[Named]:
    M, F = config.hidden_size, config.intermediate_size
    block = f"v.blk.{config.num_hidden_layers}"
    both_signs_FM = np.zeros((F, M), dtype=np.float32)
    both_signs_FM[:M], both_signs_FM[M : 2 * M] = np.eye(M), -np.eye(M)
    nothing_M = np.zeros(M, dtype=np.float32)
    yield f"{block}.ln1.weight", np.ones(M, dtype=np.float32)
    yield f"{block}.ln1.bias", nothing_M
    for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
        yield f"{block}.{part}.weight", np.zeros((M, M), dtype=np.float32)
        yield f"{block}.{part}.bias", nothing_M
    yield f"{block}.ln2.weight", norm["weight"]
    yield f"{block}.ln2.bias", norm["bias"]
    yield f"{block}.ffn_up.weight", both_signs_FM
    yield f"{block}.ffn_up.bias", np.zeros(F, dtype=np.float32)
    yield f"{block}.ffn_down.weight", LOUD * both_signs_FM.T
    yield f"{block}.ffn_down.bias", nothing_M


def _projector_tensors(student: ImageTokenReasoningLLM) -> Iterator[Named]:
    for ours, theirs in _PROJECTOR_NAMES.items():
        layer = cast("nn.Linear", getattr(student.projector, ours))
        yield f"{theirs}.weight", _values(layer.weight)
        yield f"{theirs}.bias", _values(layer.bias)
    if student.picture_heads is not None:
        for name, tensor in student.picture_heads.state_dict().items():
            yield f"head.{_PICTURE_HEADS}{name}", _values(tensor)


def lite_name(theirs: str) -> str:
    """Where a tensor of an mmproj file belongs in a student with ``lite`` eyes."""
    if theirs.startswith("head."):
        name = theirs.removeprefix("head.")
        return name if name.startswith(_PICTURE_HEADS) else f"vision_tower.{name}"
    if theirs == "v.position_embd.weight":
        return "vision_tower.position_embedding"
    stem, end = theirs.rsplit(".", 1)
    if stem.startswith("v.blk."):
        ours = {name: part for part, name in _BLOCK_NAMES.items()}
        _, _, number, part = stem.split(".")
        return f"vision_tower.layers.{number}.{ours[part]}.{end}"
    outer = {name: f"vision_tower.{part}" for part, name in _OUTER_NAMES.items()}
    outer |= {name: f"projector.{part}" for part, name in _PROJECTOR_NAMES.items()}
    return f"{outer[stem]}.{end}"


def _values(tensor: Tensor) -> np.ndarray[Any, Any]:
    return cast("np.ndarray[Any, Any]", tensor.detach().float().numpy())
