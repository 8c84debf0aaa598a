"""Strange pictures of the inside, as a phone takes them: rooms, kitchens, shelves, worktops."""

from __future__ import annotations

import random

from PIL import Image

from model.microworld.strange_tools import (
    Ink,
    Sheet,
    blob,
    cloud,
    haze,
    lamplight,
    muted,
    near,
    shade,
    soft,
    stained,
)

_WOODS: tuple[Ink, ...] = (
    *((150, 104, 66), (112, 74, 46), (188, 150, 108), (84, 58, 42), (206, 178, 140)),
)
_WALLS: tuple[Ink, ...] = (
    *((226, 220, 206), (208, 212, 210), (196, 186, 168), (168, 176, 178), (214, 198, 178)),
    *((140, 150, 138), (118, 112, 112), (238, 236, 230)),
)


def vessel(sheet: Sheet, rng: random.Random, x: float, foot: float, high: float) -> float:
    """Stand a bottle, jar, box, bowl, pot or fruit on ``foot``; returns how wide it is."""
    ink, wide = muted(rng, 0.15, 0.95, 0.8), high * rng.uniform(0.22, 0.75)
    dark, bright = shade(ink, 0.6), shade(ink, 1.35)
    right, top = x + wide, foot - high
    sheet.oval(x + wide * 0.75, foot, wide * 0.8, high * 0.07, shade(ink, 0.3))
    kind = rng.randrange(5)
    if kind == 0:
        sheet.box(x, top + high * 0.35, right, foot, ink)
        sheet.box(x + wide * 0.35, top, right - wide * 0.35, foot - high * 0.5, ink)
        sheet.box(x, foot - high * 0.4, right, foot - high * 0.15, muted(rng, 0.5, 1.0))
    elif kind == 1:
        sheet.box(x, top, right, foot, ink)
        sheet.box(x, top, right, top + high * 0.2, muted(rng))
    elif kind == 2:
        sheet.oval(x + wide / 2, foot - wide / 2, wide / 2, wide / 2, ink)
        sheet.oval(x + wide * 0.38, foot - wide * 0.65, wide * 0.14, wide * 0.12, bright)
        return wide
    elif kind == 3:
        lift = foot - high * 0.45
        sheet.shape([(x, lift), (right, lift), (right - wide / 4, foot), (x + wide / 4, foot)], ink)
        sheet.oval(x + wide / 2, lift, wide / 2, high * 0.07, dark)
        return wide
    else:
        sheet.box(x, top + high * 0.3, right, foot, ink)
        sheet.oval(x + wide / 2, top + high * 0.3, wide / 2, high * 0.08, bright)
    sheet.box(right - wide * 0.28, top + high * 0.36, right, foot, dark)
    sheet.box(x + wide * 0.12, top + high * 0.4, x + wide * 0.22, foot - high * 0.1, bright)
    return wide


def row(
    sheet: Sheet, rng: random.Random, left: float, right: float, foot: float, high: float
) -> None:
    """Stand things of different height beside each other, with gaps, from left to right."""
    x = left + rng.uniform(0, 0.06)
    while x < right - high * 0.4:
        x += vessel(sheet, rng, x, foot, high * rng.uniform(0.45, 1.0))
        x += rng.choice((0.004, 0.01, 0.03, 0.09)) * rng.uniform(0.5, 1.5)


