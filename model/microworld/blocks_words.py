"""What is said about blocks: scenes and actions as sentences, and read back from them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from model.microworld.blocks import (
    COLOURS,
    FILLS,
    PLACES,
    SHAPES,
    SIZES,
    Block,
    BlockAction,
    Cell,
    Scene,
    Verb,
)

AT = {place: f"at the {place}" for place in PLACES} | {
    "left": "on the left",
    "middle": "in the middle",
    "right": "on the right",
}
"""Where a place is: “at the top left”, “on the left”, “in the middle”."""
NOTHING = "There is nothing."


def a(label: str) -> str:
    """A block's label with its article; none begins with a vowel."""
    return f"a {label}"


def listing(parts: Sequence[str]) -> str:
    """“a”, “a and b”, “a, b and c”."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


# ── saying ──────────────────────────────────────────────────────────────────────────────────────


def _placed(scene: Scene, cell: Cell, block: Block) -> str:
    below = scene.in_cell(cell)[0]
    where = AT[PLACES[cell]] if below is block else f"on the {below.label}"
    return f"{a(block.label)} {where}"


def describe_answer(scene: Scene) -> str:
    """“There is a large red square at the top left and a small blue star in the middle.”"""
    parts = [_placed(scene, cell, block) for cell, block in scene.blocks]
    return f"There is {listing(parts)}." if parts else NOTHING


def scene_label(scene: Scene) -> str:
    """The blocks of a scene in a few words: “large red square and small blue star”."""
    return listing([block.label for _, block in scene.blocks] or ["nothing"])


def cell_label(scene: Scene, cell: Cell) -> str:
    """What lies at a place: “small blue star on large red square”, or “nothing”."""
    return " on ".join(block.label for block in reversed(scene.in_cell(cell))) or "nothing"


def placed_label(scene: Scene, cell: Cell) -> str:
    """What lies at a place, after the place's name: “top left small blue star”."""
    return f"{PLACES[cell]} {cell_label(scene, cell)}"


def _twin_note(before: Scene, after: Scene, cell: Cell) -> str:
    """“ as on the left” if what is new in a cell also lies where it lay before, else nothing."""
    new = set(after.in_cell(cell)) - set(before.in_cell(cell))
    for other, block in before.blocks:
        if block in new and other != cell and block in after.in_cell(other):
            return f" as {AT[PLACES[other]]}"
    return ""


def difference_note(before: Scene, after: Scene) -> str:
    """Where two scenes differ, as a thought notes it: “middle: large red square, then nothing.”

    Of a block that came while its like stayed, the note says where that is: it was copied.
    """
    found = [
        f"{place}: {cell_label(before, cell)}, then {cell_label(after, cell)}"
        f"{_twin_note(before, after, cell)}."
        for cell, place in enumerate(PLACES)
        if before.in_cell(cell) != after.in_cell(cell)
    ]
    return " ".join(found) or "nothing."


def place_answer(scene: Scene, cell: Cell, was: bool = False) -> str:
    """“There is a small star on a large square at the top.” Or what there was."""
    blocks = [a(block.label) for block in reversed(scene.in_cell(cell))]
    there = "There was" if was else "There is"
    return f"{there} {' on '.join(blocks) or 'nothing'} {AT[PLACES[cell]]}."


def step_phrase(action: BlockAction) -> str:
    """What was done, as a part of a sentence: “the large red square was painted blue”."""
    the, other = f"the {action.block.label}", action.other.label if action.other else ""
    return {
        "paint": f"{the} was painted {action.value}",
        "resize": f"{the} {'grew' if action.value == 'large' else 'shrank'}",
        "reshape": f"{the} became a {action.value}",
        "move": f"{the} moved to the {action.value}",
        "swap": f"{the} and the {other} changed places",
        "remove": f"{the} was removed",
        "add": f"{a(action.block.label)} was added {AT.get(action.value, '')}",
        "copy": f"{the} was copied to the {action.value}",
        "stack": f"{the} was put on the {other}",
    }[action.verb]


def change_answer(action: BlockAction) -> str:
    """“The large red square was painted blue.”"""
    phrase = step_phrase(action)
    return f"{phrase[0].upper()}{phrase[1:]}."


def steps_answer(steps: Sequence[BlockAction]) -> str:
    """“First the large red square was painted blue, then the small blue star was removed.”"""
    if len(steps) == 1:
        return change_answer(steps[0])
    return f"First {', then '.join(step_phrase(step) for step in steps)}."


