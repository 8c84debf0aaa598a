"""Strange pictures of the outside: hills, woods, streets, water, a night, and people's faces."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageChops

from model.microworld.strange_tools import (
    Ink,
    Sheet,
    blob,
    cloud,
    gradient,
    haze,
    lamplight,
    muted,
    near,
    shade,
    soft,
    stained,
)

_SKIES: tuple[tuple[Ink, Ink], ...] = (
    ((86, 140, 210), (206, 226, 242)),
    ((150, 164, 180), (214, 216, 216)),
    ((70, 84, 130), (244, 176, 120)),
    ((116, 170, 226), (236, 238, 232)),
)
_GREENS: tuple[Ink, ...] = (
    (64, 96, 48),
    (98, 124, 62),
    (46, 74, 46),
    (134, 140, 70),
    (150, 130, 84),
)
_SKIN: tuple[Ink, ...] = ((236, 196, 166), (202, 150, 112), (146, 98, 68), (92, 60, 44))


def _sky(rng: random.Random, size_px: int) -> Image.Image:
    top, low = rng.choice(_SKIES)
    sky = gradient(near(rng, top, 20), near(rng, low, 20), size_px)
    if rng.random() < 0.7:
        mist = cloud(rng, size_px, ((3, 5), (6, 12), (14, 24)), "L")
        mask = mist.point([max(0, min(255, (value - 110) * 3)) for value in range(256)])
        sky.paste(near(rng, (240, 240, 242), 14), (0, 0), mask)
    return sky


def _ridge(rng: random.Random, height: float, rough: float) -> list[tuple[float, float]]:
    """A skyline from left to right, closed at the bottom."""
    waves = [(rng.uniform(1, 14), rng.uniform(0, math.tau), rng.random()) for _ in range(4)]
    points = []
    for number in range(25):
        x = number / 24
        lift = sum(part / (1 + pace / 5) * math.sin(pace * x + at) for pace, at, part in waves)
        points.append((x, height - rough * lift + rng.uniform(-0.1, 0.1) * rough))
    return [*points, (1.0, 1.1), (0.0, 1.1)]


def _tree(sheet: Sheet, rng: random.Random, x: float, foot: float, high: float) -> None:
    green, bark = near(rng, rng.choice(_GREENS), 16), near(rng, (78, 60, 46), 14)
    sheet.box(x - high * 0.04, foot - high * 0.5, x + high * 0.04, foot, bark)
    pointed = rng.random() < 0.3
    for number in range(9):
        lift = rng.uniform(0.3, 1.0)
        spread = (1.05 - lift) * 0.35 if pointed else 0.26
        leaf = shade(near(rng, green, 10), 0.65 + 0.6 * lift * (number / 9))
        at_x, at_y = x + high * rng.uniform(-spread, spread), foot - high * lift
        sheet.shape(blob(rng, at_x, at_y, high * 0.17, 8), leaf)


def hills(rng: random.Random, size_px: int) -> Image.Image:
    """Land under a sky: ridges that grow paler with distance, fields, trees, a path or lake."""
    sheet = Sheet(size_px, _sky(rng, size_px))
    horizon, count = rng.uniform(0.3, 0.6), rng.randint(2, 4)
    ground = rng.choice(_GREENS)
    for number in range(count):
        part = number / max(1, count - 1)
        mist = [
            round(a * part + b * (1 - part)) for a, b in zip(ground, (160, 176, 190), strict=True)
        ]
        ink = near(rng, (mist[0], mist[1], mist[2]), 12)
        line = _ridge(rng, horizon + part * 0.3, 0.1 * (1.3 - part))
        sheet.shape(line, ink)
    if rng.random() < 0.4:
        water = near(rng, (120, 150, 176), 20)
        x, y = rng.uniform(0.2, 0.8), rng.uniform(0.75, 0.95)
        sheet.oval(x, y, rng.uniform(0.2, 0.5), 0.07, water)
        sheet.oval(x, y - 0.01, 0.12, 0.01, shade(water, 1.35))
    for _ in range(rng.randint(0, 7)):
        foot = rng.uniform(horizon + 0.15, 1.0)
        _tree(sheet, rng, rng.random(), foot, 0.08 + (foot - horizon) * rng.uniform(0.3, 0.8))
    grain = cloud(rng, size_px, ((8, 16), (24, 48), (60, 90)), "L")
    picture = sheet.done()
    grown = ImageChops.multiply(picture, stained(grain, (90, 96, 70), (255, 255, 255)))
    return lamplight(haze(picture, grown, horizon, rng), rng, 0.3)


def woods(rng: random.Random, size_px: int) -> Image.Image:
    """Among trees or in a garden: trunks, layers of leaves, spots of light."""
    leaves = cloud(rng, size_px, ((6, 6), (16, 16), (40, 40)), "L")
    green = near(rng, rng.choice(_GREENS), 20)
    sheet = Sheet(size_px, stained(leaves, shade(green, 0.3), shade(green, 1.7)))
    for _ in range(rng.randint(3, 8)):
        x, wide, lean = rng.random(), rng.uniform(0.015, 0.06), rng.uniform(-0.08, 0.08)
        bark, foot = near(rng, (70, 56, 46), 20), rng.uniform(0.75, 1.05)
        trunk = [(x, -0.1), (x + wide, -0.1), (x + wide * 1.4 + lean, foot), (x + lean, foot)]
        sheet.shape(trunk, bark)
        sheet.line([(x, 0), (x + lean, foot)], shade(bark, 1.5), wide / 4)
    for _ in range(rng.randint(20, 50)):
        ink = shade(near(rng, green, 22), rng.uniform(0.5, 1.6))
        spot = blob(rng, rng.random(), rng.random(), rng.uniform(0.015, 0.07), 6)
        sheet.shape(spot, ink)
    if rng.random() < 0.4:
        for _ in range(rng.randint(5, 20)):
            sheet.oval(rng.random(), rng.uniform(0.4, 1), 0.014, 0.014, muted(rng, 0.7, 1, 1.0))
    return lamplight(sheet.done(), rng, 0.6)


def _front(sheet: Sheet, rng: random.Random, box: tuple[float, float, float, float]) -> None:
    """A house front with rows of windows and a door or shop below."""
    left, top, right, bottom = box
    wall = muted(rng, 0.35, 0.9, 0.45)
    sheet.box(left, top, right, bottom, wall)
    sheet.box(left, top, right, top + 0.02, shade(wall, 0.6))
    pane, wide = shade(muted(rng, 0.2, 0.6, 0.3), 1.0), rng.uniform(0.03, 0.06)
    y = top + 0.05
    while y < bottom - 0.12:
        x = left + 0.02
        while x + wide < right:
            lit = rng.random() < 0.15
            sheet.box(x - 0.006, y - 0.006, x + wide + 0.006, y + 0.086, shade(wall, 1.25))
            sheet.box(x, y, x + wide, y + 0.08, (236, 214, 150) if lit else near(rng, pane))
            x += wide + 0.03
        y += 0.13
    sheet.box(left + 0.02, bottom - 0.1, right - 0.02, bottom, muted(rng, 0.1, 0.7, 0.8))


def _car(sheet: Sheet, rng: random.Random, x: float, foot: float, long: float) -> None:
    paint = muted(rng, 0.2, 0.95, 0.9)
    sheet.oval(x + long / 2, foot, long * 0.55, long * 0.06, (30, 30, 32))
    roof = foot - long * 0.42
    cabin = [(x + long * 0.2, foot - long * 0.22), (x + long * 0.3, roof)]
    sheet.shape(
        [*cabin, (x + long * 0.7, roof), (x + long * 0.85, foot - long * 0.22)], (50, 60, 70)
    )
    sheet.box(x, foot - long * 0.25, x + long, foot - long * 0.06, paint)
    for wheel in (0.22, 0.78):
        sheet.oval(x + long * wheel, foot - long * 0.05, long * 0.09, long * 0.09, (24, 24, 26))


def street(rng: random.Random, size_px: int) -> Image.Image:
    """A street: fronts on one or both sides, road, pavement, cars, people far away."""
    sheet = Sheet(size_px, _sky(rng, size_px))
    foot, road = rng.uniform(0.55, 0.75), near(rng, (104, 104, 108), 16)
    x = -0.05
    while x < 1:
        wide = rng.uniform(0.15, 0.35)
        _front(sheet, rng, (x, rng.uniform(-0.05, foot - 0.25), x + wide, foot))
        x += wide + rng.choice((0.0, 0.0, 0.05))
    sheet.box(0, foot, 1, 1, road)
    sheet.box(0, foot, 1, foot + 0.05, shade(road, 1.5))
    lean = rng.uniform(-0.6, 0.6)
    for number in range(rng.choice((0, 6))):
        y = foot + 0.08 + number * 0.07
        sheet.line([(0.5 + lean * (y - foot), y), (0.5 + lean * (y + 0.03 - foot), y + 0.03)],
                   (226, 226, 220), 0.012)  # fmt: skip
    for _ in range(rng.randint(0, 3)):
        at = rng.uniform(foot + 0.06, 0.98)
        _car(sheet, rng, rng.uniform(-0.1, 0.8), at, 0.18 + (at - foot) * 0.8)
    for _ in range(rng.randint(0, 5)):
        x, at, high = rng.random(), foot + rng.uniform(0.02, 0.1), rng.uniform(0.08, 0.16)
        sheet.box(x, at - high, x + high / 3, at, muted(rng, 0.1, 0.7, 0.9))
        sheet.oval(x + high / 6, at - high * 1.1, high / 8, high / 7, rng.choice(_SKIN))
    if rng.random() < 0.5:
        _tree(sheet, rng, rng.random(), foot + 0.06, rng.uniform(0.3, 0.6))
    return lamplight(sheet.done(), rng, 0.45)


def water(rng: random.Random, size_px: int) -> Image.Image:
    """Sea or a lake: sky, far shore, ripples that grow nearer, glitter, a strip of sand."""
    sheet = Sheet(size_px, _sky(rng, size_px))
    horizon = rng.uniform(0.25, 0.6)
    deep = near(rng, rng.choice(((40, 84, 120), (70, 110, 120), (96, 110, 124))), 20)
    ripples = cloud(rng, size_px, ((2, 12), (5, 40), (10, 80)), "L")
    box = [(0.0, horizon), (1.0, horizon), (1.0, 1.0), (0.0, 1.0)]
    sheet.veil(stained(ripples, shade(deep, 0.55), shade(deep, 1.9)), box)
    if rng.random() < 0.6:
        land = [point for point in _ridge(rng, horizon - 0.03, 0.04) if point[1] < 1]
        sheet.shape([*land, (1, horizon), (0, horizon)], near(rng, (70, 84, 84), 20))
    glow = rng.random()
    for _ in range(rng.randint(0, 60)):
        y = rng.uniform(horizon, 1)
        x, wide = glow + rng.gauss(0, 0.05 + 0.2 * (y - horizon)), 0.01 + 0.04 * (y - horizon)
        sheet.line([(x - wide, y), (x + wide, y)], (250, 244, 224), 0.006)
    if rng.random() < 0.4:
        sand = near(rng, (208, 186, 146), 16)
        shore = _ridge(rng, rng.uniform(0.78, 0.92), 0.05)
        sheet.shape(shore, sand)
    return lamplight(sheet.done(), rng, 0.3)


def lights(rng: random.Random, size_px: int) -> Image.Image:
    """Lamps out of focus: pale discs over each other, before dark or before a warm room."""
    ground = muted(rng, 0.02, 0.45, 0.9)
    sheet = Sheet(size_px, gradient(ground, shade(ground, rng.uniform(0.4, 2.0)), size_px))
    main = rng.uniform(0.02, 0.11)
    for _ in range(rng.randint(12, 40)):
        x, y, reach = rng.random(), rng.gauss(0.5, 0.25), main * rng.uniform(0.5, 1.3)
        ink = muted(rng, 0.6, 1.0, 1.0)
        sheet.oval(x, y, reach, reach, ink)
        sheet.oval(x, y, reach * 0.88, reach * 0.88, shade(ink, rng.uniform(0.55, 0.9)))
    return soft(sheet.done(), rng.uniform(0.4, 1.5))


def night(rng: random.Random, size_px: int) -> Image.Image:
    """A town by night: dark blocks with lit windows, street lamps with a glow, wet ground."""
    sheet = Sheet(
        size_px, gradient(muted(rng, 0.03, 0.15, 1.0), muted(rng, 0.1, 0.4, 0.8), size_px)
    )
    foot, x = rng.uniform(0.55, 0.85), -0.05
    while x < 1:
        wide, top = rng.uniform(0.08, 0.25), rng.uniform(0.1, foot - 0.1)
        sheet.box(x, top, x + wide, foot, muted(rng, 0.03, 0.14, 0.6))
        for _ in range(round(wide * (foot - top) * 260)):
            at_x, at_y = rng.uniform(x, x + wide - 0.02), rng.uniform(top, foot - 0.03)
            sheet.box(at_x, at_y, at_x + 0.014, at_y + 0.02, muted(rng, 0.5, 1.0, 0.6))
        x += wide
    sheet.box(0, foot, 1, 1, (26, 26, 34))
    for _ in range(rng.randint(3, 9)):
        x, ink, high = rng.random(), muted(rng, 0.7, 1.0, 0.7), rng.uniform(0.05, 0.3)
        sheet.box(x - 0.012, foot, x + 0.012, min(1.0, foot + high * 1.5), shade(ink, 0.45))
        sheet.oval(x, foot - high, 0.035, 0.035, shade(ink, 0.55))
        sheet.oval(x, foot - high, 0.016, 0.016, ink)
    return soft(sheet.done(), rng.uniform(0.3, 0.9))


def _person(sheet: Sheet, rng: random.Random, x: float, y: float, reach: float) -> None:
    """Head and shoulders; ``reach`` is half the height of the face."""
    skin, cloth = near(rng, rng.choice(_SKIN)), muted(rng)
    hair = near(rng, rng.choice(((40, 30, 26), (96, 66, 40), (170, 140, 90))))

    def at(across: float, down: float) -> tuple[float, float]:
        return x + reach * across, y + reach * down

    sheet.shape(blob(rng, *at(0, rng.uniform(0.0, 0.3)), reach * 1.35, 14), hair)
    neck = [at(-1.5, 1.7), at(0, 1.4), at(1.5, 1.7)]
    sheet.shape([at(-2.2, 6), *neck, at(2.2, 6)], cloth)
    sheet.box(*at(-0.35, 0), *at(0.35, 1.6), shade(skin, 0.75))
    sheet.oval(x, y, reach * 0.82, reach * 1.12, skin)
    sheet.oval(*at(0.42, 0.1), reach * 0.38, reach * 0.9, shade(skin, 0.88))
    for eye in (-0.32, 0.32):
        sheet.oval(*at(eye, -0.1), reach * 0.13, reach * 0.07, (240, 236, 230))
        sheet.oval(*at(eye, -0.1), reach * 0.06, reach * 0.07, (40, 32, 30))
        sheet.line([at(eye - 0.17, -0.3), at(eye + 0.17, -0.32)], hair, reach * 0.07)
    sheet.line([(x, y), at(0.1, 0.3)], shade(skin, 0.7), reach * 0.06)
    sheet.oval(*at(0, 0.58), reach * 0.25, reach * 0.08, shade(skin, 0.6))
    sheet.shape(blob(rng, *at(0, -0.95), reach * 0.62, 9), hair)


def people(rng: random.Random, size_px: int) -> Image.Image:
    """One to three people before a wall or the open: hair, faces with features, clothes."""
    behind = cloud(rng, size_px, ((3, 4), (9, 9)))
    wall = Image.new("RGB", behind.size, muted(rng, 0.4))
    sheet = Sheet(size_px, Image.blend(behind, wall, rng.uniform(0.4, 0.9)))
    count = rng.choice((1, 1, 2, 3))
    for number in range(count):
        x = (number + 0.5) / count + rng.uniform(-0.06, 0.06)
        _person(sheet, rng, x, rng.uniform(0.32, 0.48), rng.uniform(0.14, 0.26) / count**0.4)
    return lamplight(soft(sheet.done(), rng.uniform(0.3, 0.8)), rng, 0.5)
