"""The world of blocks: what stands on a 3×3 grid, and the nine things that can be done to it.

Blocks are seen from above. A block has a shape, a colour, a size and a fill; a small block may lie
on a large one. An action names blocks by what they look like, never by where they are, as the
triples of a graph do: (object, attribute, value).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from model.errors import InputError

Shape = Literal["square", "circle", "triangle", "star", "cross"]
Size = Literal["small", "large"]
Fill = Literal["solid", "hollow"]
Verb = Literal["paint", "resize", "reshape", "move", "swap", "remove", "add", "copy", "stack"]
Cell = int
"""A place on the grid: 0 is the upper left, 8 the lower right, in reading order."""

SHAPES: tuple[Shape, ...] = ("square", "circle", "triangle", "star", "cross")
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "pink", "grey")
SIZES: tuple[Size, ...] = ("small", "large")
FILLS: tuple[Fill, ...] = ("solid", "hollow")
VERBS: tuple[Verb, ...] = (
    *("paint", "resize", "reshape", "move", "swap", "remove", "add", "copy", "stack"),
)  # type: ignore[assignment]
PLACES = (
    *("top left", "top", "top right", "left", "middle", "right"),
    *("bottom left", "bottom", "bottom right"),
)
"""The cells in words, by their number."""
GRID = 3
CELLS = GRID * GRID


@dataclass(frozen=True)
class Block:
    """One block."""

    shape: Shape
    colour: str
    size: Size
    fill: Fill = "solid"

    @property
    def label(self) -> str:
        """“large red square”; a solid block is not called so."""
        fill = "" if self.fill == "solid" else f"{self.fill} "
        return f"{self.size} {fill}{self.colour} {self.shape}"


@dataclass(frozen=True)
class Scene:
    """Blocks on the grid, in reading order; of two in one cell the lower, large one comes first."""

    blocks: tuple[tuple[Cell, Block], ...]

    def __post_init__(self) -> None:
        placed = sorted(self.blocks, key=lambda item: (item[0], item[1].size == "small"))
        object.__setattr__(self, "blocks", tuple(placed))
        for cell in range(CELLS):
            here = self.in_cell(cell)
            stack = len(here) == 2 and (here[0].size, here[1].size) == ("large", "small")
            if len(here) > 1 and not stack:
                raise InputError(
                    f"{len(here)} blocks are at the {PLACES[cell]}; only one fits, "
                    "or a small one on a large one."
                )
        if any(not 0 <= cell < CELLS for cell, _ in self.blocks):
            raise InputError(f"A block stands outside of the {CELLS} places.")

    def in_cell(self, cell: Cell) -> tuple[Block, ...]:
        """The blocks of a cell, from below: none, one, or two."""
        return tuple(block for place, block in self.blocks if place == cell)

    def find(self, block: Block) -> Cell:
        """Where the one block of this look is. Raises: InputError if there is none or several."""
        cells = [cell for cell, other in self.blocks if other == block]
        if len(cells) != 1:
            count = "no" if not cells else str(len(cells))
            raise InputError(f"There is {count} {block.label} here; an action needs exactly one.")
        return cells[0]

    @property
    def free(self) -> tuple[Cell, ...]:
        """The empty cells."""
        taken = {cell for cell, _ in self.blocks}
        return tuple(cell for cell in range(CELLS) if cell not in taken)

    def triples(self) -> tuple[tuple[str, str, str], ...]:
        """The scene as a graph: every block's attributes and place, and what lies on what."""
        found: list[tuple[str, str, str]] = []
        for cell, block in self.blocks:
            values = (block.shape, block.colour, block.size, block.fill, PLACES[cell])
            names = ("shape", "colour", "size", "fill", "place")
            found += [(block.label, name, value) for name, value in zip(names, values, strict=True)]
            below = self.in_cell(cell)[0]
            if below is not block:
                found.append((block.label, "on", below.label))
        return tuple(found)


