"""Which part of the world a split draws from: what training sees, and what tests keep apart.

Every split but those for training, validation and test changes exactly one thing, so that a figure
says what a student can not yet do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from model.errors import InputError


@dataclass(frozen=True)
class Conditions:
    """The limits of one split.

    ``pairs`` says which colours go with which shapes; ``blocks`` how many blocks a scene has;
    ``steps`` how many things are done to it; ``new_verb`` whether the verb that training shows
    only alone is one of several steps; ``hops`` how far an answer lies in the graph; ``far``
    whether pictures are tilted, small and dark as never in training; ``new_pairs`` whether facts
    join a thing with an action that training never joins; ``new_strange`` whether pictures of
    nothing known are of kinds that training never shows.
    """

    pairs: Literal["seen", "held out"] = "seen"
    blocks: tuple[int, ...] = (1, 2, 3, 4)
    steps: tuple[int, ...] = (1, 2)
    new_verb: bool = False
    hops: tuple[int, ...] = (1, 2)
    far: bool = False
    new_pairs: bool = False
    new_strange: bool = False


SEEN = Conditions()
_SPLITS: Mapping[str, Conditions] = {
    "train": SEEN,
    "validation": SEEN,
    "test": replace(SEEN, new_strange=True),
    "cogent": replace(SEEN, pairs="held out"),
    "count": replace(SEEN, blocks=(5, 6)),
    "length": replace(SEEN, steps=(3, 4)),
    "primitive": replace(SEEN, steps=(2,), new_verb=True),
    "hop": replace(SEEN, hops=(3,)),
    "augment": replace(SEEN, far=True),
    "new-pair": replace(SEEN, new_pairs=True),
}
SPLITS = tuple(_SPLITS)
"""In the order of their numbers. ``cogent``: held-out colour × shape; ``primitive``: a verb that
training shows only alone, as one of two steps."""


def conditions_of(split: str) -> Conditions:
    """What a split draws from. Raises: InputError if there is no such split."""
    found = _SPLITS.get(split)
    if found is None:
        raise InputError(f"There is no split “{split}”; choose one of: {', '.join(SPLITS)}.")
    return found
