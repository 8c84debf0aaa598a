"""Questions that votes may reach without meaning to are found by their answers."""

from __future__ import annotations

from collections import Counter

import pytest

from model.learning.contested import Contested
from model.learning.spillover import FIRST, spilled_on
from model.microworld.language import DO_NOT_KNOW
from model.microworld.oracle import KINDS

ALL_BUT_CHAT = frozenset(KINDS) - {"chat"}


def test_questions_with_the_answer_that_was_voted_down_come_first_then_their_kind() -> None:
    about = Contested((), ALL_BUT_CHAT, (DO_NOT_KNOW,))
    found = spilled_on("train", about, 40)
    same = [each.answer == DO_NOT_KNOW for each in found]
    assert len(found) == 40
    assert {each.kind for each in found} == {"chat"}
    assert 5 <= sum(same) < 40
    assert same == sorted(same, reverse=True)
    assert all(int(each.spec.split("/")[1]) >= FIRST for each in found)


def test_reworded_answers_are_found_and_kinds_share_evenly() -> None:
    # “This picture shows boiling.” has three of the five words that either has
    about = Contested((), frozenset(), ("A picture shows boiling.", "Hello! Show me a picture."))
    found = spilled_on("train", about, 60)
    assert Counter(each.kind for each in found) == {"everyday-action": 30, "chat": 30}


@pytest.mark.parametrize(
    "about",
    [
        Contested(("What is this?",), frozenset({"chat"})),
        Contested((), frozenset(), ("", "💥" * 1000, "zzz")),
        Contested((), frozenset(KINDS), (DO_NOT_KNOW,)),
    ],
)
def test_where_nothing_can_spill_over_nothing_is_found(about: Contested) -> None:
    assert spilled_on("train", about, 100) == []


def test_the_splits_share_no_question_by_number() -> None:
    about = Contested((), ALL_BUT_CHAT, (DO_NOT_KNOW,))
    found = [{each.spec for each in spilled_on(split, about, 100)} for split in ("train", "test")]
    assert not found[0] & found[1]
