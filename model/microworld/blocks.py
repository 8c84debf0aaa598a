"""The world of blocks: coloured shapes on a 3×3 grid, actions on them, and their pictures."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from PIL import Image, ImageDraw

from model.errors import InputError
from model.microworld.backdrop import backdrop, photograph

Shape = Literal["square", "circle", "triangle", "star"]
Size = Literal["small", "large"]
Verb = Literal["paint", "grow", "shrink", "reshape", "remove", "add"]
Cell = int
"""A place on the grid: 0 is the upper left, 8 the lower right, in reading order."""

SHAPES: tuple[Shape, ...] = ("square", "circle", "triangle", "star")
SIZES: tuple[Size, ...] = ("small", "large")
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "green": (46, 150, 62),
    "blue": (36, 96, 214),
    "yellow": (246, 208, 36),
    "purple": (134, 58, 170),
    "orange": (242, 132, 28),
}
VERBS: tuple[Verb, ...] = ("paint", "grow", "shrink", "reshape", "remove", "add")
GRID = 3
_INK = (70, 74, 84)
_PAPER = (247, 246, 242)
_SUPERSAMPLING = 3
_REACH = {"small": 0.27, "large": 0.45}
"""Half the extent of a block, as a share of its cell's side."""


@dataclass(frozen=True)
class Block:
    """One block."""

    shape: Shape
    colour: str
    size: Size


@dataclass(frozen=True)
class Scene:
    """Blocks on the grid, at most one in a cell. Kept in reading order."""

    blocks: tuple[tuple[Cell, Block], ...]

    def __post_init__(self) -> None:
        cells = [cell for cell, _ in self.blocks]
        if len(set(cells)) < len(cells) or any(not 0 <= cell < GRID * GRID for cell in cells):
            raise InputError(f"Blocks stand at {cells}; each needs a cell of its own, 0 to 8.")
        object.__setattr__(self, "blocks", tuple(sorted(self.blocks, key=lambda item: item[0])))

    def at(self, cell: Cell) -> Block | None:
        """The block in a cell, if there is one."""
        return dict(self.blocks).get(cell)


@dataclass(frozen=True)
class BlockAction:
    """Something done at a cell; ``value`` is the new colour or shape, ``block`` what is added."""

    verb: Verb
    cell: Cell
    value: str = ""
    block: Block | None = None


def changed(block: Block, verb: Verb, value: str = "") -> Block:
    """The block after it was painted, grown, shrunk or reshaped.

    Raises: InputError if the value is unknown, or nothing would change.
    """
    if verb == "paint" and value in COLOURS:
        after = replace(block, colour=value)
    elif verb == "reshape" and value in SHAPES:
        after = replace(block, shape=value)
    elif verb in ("grow", "shrink"):
        after = replace(block, size="large" if verb == "grow" else "small")
    else:
        raise InputError(f"A block cannot be changed by “{verb} {value}”.")
    if after == block:
        raise InputError(f"“{verb} {value}” changes nothing: the block is like that already.")
    return after


def apply(scene: Scene, action: BlockAction) -> Scene:
    """The scene after the action.

    Raises: InputError if the cell is empty (for add: taken) or nothing would change.
    """
    blocks = dict(scene.blocks)
    if action.verb == "add":
        if action.cell in blocks or action.block is None:
            raise InputError(f"Nothing can be added at cell {action.cell}: it must be empty.")
        blocks[action.cell] = action.block
        return Scene(tuple(blocks.items()))
    if action.cell not in blocks:
        raise InputError(f"There is no block at cell {action.cell} to {action.verb}.")
    if action.verb == "remove":
        del blocks[action.cell]
    else:
        blocks[action.cell] = changed(blocks[action.cell], action.verb, action.value)
    return Scene(tuple(blocks.items()))


# ── chance ──────────────────────────────────────────────────────────────────────────────────────


def random_block(rng: random.Random) -> Block:
    """Any block, all equally likely."""
    return Block(rng.choice(SHAPES), rng.choice(tuple(COLOURS)), rng.choice(SIZES))


