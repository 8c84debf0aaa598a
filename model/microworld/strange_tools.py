"""What all strange pictures are made with: muted colours, clouds of noise, light, a bad camera."""

from __future__ import annotations

import colorsys
import io
import math
import random
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Ink = tuple[int, int, int]
Point = tuple[float, float]
_SUPERSAMPLING = 2
_BILINEAR, _BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC


def muted(rng: random.Random, low: float = 0.2, high: float = 0.95, colour: float = 0.5) -> Ink:
    """A colour as things have it in a photograph: any hue, seldom a strong one.

    ``low`` and ``high`` bound its brightness, ``colour`` its saturation, all between 0 and 1.
    """
    strength = colour * rng.random() ** 1.5
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), strength, rng.uniform(low, high))
    return round(red * 255), round(green * 255), round(blue * 255)


def near(rng: random.Random, ink: Ink, spread: int = 14) -> Ink:
    """A colour close to ``ink``: each part differs by at most ``spread``."""
    red, green, blue = (max(0, min(255, part + rng.randint(-spread, spread))) for part in ink)
    return red, green, blue


def shade(ink: Ink, factor: float) -> Ink:
    """The colour in shadow (``factor`` below 1) or in light (above 1)."""
    red, green, blue = (max(0, min(255, round(part * factor))) for part in ink)
    return red, green, blue


def gradient(top: Ink, bottom: Ink, size_px: int) -> Image.Image:
    """An RGB picture that goes from one colour down to another."""
    return Image.frombytes("RGB", (1, 2), bytes((*top, *bottom))).resize(
        (size_px, size_px), _BILINEAR
    )


def cloud(
    rng: random.Random, size_px: int, cells: Sequence[tuple[int, int]], mode: str = "RGB"
) -> Image.Image:
    """Smooth noise: one octave for each (columns, rows), from coarse to fine, half as strong each.

    ``mode`` is RGB for coloured noise or L for grey.
    """
    canvas: Image.Image | None = None
    for number, (columns, rows) in enumerate(cells):
        grain = rng.randbytes(columns * rows * len(mode))
        layer = Image.frombytes(mode, (columns, rows), grain)
        layer = layer.resize((size_px, size_px), _BICUBIC)
        canvas = layer if canvas is None else Image.blend(canvas, layer, 0.5 ** (0.5 + number / 2))
    if canvas is None:
        raise ValueError("A cloud has at least one octave, not 0.")
    return canvas


def stained(grey: Image.Image, dark: Ink, bright: Ink) -> Image.Image:
    """A grey picture dyed: black becomes ``dark``, white becomes ``bright``."""
    table = [
        round(start + (end - start) * value / 255)
        for start, end in zip(dark, bright, strict=True)
        for value in range(256)
    ]
    return Image.merge("RGB", (grey, grey, grey)).point(table)


class Sheet:
    """A canvas in unit coordinates, (0, 0) above left and (1, 1) below right, with smooth edges."""

    def __init__(self, size_px: int, ground: Ink | Image.Image) -> None:
        self.side = size_px * _SUPERSAMPLING
        if isinstance(ground, Image.Image):
            self.image = ground.resize((self.side, self.side), _BILINEAR)
        else:
            self.image = Image.new("RGB", (self.side, self.side), ground)
        self.pen = ImageDraw.Draw(self.image)

    def box(self, left: float, top: float, right: float, bottom: float, ink: Ink) -> None:
        """Fill a rectangle; one that has no extent is left out."""
        if right > left and bottom > top:
            side = self.side
            self.pen.rectangle((left * side, top * side, right * side, bottom * side), ink)

    def oval(self, x: float, y: float, wide: float, high: float, ink: Ink) -> None:
        """Fill an ellipse around (x, y); ``wide`` and ``high`` are its half axes."""
        side, wide, high = self.side, abs(wide), abs(high)
        self.pen.ellipse(
            ((x - wide) * side, (y - high) * side, (x + wide) * side, (y + high) * side), ink
        )

    def shape(self, points: Sequence[Point], ink: Ink) -> None:
        """Fill a polygon."""
        self.pen.polygon([(x * self.side, y * self.side) for x, y in points], ink)

    def line(self, points: Sequence[Point], ink: Ink, width: float = 0.01) -> None:
        """Draw through all points; ``width`` is a share of the side."""
        thick = max(1, round(width * self.side))
        self.pen.line([(x * self.side, y * self.side) for x, y in points], ink, thick)

    def write(self, x: float, y: float, words: str, ink: Ink) -> None:
        """Write one line, its upper left corner at (x, y), in the small built-in font."""
        self.pen.text((x * self.side, y * self.side), words, ink)

    def veil(self, texture: Image.Image, points: Sequence[Point], strength: int = 255) -> None:
        """Lay a texture over a polygon; ``strength`` goes up to 255, which covers all."""
        mask = Image.new("L", (self.side, self.side))
        ImageDraw.Draw(mask).polygon([(x * self.side, y * self.side) for x, y in points], strength)
        self.image.paste(texture.resize((self.side, self.side), _BILINEAR), (0, 0), mask)

    def done(self) -> Image.Image:
        """The picture in its final size."""
        return self.image.reduce(_SUPERSAMPLING)


