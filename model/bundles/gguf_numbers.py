"""Weights as GGUF packs them: f32, f16, q8_0 and q4_K, each where a matrix's width allows it.

``gguf`` packs all but q4_K, which is written here; its own unpacking is what the tests hold it to.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import LlamaFileType as FileType
from gguf import quants

PRECISIONS = ("f32", "f16", "q8_0", "q4_K")
FILE_TYPES = {
    "f32": FileType.ALL_F32,
    "f16": FileType.MOSTLY_F16,
    "q8_0": FileType.MOSTLY_Q8_0,
    "q4_K": FileType.MOSTLY_Q4_K_M,
}
_Q8_BLOCK, _Q4_BLOCK = 32, 256
_STEPS_OF_SCALE, _STEPS_OF_WEIGHT = 63, 15


def kind_of(width: int, precision: str, *, sensitive: bool = False) -> Kind:
    """The packing of a matrix whose rows are ``width`` long, the nearest finer one if need be.

    q4_K wants multiples of 256, q8_0 of 32. ``sensitive`` matrices, the embeddings that are also
    the output, stay at q8_0 or finer, as in llama.cpp's own mixes.
    """
    if precision == "f32":
        return Kind.F32
    if precision == "q4_K" and not sensitive and width % _Q4_BLOCK == 0:
        return Kind.Q4_K
    if precision in ("q8_0", "q4_K") and width % _Q8_BLOCK == 0:
        return Kind.Q8_0
    return Kind.F16


def pack(weights: np.ndarray[Any, Any], kind: Kind) -> np.ndarray[Any, Any]:
    """Weights (rows, width) packed; for q4_K and q8_0 as rows of bytes."""
    weights = np.ascontiguousarray(weights, dtype=np.float32)
    if kind == Kind.Q4_K:
        return pack_q4_k(weights)
    return np.ascontiguousarray(quants.quantize(weights, kind))


def unpack(packed: np.ndarray[Any, Any], kind: Kind) -> np.ndarray[Any, Any]:
    """Packed weights as float32."""
    return np.asarray(quants.dequantize(packed, kind), dtype=np.float32)


def pack_q4_k(weights: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Blocks of 256 weights as eight runs of 32, each with a scale and an offset of six bits.

    Returns bytes (rows, width / 256 · 144). Weight ≈ d · scale · q − dmin · offset, q in 0…15.
    Source: ``block_q4_K`` of ggml.
    """
    runs = weights.reshape(-1, 8, _Q4_BLOCK // 8)
    lowest = np.minimum(runs.min(-1), 0.0)
    scales = (runs.max(-1) - lowest) / _STEPS_OF_WEIGHT
    d, scale_bits = _six_bits(scales)
    dmin, offset_bits = _six_bits(-lowest)
    step = d.astype(np.float32)[:, None] * scale_bits
    offset = dmin.astype(np.float32)[:, None] * offset_bits
    safe = np.where(step > 0, step, 1.0)[..., None]
    quants_of_run = np.rint((runs + offset[..., None]) / safe).clip(0, _STEPS_OF_WEIGHT)
    nibbles = quants_of_run.astype(np.uint8).reshape(-1, 4, 2, _Q4_BLOCK // 8)
    packed = [
        d.view(np.uint8).reshape(-1, 2),
        dmin.view(np.uint8).reshape(-1, 2),
        _pack_six_bits(scale_bits, offset_bits),
        (nibbles[:, :, 0] | nibbles[:, :, 1] << 4).reshape(-1, _Q4_BLOCK // 2),
    ]
    return np.concatenate(packed, axis=-1).reshape(*weights.shape[:-1], -1)


def _six_bits(values: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Values (blocks, 8) as whole steps 0…63 of one half-precision unit per block."""
    unit = (values.max(-1) / _STEPS_OF_SCALE).astype(np.float16)
    safe = np.where(unit > 0, unit, 1).astype(np.float32)
    steps = np.rint(values / safe[:, None]).clip(0, _STEPS_OF_SCALE)
    return unit, steps.astype(np.uint8)


def _pack_six_bits(
    scales: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Eight scales and eight offsets in twelve bytes: the upper halves lend their top two bits."""
    first = (scales[:, :4] | scales[:, 4:] >> 4 << 6).astype(np.uint8)
    second = (offsets[:, :4] | offsets[:, 4:] >> 4 << 6).astype(np.uint8)
    third = (scales[:, 4:] & 15 | (offsets[:, 4:] & 15) << 4).astype(np.uint8)
    return np.concatenate([first, second, third], axis=-1)