def _window(sheet: Sheet, rng: random.Random, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = box
    sheet.box(left - 0.015, top - 0.015, right + 0.015, bottom + 0.02, (232, 230, 224))
    sheet.box(left, top, right, bottom, near(rng, (226, 238, 250), 22))
    for _ in range(rng.randint(0, 3)):
        x, ink = rng.uniform(left, right), near(rng, (150, 176, 140), 34)
        sheet.box(max(left, x - 0.08), rng.uniform(top, bottom), min(right, x + 0.08), bottom, ink)
    for part in range(1, rng.randint(2, 3)):
        x = left + (right - left) * part / 2
        sheet.line([(x, top), (x, bottom)], (222, 220, 214), 0.012)
    if rng.random() < 0.4:
        cloth = muted(rng, 0.4, 0.95)
        for start in (left - 0.06, right - 0.02):
            sheet.box(start, top - 0.04, start + 0.08, bottom + 0.12, cloth)
            sheet.box(start + 0.03, top - 0.04, start + 0.045, bottom + 0.12, shade(cloth, 0.75))


def _shell(sheet: Sheet, rng: random.Random) -> tuple[float, float, float, float]:
    """Paint ceiling, walls and floor in perspective; returns the back wall's box."""
    wall, floor = near(rng, rng.choice(_WALLS)), near(rng, rng.choice(_WOODS + _WALLS))
    left, right = rng.uniform(-0.05, 0.35), rng.uniform(0.65, 1.05)
    top, bottom = rng.uniform(-0.05, 0.2), rng.uniform(0.5, 0.8)
    sheet.box(0, 0, 1, 1, shade(wall, 1.12))
    out = rng.uniform(0.5, 1.0)
    sheet.shape([(left, top), (left, bottom), (-out + left, 1.3), (-out + left, -0.3)], wall)
    dark = shade(wall, rng.uniform(0.6, 0.85))
    sheet.shape([(right, top), (right, bottom), (right + out, 1.3), (right + out, -0.3)], dark)
    sheet.shape([(left, bottom), (right, bottom), (right + out, 1.3), (left - out, 1.3)], floor)
    seam, eye = shade(floor, rng.uniform(0.7, 0.9)), (left + right) / 2
    for number in range(rng.choice((0, 7, 11))):
        x = -1.0 + number * 0.33
        sheet.line([(eye + (x - eye) * 0.25, bottom), (x, 1.1)], seam, 0.006)
    if rng.random() < 0.4:
        for depth in (0.12, 0.28, 0.5, 0.8):
            y = bottom + (1.05 - bottom) * depth
            sheet.line([(left - out * depth, y), (right + out * depth, y)], seam, 0.006)
    sheet.box(left, top, right, bottom, shade(wall, rng.uniform(0.85, 1.1)))
    return left, top, right, bottom


def _furniture(sheet: Sheet, rng: random.Random, floor: float) -> None:
    """Put one piece on the floor: a sofa, a table, a bed or chest, a plant, a chair."""
    ink, x = muted(rng, 0.2, 0.85), rng.uniform(-0.1, 0.75)
    wide, high = rng.uniform(0.2, 0.55), rng.uniform(0.12, 0.3)
    foot = min(1.05, floor + rng.uniform(0.03, 0.35))
    kind = rng.randrange(4)
    sheet.oval(x + wide / 2, foot, wide * 0.6, 0.025, (58, 52, 46))
    if kind == 0:
        sheet.box(x, foot - high, x + wide, foot, ink)
        sheet.box(x, foot - high * 1.7, x + wide, foot - high * 0.75, shade(ink, 0.85))
        for part in range(rng.randint(1, 3)):
            sheet.box(x + 0.02 + part * 0.13, foot - high * 1.3, x + 0.12 + part * 0.13,
                      foot - high * 0.7, muted(rng, 0.3, 0.95, 0.8))  # fmt: skip
    elif kind == 1:
        wood = near(rng, rng.choice(_WOODS))
        for leg in (x + 0.02, x + wide - 0.04):
            sheet.box(leg, foot - high, leg + 0.02, foot, shade(wood, 0.7))
        top = [(x + 0.06, foot - high - 0.06), (x + wide - 0.06, foot - high - 0.06)]
        sheet.shape([*top, (x + wide, foot - high), (x, foot - high)], shade(wood, 1.15))
        row(sheet, rng, x + 0.04, x + wide - 0.04, foot - high - 0.02, high * 0.5)
    elif kind == 2:
        wood = near(rng, rng.choice(_WOODS), 24)
        sheet.box(x, foot - high * 1.6, x + wide, foot, wood)
        for part in range(1, 4):
            y = foot - high * 1.6 * part / 4
            sheet.line([(x, y), (x + wide, y)], shade(wood, 0.65), 0.008)
        row(sheet, rng, x, x + wide, foot - high * 1.6, high * 0.6)
    else:
        sheet.box(x, foot - 0.1, x + 0.1, foot, muted(rng, 0.3, 0.8))
        for _ in range(rng.randint(5, 10)):
            leaf = near(rng, (66, 108, 58), 30)
            sheet.shape(
                blob(rng, x + rng.uniform(-0.08, 0.18), foot - rng.uniform(0.1, 0.4), 0.06, 6), leaf
            )


def room(rng: random.Random, size_px: int) -> Image.Image:
    """A room to live in: window, pictures on the wall, furniture, a lamp, uneven light."""
    sheet = Sheet(size_px, (0, 0, 0))
    left, top, right, bottom = _shell(sheet, rng)
    high, wide = bottom - top, right - left
    if rng.random() < 0.7:
        x = left + wide * rng.uniform(0.1, 0.5)
        box = (x, top + high * 0.2, x + wide * rng.uniform(0.2, 0.4), top + high * 0.7)
        _window(sheet, rng, box)
    for _ in range(rng.randint(0, 3)):
        x, y = rng.uniform(left, right - 0.15), rng.uniform(top + 0.05, bottom - 0.2)
        sheet.box(x, y, x + 0.14, y + 0.16, (60, 48, 40))
        sheet.box(x + 0.015, y + 0.015, x + 0.125, y + 0.145, muted(rng, 0.4, 1.0, 0.8))
    for _ in range(rng.randint(2, 4)):
        _furniture(sheet, rng, bottom)
    if rng.random() < 0.5:
        x, y = rng.uniform(0.2, 0.8), rng.uniform(0.08, 0.3)
        sheet.line([(x, 0), (x, y)], (50, 50, 50), 0.006)
        sheet.shape([(x - 0.03, y), (x + 0.03, y), (x + 0.09, y + 0.08), (x - 0.09, y + 0.08)],
                    (250, 240, 205))  # fmt: skip
    return lamplight(sheet.done(), rng)


def _cupboards(
    sheet: Sheet, rng: random.Random, span: tuple[float, float, float, float], ink: Ink
) -> None:
    left, top, right, bottom = span
    x, knob = left, rng.choice(((60, 60, 62), (196, 196, 198), (170, 130, 70)))
    while x < right:
        wide = rng.choice((0.13, 0.17, 0.22))
        front = near(rng, ink, 5)
        sheet.box(x, top, x + wide, bottom, shade(front, 0.68))
        sheet.box(x + 0.006, top + 0.006, x + wide - 0.004, bottom - 0.006, front)
        if rng.random() < 0.12:
            sheet.box(x + 0.02, top + 0.05, x + wide - 0.02, bottom - 0.03, (38, 38, 42))
        sheet.box(x + wide * 0.75, (top + bottom) / 2 - 0.03, x + wide * 0.82,
                  (top + bottom) / 2 + 0.03, knob)  # fmt: skip
        x += wide


def kitchen(rng: random.Random, size_px: int) -> Image.Image:
    """A kitchen: cupboards above and below, a worktop full of things, tiles, window, cooker."""
    sheet = Sheet(size_px, (0, 0, 0))
    _, _, _, bottom = _shell(sheet, rng)
    ink = near(rng, rng.choice(_WOODS + _WALLS))
    top = max(0.42, min(0.62, bottom - 0.1))
    tile = near(rng, rng.choice(_WALLS))
    sheet.box(0, 0, 1, top, tile)
    for number in range(rng.choice((0, 14, 20))):
        at = number / 14
        sheet.line([(at, 0), (at, top)], shade(tile, 0.88), 0.004)
        sheet.line([(0, at * 0.7), (1, at * 0.7)], shade(tile, 0.88), 0.004)
    if rng.random() < 0.6:
        x = rng.uniform(0.1, 0.6)
        _window(sheet, rng, (x, 0.05, x + rng.uniform(0.2, 0.35), top - 0.14))
    for left, right in rng.choice((((0.0, 1.0),), ((0.0, 0.35), (0.68, 1.0)), ((0.5, 1.0),))):
        _cupboards(sheet, rng, (left, 0.0, right, rng.uniform(0.14, 0.24)), ink)
    sheet.box(0, top, 1, top + 0.07, near(rng, rng.choice(_WOODS + _WALLS), 20))
    _cupboards(sheet, rng, (0.0, top + 0.07, 1.0, rng.uniform(0.85, 1.0)), ink)
    row(sheet, rng, 0.0, 1.0, top + 0.02, rng.uniform(0.1, 0.2))
    row(sheet, rng, rng.uniform(0, 0.3), 1.0, top + 0.055, rng.uniform(0.07, 0.16))
    if rng.random() < 0.5:
        x, steel = rng.choice((-0.05, 0.72)), near(rng, (190, 192, 194), 20)
        sheet.box(x, rng.uniform(0.05, 0.3), x + 0.32, 1.0, steel)
        sheet.box(x + 0.27, 0.4, x + 0.285, 0.7, shade(steel, 0.5))
    if rng.random() < 0.4:
        _furniture(sheet, rng, 0.8)
    return lamplight(sheet.done(), rng, rng.uniform(0.3, 0.6))


def shelves(rng: random.Random, size_px: int) -> Image.Image:
    """Shelves in a shop or at home, full of books, jars and boxes."""
    wood = near(rng, rng.choice(_WOODS + _WALLS))
    sheet = Sheet(size_px, shade(wood, 0.5))
    count = rng.randint(3, 5)
    for number in range(1, count + 1):
        foot, high = number / count - 0.02, 0.85 / count
        if rng.random() < 0.5:
            x = rng.uniform(-0.02, 0.05)
            while x < 1:
                wide, ink = rng.uniform(0.018, 0.06), muted(rng, 0.15, 0.9, 0.9)
                spine = foot - high * rng.uniform(0.65, 0.95)
                sheet.box(x, spine, x + wide, foot, ink)
                sheet.box(
                    x + wide * 0.2, spine + 0.03, x + wide * 0.8, spine + 0.05, shade(ink, 1.5)
                )
                x += wide + rng.choice((0.003, 0.003, 0.08))
        else:
            row(sheet, rng, 0.0, 1.0, foot, high * 0.9)
        sheet.box(0, foot, 1, foot + 0.022, wood)
        sheet.box(0, foot + 0.018, 1, foot + 0.028, shade(wood, 0.45))
    return lamplight(sheet.done(), rng)


def worktop(rng: random.Random, size_px: int) -> Image.Image:
    """A table close up, with many small things on it, sharp in front and soft behind."""
    wood = near(rng, rng.choice(_WOODS + _WALLS))
    behind = cloud(rng, size_px, ((4, 3), (8, 6)))
    sheet = Sheet(size_px, Image.blend(behind, Image.new("RGB", behind.size, muted(rng)), 0.5))
    edge = rng.uniform(0.2, 0.5)
    grain = stained(cloud(rng, size_px, ((3, 24), (6, 48)), "L"), shade(wood, 0.8), wood)
    sheet.veil(grain, [(0, edge), (1, edge), (1, 1), (0, 1)])
    for number in range(rng.randint(3, 5)):
        foot = edge + (1.02 - edge) * (number / 4) ** 1.4 + 0.04
        row(sheet, rng, rng.uniform(-0.1, 0.4), 1.0, foot, 0.12 + 0.2 * (foot - edge))
    picture = sheet.done()
    sharp = haze(soft(picture, 1.6), picture, rng.uniform(0.3, 0.7), rng)
    return lamplight(sharp, rng, 0.4)
