"""Image tokens learn to resemble the words of what they show, before the decoder reads them.

The decoder has learned by then to find words and to copy them. Image tokens that lie where the
words' embeddings lie are read the same way, so it need not learn three hundred things anew from
the few tokens of answers about them. Only the projector learns: minutes instead of hours.

A patch of blocks also names its place. Without that a decoder of 15 M tokens told the blocks right
and their places wrong (“at the top” for “at the top left”): it had to count image tokens.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from model.learning.examples import IGNORE
from model.learning.sight import as_uploaded, signs
from model.microworld import blocks, blocks_words
from model.microworld.blocks_chance import random_scene
from model.microworld.blocks_pictures import draw_scene
from model.microworld.conditions import SEEN
from model.microworld.splits import seed_of
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import to_pixels
from model.network.text_tokenizer import TextTokenizer

_SIGNS = 0.72
"""Share of the pictures that show one thing, action or icon; the others show blocks."""
_STACKED = 0.2


def word_ids(tokenizer: TextTokenizer, words: Sequence[str]) -> Tensor:
    """The different tokens of each of some words, filled up with IGNORE. Returns (P, W)."""
    ids = [torch.tensor(sorted(set(tokenizer.encode(f" {said}")))) for said in words]
    if not ids:
        return torch.zeros(0, 1, dtype=torch.long)
    return pad_sequence(ids, batch_first=True, padding_value=IGNORE)


def unlikeness(image_PD: Tensor, words_PW: Tensor, embed_VD: Tensor) -> Tensor:
    """How unlike the words for what they show image tokens are, in nats beyond the least.

    The least is reached by a token that all of its words, and no others, find equally near.
    """
    scores_PV = F.linear(F.rms_norm(image_PD, image_PD.shape[-1:]), embed_VD)
    known_PW = words_PW != IGNORE
    logs_PW = scores_PV.float().log_softmax(-1).gather(1, words_PW.clamp(min=0))
    count_P = known_PW.sum(1)
    likeness_P = logs_PW.masked_fill(~known_PW, 0.0).sum(1) / count_P
    return -(likeness_P + count_P.log()).mean()


@dataclass(frozen=True)
class SayingBatch:
    """Pictures, and the words for what is in each of their cells: ``words_PW`` has 9 rows each."""

    pixels_NCHW: Tensor
    words_PW: Tensor

    @property
    def tokens(self) -> int:
        """Number of pictures."""
        return len(self.pixels_NCHW)

    def to(self, device: torch.device) -> SayingBatch:
        """The same batch on another device."""
        return SayingBatch(self.pixels_NCHW.to(device), self.words_PW.to(device))


def saying_batch(
    step: int, size: int, student: ImageTokenReasoningLLM, seed: int = 0
) -> SayingBatch:
    """The pictures of one step: of everything that has a name, and scenes of blocks."""
    rng = random.Random(seed_of("train", step, f"saying {seed}"))
    image_size, images, words = student.config.vision.image_size, [], []
    for number in range(size):
        if number < size * _SIGNS:
            sign = rng.choice(signs())
            images.append(as_uploaded(sign.draw(rng, image_size), rng))
            words += [sign.label] * blocks.CELLS
        else:
            scene = random_scene(rng, SEEN, stacked=_STACKED)
            images.append(as_uploaded(draw_scene(scene, rng, image_size), rng))
            words += [blocks_words.placed_label(scene, cell) for cell in range(blocks.CELLS)]
    return SayingBatch(to_pixels(images, image_size), word_ids(student.tokenizer, words))


class Saying(nn.Module):
    """The projector, taught on every patch; tower and embeddings stay as they are."""

    def __init__(self, student: ImageTokenReasoningLLM) -> None:
        super().__init__()
        self.projector = student.projector
        self._frozen = (student.vision_tower, student.model.embed_tokens)  # no parts of this module
        vision = student.config.vision
        side = vision.image_size // vision.patch_size
        per = side // blocks.GRID
        cells = torch.arange(blocks.CELLS).view(blocks.GRID, blocks.GRID)
        cell_I = cells.repeat_interleave(per, 0).repeat_interleave(per, 1).flatten()
        self.register_buffer("cell_I", cell_I, persistent=False)

    def forward(self, batch: SayingBatch) -> Tensor:
        """Mean unlikeness of all patches' image tokens, in nats."""
        tower, embed_tokens = self._frozen
        with torch.no_grad():
            patches_NPM = tower(batch.pixels_NCHW)
        words_NCW = batch.words_PW.view(len(patches_NPM), blocks.CELLS, -1)
        words_PW = words_NCW[:, self.get_buffer("cell_I")].flatten(0, 1)
        image_PD = self.projector(patches_NPM).flatten(0, 1)
        return unlikeness(image_PD, words_PW, embed_tokens.weight.detach())
