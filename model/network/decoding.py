"""Decoding steps for the rows of a cache: compiled where that works, plain PyTorch elsewhere."""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from model.network.text_generation import Attention, Decoder, FeedForward, KVCache, RMSNorm

if TYPE_CHECKING:
    from model.network.fused_step import FusedStep

log = logging.getLogger(__name__)

_PARTS = (Attention, FeedForward, RMSNorm, nn.Linear, nn.Embedding)


def fused_refusal(decoder: Decoder) -> str:
    """Why this decoder can not take compiled steps; empty if it can."""
    if importlib.util.find_spec("numba") is None:
        return "Numba is not installed"
    if decoder.config.family != "llama":
        return f"its family is {decoder.config.family}"
    if decoder.config.vocab_size % 2:
        return f"its vocabulary of {decoder.config.vocab_size} is odd"
    weight = decoder.embed_tokens.weight
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return f"its weights are {weight.dtype} on {weight.device.type}"
    for name, part in decoder.layers.named_modules():
        plain = type(part) in _PARTS if not list(part.children()) else True
        if not plain or getattr(part, "bias", None) is not None:
            return f"its part {name} is a {type(part).__name__} that the compiled step lacks"
    return ""


class Steps:
    """Adds one token to each of the first rows of a cache.

    The first steps are plain ones; compiling runs in the background and never keeps an answer
    waiting, unless ``wait`` asks for it. ``int8`` rounds the weights to whole numbers, and waits.
    The weights must not change as long as this is in use.
    """

    def __init__(
        self, decoder: Decoder, cache: KVCache, *, int8: bool = False, wait: bool = False
    ) -> None:
        self._decoder, self._cache = decoder, cache
        self._fused: FusedStep | None = None
        refusal = fused_refusal(decoder)
        if refusal:
            log.info("plain decoding steps: %s", refusal)
        elif wait or int8:
            self._compile(int8)
        else:
            threading.Thread(target=self._compile, name="compile", daemon=True).start()

    @property
    def fused(self) -> bool:
        """Whether steps are compiled by now."""
        return self._fused is not None

    def _compile(self, int8: bool = False) -> None:
        from model.network.fused_step import FusedStep

        fused = FusedStep(self._decoder, self._cache, int8=int8)
        fused.warm_up()
        self._fused = fused

    def __call__(self, ids: Sequence[int], positions: Sequence[int]) -> Tensor:
        """Returns scores (B, V); the next call may overwrite them."""
        if self._fused is not None:
            return self._fused(ids, positions)
        return plain_step(self._decoder, ids, positions, self._cache)


@torch.inference_mode()
def plain_step(
    decoder: Decoder, ids: Sequence[int], positions: Sequence[int], cache: KVCache
) -> Tensor:
    """The reference: one token for each of the first rows of the cache. Returns scores (B, V)."""
    device = decoder.embed_tokens.weight.device
    embedded_BSD = decoder.embed_tokens(torch.tensor(ids, device=device)[:, None])
    position_ids_BS = torch.tensor(positions, device=device)[:, None]
    hidden_BSD = decoder(embedded_BSD, position_ids_BS, cache, range(len(ids)))
    return decoder.logits(hidden_BSD[:, 0])
