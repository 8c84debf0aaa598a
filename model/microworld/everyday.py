"""Everyday things, actions and what comes of them, with small pictures. Tables: ``assets/``.

The pictures come from two sets of drawings, Noto Color Emoji and Fluent Emoji, one atlas each.
Everything here is a pure function of the tables and, where pictures vary, of the
``random.Random`` that is passed in.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from PIL import Image

from model.errors import InputError
from model.microworld.backdrop import backdrop, photograph
from model.paths import ASSETS

TRIPLETS_TABLE = ASSETS / "everyday.tsv"
THINGS_TABLE = ASSETS / "everyday_things.tsv"
TILE_PX = 128
PAPER = (247, 246, 242)
"""The off-white behind clean pictures."""
ATLAS_COLUMNS = 16
Style = Literal["noto", "fluent"]
STYLES: tuple[Style, ...] = ("noto", "fluent")
"""The sets of drawings."""
NEIGHBOURED = 0.15
"""Share of the pictures with a part of another thing in a corner."""
_TILE_SIDES = (48, 64, 96, TILE_PX)


@dataclass(frozen=True)
class Thing:
    """A thing with its grammar: ``article`` is a, an or empty; ``plural`` things are many."""

    label: str
    emoji: str
    article: str
    plural: bool
    kind: str


@dataclass(frozen=True)
class Action:
    """Something done to a thing. ``outcome`` says whether the thing became or gave the result."""

    label: str
    emoji: str
    past: str
    gerund: str
    outcome: str


@dataclass(frozen=True)
class EverydayTriplet:
    """One step of daily life: this thing, this action, this result."""

    subject: str
    relation: str
    object: str


def table_rows(table: Path) -> list[list[str]]:
    """The cells of a tab-separated table below its comments and its heading."""
    lines = table.read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")][1:]


@lru_cache(maxsize=1)
def things() -> dict[str, Thing]:
    """Every thing by its label, in the order of the table."""
    rows = [row for row in table_rows(THINGS_TABLE) if row[3] != "action"]
    return {
        label: Thing(
            label=label,
            emoji=emoji,
            article=grammar if grammar in ("a", "an") else "",
            plural=grammar == "plural",
            kind=kind,
        )
        for label, emoji, grammar, kind in rows
    }


@lru_cache(maxsize=1)
def actions() -> dict[str, Action]:
    """Every action by its label, in the order of the table."""
    rows = [row for row in table_rows(THINGS_TABLE) if row[3] == "action"]
    return {label: Action(label, emoji, *grammar.split()) for label, emoji, grammar, _ in rows}


@lru_cache(maxsize=1)
def triplets() -> tuple[EverydayTriplet, ...]:
    """Every triplet of the table; a thing and an action together have one result."""
    return tuple(EverydayTriplet(*row) for row in table_rows(TRIPLETS_TABLE))


@lru_cache(maxsize=1)
def outcomes() -> dict[tuple[str, str], str]:
    """The result of every known (thing, action)."""
    return {(item.subject, item.relation): item.object for item in triplets()}


@lru_cache(maxsize=1)
def steps_from() -> dict[str, tuple[EverydayTriplet, ...]]:
    """Every thing with the triplets that begin with it."""
    return {
        label: tuple(item for item in triplets() if item.subject == label) for label in things()
    }


@lru_cache(maxsize=1)
def only_ways() -> tuple[EverydayTriplet, ...]:
    """The triplets whose action alone leads from the thing to the result."""
    ways = Counter((item.subject, item.object) for item in triplets())
    return tuple(item for item in triplets() if ways[item.subject, item.object] == 1)


@lru_cache(maxsize=8)
def chains(length: int) -> tuple[tuple[EverydayTriplet, ...], ...]:
    """Every way through ``length`` triplets, each result being the next thing, without return."""
    if length < 1:
        raise ValueError(f"A chain has at least 1 step, not {length}.")
    paths: list[tuple[EverydayTriplet, ...]] = [(item,) for item in triplets()]
    for _ in range(length - 1):
        paths = [
            (*path, item)
            for path in paths
            for item in steps_from()[path[-1].object]
            if item.object not in {step.subject for step in path}
        ]
    return tuple(paths)


@lru_cache(maxsize=1)
def emojis() -> tuple[str, ...]:
    """The emoji of every thing and action, in the order of the atlases."""
    of_things = tuple(thing.emoji for thing in things().values())
    return of_things + tuple(action.emoji for action in actions().values())


def atlas_files(style: Style) -> tuple[Path, Path]:
    """The colours and the transparency of a set of drawings, tiles in the order of ``emojis``."""
    return ASSETS / f"everyday_{style}.png", ASSETS / f"everyday_{style}_mask.png"


@lru_cache(maxsize=len(STYLES))
def _atlas(style: Style) -> Image.Image:
    colours, mask = atlas_files(style)
    atlas = Image.open(colours).convert("RGBA")
    atlas.putalpha(Image.open(mask).convert("L"))
    return atlas


@lru_cache(maxsize=1)
def _places() -> dict[str, tuple[int, int]]:
    """The left and top pixel of every emoji's tile."""
    return {
        emoji: (number % ATLAS_COLUMNS * TILE_PX, number // ATLAS_COLUMNS * TILE_PX)
        for number, emoji in enumerate(emojis())
    }


@lru_cache(maxsize=4096)
def _tile(emoji: str, side_px: int, style: Style) -> Image.Image:
    """One picture of an atlas, RGBA, resized once and kept."""
    left, top = _places()[emoji]
    tile = _atlas(style).crop((left, top, left + TILE_PX, top + TILE_PX))
    return tile.resize((side_px, side_px), Image.Resampling.LANCZOS)


def _emoji(label: str, action: bool) -> str:
    """The emoji of a label. A few words are both (water): ``action`` chooses; else the thing."""
    first, second = (actions(), things()) if action else (things(), actions())
    found = first.get(label) or second.get(label)
    if found is None:
        raise InputError(
            f"There is no everyday picture of “{label}”. "
            f"Known are {len(things())} things and {len(actions())} actions."
        )
    return found.emoji


def picture(
    label: str, size_px: int = 128, *, action: bool = False, style: Style = "noto"
) -> Image.Image:
    """A clean RGB picture of a thing or an action on off-white, ``size_px`` wide and high.

    Raises: InputError if the tables do not have the label.
    """
    side = round(size_px * 0.8)
    canvas = Image.new("RGB", (size_px, size_px), PAPER)
    tile = _tile(_emoji(label, action), side, style)
    start = (size_px - side) // 2
    canvas.paste(tile, (start, start), tile)
    return canvas


def draw(
    label: str,
    rng: random.Random,
    size_px: int = 96,
    *,
    action: bool = False,
    style: Style | None = None,
    far: bool = False,
) -> Image.Image:
    """An RGB picture that differs every time: size, place, tilt, background, light and sharpness.

    The thing covers 48 to 95 % of the side, is tilted by at most 25° and never mirrored. One
    picture in six is a clean one, as in the examples; some show a part of another thing in a
    corner, behind it. With ``far`` it covers 34 to 46 % and is tilted by 26 to 45°, which no
    training sees. Without ``style`` any set of drawings is taken.

    Raises: InputError if the tables do not have the label.
    """
    emoji = _emoji(label, action)
    drawn_in: Style = rng.choice(STYLES) if style is None else style
    if not far and rng.random() < 1 / 6:
        return picture(label, size_px, action=action, style=drawn_in)
    scale = rng.uniform(0.34, 0.46) if far else rng.uniform(0.48, 0.95)
    turned = rng.uniform(-25.0, 25.0) if rng.random() < 0.7 else 0.0
    tilt = math.radians(rng.choice((-1, 1)) * rng.uniform(26.0, 45.0) if far else turned)
    free = (1.0 - scale) / 2 + 0.02
    centre_x = size_px * (0.5 + rng.uniform(-free, free))
    centre_y = size_px * (0.5 + rng.uniform(-free, free))
    canvas = backdrop(rng, size_px)
    if not far and rng.random() < NEIGHBOURED:
        _add_neighbour(canvas, rng, drawn_in)
    placed = _placed(_tiled(emoji, scale * size_px, drawn_in), tilt, (centre_x, centre_y), size_px)
    canvas.paste(placed, (0, 0), placed)
    return photograph(canvas, rng)


def _add_neighbour(canvas: Image.Image, rng: random.Random, style: Style) -> None:
    """Another thing, much smaller and partly outside, in a corner."""
    side = round(canvas.width * rng.uniform(0.22, 0.32))
    tile = _tile(rng.choice(emojis()), round(side / 4) * 4, style)
    far, near = canvas.width - side // 2, -(side // 2)
    canvas.paste(tile, (rng.choice((near, far)), rng.choice((near, far))), tile)


def _tiled(emoji: str, side_px: float, style: Style) -> tuple[Image.Image, float]:
    """The smallest kept tile that need not grow, and how much larger it is than asked."""
    source = next((side for side in _TILE_SIDES if side >= side_px), TILE_PX)
    return _tile(emoji, source, style), source / side_px


def _placed(
    tiled: tuple[Image.Image, float], tilt: float, centre: tuple[float, float], size_px: int
) -> Image.Image:
    """The tile turned, scaled and moved in one resampling."""
    tile, ratio = tiled
    middle = tile.width / 2
    across, along = math.cos(tilt) * ratio, math.sin(tilt) * ratio
    matrix = (
        across, along, middle - across * centre[0] - along * centre[1],
        -along, across, middle + along * centre[0] - across * centre[1],
    )  # fmt: skip
    return tile.transform(
        (size_px, size_px), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
