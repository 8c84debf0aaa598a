"""Questions that lean on earlier turns."""

from __future__ import annotations

import pytest

from model.records import PictureId, Turn
from model.serving.follow_up import in_one_turn


def test_it_means_the_last_picture_that_was_shown() -> None:
    first, second = PictureId("a"), PictureId("b")
    turns = [
        Turn("user", "What happened here?", (first, second), ("what", "result")),
        Turn("assistant", "It was heated."),
        Turn("user", "What happens if I cut it?"),
    ]
    assert in_one_turn(turns) == Turn("user", "What happens if I cut it?", (second,))
    assert in_one_turn([*turns[:2], Turn("user", "Who are you?")]).pictures == ()
    assert in_one_turn(turns[:1]) == turns[0]


@pytest.mark.parametrize(
    ("answer", "question", "meant"),
    [
        (
            "If you wait, an egg becomes a hatching chick.",
            "And then, if I wait?",
            "I have the hatching chick and wait. What do I get?",
        ),
        (
            "If you heat corn, you get popcorn.",
            "then if we eat it?",
            "If I eat the popcorn, what do I get?",
        ),
        (
            "The tree was sawn and became wood.",
            "After that, what if I burn them?",
            "If I burn the wood, what do I get?",
        ),
    ],
)
def test_and_then_means_what_came_out(answer: str, question: str, meant: str) -> None:
    turns = [Turn("user", "What happens?"), Turn("assistant", answer), Turn("user", question)]
    assert in_one_turn(turns).text == meant


def test_a_step_after_an_answer_without_an_outcome_is_asked_as_it_stands() -> None:
    then = Turn("user", "And then, if I wait?")
    assert in_one_turn([Turn("user", "Hi"), Turn("assistant", "Hello."), then]) == then
    assert in_one_turn([then]) == then


def test_a_chain_that_is_told_in_one_question_is_left_alone() -> None:
    chain = Turn("user", "What do I get if I plant a mango, then chop it?")
    told = Turn("assistant", "If you heat an egg, you get a fried egg.")
    assert in_one_turn([Turn("user", "What if I heat an egg?"), told, chain]) == chain