def blob(rng: random.Random, x: float, y: float, reach: float, corners: int = 9) -> list[Point]:
    """A ragged outline around (x, y)."""
    turn = rng.random() * math.tau
    points = []
    for number in range(corners):
        angle, far = turn + number * math.tau / corners, reach * rng.uniform(0.65, 1.15)
        points.append((x + far * math.cos(angle), y + far * math.sin(angle)))
    return points


@lru_cache(maxsize=64)
def _exposed(percent: int) -> list[int]:
    """A lookup table for three bands that brightens, gently where it is bright already."""
    power = 100 / percent
    return [round(255 * (value / 255) ** power) for value in range(256)] * 3


def lamplight(canvas: Image.Image, rng: random.Random, depth: float = 0.5) -> Image.Image:
    """The picture in uneven light: bright in some corners, darker by up to ``depth`` in others.

    The exposure differs, too: what a camera does about the dark parts.
    """
    floor = round(255 * (1 - depth))
    light = bytes(rng.randint(floor, 255) for _ in range(9))
    veil = Image.frombytes("L", (3, 3), light).resize(canvas.size, _BICUBIC)
    lit = ImageChops.multiply(canvas, Image.merge("RGB", (veil, veil, veil)))
    return lit.point(_exposed(rng.randrange(90, 110 + round(90 * depth), 5)))


def framed(canvas: Image.Image, rng: random.Random) -> Image.Image:
    """The picture from a hand-held camera: turned by up to 9°, and nearer by up to 1.7 times."""
    size, angle = canvas.width, math.radians(rng.uniform(-9, 9))
    zoom = 1 / (rng.uniform(1.0, 1.7) * (abs(math.cos(angle)) + abs(math.sin(angle))))
    across, along = math.cos(angle) * zoom, math.sin(angle) * zoom
    reach = (1 - zoom * (abs(math.cos(angle)) + abs(math.sin(angle)))) / 2
    x, y = (size * (0.5 + rng.uniform(-reach, reach)) for _ in range(2))
    middle = size / 2
    matrix = (
        across, along, x - (across + along) * middle,
        -along, across, y - (across - along) * middle,
    )  # fmt: skip
    return canvas.transform(canvas.size, Image.Transform.AFFINE, matrix, _BILINEAR)


def camera(canvas: Image.Image, rng: random.Random) -> Image.Image:
    """What a cheap camera adds: a tint, darker corners, noise, and now and then JPEG blocks.

    It fits any RGB picture, known ones too: then noise alone does not tell a strange one.
    """
    warm = rng.uniform(-0.14, 0.14)
    gains = np.array([1 + warm, 1 + rng.uniform(-0.04, 0.04), 1 - warm], np.float32)
    size = canvas.width
    values = np.asarray(canvas, np.float32) * gains
    if rng.random() < 0.5:
        ramp = np.linspace(-1, 1, size, dtype=np.float32) ** 2
        values *= 1 - rng.uniform(0.08, 0.3) * (ramp[:, None, None] + ramp[None, :, None]) / 2
    grains = np.frombuffer(rng.randbytes(values.size), np.uint8).reshape(values.shape)
    values += (grains.astype(np.float32) - 127.5) * rng.uniform(0.0, 0.14)
    shot = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if rng.random() < 0.4:
        file = io.BytesIO()
        shot.save(file, "JPEG", quality=rng.randrange(30, 91, 10))
        shot = Image.open(file).convert("RGB")
    return shot


def soft(canvas: Image.Image, reach_px: float) -> Image.Image:
    """The picture out of focus."""
    return canvas.filter(ImageFilter.GaussianBlur(reach_px))


def haze(far: Image.Image, close: Image.Image, horizon: float, rng: random.Random) -> Image.Image:
    """Two pictures of one place, the first above and the second below a soft edge."""
    edge = max(0.02, rng.uniform(0.05, 0.3))
    ramp = (np.linspace(0, 1, far.height) - horizon) / edge
    mask = Image.fromarray(np.clip(ramp * 255, 0, 255).astype(np.uint8)[:, None])
    return Image.composite(close, far, mask.resize(far.size))
