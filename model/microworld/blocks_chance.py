"""Scenes and actions drawn by chance, within the conditions of a split."""

from __future__ import annotations

import random
from functools import lru_cache

from model.errors import InputError
from model.microworld.blocks import (
    COLOURS,
    FILLS,
    PLACES,
    SHAPES,
    SIZES,
    VERBS,
    Block,
    BlockAction,
    Scene,
    Verb,
    apply,
)
from model.microworld.conditions import Conditions

ALONE: Verb = "reshape"
"""The verb that training shows only alone, never as one of several steps."""
CHANGING: tuple[Verb, ...] = ("paint", "resize", "reshape")
_STACKED = 0.15
_ATTEMPTS = 50


@lru_cache(maxsize=2)
def pairs(seen: bool) -> tuple[tuple[str, str], ...]:
    """The (colour, shape) pairs that training sees, or those that it never does: one a colour."""
    held_out = {
        (colour, SHAPES[(2 * number + number // 5 + 3) % len(SHAPES)])
        for number, colour in enumerate(COLOURS)
    }
    all_pairs = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    return tuple(pair for pair in all_pairs if (pair in held_out) != seen)


def _allowed(scene: Scene, conditions: Conditions) -> bool:
    """Whether no block of a scene looks as only another split's blocks may."""
    if conditions.pairs == "held out":
        return True
    known = pairs(True)
    return all((block.colour, block.shape) in known for _, block in scene.blocks)


def random_block(rng: random.Random, conditions: Conditions) -> Block:
    """Any block of the split, all pairs of colour and shape equally likely."""
    colour, shape = rng.choice(pairs(conditions.pairs == "seen"))
    return Block(shape, colour, rng.choice(SIZES), rng.choice(FILLS))  # type: ignore[arg-type]


def random_scene(
    rng: random.Random,
    conditions: Conditions,
    count: int | None = None,
    stacked: float = _STACKED,
) -> Scene:
    """Different blocks in different cells; now and then a small one lies on a large one.

    ``stacked`` is the share of scenes with one on another, where the blocks allow it.
    """
    count = rng.choice(conditions.blocks) if count is None else count
    blocks: list[Block] = []
    while len(blocks) < count:
        block = random_block(rng, conditions)
        if block not in blocks:
            blocks.append(block)
    cells = rng.sample(range(len(PLACES)), count)
    placed = list(zip(cells, blocks, strict=True))
    small = [item for item in placed if item[1].size == "small"]
    large = [item for item in placed if item[1].size == "large"]
    if small and large and rng.random() < stacked:
        top, below = rng.choice(small), rng.choice(large)
        placed[placed.index(top)] = (below[0], top[1])
    return Scene(tuple(placed))


def random_action(
    rng: random.Random,
    scene: Scene,
    conditions: Conditions,
    verbs: tuple[Verb, ...] = VERBS,
    spare: tuple[Block, ...] = (),
) -> BlockAction:
    """An action that is possible here; all verbs that are possible are about equally likely.

    The blocks in ``spare`` stay as they are. The scene that comes of it is one of the split's,
    and only a copy leaves two blocks alike.

    Raises: InputError if nothing was found in many attempts.
    """
    for _ in range(_ATTEMPTS):
        verb = rng.choice(verbs)
        for _ in range(8):
            action = _attempt(rng, scene, conditions, verb)
            if action is None or {action.block, action.other} & set(spare):
                continue
            try:
                after = apply(scene, action)
            except InputError:
                continue
            looks = [block for _, block in after.blocks]
            if verb != "copy" and len(set(looks)) < len(looks):
                continue
            if _allowed(after, conditions):
                return action
    raise InputError(f"Nothing can be done here with {', '.join(verbs)}.")


def _attempt(
    rng: random.Random, scene: Scene, conditions: Conditions, verb: Verb
) -> BlockAction | None:
    """An action with this verb that may or may not be possible."""
    blocks = [block for _, block in scene.blocks]
    place = PLACES[rng.choice(scene.free)] if scene.free else ""
    if verb == "add":
        return BlockAction("add", random_block(rng, conditions), place)
    if not blocks:
        return None
    block = rng.choice(blocks)
    if verb in ("swap", "stack"):
        other = rng.choice(blocks)
        if verb == "swap" and blocks.index(other) < blocks.index(block):
            block, other = other, block
        return BlockAction(verb, block, other=other)
    values = {"paint": COLOURS, "reshape": SHAPES, "resize": SIZES, "remove": ("",)}
    return BlockAction(verb, block, rng.choice(values.get(verb, (place,))))


def random_steps(
    rng: random.Random, scene: Scene, conditions: Conditions, count: int
) -> tuple[list[BlockAction], Scene]:
    """``count`` steps that can be told from the first and the last scene, and the last scene.

    No block is touched twice and no place is used again, so the steps are told in one order, that
    of ``in_order``. Of several steps none is the verb that training shows alone, unless the split
    asks for it.

    Raises: InputError if the scene has too few blocks for that.
    """
    several = tuple(verb for verb in VERBS if verb != ALONE) if count > 1 else VERBS
    for _ in range(_ATTEMPTS):
        now, steps, touched = scene, [], set[Block]()
        try:
            for number in range(count):
                verbs = (ALONE,) if conditions.new_verb and number == 0 else several
                action = random_action(rng, now, conditions, verbs, tuple(touched))
                now = apply(now, action)
                steps.append(action)
                touched |= {action.block, *((action.other,) if action.other else ())}
                touched |= {block for _, block in now.blocks} - {b for _, b in scene.blocks}
            free = {PLACES[cell] for cell in scene.free}
            if all(step.value in free for step in steps if step.value in PLACES):
                ordered = in_order(scene, steps)
                return ordered, replayed(scene, ordered)
        except InputError:
            continue
    raise InputError(f"{count} steps were not found for a scene of {len(scene.blocks)} blocks.")


def replayed(scene: Scene, steps: list[BlockAction]) -> Scene:
    """The scene after all steps. Raises: InputError if one of them is not possible."""
    for step in steps:
        scene = apply(scene, step)
    return scene


def in_order(scene: Scene, steps: list[BlockAction]) -> list[BlockAction]:
    """Steps by the place of their block in the first scene, additions last, if that is possible.

    Raises: InputError if the ordered steps do not lead anywhere.
    """
    places = {block: number for number, (_, block) in enumerate(scene.blocks)}

    def rank(step: BlockAction) -> tuple[int, int]:
        place = PLACES.index(step.value) if step.verb == "add" else 0
        return places.get(step.block, len(places)), place

    ordered = sorted(steps, key=rank)
    if replayed(scene, ordered) == replayed(scene, steps):
        return ordered
    raise InputError("These steps depend on their order.")
