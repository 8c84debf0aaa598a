"""The first stages of the shipped student: the vision tower learns to see, from dense targets.

An answer's few tokens teach seeing far too slowly; which thing a picture shows, which blocks lie in
which cell, and whether the picture is of this world at all, teach it in minutes. Then every patch
learns to say by itself what the picture, and what its cell, shows: the decoder reads patches one by
one, and what only their mean tells is hard for it to find.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from model.microworld import blocks, blocks_words, everyday
from model.microworld.blocks_chance import random_scene
from model.microworld.blocks_pictures import draw_action, draw_scene
from model.microworld.conditions import SEEN
from model.microworld.splits import seed_of
from model.microworld.strange import draw_strange
from model.microworld.strange_tools import camera
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import PAD_COLOUR, to_pixels

FIELDS = (
    len(blocks.SHAPES) + 1,
    len(blocks.COLOURS),
    len(blocks.SIZES),
    len(blocks.FILLS),
    len(blocks.SHAPES) + 1,
    len(blocks.COLOURS),
    len(blocks.FILLS),
)
"""Classes of what a cell holds: the lower block's shape (0: none), colour, size and fill, then
shape (0: none), colour and fill of the block on it."""
_UNSET = -100
"""A field of a block that is not there; no loss looks at it."""


@dataclass(frozen=True)
class SightPlan:
    """What a stage of seeing asks for, and of which scenes.

    ``every_patch`` asks each patch by itself; ``stacked`` is the share of scenes with a block on
    another, ``colour_blind`` the share of scenes shown in grey, where shapes must be told without
    their colours: so the pairs of both that training never shows are told, too.
    """

    name: str = "sight"
    every_patch: bool = False
    stacked: float = 0.15
    colour_blind: float = 0.0


SEEING = SightPlan()
SPREADING = SightPlan("spreading", every_patch=True, stacked=0.4, colour_blind=0.25)
_COLOUR_FIELDS = (1, 5)


@lru_cache(maxsize=4096)
def cell_targets(scene: blocks.Scene) -> Tensor:
    """What each cell of a scene holds, as classes of ``FIELDS``. Returns (9, fields)."""
    cells_CF = torch.full((blocks.CELLS, len(FIELDS)), _UNSET)
    cells_CF[:, 0] = cells_CF[:, 4] = 0
    for cell in range(blocks.CELLS):
        here = scene.in_cell(cell)
        for level, block in enumerate(here):
            shape, colour = blocks.SHAPES.index(block.shape), blocks.COLOURS.index(block.colour)
            size, fill = blocks.SIZES.index(block.size), blocks.FILLS.index(block.fill)
            values = [shape + 1, colour, fill] if level else [shape + 1, colour, size, fill]
            start = 4 * level
            cells_CF[cell, start : start + len(values)] = torch.tensor(values)
    return cells_CF


def reading_loss(scores_KT: Tensor, cells_KF: Tensor) -> Tensor:
    """Mean loss of telling what cells hold, summed over the fields, in nats.

    ``scores_KT`` holds the scores of all fields' classes, one after the other.
    """
    loss = scores_KT.new_zeros(())
    for field, scores_KC in enumerate(torch.split(scores_KT.float(), list(FIELDS), dim=-1)):
        wanted_K = cells_KF[:, field]
        if bool((wanted_K != _UNSET).any()):
            loss = loss + F.cross_entropy(scores_KC, wanted_K, ignore_index=_UNSET)
    return loss


@dataclass(frozen=True)
class SightBatch:
    """Pictures with dense targets: of signs, then of block scenes, then of nothing known."""

    pixels_NCHW: Tensor
    signs_N: Tensor
    cells_NCF: Tensor

    @property
    def tokens(self) -> int:
        """Number of pictures."""
        return len(self.pixels_NCHW)

    def to(self, device: torch.device) -> SightBatch:
        """The same batch on another device."""
        return SightBatch(
            self.pixels_NCHW.to(device), self.signs_N.to(device), self.cells_NCF.to(device)
        )


@dataclass(frozen=True)
class Sign:
    """Something that a picture may show as a whole: a thing, an action, or an icon of blocks."""

    kind: Literal["thing", "action", "icon"]
    label: str
    icon: blocks.BlockAction | None = None

    def draw(
        self, rng: random.Random, size_px: int, style: everyday.Style | None = None
    ) -> Image.Image:
        """A picture of it, different every time."""
        if self.icon is not None:
            return draw_action(self.icon, size_px, rng)
        return everyday.draw(self.label, rng, size_px, action=self.kind == "action", style=style)


@lru_cache(maxsize=1)
def signs() -> tuple[Sign, ...]:
    """Everything that a tower learns to name, in a fixed order."""
    values: dict[blocks.Verb, Sequence[str]] = {
        "paint": blocks.COLOURS,
        "reshape": blocks.SHAPES,
        "resize": blocks.SIZES,
    }
    block = blocks.Block("square", "red", "small")
    icons = [
        blocks.BlockAction(verb, block, value)
        for verb in blocks.VERBS
        for value in values.get(verb, ("",))
    ]
    return (
        *(Sign("thing", label) for label in everyday.things()),
        *(Sign("action", label) for label in everyday.actions()),
        *(Sign("icon", blocks_words.block_relation(icon), icon) for icon in icons),
    )


class Sight(nn.Module):
    """The tower with the heads that seeing is taught by; only the familiarity head is kept."""

    def __init__(self, student: ImageTokenReasoningLLM) -> None:
        super().__init__()
        self.every_patch = False
        vision = student.config.vision
        assert student.picture_heads is not None
        self.tower = student.vision_tower
        self.heads = student.picture_heads
        self.side = vision.image_size // vision.patch_size
        self.prototypes = nn.Parameter(torch.randn(len(signs()), vision.embedding_size))
        self.scale = nn.Parameter(torch.tensor(2.5))
        self.cell_head = nn.Linear(vision.hidden_size, sum(FIELDS))
        self.scene_head = nn.Linear(vision.embedding_size, blocks.CELLS * sum(FIELDS))

    def forward(self, batch: SightBatch) -> Tensor:
        """Mean loss of naming, of reading cells, and of telling the strange apart, in nats."""
        patches_NPM = self.tower(batch.pixels_NCHW)
        known, scenes = len(batch.signs_N), len(batch.cells_NCF)
        embedding_NE = self.tower.embed(patches_NPM)
        scores = self.name(embedding_NE[:known])
        naming = F.cross_entropy(scores.float(), batch.signs_N, label_smoothing=0.05)
        if self.every_patch:
            naming = (naming + self._naming_by_patch(patches_NPM[:known], batch.signs_N)) / 2
        seen = slice(known, known + scenes)
        reading = self._reading(patches_NPM[seen], batch.cells_NCF)
        # the embedding, too, should tell scenes apart; it need not do so at any price
        scores_KT = self.scene_head(embedding_NE[seen]).view(-1, sum(FIELDS))
        reading = reading + 0.3 * reading_loss(scores_KT, batch.cells_NCF.flatten(0, 1))
        familiar_N = torch.zeros(len(embedding_NE), device=scores.device)
        familiar_N[: known + scenes] = 1.0
        telling = F.binary_cross_entropy_with_logits(
            self.heads.familiarity(embedding_NE).float(), familiar_N
        )
        return naming + reading + telling

    def name(self, embedding_NE: Tensor) -> Tensor:
        """Scores of every sign for pictures' embeddings. Returns (N, signs)."""
        return self.scale.exp() * embedding_NE @ F.normalize(self.prototypes, dim=-1).T

    def _naming_by_patch(self, patches_NPM: Tensor, signs_N: Tensor) -> Tensor:
        vectors_KE = F.normalize(self.tower.embedding_head(patches_NPM.flatten(0, 1)), dim=-1)
        signs_K = signs_N.repeat_interleave(patches_NPM.shape[1])
        return F.cross_entropy(self.name(vectors_KE).float(), signs_K, label_smoothing=0.05)

    def _reading(self, patches_NPM: Tensor, cells_NCF: Tensor) -> Tensor:
        N, _, M = patches_NPM.shape
        maps = patches_NPM.transpose(1, 2).reshape(N, M, self.side, self.side)
        if self.every_patch:
            per = self.side // blocks.GRID
            grid_NRCF = cells_NCF.view(N, blocks.GRID, blocks.GRID, len(FIELDS))
            patches_NRCF = grid_NRCF.repeat_interleave(per, 1).repeat_interleave(per, 2)
            scores_KT = self.cell_head(patches_NPM.flatten(0, 1))
            return reading_loss(scores_KT, patches_NRCF.flatten(0, 2))
        cells_NMC = F.adaptive_avg_pool2d(maps, blocks.GRID).flatten(2)
        scores_KT = self.cell_head(cells_NMC.transpose(1, 2).flatten(0, 1))
        return reading_loss(scores_KT, cells_NCF.flatten(0, 1))


