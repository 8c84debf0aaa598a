"""One decoding step as a single compiled function: the fast path of ``text_generation.Decoder``.

The reference runs some sixty small PyTorch operations for each token, and most of its time goes
into starting them. Here a step is one function over arrays that were allocated once: normalise,
project, rotate, attend to the cache, feed forward, score. It reads and writes the same ``KVCache``
as the reference, which stays the oracle in the tests and takes over where Numba is missing.

A product walks over the weights once and multiplies each row with up to four answers at a time, so
that a batch costs little more memory traffic than one answer. With ``int8`` the weights are rows
of whole numbers with one factor each and are widened in registers: a quarter of the traffic.

One thread on purpose: at these sizes starting and joining threads at every product costs more than
it saves, and on a busy machine far more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.network.text_generation import Decoder, KVCache

Floats = NDArray[np.float32]
Weights = NDArray[np.float32] | NDArray[np.int8]

_INT8_MAX = 127.0


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile without holding Python's lock; sums may be reordered, which changes roundings only.

    The machine code is kept beside this file, or in the user's cache folder where that cannot be
    written, so that only the first start pays for it.
    """
    fast = {"reassoc", "contract", "nsz", "arcp"}
    try:
        return numba.njit(function, nogil=True, fastmath=fast, cache=True)  # type: ignore[no-any-return]
    except RuntimeError:  # no folder at all can be written
        return numba.njit(function, nogil=True, fastmath=fast)  # type: ignore[no-any-return]


@_compiled
def _multiply(weights_RC, scales_R, x_BC, out_BR, batch):  # type: ignore[no-untyped-def]
    """``out = x · weightsᵀ``, two rows of weights and four answers at a time; rows are even."""
    rows, columns = weights_RC.shape
    zero = np.float32(0.0)
    fours = batch - batch % 4
    for r in range(0, rows - 1 if fours else 0, 2):
        v, w, s, t = weights_RC[r], weights_RC[r + 1], scales_R[r], scales_R[r + 1]
        for b in range(0, fours, 4):
            x0, x1, x2, x3 = x_BC[b], x_BC[b + 1], x_BC[b + 2], x_BC[b + 3]
            a0 = a1 = a2 = a3 = c0 = c1 = c2 = c3 = zero
            for c in range(columns):
                p, q = np.float32(v[c]), np.float32(w[c])
                y0, y1, y2, y3 = x0[c], x1[c], x2[c], x3[c]
                a0 += p * y0
                a1 += p * y1
                a2 += p * y2
                a3 += p * y3
                c0 += q * y0
                c1 += q * y1
                c2 += q * y2
                c3 += q * y3
            out_BR[b, r], out_BR[b, r + 1] = a0 * s, c0 * t
            out_BR[b + 1, r], out_BR[b + 1, r + 1] = a1 * s, c1 * t
            out_BR[b + 2, r], out_BR[b + 2, r + 1] = a2 * s, c2 * t
            out_BR[b + 3, r], out_BR[b + 3, r + 1] = a3 * s, c3 * t
    for b in range(fours, batch):  # one row after the other is how memory is read fastest
        x = x_BC[b]
        for r in range(rows):
            w = weights_RC[r]
            a0 = zero
            for c in range(columns):
                a0 += np.float32(w[c]) * x[c]
            out_BR[b, r] = a0 * scales_R[r]


@_compiled
def _normalise(x_BD, weight_D, epsilon, out_BD, batch):  # type: ignore[no-untyped-def]
    """RMSNorm of each answer's vector."""
    width = weight_D.shape[0]
    for b in range(batch):
        total = np.float32(0.0)
        for d in range(width):
            total += x_BD[b, d] * x_BD[b, d]
        factor = np.float32(1.0) / np.float32(math.sqrt(total / np.float32(width) + epsilon))
        for d in range(width):
            out_BD[b, d] = x_BD[b, d] * factor * weight_D[d]


