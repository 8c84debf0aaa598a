"""Pictures of blocks: scenes as a camera might see them, and an icon for every action."""

from __future__ import annotations

import math
import random
from functools import lru_cache

from PIL import Image, ImageDraw

from model.microworld.backdrop import backdrop, photograph
from model.microworld.blocks import GRID, BlockAction, Scene

Ink = tuple[int, int, int]
PALETTES: tuple[dict[str, Ink], ...] = (
    {
        "red": (214, 40, 40), "green": (46, 150, 62), "blue": (36, 96, 214),
        "yellow": (246, 208, 36), "purple": (134, 58, 170), "orange": (242, 132, 28),
        "pink": (244, 140, 186), "grey": (140, 144, 150),
    },
    {
        "red": (190, 24, 46), "green": (30, 122, 74), "blue": (22, 70, 172),
        "yellow": (226, 190, 20), "purple": (108, 44, 148), "orange": (224, 110, 16),
        "pink": (228, 112, 166), "grey": (112, 116, 124),
    },
    {
        "red": (230, 64, 56), "green": (84, 178, 78), "blue": (66, 132, 236),
        "yellow": (252, 222, 82), "purple": (156, 90, 196), "orange": (250, 152, 62),
        "pink": (250, 168, 204), "grey": (164, 168, 174),
    },
)  # fmt: skip
"""The same eight colours as paint, as dark lacquer and as bright plastic."""
_INK = (70, 74, 84)
_PAPER = (247, 246, 242)
_SUPERSAMPLING = 3
_REACH = {"small": 0.27, "large": 0.45}
"""Half the extent of a block, as a share of its cell's side."""
_HOLE = 0.55
"""Share of a hollow block's extent that is open."""
_OPEN = (252, 251, 248)


def _turned(x: float, y: float, turn: float) -> tuple[float, float]:
    return x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)


def _corners(shape: str, turn: float) -> list[tuple[float, float]]:
    """The outline of a shape around (0, 0), reaching to 1."""
    if shape == "cross":
        arm = 0.4
        plus = [(-arm, -1.1), (arm, -1.1), (arm, -arm), (1.1, -arm), (1.1, arm), (arm, arm)]
        plus += [(-x, -y) for x, y in plus]
        return [_turned(x, y, turn) for x, y in plus]
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
    """An RGB picture of a scene. With ``rng`` places, sizes, turns, palette and light vary.

    Without ``rng`` it is plain: upright blocks in the middle of their cells, on off-white.
    """
    canvas = _ground(rng, size_px)
    side = size_px / GRID
    palette = rng.choice(PALETTES) if rng else PALETTES[0]
    edge = max(1, round(size_px / 96))
    for cell, block in scene.blocks:
        x, y = (cell % GRID + 0.5) * side, (cell // GRID + 0.5) * side
        reach, shade, turn = _REACH[block.size] * side, 0, 0
        if rng:
            jitter = side * 0.06
            x, y = x + rng.uniform(-jitter, jitter), y + rng.uniform(-jitter, jitter)
            reach *= rng.uniform(0.92, 1.04)
            shade, turn = rng.randint(-12, 12), rng.randrange(-9, 10, 3)
        red, green, blue = (max(0, min(255, part + shade)) for part in palette[block.colour])
        _stamp(canvas, _mask(block.shape, round(reach) + edge, turn), x, y, _INK)
        _stamp(canvas, _mask(block.shape, round(reach), turn), x, y, (red, green, blue))
        if block.fill == "hollow":
            _stamp(canvas, _mask(block.shape, max(2, round(reach * _HOLE)), turn), x, y, _OPEN)
    return photograph(canvas, rng) if rng else canvas


def draw_action(
    action: BlockAction, size_px: int = 96, rng: random.Random | None = None
) -> Image.Image:
    """An RGB icon of what is done: a drop of paint, arrows, an outline, sheets, a plus, a minus.

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
    tip, colour = side * 0.16, PALETTES[0][action.value]
    wide = reach * 0.93
    pen.polygon(
        [(middle, tip), (middle - wide, low - reach * 0.38), (middle + wide, low - reach * 0.38)],
        colour,
    )
    pen.ellipse((middle - reach, low - reach, middle + reach, low + reach), fill=colour)


def _arrows_icon(pen: ImageDraw.ImageDraw, side: int, action: BlockAction) -> None:
    _badge(pen, side)
    outward = action.value == "large"
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


def _arrow(
    pen: ImageDraw.ImageDraw, side: int, start: tuple[float, float], end: tuple[float, float]
) -> None:
    """A level arrow; both points are shares of the side."""
    (x, y), (tip, _) = start, end
    back, half = (-0.14 if tip > x else 0.14), 0.1
    pen.line([(x * side, y * side), ((tip + back / 2) * side, y * side)], _INK, side // 16)
    corners = [(tip, y), (tip + back, y - half), (tip + back, y + half)]
    pen.polygon([(cx * side, cy * side) for cx, cy in corners], _INK)


def _move_icon(pen: ImageDraw.ImageDraw, side: int, action: BlockAction) -> None:
    _badge(pen, side)
    _arrow(pen, side, (0.22, 0.5), (0.8, 0.5))


def _swap_icon(pen: ImageDraw.ImageDraw, side: int, action: BlockAction) -> None:
    _badge(pen, side)
    _arrow(pen, side, (0.24, 0.38), (0.78, 0.38))
    _arrow(pen, side, (0.76, 0.62), (0.22, 0.62))


def _sheet(pen: ImageDraw.ImageDraw, side: int, box: tuple[float, float, float, float]) -> None:
    pen.rectangle([part * side for part in box], "white", _INK, side // 26)


def _copy_icon(pen: ImageDraw.ImageDraw, side: int, action: BlockAction) -> None:
    _badge(pen, side)
    _sheet(pen, side, (0.26, 0.26, 0.58, 0.58))
    _sheet(pen, side, (0.42, 0.42, 0.74, 0.74))


def _stack_icon(pen: ImageDraw.ImageDraw, side: int, action: BlockAction) -> None:
    _badge(pen, side)
    _sheet(pen, side, (0.2, 0.56, 0.8, 0.74))
    pen.rectangle([0.38 * side, 0.3 * side, 0.62 * side, 0.55 * side], _INK)


_ICONS = {
    "paint": _paint_icon,
    "resize": _arrows_icon,
    "reshape": _reshape_icon,
    "remove": _sign_icon,
    "add": _sign_icon,
    "move": _move_icon,
    "swap": _swap_icon,
    "copy": _copy_icon,
    "stack": _stack_icon,
}
