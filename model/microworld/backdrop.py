"""What lies behind a drawn thing and how it is lit: the variation that every picture shares."""

from __future__ import annotations

import random
from functools import lru_cache

from PIL import Image, ImageFilter

_TONES = (
    (250, 249, 245), (238, 236, 230), (226, 232, 240), (222, 236, 226), (243, 229, 220),
    (236, 226, 240), (250, 240, 205), (205, 216, 228), (190, 205, 190), (214, 200, 184),
    (172, 182, 196), (150, 160, 150), (120, 130, 148), (92, 100, 116), (62, 70, 84), (120, 96, 80),
)  # fmt: skip
"""Tables, walls, grass and cloth: from white paper to a dark desk."""


def _tone(rng: random.Random) -> tuple[int, int, int]:
    base = rng.choice(_TONES)
    red, green, blue = (max(0, min(255, part + rng.randint(-12, 12))) for part in base)
    return red, green, blue


def backdrop(rng: random.Random, size_px: int) -> Image.Image:
    """An RGB background: one colour, a soft gradient of two, or a soft texture."""
    style = rng.random()
    first = _tone(rng)
    if style < 0.4:
        return Image.new("RGB", (size_px, size_px), first)
    if style < 0.75:
        spread = rng.randint(10, 45)
        corners = bytes(
            max(0, min(255, part + rng.randint(-spread, spread)))
            for _ in range(4)
            for part in first
        )
        seed = Image.frombytes("RGB", (2, 2), corners)
    else:
        side, rough = rng.choice((5, 8, 12)), rng.randint(5, 16)
        steps = [rng.randint(-rough, rough) for _ in range(side * side)]
        grain = bytes(max(0, min(255, part + step)) for step in steps for part in first)
        seed = Image.frombytes("RGB", (side, side), grain)
    return seed.resize((size_px, size_px), Image.Resampling.BILINEAR)


@lru_cache(maxsize=256)
def _light(brightness: int, contrast: int) -> list[int]:
    """A lookup table for three bands; both in hundredths of one."""
    one = [
        max(0, min(255, round((value - 128) * contrast / 100 + 128 * brightness / 100)))
        for value in range(256)
    ]
    return one * 3


def photograph(canvas: Image.Image, rng: random.Random) -> Image.Image:
    """The picture under another light, and sometimes a little out of focus."""
    brightness, contrast = rng.randrange(84, 117, 4), rng.randrange(80, 117, 4)
    lit = canvas.point(_light(brightness, contrast))
    if rng.random() < 0.25:
        lit = lit.filter(ImageFilter.GaussianBlur(rng.choice((0.4, 0.7, 1.0))))
    return lit
