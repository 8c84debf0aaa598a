"""How answers about blocks are judged: read back from words, executed, compared with the truth.

The measures are those of TRANCE (Hong et al. 2021, arXiv 2011.13160): of one step the accuracy of
object, attribute, value and all three; of several steps the distance to the true last scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from model.errors import InputError
from model.microworld.blocks import CELLS, PLACES, BlockAction, Scene, apply
from model.microworld.blocks_words import describe_answer, read_scene, read_steps

ATTRIBUTES = ("shape", "colour", "size", "fill", "place")


@dataclass(frozen=True)
class DescribeScore:
    """Whether a description is exact, and of how many true blocks each attribute was told."""

    exact: bool
    blocks: int
    right: dict[str, int]


@dataclass(frozen=True)
class ChangeScore:
    """Of one step: object, attribute and value right; ``all`` also if the effect is the same."""

    object: bool
    attribute: bool
    value: bool
    all: bool


@dataclass(frozen=True)
class EventScore:
    """Of several steps: cells that differ from the true last scene, right in some order, right."""

    distance: int
    loose: bool
    strict: bool


def score_description(said: str, scene: Scene) -> DescribeScore:
    """Judge a description of a scene; blocks are matched by where they are said to be."""
    told = dict(read_scene(said) or ())
    right = dict.fromkeys(ATTRIBUTES, 0)
    for cell, block in scene.blocks:
        below = scene.in_cell(cell)[0]
        found = told.get(PLACES[cell] if below is block else below.label)
        if found is None:
            continue
        right["place"] += 1
        for name in ATTRIBUTES[:-1]:
            right[name] += getattr(found, name) == getattr(block, name)
    return DescribeScore(said == describe_answer(scene), len(scene.blocks), right)


def score_change(said: str, before: Scene, after: Scene, truth: BlockAction) -> ChangeScore:
    """Judge what is said to have been done in one step."""
    steps = read_steps(said)
    if not steps or len(steps) > 1:
        return ChangeScore(object=False, attribute=False, value=False, all=False)
    thing, attribute, value = (
        mine == theirs
        for mine, theirs in zip(steps[0].transformation, truth.transformation, strict=True)
    )
    same = thing and attribute and value
    return ChangeScore(thing, attribute, value, same or _leads(before, steps, after))


def score_event(said: str, before: Scene, after: Scene) -> EventScore:
    """Judge what is said to have been done in several steps, by executing it."""
    steps = read_steps(said) or []
    reached = before
    feasible = bool(steps)
    for step in steps:
        try:
            reached = apply(reached, step)
        except InputError:
            feasible = False
            break
    strict = feasible and reached == after
    loose = strict or any(_leads(before, order, after) for order in permutations(steps))
    return EventScore(scene_distance(reached, after), loose, strict)


def scene_distance(first: Scene, second: Scene) -> int:
    """In how many cells two scenes differ."""
    return sum(first.in_cell(cell) != second.in_cell(cell) for cell in range(CELLS))


def _leads(before: Scene, steps: Sequence[BlockAction], after: Scene) -> bool:
    try:
        for step in steps:
            before = apply(before, step)
    except InputError:
        return False
    return before == after