def random_scene(rng: random.Random, count: int) -> Scene:
    """``count`` different blocks in different cells."""
    cells = rng.sample(range(GRID * GRID), count)
    found: list[Block] = []
    while len(found) < count:
        block = random_block(rng)
        if block not in found:
            found.append(block)
    return Scene(tuple(zip(cells, found, strict=True)))


def random_action(rng: random.Random, scene: Scene, verbs: tuple[Verb, ...] = VERBS) -> BlockAction:
    """An action that changes the scene and leaves no two blocks alike; all verbs equally likely."""
    alike = {block for _, block in scene.blocks}
    while True:
        verb = rng.choice(verbs)
        taken = [cell for cell, _ in scene.blocks]
        free = [cell for cell in range(GRID * GRID) if cell not in taken]
        cells = free if verb == "add" else taken
        if not cells:
            continue
        cell = rng.choice(cells)
        value = {"paint": tuple(COLOURS), "reshape": SHAPES}.get(verb)
        new = random_block(rng) if verb == "add" else None
        action = BlockAction(verb, cell, rng.choice(value) if value else "", new)
        try:
            after = apply(scene, action).at(cell)
        except InputError:
            continue
        if after is None or after not in alike:
            return action


# ── pictures ────────────────────────────────────────────────────────────────────────────────────


