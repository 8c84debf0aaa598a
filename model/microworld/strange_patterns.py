"""Strange pictures of nothing in particular: noise, stuff close up, crowds of shapes, paintings."""

from __future__ import annotations

import math
import random
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops

from model.microworld.strange_tools import (
    Ink,
    Sheet,
    blob,
    cloud,
    gradient,
    lamplight,
    muted,
    near,
    shade,
    soft,
    stained,
)


def noise(rng: random.Random, size_px: int) -> Image.Image:
    """Coloured clouds of several octaves, from large soft ones to grain."""
    first, count = rng.choice((3, 5, 8, 14)), rng.randint(1, 4)
    cells = [(first * 2**number, first * 2**number) for number in range(count)]
    colours = cloud(rng, size_px, cells)
    if rng.random() < 0.5:
        return colours
    grey = cloud(rng, size_px, cells, "L")
    return stained(grey, muted(rng, 0.0, 0.6, 0.9), muted(rng, 0.4, 1.0, 0.9))


def marble(rng: random.Random, size_px: int) -> Image.Image:
    """Folded noise: veins, flames or smoke, where clouds cross their middle grey."""
    first = rng.choice((3, 4, 6))
    cells = [(first * 2**number, first * 2**number) for number in range(4)]
    table = [round(min(255, abs(value - 128) * 3.2)) for value in range(256)]
    folded = cloud(rng, size_px, cells, "L").point(table)
    return stained(folded, muted(rng, 0.0, 0.9, 1.0), muted(rng, 0.3, 1.0, 0.8))


def wood(rng: random.Random, size_px: int) -> Image.Image:
    """Boards close up: grain along one side, seams, a knot or two."""
    brown: Ink = near(rng, rng.choice(((150, 104, 66), (196, 160, 116), (104, 74, 54))), 20)
    along = rng.randint(20, 50)
    grain = cloud(rng, size_px, ((2, along), (4, along * 2), (9, along)), "L")
    sheet = Sheet(size_px, stained(grain, shade(brown, 0.5), shade(brown, 1.35)))
    for _ in range(rng.randint(0, 4)):
        x, y = rng.random(), rng.random()
        for ring in (0.06, 0.045, 0.03, 0.015):
            sheet.oval(x, y, ring * 1.8, ring, shade(near(rng, brown, 6), 0.45 + ring * 6))
    for number in range(rng.choice((0, 3, 4, 6))):
        y = (number + rng.uniform(-0.1, 0.1)) / 5
        sheet.line([(0, y), (1, y)], shade(brown, 0.3), 0.012)
    picture = lamplight(sheet.done(), rng, 0.4)
    return picture.transpose(Image.Transpose.TRANSPOSE) if rng.random() < 0.5 else picture


