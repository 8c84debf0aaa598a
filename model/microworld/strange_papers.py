"""Strange pictures of paper and screens: text, windows, charts, maps, codes, scribbles."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from model.microworld.strange_tools import Ink, Sheet, blob, lamplight, muted, near, shade

_BILINEAR = Image.Resampling.BILINEAR
_INKS: tuple[Ink, ...] = ((30, 30, 34), (40, 60, 120), (90, 30, 40), (70, 70, 74))
_PAPERS: tuple[Ink, ...] = ((250, 249, 245), (240, 236, 224), (222, 218, 208), (34, 36, 42))
_LETTERS = "aabcdeeefghiijklmnoooprsttuuvwyz0123456789"


def _word(rng: random.Random) -> str:
    return "".join(rng.choices(_LETTERS, k=rng.randint(2, 9)))


def _inks(rng: random.Random) -> tuple[Ink, Ink]:
    """A paper and an ink that shows on it."""
    paper = rng.choice(_PAPERS)
    return near(rng, paper, 6), (226, 228, 230) if paper[0] < 100 else rng.choice(_INKS)


@lru_cache(maxsize=1)
def _galley() -> Image.Image:
    """Grey lines of made-up words, 480 pixels wide and high: white paper, written on once."""
    rng, galley = random.Random(20), Image.new("L", (480, 480))
    pen = ImageDraw.Draw(galley)
    for line in range(34):
        indent = 24 if rng.random() < 0.15 else 0
        words = " ".join(_word(rng) for _ in range(rng.choice((9, 16, 16, 16))))
        pen.text((indent, line * 14), words, 255)
    return galley


def page(rng: random.Random, size_px: int) -> Image.Image:
    """A page of a book, letter or form, from far or near: lines of words, a heading, a picture."""
    paper, ink = _inks(rng)
    cut, margin = rng.randint(90, 330), rng.choice((0.0, 0.06, 0.12))
    left, top = rng.randint(0, 480 - cut), rng.randint(0, 480 - cut)
    words = _galley().crop((left, top, left + cut, top + cut))
    canvas, side = Image.new("RGB", (size_px, size_px), paper), round(size_px * (1 - 2 * margin))
    mask = words.resize((side, side), Image.Resampling.BOX if cut > side else _BILINEAR)
    start = (size_px - side) // 2
    canvas.paste(ink, (start, start), mask)
    sheet = Sheet(size_px, canvas)
    if rng.random() < 0.4:
        y, high = rng.uniform(0.05, 0.6), rng.uniform(0.05, 0.35)
        sheet.box(0.1, y, 0.9, y + high, paper)
        sheet.box(0.1, y + 0.02, rng.uniform(0.3, 0.9), y + high - 0.02, muted(rng, 0.2, 0.9))
    if rng.random() < 0.3:
        gap = rng.uniform(0.4, 0.6)
        sheet.box(gap, 0, gap + 0.04, 1, paper)
    return lamplight(sheet.done(), rng, rng.choice((0.0, 0.3, 0.6)))


def screenshot(rng: random.Random, size_px: int) -> Image.Image:
    """A screen: title bar, side list, cards with lines of text, buttons, fields."""
    paper, ink = _inks(rng)
    sheet, accent = Sheet(size_px, paper), muted(rng, 0.5, 0.95, 1.0)
    sheet.box(0, 0, 1, 0.08, shade(accent, rng.uniform(0.4, 1.0)))
    sheet.write(0.04, 0.01, _word(rng), (250, 250, 250))
    left = rng.choice((0.0, 0.25, 0.3))
    sheet.box(0, 0.08, left, 1, shade(paper, 0.9))
    for number in range(8):
        sheet.box(0.03, 0.14 + number * 0.09, left - 0.05, 0.165 + number * 0.09, shade(ink, 1.6))
    y = 0.13
    while y < 0.95:
        high = rng.uniform(0.1, 0.3)
        sheet.box(left + 0.04, y, 0.96, y + high, shade(paper, 0.94))
        kind = rng.randrange(3)
        if kind == 0:
            sheet.box(
                left + 0.06, y + 0.03, left + 0.22, y + high - 0.03, muted(rng, 0.2, 0.9, 0.9)
            )
        for number in range(int(high / 0.05) - 1):
            start = left + (0.26 if kind == 0 else 0.07)
            end = start + rng.uniform(0.15, 0.6)
            sheet.box(
                start, y + 0.03 + number * 0.05, min(0.92, end), y + 0.05 + number * 0.05, ink
            )
        if kind == 2:
            sheet.box(0.7, y + high - 0.07, 0.93, y + high - 0.02, accent)
        y += high + 0.03
    return sheet.done()


def chart(rng: random.Random, size_px: int) -> Image.Image:
    """A chart: bars, lines, a scatter of points or rings, with axes, a grid and numbers."""
    paper, ink = _inks(rng)
    sheet, kind, count = Sheet(size_px, paper), rng.randrange(4), rng.randint(4, 12)
    inks = [muted(rng, 0.3, 0.9, 1.0) for _ in range(4)]
    for number in range(rng.choice((0, 6))):
        y = 0.1 + number * 0.15
        sheet.line([(0.12, y), (0.96, y)], near(rng, (190, 190, 190), 20), 0.004)
        sheet.write(0.0, y - 0.03, str(rng.randint(1, 99)), ink)
    if kind == 0:
        for number in range(count):
            x, wide = 0.14 + number * 0.8 / count, 0.55 / count
            sheet.box(x, rng.uniform(0.15, 0.8), x + wide, 0.87, inks[number % rng.choice((1, 3))])
    elif kind == 1:
        for part in range(rng.randint(1, 4)):
            y, points = rng.uniform(0.3, 0.7), []
            for number in range(count + 1):
                y = max(0.1, min(0.86, y + rng.uniform(-0.16, 0.16)))
                points.append((0.12 + number * 0.84 / count, y))
            sheet.line(points, inks[part], 0.016)
    elif kind == 2:
        for _ in range(rng.randint(30, 90)):
            x = rng.uniform(0.14, 0.95)
            y = 0.5 + (0.5 - x) * 0.6 + rng.gauss(0, 0.12)
            sheet.oval(x, max(0.08, min(0.86, y)), 0.014, 0.014, rng.choice(inks[:2]))
    else:
        for line in range(9):
            for number in range(10):
                cell = shade(inks[0], rng.uniform(0.3, 1.8))
                x, y = 0.12 + number * 0.084, 0.1 + line * 0.085
                sheet.box(x, y, x + 0.082, y + 0.083, cell)
    sheet.line([(0.12, 0.06), (0.12, 0.88), (0.97, 0.88)], ink, 0.01)
    sheet.write(0.3, 0.9, f"{_word(rng)} {_word(rng)}", ink)
    return sheet.done()


def town_map(rng: random.Random, size_px: int) -> Image.Image:
    """A map: blocks of houses, parks, a river, streets of two widths, names."""
    land = near(rng, (238, 234, 224), 10)
    sheet = Sheet(size_px, land)
    for _ in range(rng.randint(2, 6)):
        ink = near(rng, rng.choice(((196, 222, 180), (216, 210, 200), (170, 206, 230))), 12)
        sheet.shape(blob(rng, rng.random(), rng.random(), rng.uniform(0.1, 0.25), 8), ink)
    y, river = rng.random(), []
    for number in range(9):
        y += rng.uniform(-0.1, 0.1)
        river.append((number / 8, y))
    sheet.line(river, near(rng, (150, 196, 226), 12), rng.uniform(0.03, 0.08))
    turn, pitch = rng.uniform(0, math.pi), rng.uniform(0.1, 0.22)
    for angle in (turn, turn + math.pi / 2 + rng.uniform(-0.2, 0.2)):
        across, along = math.cos(angle), math.sin(angle)
        for number in range(-7, 8):
            far = (number + rng.uniform(-0.2, 0.2)) * pitch
            x, y = 0.5 + across * far, 0.5 + along * far
            ends = [(x - along, y + across), (x + along, y - across)]
            width = rng.choice((0.012, 0.012, 0.03))
            sheet.line(ends, (190, 180, 170), width + 0.01)
            sheet.line(ends, (250, 214, 130) if width > 0.02 else (255, 255, 255), width)
    for _ in range(rng.randint(1, 5)):
        sheet.write(rng.uniform(0, 0.7), rng.random(), _word(rng), (70, 70, 80))
    return sheet.done()


def code(rng: random.Random, size_px: int) -> Image.Image:
    """Machine-readable marks: a square of black and white cells, or bars of different width."""
    paper, ink = _inks(rng)
    sheet, cells = Sheet(size_px, paper), rng.randint(11, 33)
    if rng.random() < 0.3:
        x = 0.06
        while x < 0.94:
            wide = rng.choice((0.008, 0.016, 0.024))
            sheet.box(x, 0.2, x + wide, 0.75, ink)
            x += wide + rng.choice((0.008, 0.016, 0.024))
        sheet.write(0.2, 0.8, _word(rng), ink)
        return lamplight(sheet.done(), rng, 0.3)
    marks = np.frombuffer(rng.randbytes(cells * cells), np.uint8).reshape(cells, cells) > 127
    mask = Image.fromarray((marks * 255).astype(np.uint8))
    side, start = round(sheet.side * rng.uniform(0.7, 1.1)), round(sheet.side * 0.04)
    sheet.image.paste(ink, (start, start), mask.resize((side, side), Image.Resampling.NEAREST))
    edge, cell = start / sheet.side, side / sheet.side / cells
    for x, y in ((0, 0), (cells - 7, 0), (0, cells - 7)):
        left, top = edge + x * cell, edge + y * cell
        for inset, colour in ((0, ink), (1, paper), (2, ink)):
            far = (7 - inset) * cell
            sheet.box(left + inset * cell, top + inset * cell, left + far, top + far, colour)
    return lamplight(sheet.done(), rng, 0.4)


def scribble(rng: random.Random, size_px: int) -> Image.Image:
    """A sketch or scribble: long wandering lines, loops, hatching in one or a few pens."""
    paper, ink = _inks(rng)
    sheet = Sheet(size_px, paper)
    inks = [ink] if rng.random() < 0.5 else [muted(rng, 0.1, 0.8, 1.0) for _ in range(3)]
    for _ in range(rng.randint(2, 9)):
        x, y, angle, points = rng.random(), rng.random(), rng.uniform(0, 6.3), []
        bend, pace = rng.uniform(-0.5, 0.5), rng.uniform(0.02, 0.08)
        for _ in range(rng.randint(10, 60)):
            points.append((x, y))
            angle += bend + rng.uniform(-0.6, 0.6)
            x, y = x + pace * math.cos(angle), y + pace * math.sin(angle)
        sheet.line(points, rng.choice(inks), rng.choice((0.006, 0.012, 0.02)))
    if rng.random() < 0.4:
        x, y, slope = rng.uniform(0, 0.6), rng.uniform(0, 0.6), rng.uniform(-0.3, 0.3)
        for number in range(rng.randint(8, 25)):
            at = x + number * 0.016
            sheet.line([(at, y), (at + slope, y + rng.uniform(0.2, 0.4))], inks[0], 0.006)
    return sheet.done()


def collage(
    rng: random.Random, size_px: int, parts: tuple[Callable[[random.Random, int], Image.Image], ...]
) -> Image.Image:
    """Two to five pictures of other kinds, cut out, side by side or over each other."""
    canvas = rng.choice(parts)(rng, size_px).copy()
    for _ in range(rng.randint(1, 3)):
        wide, high = (round(size_px * rng.uniform(0.3, 0.75)) for _ in range(2))
        scrap = rng.choice(parts)(rng, size_px).crop((0, 0, wide, high))
        canvas.paste(
            scrap, (rng.randint(-10, size_px - wide + 10), rng.randint(-10, size_px - high + 10))
        )
    return canvas