def doing(action: BlockAction, what: str = "") -> str:
    """What I do, as a question says it: “paint the large red square blue”."""
    what = what or f"the {action.block.label}"
    other = f"the {action.other.label}" if action.other else ""
    return {
        "paint": f"paint {what} {action.value}",
        "resize": f"{'grow' if action.value == 'large' else 'shrink'} {what}",
        "reshape": f"reshape {what} into a {action.value}",
        "move": f"move {what} to the {action.value}",
        "swap": f"swap {what} and {other}",
        "remove": f"remove {what}",
        "add": f"add {a(action.block.label)} {AT.get(action.value, '')}",
        "copy": f"copy {what} to the {action.value}",
        "stack": f"put {what} on {other}",
    }[action.verb]


def block_relation(action: BlockAction) -> str:
    """The action as a relation of the graph and of an icon: “paint blue”, “grow”, “move”."""
    if action.verb == "resize":
        return "grow" if action.value == "large" else "shrink"
    if action.verb == "reshape":
        return f"reshape into a {action.value}"
    return f"paint {action.value}" if action.verb == "paint" else action.verb


_GERUNDS = {
    "paint": "painting", "grow": "growing", "shrink": "shrinking", "reshape": "reshaping",
    "move": "moving", "swap": "swapping", "remove": "removing", "add": "adding", "copy": "copying",
    "stack": "stacking",
}  # fmt: skip


def action_answer(relation: str) -> str:
    """“This picture shows painting something blue.” For a relation of blocks."""
    verb, _, rest = relation.partition(" ")
    return f"This picture shows {_GERUNDS[verb]} something {rest}".rstrip() + "."


def relation_of(sentence: str) -> str | None:
    """The relation in a sentence of ``action_answer``, else None."""
    found = re.fullmatch(r"This picture shows (\w+) something ?(.*)\.", sentence)
    verbs = {gerund: verb for verb, gerund in _GERUNDS.items()}
    if found is None or found[1] not in verbs:
        return None
    return f"{verbs[found[1]]} {found[2]}".strip()


# ── reading back ────────────────────────────────────────────────────────────────────────────────


def read_block(label: str) -> Block | None:
    """The block of a label, with or without “a” or “the”; None if it is none."""
    words = label.strip().split()
    if words and words[0].lower() in ("a", "the"):
        words = words[1:]
    if len(words) == 3:
        words.insert(1, "solid")
    if len(words) != 4:
        return None
    size, fill, colour, shape = words
    if size not in SIZES or fill not in FILLS or colour not in COLOURS or shape not in SHAPES:
        return None
    return Block(shape, colour, size, fill)  # type: ignore[arg-type]


def read_scene(sentence: str) -> tuple[tuple[str, Block], ...] | None:
    """What a description says: (place or label of the block below, block); None if it is none."""
    if sentence == NOTHING:
        return ()
    found = re.fullmatch(r"There is (.+)\.", sentence)
    if found is None:
        return None
    said = []
    for part in re.split(r", | and (?=a )", found[1]):
        match = re.fullmatch(r"(a .+?) (?:at|on|in) the (.+)", part)
        block = read_block(match[1]) if match else None
        if match is None or block is None:
            return None
        said.append((match[2], block))
    return tuple(said)


_STEPS: tuple[tuple[Verb, re.Pattern[str]], ...] = (
    ("paint", re.compile(r"the (?P<block>.+) was painted (?P<value>\w+)")),
    ("resize", re.compile(r"the (?P<block>.+) (?P<value>grew|shrank)")),
    ("reshape", re.compile(r"the (?P<block>.+) became a (?P<value>\w+)")),
    ("move", re.compile(r"the (?P<block>.+) moved to the (?P<value>.+)")),
    ("swap", re.compile(r"the (?P<block>.+) and the (?P<other>.+) changed places")),
    ("remove", re.compile(r"the (?P<block>.+) was removed")),
    ("add", re.compile(r"a (?P<block>.+) was added (?:at|on|in) the (?P<value>.+)")),
    ("copy", re.compile(r"the (?P<block>.+) was copied to the (?P<value>.+)")),
    ("stack", re.compile(r"the (?P<block>.+) was put on the (?P<other>.+)")),
)


def read_step(phrase: str) -> BlockAction | None:
    """The action that a phrase of ``step_phrase`` tells of; None if it tells of none."""
    for verb, pattern in _STEPS:
        found = pattern.fullmatch(phrase.strip())
        if found is None:
            continue
        parts = found.groupdict()
        block, other = read_block(parts["block"]), None
        if "other" in parts:
            other = read_block(parts["other"])
            if other is None:
                return None
        value = {"grew": "large", "shrank": "small"}.get(parts.get("value", ""), "")
        return BlockAction(verb, block, value or parts.get("value", ""), other) if block else None
    return None


def read_steps(sentence: str) -> list[BlockAction] | None:
    """The steps that a sentence tells of, in order; None if a part of it is not understood."""
    text = sentence.strip().rstrip(".")
    text = text.removeprefix("First ") if text.startswith("First ") else text[:1].lower() + text[1:]
    steps = [read_step(part) for part in text.split(", then ")]
    return None if None in steps else [step for step in steps if step]
