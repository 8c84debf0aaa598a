"""Likely twins and connected pieces are found as by comparing everything, only faster."""

from __future__ import annotations

import numpy as np
import pytest

from model.knowledge.components import count_components
from model.knowledge.labels import clean_label, norm_label, sense_key
from model.knowledge.look_alikes import look_alikes


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_few_pictures_are_compared_exactly() -> None:
    rows = unit(np.array([[1.0, 0.0], [0.999, 0.01], [0.0, 1.0]]))
    pairs = look_alikes(rows)
    assert list(pairs) == [(0, 1)]
    assert pairs[0, 1] == pytest.approx(float(rows[0] @ rows[1]))
    assert look_alikes(rows[:1]) == {}
    assert look_alikes(np.empty((0, 2), dtype=np.float32)) == {}


def test_twins_are_found_among_thousands() -> None:
    chance = np.random.default_rng(3)
    rows = chance.standard_normal((5000, 64))
    rows[2500:2600] = rows[:100] + 0.1 * chance.standard_normal((100, 64))
    rows = unit(rows)
    wanted = {(i, 2500 + i) for i in range(100) if rows[i] @ rows[2500 + i] >= 0.985}
    found = look_alikes(rows)
    assert len(wanted) > 90
    assert set(found) <= wanted
    assert len(found) >= 0.97 * len(wanted)


def test_equal_pictures_fill_one_bucket_without_a_quadratic_step() -> None:
    rows = np.tile(unit(np.ones((1, 8))), (3000, 1))
    assert len(look_alikes(rows)) <= 3000


@pytest.mark.parametrize("seed", range(5))
def test_pieces_are_those_of_a_walk(seed: int) -> None:
    chance = np.random.default_rng(seed)
    heads, tails = chance.integers(0, 300, (2, 200))
    seen: set[int] = set()
    pieces = 0
    for start in {*heads.tolist(), *tails.tolist()}:
        if start in seen:
            continue
        pieces, stack = pieces + 1, [start]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack += tails[heads == node].tolist() + heads[tails == node].tolist()
    assert count_components(heads, tails) == pieces


def test_long_chain_is_one_piece_in_any_order() -> None:
    order = np.random.default_rng(0).permutation(10_000)
    assert count_components(order[:-1], order[1:]) == 1
    assert count_components(np.array([], dtype=np.int64), np.array([], dtype=np.int64)) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Fried Eggs", "the fried-egg", True),
        ("crème brûlée", "Creme Brulee", True),
        ("the", "The!", True),
        ("berries", "berry", True),
        ("glasses", "glass", True),
        ("bus", "bu", False),
        ("iris", "iri", False),
        ("c++", "c", True),
        ("卵", "卵!", True),
        ("egg", "leg", False),
    ],
)
def test_labels_with_one_sense_are_told(one: str, other: str, same: bool) -> None:
    assert (sense_key(one) == sense_key(other)) is same


def test_quick_ways_for_plain_labels_equal_the_long_ones() -> None:
    for text in ("  Fried  EGG ", "\teggs\n", "a"):
        assert clean_label(text + "\u00df", "what")[:-1].strip() == clean_label(text, "what")
        assert norm_label(text + "\u00df") == (norm_label(text + "~"))[:-1] + "ss"
