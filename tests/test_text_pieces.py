from __future__ import annotations

import random

import pytest

from model.knowledge.text_pieces import cut


def sentences(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [
        " ".join(f"w{n}x{k}" for k in range(chance.randint(1, 6))).capitalize() + "."
        for n in range(count)
    ]


def test_a_short_text_is_one_piece() -> None:
    assert cut("  Heat the egg. ", 200, 50) == ["Heat the egg."]
    assert cut(" \n ", 200, 50) == []


def test_pieces_end_where_a_paragraph_ends() -> None:
    assert cut("aaaa bbbb\n\ncccc dddd", 14, 0) == ["aaaa bbbb", "cccc dddd"]


def test_neighbours_share_their_last_words() -> None:
    assert cut("one two three four five", 14, 6) == ["one two three", "three four", "four five"]


@pytest.mark.parametrize("seed", range(5))
def test_every_sentence_stands_whole_in_a_piece(seed: int) -> None:
    whole = sentences(200, seed)
    pieces = cut(" ".join(whole), 300, 60)
    assert all(len(piece) <= 300 for piece in pieces)
    assert all(any(one in piece for piece in pieces) for one in whole)


def test_a_text_without_any_blank_still_ends() -> None:
    pieces = cut("x" * 1000, 300, 100)
    assert "".join(pieces).count("x") >= 1000
    assert all(len(piece) <= 300 for piece in pieces)


def test_an_overlap_that_would_never_get_ahead_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot share"):
        cut("text", 100, 60)
