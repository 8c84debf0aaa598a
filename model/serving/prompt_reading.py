"""Reads prompts into a cache: in pieces, so that nobody's answer stalls, and never the same twice.

What was read for finished answers is kept for a while. A later turn of the same chat, a retry, or
another question under the same opening then begins where the two prompts part. Pictures are part
of what is compared, by their pixels; their image tokens are kept, too.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.model import ImageTokenReasoningLLM, Prompt
from model.network.text_generation import KVCache

Keys = NDArray[np.int64]
"""A prompt's tokens; each slot of a picture holds a number below zero made from its pixels, each
slot of the graph one made from the facts and the question."""

KEPT_BYTES = 64 * 2**20
"""Room for what was read: some 15,000 tokens of the shipped student."""
KEPT_PICTURES = 64
_FEWEST = 16
"""Fewer common tokens than this are read again: looking for them is not free."""


@dataclass
class Reading:
    """A prompt on its way into the reader's row; ``reused`` tokens were there already."""

    prompt: Prompt
    keys_S: Keys
    embedded_BSD: Tensor
    at: int
    reused: int


@dataclass(frozen=True)
class _Kept:
    keys_S: Keys
    caches: tuple[Tensor, Tensor]

    @property
    def nbytes(self) -> int:
        return self.keys_S.nbytes + sum(cache.nbytes for cache in self.caches)


def common_length(one: Keys, other: Keys) -> int:
    """How many first tokens two prompts share."""
    length = min(len(one), len(other))
    different = np.flatnonzero(one[:length] != other[:length])
    return int(different[0]) if len(different) else length


def _below_zero(digest: bytes) -> int:
    return -1 - int.from_bytes(digest[:7], "big")


class PromptReader:
    """Owns one row of a cache, into which it reads; only the engine's thread uses it."""

    def __init__(self, student: ImageTokenReasoningLLM, cache: KVCache, row: int) -> None:
        self.student, self.cache, self.row = student, cache, row
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._kept_bytes = 0
        self._pictures: OrderedDict[bytes, Tensor] = OrderedDict()

    @torch.inference_mode()
    def begin(self, prompt: Prompt) -> Reading:
        """Embed a prompt and fetch what was read of it before."""
        digests = [
            hashlib.sha256(pixels_CHW.numpy().tobytes()).digest()
            for pixels_CHW in prompt.pixels_NCHW
        ]
        ids_BS = torch.tensor([prompt.ids])
        graph_NKD = self.student.encode_graph([prompt.graph])
        images_NID = self._image_tokens(prompt, digests)
        embedded_BSD = self.student.embed(ids_BS, images_NID, graph_NKD)
        keys_S = self._keys(prompt, digests)
        reused = self._recall(keys_S)
        return Reading(prompt, keys_S, embedded_BSD, reused, reused)

    @torch.inference_mode()
    def advance(self, reading: Reading, tokens: int | None = None) -> Tensor | None:
        """Read on, at most so many ``tokens``. Returns the next token's scores (V) at the end."""
        length = len(reading.prompt.ids)
        end = length if tokens is None else min(length, reading.at + tokens)
        model, positions_BS = self.student.model, torch.arange(reading.at, end)[None]
        piece_BSD = reading.embedded_BSD[:, reading.at : end]
        hidden_BSD = model(piece_BSD, positions_BS, self.cache, [self.row])
        reading.at = end
        return model.logits(hidden_BSD[0, -1]) if end == length else None

    def keep(self, keys_S: Keys, row: int) -> None:
        """Remember the first tokens of a row, which are those of ``keys_S``."""
        kept = _Kept(keys_S, self.cache.copy(row, len(keys_S)))
        if kept.nbytes > KEPT_BYTES:
            return
        name = keys_S.tobytes()
        earlier = self._kept.pop(name, None)
        self._kept_bytes += kept.nbytes - (earlier.nbytes if earlier else 0)
        self._kept[name] = kept
        while self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes

    def _recall(self, keys_S: Keys) -> int:
        """Bring the longest known opening of a prompt into the row; its last token is left over,
        because the scores after it are wanted."""
        best, length = None, 0
        for name, kept in self._kept.items():
            common = common_length(kept.keys_S, keys_S[:-1])
            if common > length:
                best, length = name, common
        if best is None or length < _FEWEST:
            return 0
        self._kept.move_to_end(best)
        self.cache.paste(self.row, self._kept[best].caches, length)
        return length

    def _keys(self, prompt: Prompt, digests: list[bytes]) -> Keys:
        keys_S = np.array(prompt.ids, np.int64)
        numbers = [_below_zero(digest) for digest in digests]
        slots = np.flatnonzero(keys_S == self.student.image_id)
        keys_S[slots] = np.repeat(numbers, self.student.config.vision.num_patches)[: len(slots)]
        if prompt.graph is not None:
            digest = hashlib.sha256(repr(prompt.graph).encode()).digest()
            keys_S[keys_S == prompt.graph.slot] = _below_zero(digest)
        return keys_S

    def _image_tokens(self, prompt: Prompt, digests: list[bytes]) -> Tensor:
        """The image tokens of a prompt's pictures, new ones encoded together. Returns (N, I, D)."""
        new = [n for n, digest in enumerate(digests) if digest not in self._pictures]
        if new:
            encoded_NID = self.student.encode(prompt.pixels_NCHW[new])
            for number, image_ID in zip(new, encoded_NID, strict=True):
                self._pictures[digests[number]] = image_ID
        width = self.student.config.decoder.hidden_size
        found = [self._pictures[digest] for digest in digests]
        for digest in digests:
            self._pictures.move_to_end(digest)
        while len(self._pictures) > KEPT_PICTURES:
            self._pictures.popitem(last=False)
        return torch.stack(found) if found else torch.zeros(0, 1, width)