def as_uploaded(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Now and then a picture with a camera's noise, and now and then one that was not square.

    Known and strange pictures get the same, so that neither tells them apart.
    """
    if rng.random() < 0.12:
        picture = camera(picture, rng)
    if rng.random() < 0.12:
        side = picture.width
        cut = rng.randrange(1, side * 3 // 20)
        box = (0, cut, side, side - cut) if rng.random() < 0.5 else (cut, 0, side - cut, side)
        square = Image.new("RGB", picture.size, PAD_COLOUR)
        square.paste(picture.crop(box), box[:2])
        picture = square
    return picture


def in_grey(picture: Image.Image, rng: random.Random) -> Image.Image:
    """The picture as one sees it who tells no colours, none of them always dark or bright."""
    parts = [rng.random() + 0.05 for _ in range(3)]
    mixed = picture.convert("L", (*(part / sum(parts) for part in parts), 0.0))
    return mixed.convert("RGB")


def sight_batch(
    step: int,
    size: int,
    image_size: int,
    style: everyday.Style | None = None,
    seed: int = 0,
    plan: SightPlan = SEEING,
) -> SightBatch:
    """The pictures of one step of seeing: 62 % signs, 30 % scenes, the rest strange."""
    rng = random.Random(seed_of("train", step, f"{plan.name} {seed}"))
    known, scenes, all_signs = size * 62 // 100, size * 30 // 100, signs()
    chosen = [rng.randrange(len(all_signs)) for _ in range(known)]
    images = [all_signs[index].draw(rng, image_size, style) for index in chosen]
    drawn = [random_scene(rng, SEEN, stacked=plan.stacked) for _ in range(scenes)]
    cells_NCF = torch.stack([cell_targets(scene) for scene in drawn])
    for number, scene in enumerate(drawn):
        picture = draw_scene(scene, rng, image_size)
        if plan.colour_blind and rng.random() < plan.colour_blind:
            picture = in_grey(picture, rng)
            cells_NCF[number][:, _COLOUR_FIELDS] = _UNSET
        images.append(picture)
    images += [draw_strange(rng, image_size) for _ in range(size - known - scenes)]
    images = [as_uploaded(image, rng) for image in images]
    return SightBatch(to_pixels(images, image_size), torch.tensor(chosen), cells_NCF)
