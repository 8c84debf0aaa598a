"""Nearly the same is found, other things are let through, and many take linear time."""

from __future__ import annotations

import random

import pytest

from model.learning import near_duplicates
from model.learning.near_duplicates import NearDuplicates

LONG = "How do I keep a sourdough starter alive while I am away for three weeks in summer?"


def known(*texts: str) -> NearDuplicates:
    pool = NearDuplicates()
    for text in texts:
        pool.add(text)
    return pool


@pytest.mark.parametrize(
    "other",
    [
        LONG,
        LONG.upper(),
        LONG.replace("  ", " ") + " ",
        LONG.replace("three", "five"),
        LONG.removesuffix("?"),
    ],
)
def test_a_few_other_letters_make_no_new_text(other: str) -> None:
    assert known("Name a tool.", LONG).twin(other) == LONG


@pytest.mark.parametrize(
    "other",
    [
        "How do I keep a kitchen knife sharp while I am away for three weeks in summer?",
        "Which flour suits a sourdough starter?",
        "卵を焼くには?",
        "",
    ],
)
def test_other_things_are_told_apart(other: str) -> None:
    assert known("Name a tool.", LONG).twin(other) is None


def test_the_threshold_is_the_share_of_common_shingles(monkeypatch: pytest.MonkeyPatch) -> None:
    """abcdef and abcdefg share 2 of 3 runs of five letters: 0.67. All lie in one bucket here."""
    monkeypatch.setattr(near_duplicates, "_bands", lambda shingles: [(0, b"same")])
    for threshold, twin in ((0.66, "abcdef"), (0.67, None)):
        pool = NearDuplicates(threshold)
        pool.add("abcdef")
        assert pool.twin("abcdefg") == twin


def test_two_roads_find_the_same_twins() -> None:
    """Comparing all with all finds what the buckets find."""
    draw = random.Random(4)
    words = [f"word{n}" for n in range(40)]
    texts = [" ".join(draw.choices(words, k=12)) for _ in range(60)]
    texts += [text.replace("word7", "word8", 1) for text in texts]
    pool, naive, found = NearDuplicates(), [], []
    for text in texts:
        shingles = near_duplicates._shingles(text)
        twin = any(len(shingles & each) >= 0.75 * len(shingles | each) for each in naive)
        found.append((pool.twin(text) is not None, twin))
        pool.add(text)
        naive.append(shingles)
    assert found == [(theirs, theirs) for _, theirs in found]
    assert sum(twin for _, twin in found) > 10


def test_a_hostile_list_is_not_compared_all_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that share a bucket but differ enough would be a quadratic number of comparisons."""
    monkeypatch.setattr(near_duplicates, "_bands", lambda shingles: [(0, b"same")])
    compared = 0

    class Counting(frozenset):  # type: ignore[type-arg]
        def __and__(self, other: object) -> frozenset[int]:  # type: ignore[override]
            nonlocal compared
            compared += 1
            return frozenset()

    monkeypatch.setattr(near_duplicates, "_shingles", lambda text: Counting({hash(text)}))
    pool = NearDuplicates()
    for number in range(300):
        assert pool.twin(str(number)) is None
        pool.add(str(number))
    assert compared <= 300 * near_duplicates.MOST_COMPARED
