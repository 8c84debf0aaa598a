"""Seeds that are the same on every machine, and the name of this version of the world."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from model.errors import InputError
from model.microworld.conditions import SPLITS, conditions_of
from model.paths import ASSETS

_SPLIT_BITS = 4


def seed_of(split: str, index: int, kind: str) -> int:
    """A 64-bit seed of its own for every (split, index, kind); splits never share one.

    The lowest four bits are the split's number, the rest comes from SHA-256.

    Raises: InputError if the split is unknown or the index negative.
    """
    conditions_of(split)
    if index < 0:
        raise InputError(f"An example's number is {index}; the smallest is 0.")
    digest = hashlib.sha256(f"{split}/{index}/{kind}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> _SPLIT_BITS << _SPLIT_BITS | SPLITS.index(split)


@lru_cache(maxsize=1)
def world_hash() -> str:
    """Twelve letters that change whenever the generator's sources or its tables and pictures do."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    tables = sorted(
        path for path in ASSETS.iterdir() if path.suffix == ".tsv" or path.match("everyday_*.png")
    )
    digest = hashlib.sha256()
    for path in (*sources, *tables):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:12]
