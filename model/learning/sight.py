"""Stage 1 of the shipped student: the vision tower learns to see, from dense targets.

An answer's few tokens teach seeing far too slowly; which thing a picture shows, and which block
lies in which cell, teach it in minutes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from model.microworld import blocks, everyday
from model.microworld.splits import seed_of
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import to_pixels


@dataclass(frozen=True)
class SightBatch:
    """Pictures with dense targets: first those of things, then those of block scenes.

    ``cells_NC3`` holds shape, colour and size of each grid cell; shape 0 is an empty cell.
    """

    pixels_NCHW: Tensor
    things_N: Tensor
    cells_NC3: Tensor

    @property
    def tokens(self) -> int:
        """Number of pictures."""
        return len(self.pixels_NCHW)

    def to(self, device: torch.device) -> SightBatch:
        """The same batch on another device."""
        return SightBatch(
            self.pixels_NCHW.to(device), self.things_N.to(device), self.cells_NC3.to(device)
        )


@dataclass(frozen=True)
class Sign:
    """Something that a picture may show as a whole: a thing, an action, or an icon of blocks."""

    kind: Literal["thing", "action", "icon"]
    label: str
    value: str = ""

    def draw(self, rng: random.Random, size_px: int) -> Image.Image:
        """A picture of it, different every time."""
        if self.kind == "icon":
            action = blocks.BlockAction(cast(blocks.Verb, self.label), 0, self.value)
            return blocks.draw_action(action, size_px, rng)
        return everyday.draw(self.label, rng, size_px, action=self.kind == "action")


@lru_cache(maxsize=1)
def signs() -> tuple[Sign, ...]:
    """Everything that stage 1 names, in a fixed order."""
    icons = [Sign("icon", "paint", colour) for colour in blocks.COLOURS]
    icons += [Sign("icon", "reshape", shape) for shape in blocks.SHAPES]
    icons += [Sign("icon", verb) for verb in ("grow", "shrink", "remove", "add")]
    return (
        *(Sign("thing", label) for label in everyday.things()),
        *(Sign("action", label) for label in everyday.actions()),
        *icons,
    )


class Sight(nn.Module):
    """The tower with the heads that stage 1 needs and nobody afterwards."""

    def __init__(self, student: ImageTokenReasoningLLM) -> None:
        super().__init__()
        vision = student.config.vision
        self.tower = student.vision_tower
        self.side = vision.image_size // vision.patch_size
        self.prototypes = nn.Parameter(torch.randn(len(signs()), vision.embedding_size))
        self.scale = nn.Parameter(torch.tensor(2.5))
        classes = len(blocks.SHAPES) + 1 + len(blocks.COLOURS) + len(blocks.SIZES)
        self.cell_head = nn.Linear(vision.hidden_size, classes)

    def forward(self, batch: SightBatch) -> Tensor:
        """Mean loss of naming things and of reading cells, in nats."""
        patches_NPM = self.tower(batch.pixels_NCHW)
        known = len(batch.things_N)
        embedding_NE = self.tower.embed(patches_NPM[:known])
        scores = self.scale.exp() * embedding_NE @ F.normalize(self.prototypes, dim=-1).T
        naming = F.cross_entropy(scores, batch.things_N, label_smoothing=0.05)
        return naming + self._reading(patches_NPM[known:], batch.cells_NC3)

    def _reading(self, patches_NPM: Tensor, cells_NC3: Tensor) -> Tensor:
        N, _, M = patches_NPM.shape
        maps = patches_NPM.transpose(1, 2).reshape(N, M, self.side, self.side)
        cells_NCM = F.adaptive_avg_pool2d(maps, blocks.GRID).flatten(2).transpose(1, 2)
        scores = self.cell_head(cells_NCM)
        sizes = [len(blocks.SHAPES) + 1, len(blocks.COLOURS), len(blocks.SIZES)]
        shape, colour, size = scores.split(sizes, dim=-1)
        loss = F.cross_entropy(shape.flatten(0, 1), cells_NC3[..., 0].flatten())
        full = cells_NC3[..., 0] > 0
        loss = loss + F.cross_entropy(colour[full], cells_NC3[..., 1][full])
        return loss + F.cross_entropy(size[full], cells_NC3[..., 2][full])


def sight_batch(step: int, size: int, image_size: int) -> SightBatch:
    """The pictures of one step of stage 1: three fifths signs, the rest scenes."""
    rng = random.Random(seed_of("train", step, "sight"))
    known, all_signs = size * 3 // 5, signs()
    chosen = [rng.randrange(len(all_signs)) for _ in range(known)]
    images = [all_signs[index].draw(rng, image_size) for index in chosen]
    cells_NC3 = torch.zeros(size - known, blocks.GRID**2, 3, dtype=torch.long)
    for row in range(size - known):
        scene = blocks.random_scene(rng, rng.choice((1, 2, 2, 3)))
        images.append(blocks.draw_scene(scene, rng, image_size))
        for cell, block in scene.blocks:
            cells_NC3[row, cell] = torch.tensor(
                [
                    blocks.SHAPES.index(block.shape) + 1,
                    list(blocks.COLOURS).index(block.colour),
                    blocks.SIZES.index(block.size),
                ]
            )
    return SightBatch(to_pixels(images, image_size), torch.tensor(chosen), cells_NC3)