@dataclass(frozen=True)
class BlockAction:
    """Something done to ``block``.

    ``value`` is the new colour, shape, size or place; ``other`` the block to swap with or to lie
    on. For add, ``block`` is the new one.
    """

    verb: Verb
    block: Block
    value: str = ""
    other: Block | None = None

    @property
    def transformation(self) -> tuple[str, str, str]:
        """The action as (object, attribute, value), as TRANCE's transformations are written."""
        attribute = {"paint": "colour", "resize": "size", "reshape": "shape", "move": "place"}
        value = self.other.label if self.other else self.value
        return self.block.label, attribute.get(self.verb, self.verb), value


def changed(block: Block, verb: Verb, value: str) -> Block:
    """The block after it was painted, resized or reshaped.

    Raises: InputError if the value is unknown, or nothing would change.
    """
    if verb == "paint" and value in COLOURS:
        after = replace(block, colour=value)
    elif verb == "reshape" and value in SHAPES:
        after = replace(block, shape=value)
    elif verb == "resize" and value in SIZES:
        after = replace(block, size=value)
    else:
        raise InputError(f"A block cannot be changed by “{verb} {value}”.")
    if after == block:
        raise InputError(f"“{verb} {value}” changes nothing: the block is like that already.")
    return after


def _place(value: str, scene: Scene) -> Cell:
    if value not in PLACES:
        raise InputError(f"“{value}” is no place; places are {', '.join(PLACES)}.")
    cell = PLACES.index(value)
    if cell not in scene.free:
        raise InputError(f"The {value} is taken.")
    return cell


def _without(scene: Scene, block: Block) -> list[tuple[Cell, Block]]:
    cell = scene.find(block)
    if scene.in_cell(cell)[-1] != block:
        raise InputError(f"Something lies on the {block.label}.")
    return [item for item in scene.blocks if item != (cell, block)]


def _change(scene: Scene, action: BlockAction) -> Scene:
    cell = scene.find(action.block)
    after = changed(action.block, action.verb, action.value)
    if action.verb == "resize" and len(scene.in_cell(cell)) > 1:
        raise InputError(f"The {action.block.label} is part of a stack and keeps its size.")
    rest = [item for item in scene.blocks if item != (cell, action.block)]
    return Scene((*rest, (cell, after)))


def _move(scene: Scene, action: BlockAction) -> Scene:
    rest = _without(scene, action.block)
    return Scene((*rest, (_place(action.value, scene), action.block)))


def _swap(scene: Scene, action: BlockAction) -> Scene:
    if action.other is None:
        raise InputError("A swap needs two blocks.")
    first, second = scene.find(action.block), scene.find(action.other)
    rest = [item for item in _without(scene, action.block) if item in _without(scene, action.other)]
    if len(rest) != len(scene.blocks) - 2 or first == second:
        raise InputError("These two blocks cannot change places.")
    return Scene((*rest, (first, action.other), (second, action.block)))


def _remove(scene: Scene, action: BlockAction) -> Scene:
    return Scene(tuple(_without(scene, action.block)))


def _add(scene: Scene, action: BlockAction) -> Scene:
    if any(block == action.block for _, block in scene.blocks):
        raise InputError(f"There is a {action.block.label} already; copy it instead.")
    return Scene((*scene.blocks, (_place(action.value, scene), action.block)))


def _copy(scene: Scene, action: BlockAction) -> Scene:
    scene.find(action.block)
    return Scene((*scene.blocks, (_place(action.value, scene), action.block)))


def _stack(scene: Scene, action: BlockAction) -> Scene:
    if action.other is None or (action.block.size, action.other.size) != ("small", "large"):
        raise InputError("Only a small block can be stacked on a large one.")
    cell = scene.find(action.other)
    return Scene((*_without(scene, action.block), (cell, action.block)))


_DO: dict[Verb, Callable[[Scene, BlockAction], Scene]] = {
    "paint": _change,
    "resize": _change,
    "reshape": _change,
    "move": _move,
    "swap": _swap,
    "remove": _remove,
    "add": _add,
    "copy": _copy,
    "stack": _stack,
}


def apply(scene: Scene, action: BlockAction) -> Scene:
    """The scene after the action.

    Raises: InputError if a block is missing or there several times, a place is taken, or nothing
    would change.
    """
    after = _DO[action.verb](scene, action)
    if after == scene:
        raise InputError(f"“{action.verb}” changes nothing here.")
    return after
