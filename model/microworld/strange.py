"""Pictures of nothing that the world knows, so that the student learns to say so.

Drawn stand-ins for what people really upload: rooms, kitchens, streets, faces, screens, paper,
stuff close up, abstract pictures. None shows one drawn thing, a scene of blocks or a round sign.
Some kinds are for training; others are held out, so that a test asks about what was never trained.
Everything is a pure function of the ``random.Random`` that is passed in.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from PIL import Image

from model.errors import InputError
from model.microworld import strange_outdoors as outdoors
from model.microworld import strange_papers as papers
from model.microworld import strange_patterns as patterns
from model.microworld import strange_rooms as rooms
from model.microworld.backdrop import photograph
from model.microworld.strange_tools import camera, framed, soft

Painter = Callable[[random.Random, int], Image.Image]
"""Paints an RGB picture of a size in pixels."""

_TRAINED: dict[str, Painter] = {
    "room": rooms.room,
    "kitchen": rooms.kitchen,
    "worktop": rooms.worktop,
    "hills": outdoors.hills,
    "street": outdoors.street,
    "water": outdoors.water,
    "lights": outdoors.lights,
    "people": outdoors.people,
    "noise": patterns.noise,
    "wood": patterns.wood,
    "stone": patterns.stone,
    "stripes": patterns.stripes,
    "tiles": patterns.tiles,
    "crowd": patterns.crowd,
    "painting": patterns.painting,
    "heap": patterns.heap,
    "page": papers.page,
    "chart": papers.chart,
    "scribble": papers.scribble,
}


def _collage(rng: random.Random, size_px: int) -> Image.Image:
    return papers.collage(rng, size_px, (rooms.shelves, outdoors.woods, patterns.fabric))


_HELD_OUT: dict[str, Painter] = {
    "shelves": rooms.shelves,
    "woods": outdoors.woods,
    "night": outdoors.night,
    "marble": patterns.marble,
    "fabric": patterns.fabric,
    "fractal": patterns.fractal,
    "screenshot": papers.screenshot,
    "map": papers.town_map,
    "code": papers.code,
    "collage": _collage,
}
STRANGE_KINDS: dict[str, Painter] = {**_TRAINED, **_HELD_OUT}
"""What paints each kind."""
TRAINED_KINDS = tuple(_TRAINED)
"""For training and for choosing a threshold."""
HELD_OUT_KINDS = tuple(_HELD_OUT)
"""For tests only; a collage is made of held-out kinds."""


def draw_strange(
    rng: random.Random, size_px: int = 96, kinds: Sequence[str] | None = None
) -> Image.Image:
    """An RGB picture, ``size_px`` wide and high, of one of ``kinds`` (None: any trained kind).

    Two in three are reframed as by a moving hand, three in four stand under the light that known
    pictures have too, half have a camera's noise, one in ten is grey and one in ten out of focus.

    Raises: InputError if a kind is unknown or none is given, or if ``size_px`` is below 32.
    """
    chosen = TRAINED_KINDS if kinds is None else tuple(kinds)
    unknown = [kind for kind in chosen if kind not in STRANGE_KINDS]
    if unknown or not chosen:
        named = f"“{unknown[0]}” is not a kind" if unknown else "0 kinds were given"
        raise InputError(f"{named} of strange picture. Take some of: {', '.join(STRANGE_KINDS)}.")
    if size_px < 32:
        raise InputError(f"A strange picture has at least 32 pixels a side, not {size_px}.")
    canvas = STRANGE_KINDS[rng.choice(chosen)](rng, size_px)
    if rng.random() < 2 / 3:
        canvas = framed(canvas, rng)
    if rng.random() < 1 / 10:
        canvas = canvas.convert("L").convert("RGB")
    if rng.random() < 1 / 10:
        canvas = soft(canvas, rng.uniform(0.8, 2.5) * size_px / 96)
    if rng.random() < 3 / 4:
        canvas = photograph(canvas, rng)
    return camera(canvas, rng) if rng.random() < 1 / 2 else canvas