def fabric(rng: random.Random, size_px: int) -> Image.Image:
    """Cloth close up: warp and weft, folds that catch the light."""
    ink = muted(rng, 0.2, 0.95, 0.9)
    pitch = rng.choice((2, 3, 4))
    rows = np.arange(size_px)[:, None] // pitch
    columns = np.arange(size_px)[None, :] // pitch
    weave = (rows + columns * rng.choice((1, 2, 3))) % rng.choice((2, 3, 4)) * 40
    threads = Image.fromarray((140 + weave).astype(np.uint8))
    fibres = cloud(rng, size_px, ((size_px // 2, 6), (6, size_px // 2)), "L")
    folds = cloud(rng, size_px, ((2, 3), (4, 6)), "L")
    grey = Image.blend(Image.blend(threads, fibres, 0.35), folds, rng.uniform(0.3, 0.6))
    return stained(grey, shade(ink, 0.3), shade(ink, 1.4))


def stone(rng: random.Random, size_px: int) -> Image.Image:
    """Ground close up: pebbles, gravel, or a wall of stones or bricks with joints."""
    base = muted(rng, 0.35, 0.75, 0.35)
    sheet = Sheet(size_px, stained(cloud(rng, size_px, ((40, 40),), "L"), shade(base, 0.3), base))
    if rng.random() < 0.4:
        high, wide = rng.uniform(0.08, 0.16), rng.uniform(0.18, 0.34)
        for line in range(round(1 / high) + 1):
            for number in range(-1, round(1 / wide) + 2):
                x, y = (number + line % 2 / 2) * wide, line * high
                brick = near(rng, base, 22)
                sheet.box(x + 0.008, y + 0.008, x + wide - 0.008, y + high - 0.008, brick)
    else:
        reach = rng.uniform(0.03, 0.12)
        for _ in range(min(110, round(1.3 / reach**2))):
            x, y, ink = (
                rng.random(),
                rng.random(),
                shade(near(rng, base, 12), rng.uniform(0.6, 1.5)),
            )
            sheet.shape(blob(rng, x + reach / 8, y + reach / 6, reach, 7), shade(ink, 0.4))
            sheet.shape(blob(rng, x, y, reach * 0.9, 7), ink)
    rough = stained(
        cloud(rng, size_px, ((24, 24), (60, 60)), "L"), shade(base, 0.5), (255, 255, 255)
    )
    return lamplight(ImageChops.multiply(sheet.done(), rough), rng, 0.3)


def stripes(rng: random.Random, size_px: int) -> Image.Image:
    """Stripes, plaid or chequers of two to five colours at any angle."""
    inks = [muted(rng, 0.1, 1.0, 0.9) for _ in range(rng.randint(2, 5))]
    sheet = Sheet(size_px, inks[0])
    angle, pitch = rng.uniform(0, math.pi), rng.uniform(0.04, 0.16)
    for turn in (angle, angle + math.pi / 2)[: rng.randint(1, 2)]:
        across, along = math.cos(turn), math.sin(turn)
        for number in range(round(-0.8 / pitch), round(0.8 / pitch) + 1):
            x, y = 0.5 + across * number * pitch, 0.5 + along * number * pitch
            ends = [(x - along, y + across), (x + along, y - across)]
            share = 0.2 + 0.6 * ((number * 7) % 5) / 5
            sheet.line(ends, inks[number % len(inks)], pitch * share)
    if rng.random() < 0.4:
        return lamplight(sheet.done(), rng, 0.5)
    return sheet.done()


def tiles(rng: random.Random, size_px: int) -> Image.Image:
    """A wallpaper or mosaic: one small figure in many places, or many small coloured squares."""
    inks = [muted(rng, 0.2, 1.0, 0.9) for _ in range(rng.randint(3, 6))]
    sheet, count = Sheet(size_px, inks[0]), rng.randint(5, 14)
    figure, pitch = rng.randrange(4), 1 / count
    for line in range(count + 1):
        for number in range(count + 1):
            x, y = (number + line % 2 * (figure % 2) / 2) * pitch, line * pitch
            ink = (
                inks[(line * 3 + number * 5) % len(inks)] if figure < 3 else near(rng, inks[1], 60)
            )
            if figure == 0:
                sheet.oval(x, y, pitch * 0.35, pitch * 0.35, ink)
            elif figure == 1:
                sheet.shape([(x, y - pitch / 2), (x + pitch / 2, y), (x, y + pitch / 2),
                             (x - pitch / 2, y)], ink)  # fmt: skip
            elif figure == 2:
                sheet.line([(x, y), (x + pitch, y + pitch / 2), (x, y + pitch)], ink, 0.02)
            else:
                sheet.box(x, y, x + pitch * 0.92, y + pitch * 0.92, ink)
    return sheet.done()


def crowd(rng: random.Random, size_px: int) -> Image.Image:
    """Twenty to eighty figures of every size over each other, without any order."""
    sheet = Sheet(size_px, muted(rng, 0.1, 1.0))
    for _ in range(rng.randint(20, 80)):
        x, y, reach, ink = (
            rng.random(),
            rng.random(),
            rng.uniform(0.03, 0.2),
            muted(rng, 0.1, 1.0, 1.0),
        )
        kind = rng.randrange(4)
        if kind == 0:
            sheet.oval(x, y, reach, reach * rng.uniform(0.2, 1.0), ink)
        elif kind == 1:
            sheet.box(x, y, x + reach, y + reach * rng.uniform(0.2, 2.0), ink)
        elif kind == 2:
            sheet.shape(blob(rng, x, y, reach, rng.randint(3, 9)), ink)
        else:
            ends = [(x, y), (x + rng.uniform(-0.4, 0.4), y + rng.uniform(-0.4, 0.4))]
            sheet.line(ends, ink, rng.uniform(0.01, 0.05))
    return sheet.done()


def painting(rng: random.Random, size_px: int) -> Image.Image:
    """An abstract painting: fields of colour, or many brush strokes that follow a flow."""
    ground = gradient(muted(rng, 0.2, 1.0, 0.9), muted(rng, 0.2, 1.0, 0.9), size_px)
    sheet = Sheet(size_px, ground)
    if rng.random() < 0.4:
        for _ in range(rng.randint(3, 8)):
            x, y, ink = rng.uniform(-0.2, 0.8), rng.uniform(-0.2, 0.8), muted(rng, 0.0, 1.0, 1.0)
            sheet.box(x, y, x + rng.uniform(0.15, 0.7), y + rng.uniform(0.1, 0.5), ink)
            sheet.line([(x, y), (x, 1.0)], (24, 24, 28), 0.015)
        return lamplight(sheet.done(), rng, 0.2)
    turn, bend, inks = (
        rng.uniform(0, 6),
        rng.uniform(-5, 5),
        [muted(rng, 0.1, 1, 1.0) for _ in "12345"],
    )
    for _ in range(rng.randint(90, 170)):
        x, y, ink = rng.random(), rng.random(), near(rng, rng.choice(inks), 24)
        angle, long = turn + bend * (x - 0.5) * (y + 0.3), rng.uniform(0.04, 0.16)
        end = (x + long * math.cos(angle), y + long * math.sin(angle))
        sheet.line([(x, y), end], ink, rng.uniform(0.012, 0.045))
    return sheet.done()


@lru_cache(maxsize=4)
def _plane(size_px: int) -> np.ndarray[tuple[int, ...], np.dtype[np.complex64]]:
    line = np.linspace(-1, 1, size_px, dtype=np.float32)
    return (line[None, :] + 1j * line[:, None]).astype(np.complex64)


def fractal(rng: random.Random, size_px: int) -> Image.Image:
    """A Julia set near its edge: how soon z² + c runs away, in two or three colours."""
    side = size_px // 2
    turn, zoom = rng.uniform(0, math.tau), rng.uniform(0.4, 1.5)
    middle = complex(rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5))
    angle = rng.uniform(0, math.tau)
    c = 0.5 * np.exp(1j * angle) - 0.25 * np.exp(2j * angle) + rng.uniform(0.0, 0.06)
    z = (_plane(side) * zoom * np.exp(1j * turn) + middle).astype(np.complex64)
    steps, c = np.zeros(z.shape, np.float32), np.complex64(c)
    for _ in range(18):
        z = z * z + c
        size = np.abs(z)
        steps += size < 2
        z = np.where(size > 8, np.complex64(8), z)
    grey = Image.fromarray((steps * rng.uniform(8, 14)).clip(0, 255).astype(np.uint8))
    bright = grey.resize((size_px, size_px), Image.Resampling.BICUBIC)
    return stained(bright, muted(rng, 0.0, 0.6, 1.0), muted(rng, 0.4, 1.0, 1.0))


def heap(rng: random.Random, size_px: int) -> Image.Image:
    """Lumps without a name, shaded as in a photograph and cut off at the border."""
    behind = Image.blend(cloud(rng, size_px, ((4, 4), (10, 10))),
                         Image.new("RGB", (size_px, size_px), muted(rng)), 0.6)  # fmt: skip
    sheet, base = Sheet(size_px, behind), muted(rng, 0.2, 0.9, 0.8)
    for _ in range(rng.randint(6, 22)):
        x, y, reach = rng.random(), rng.uniform(0.25, 1.1), rng.uniform(0.08, 0.26)
        ink = near(rng, base, 50)
        sheet.oval(x + reach * 0.1, y + reach * 0.2, reach, reach * 0.95, shade(ink, 0.25))
        outline = blob(rng, x, y, reach, 12)
        for step in range(5):
            part = 1 - step * 0.18
            lift = reach * step * 0.07
            spot = [(x + (px - x) * part - lift, y + (py - y) * part - lift) for px, py in outline]
            sheet.shape(spot, shade(ink, 0.55 + step * 0.17))
    return lamplight(soft(sheet.done(), rng.uniform(0.3, 1.2)), rng, 0.4)
