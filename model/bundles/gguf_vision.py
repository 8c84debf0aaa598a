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
    tensors = [*_lite_tensors(tower), *_projector_tensors(student)]
    writer = quiet_writer(path, "clip")
    writer.add_type("mmproj")
    writer.add_name(f"{identity.name}, eyes")
    if identity.licence:
        writer.add_license(identity.licence)
    writer.add_file_type(FILE_TYPES[precision])
    _add_shape(writer, student, config.num_hidden_layers)
    for name, values in tensors:
        matrix = values.ndim > 1 and not name.startswith("v.position_embd")
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