def _corners(shape: str, turn: float) -> list[tuple[float, float]]:
    """The outline of a shape around (0, 0), reaching to 1."""
    if shape == "square":
        radii, first = [1.18] * 4, math.pi / 4
    elif shape == "triangle":
        radii, first = [1.18] * 3, -math.pi / 2
    else:
        radii, first = [1.12, 0.46] * 5, -math.pi / 2
    step = 2 * math.pi / len(radii)
    angles = [first + turn + number * step for number in range(len(radii))]
    return [(r * math.cos(a), r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]


@lru_cache(maxsize=2048)
def _mask(shape: str, reach_px: int, turn_degrees: int) -> Image.Image:
    """The shape as a smooth mask."""
    side = 2 * (reach_px + reach_px // 4 + 1)
    big = side * _SUPERSAMPLING
    mask = Image.new("L", (big, big))
    pen, middle, reach = ImageDraw.Draw(mask), big / 2, reach_px * _SUPERSAMPLING
    if shape == "circle":
        pen.ellipse((middle - reach, middle - reach, middle + reach, middle + reach), fill=255)
    else:
        corners = _corners(shape, math.radians(turn_degrees))
        pen.polygon([(middle + x * reach, middle + y * reach) for x, y in corners], fill=255)
    return mask.reduce(_SUPERSAMPLING)


def _stamp(
    canvas: Image.Image, mask: Image.Image, x: float, y: float, ink: tuple[int, ...]
) -> None:
    canvas.paste(ink, (round(x - mask.width / 2), round(y - mask.height / 2)), mask)


def _ground(rng: random.Random | None, size_px: int) -> Image.Image:
    return backdrop(rng, size_px) if rng else Image.new("RGB", (size_px, size_px), _PAPER)


def draw_scene(scene: Scene, rng: random.Random | None, size_px: int = 96) -> Image.Image:
    """An RGB picture of the scene; place, tilt, shade, background and light differ every time.

    Without ``rng`` it is plain: upright blocks in the middle of their cells, on off-white.
    """
    canvas = _ground(rng, size_px)
    side = size_px / GRID
    for cell, block in scene.blocks:
        x, y = (cell % GRID + 0.5) * side, (cell // GRID + 0.5) * side
        reach, shade, turn = _REACH[block.size] * side, 0, 0
        if rng:
            jitter = side * 0.06
            x, y = x + rng.uniform(-jitter, jitter), y + rng.uniform(-jitter, jitter)
            reach *= rng.uniform(0.92, 1.04)
            shade, turn = rng.randint(-14, 14), rng.randrange(-9, 10, 3)
        ink = tuple(max(0, min(255, part + shade)) for part in COLOURS[block.colour])
        edge = max(1, round(size_px / 96))
        _stamp(canvas, _mask(block.shape, round(reach) + edge, turn), x, y, _INK)
        _stamp(canvas, _mask(block.shape, round(reach), turn), x, y, ink)
    return photograph(canvas, rng) if rng else canvas


def draw_action(
    action: BlockAction, size_px: int = 96, rng: random.Random | None = None
) -> Image.Image:
    """An RGB icon of what is done: a drop of paint, arrows, an outline, a plus or a minus.

    With ``rng`` the background and the light differ every time, else they are plain.
    """
    big = size_px * _SUPERSAMPLING
    icon = Image.new("RGBA", (big, big))
    pen = ImageDraw.Draw(icon)
    _ICONS[action.verb](pen, big, action)
    icon = icon.reduce(_SUPERSAMPLING)
    canvas = _ground(rng, size_px)
    canvas.paste(icon, (0, 0), icon)
    return photograph(canvas, rng) if rng else canvas


def _badge(pen: ImageDraw.ImageDraw, side: int, *, light: bool = True) -> None:
    """A round plate, so that an icon looks like a sign and never like a scene."""
    edge = side * 0.06
    fill = (255, 255, 255, 255) if light else _INK
    pen.ellipse((edge, edge, side - edge, side - edge), fill=fill, outline=_INK, width=side // 32)


def _paint_icon(pen: ImageDraw.ImageDraw, side: int, action: BlockAction) -> None:
    _badge(pen, side)
    middle, low, reach = side / 2, side * 0.58, side * 0.2
    tip, colour = side * 0.16, COLOURS[action.value]
    wide = reach * 0.93
    pen.polygon(
        [(middle, tip), (middle - wide, low - reach * 0.38), (middle + wide, low - reach * 0.38)],
        colour,
    )
    pen.ellipse((middle - reach, low - reach, middle + reach, low + reach), fill=colour)


def _arrows_icon(pen: ImageDraw.ImageDraw, side: int, action: BlockAction) -> None:
    _badge(pen, side)
    outward = action.verb == "grow"
    for across, along in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        near, far = side * 0.09, side * 0.27
        tip, tail = (far, near) if outward else (near, far)
        start = (side / 2 + across * tail, side / 2 + along * tail)
        end = (side / 2 + across * tip, side / 2 + along * tip)
        pen.line([start, end], fill=_INK, width=side // 18)
        back = -side * 0.15 if outward else side * 0.15
        pen.polygon([end, (end[0] + across * back, end[1]), (end[0], end[1] + along * back)], _INK)


def _reshape_icon(pen: ImageDraw.ImageDraw, side: int, action: BlockAction) -> None:
    _badge(pen, side)
    middle, reach, width = side / 2, side * 0.23, side // 22
    if action.value == "circle":
        box = (middle - reach, middle - reach, middle + reach, middle + reach)
        pen.ellipse(box, outline=_INK, width=width)
        return
    points = [(middle + x * reach, middle + y * reach) for x, y in _corners(action.value, 0.0)]
    pen.line([*points, *points[:2]], fill=_INK, width=width, joint="curve")


def _sign_icon(pen: ImageDraw.ImageDraw, side: int, action: BlockAction) -> None:
    _badge(pen, side, light=False)
    middle, reach, thick = side / 2, side * 0.26, side * 0.055
    bar = (255, 255, 255)
    pen.rectangle((middle - reach, middle - thick, middle + reach, middle + thick), fill=bar)
    if action.verb == "add":
        pen.rectangle((middle - thick, middle - reach, middle + thick, middle + reach), fill=bar)


_ICONS = {
    "paint": _paint_icon,
    "grow": _arrows_icon,
    "shrink": _arrows_icon,
    "reshape": _reshape_icon,
    "remove": _sign_icon,
    "add": _sign_icon,
}