@_compiled
def _rotate(vector, cos_K, sin_K, heads):  # type: ignore[no-untyped-def]
    """Turn each head's halves by the angles of a position, in place."""
    size = cos_K.shape[0]
    half = size // 2
    for h in range(heads):
        for k in range(half):
            first, second = vector[h * size + k], vector[h * size + half + k]
            vector[h * size + k] = first * cos_K[k] - second * sin_K[k]
            vector[h * size + half + k] = second * cos_K[half + k] + first * sin_K[half + k]


@_compiled
def _attend(q_HK, keys_GLK, values_GLK, length, scores_L, out_HK):  # type: ignore[no-untyped-def]
    """Each head's mixture of the values up to ``length``."""
    heads, size = q_HK.shape
    share = heads // keys_GLK.shape[0]
    scale = np.float32(1.0 / math.sqrt(size))
    for h in range(heads):
        keys, values, q, out = keys_GLK[h // share], values_GLK[h // share], q_HK[h], out_HK[h]
        highest = np.float32(-np.inf)
        for t in range(length):
            score = np.float32(0.0)
            for k in range(size):
                score += q[k] * keys[t, k]
            score *= scale
            scores_L[t] = score
            highest = max(highest, score)
        total = np.float32(0.0)
        for t in range(length):
            weight = np.float32(math.exp(scores_L[t] - highest))
            scores_L[t] = weight
            total += weight
        for k in range(size):
            out[k] = np.float32(0.0)
        for t in range(length):
            weight = scores_L[t] / total
            for k in range(size):
                out[k] += weight * values[t, k]


@_compiled
def _step(w, s, norms, embed_VD, angles, caches, positions_B, work, batch, epsilon):  # type: ignore[no-untyped-def]
    """All layers and the scores for ``batch`` answers whose embeddings are in ``work``."""
    (qkv, o, gate_up, down), (qkv_s, o_s, gate_up_s, down_s, embed_s) = w, s
    (first_LD, second_LD, last_D), (cos_PK, sin_PK), (keys, values) = norms, angles, caches
    x_BD, normed_BD, qkv_BR, mixed_BD, added_BD, wide_BF, gated_BF, scores_L, logits_BV = work
    layers, size = qkv.shape[0], cos_PK.shape[1]
    groups, heads = keys.shape[2], mixed_BD.shape[1] // size
    hidden, width = gated_BF.shape[1], x_BD.shape[1]
    one = np.float32(1.0)
    for layer in range(layers):
        _normalise(x_BD, first_LD[layer], epsilon, normed_BD, batch)
        _multiply(qkv[layer], qkv_s[layer], normed_BD, qkv_BR, batch)
        for b in range(batch):
            at = positions_B[b]
            _rotate(qkv_BR[b], cos_PK[at], sin_PK[at], heads + groups)
            for g in range(groups):
                for k in range(size):
                    keys[layer, b, g, at, k] = qkv_BR[b, (heads + g) * size + k]
                    values[layer, b, g, at, k] = qkv_BR[b, (heads + groups + g) * size + k]
            q_HK = qkv_BR[b, : heads * size].reshape(heads, size)
            out_HK = mixed_BD[b].reshape(heads, size)
            _attend(q_HK, keys[layer, b], values[layer, b], at + 1, scores_L, out_HK)
        _multiply(o[layer], o_s[layer], mixed_BD, added_BD, batch)
        for b in range(batch):
            for d in range(width):
                x_BD[b, d] += added_BD[b, d]
        _normalise(x_BD, second_LD[layer], epsilon, normed_BD, batch)
        _multiply(gate_up[layer], gate_up_s[layer], normed_BD, wide_BF, batch)
        for b in range(batch):
            for f in range(hidden):
                gate = wide_BF[b, f]
                gated_BF[b, f] = gate / (one + math.exp(-gate)) * wide_BF[b, hidden + f]
        _multiply(down[layer], down_s[layer], gated_BF, added_BD, batch)
        for b in range(batch):
            for d in range(width):
                x_BD[b, d] += added_BD[b, d]
    _normalise(x_BD, last_D, epsilon, normed_BD, batch)
    _multiply(embed_VD, embed_s, normed_BD, logits_BV, batch)


def quantised(weight: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Rows as whole numbers from −127 to 127 and one factor for each row.

    Returns the numbers in the shape of ``weight`` and the factors without the last dimension.
    """
    scale = np.abs(weight).max(-1) / _INT8_MAX
    scale[scale == 0] = 1.0
    return np.rint(weight / scale[..., None]).astype(np.int8), scale.astype(np.float32)


@dataclass(frozen=True)
class _Packed:
    """The decoder's weights as the step wants them: one array per kind over all layers."""

    weights: tuple[Weights, ...]
    scales: tuple[Floats, ...]
    norms: tuple[Floats, ...]
    head_VD: Weights


def _pack(decoder: Decoder, int8: bool) -> _Packed:
    def stacked(*names: str) -> Floats:
        rows = [
            torch.cat([layer.get_parameter(f"{name}.weight") for name in names])
            for layer in decoder.layers
        ]
        return torch.stack(rows).detach().float().contiguous().numpy()

    attention = [f"self_attn.{name}_proj" for name in "qkv"]
    kinds = [
        stacked(*attention),
        stacked("self_attn.o_proj"),
        stacked("mlp.gate_proj", "mlp.up_proj"),
        stacked("mlp.down_proj"),
        (decoder.lm_head or decoder.embed_tokens).weight.detach().float().contiguous().numpy(),
    ]
    pairs = [quantised(kind) if int8 else (kind, np.ones(kind.shape[:-1], "f")) for kind in kinds]
    norms = (
        stacked("input_layernorm"),
        stacked("post_attention_layernorm"),
        decoder.norm.weight.detach().float().numpy(),
    )
    weights, scales = zip(*pairs, strict=True)
    return _Packed(weights[:-1], scales, norms, weights[-1])


class FusedStep:
    """Adds one token to each of the first rows of a cache, as ``Decoder`` does but in one call.

    Holds a packed copy of the weights as they were; make a new one after the weights change.
    """

    def __init__(self, decoder: Decoder, cache: KVCache, *, int8: bool = False) -> None:
        config, rows = decoder.config, cache.keys.shape[1]
        self.int8 = int8
        self._packed = _pack(decoder, int8)
        self._embed = decoder.embed_tokens.weight.detach().float()
        self._angles = (decoder.get_buffer("cos").numpy(), decoder.get_buffer("sin").numpy())
        self._caches = (cache.keys.numpy(), cache.values.numpy())
        self._epsilon = np.float32(config.rms_norm_eps)
        size, width, hidden = config.head_dim, config.hidden_size, config.intermediate_size
        heads, groups = config.num_attention_heads, config.num_key_value_heads
        widths = (width, width, (heads + 2 * groups) * size, heads * size, width)
        self._work = (
            *(np.zeros((rows, wide), np.float32) for wide in widths),
            np.zeros((rows, 2 * hidden), np.float32),
            np.zeros((rows, hidden), np.float32),
            np.zeros(cache.length, np.float32),
            np.zeros((rows, config.vocab_size), np.float32),
        )

    @property
    def nbytes(self) -> int:
        """Bytes of weights that a step reads."""
        packed = self._packed
        return sum(w.nbytes for w in (*packed.weights, packed.head_VD, *packed.scales))

    def warm_up(self) -> None:
        """Compile, without a trace in the cache."""
        self._run([], 0)

    def __call__(self, ids: Sequence[int], positions: Sequence[int]) -> Tensor:
        """Returns scores (B, V), which are overwritten by the next call."""
        batch = len(ids)
        self._work[0][:batch] = self._embed[list(ids)].numpy()
        self._run(positions, batch)
        return torch.from_numpy(self._work[-1][:batch])

    def _run(self, positions: Sequence[int], batch: int) -> None:
        packed = self._packed
        _step(
            packed.weights,
            packed.scales,
            packed.norms,
            packed.head_VD,
            self._angles,
            self._caches,
            np.asarray(positions, np.int64),
            self._work,
            batch,
            self._epsilon,
        )
