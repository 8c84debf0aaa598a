"""Judging answers about blocks, with figures worked out by hand."""

from __future__ import annotations

import pytest

from model.microworld.blocks import Block, BlockAction, Scene
from model.microworld.blocks_words import describe_answer, steps_answer
from model.microworld.oracle import example
from model.microworld.scoring import (
    scene_distance,
    score_change,
    score_description,
    score_event,
)

RED = Block("square", "red", "large")
STAR = Block("star", "blue", "small")
BEFORE = Scene(((0, STAR), (4, RED)))
AFTER = Scene(((0, STAR), (4, Block("square", "green", "large"))))
PAINTED = BlockAction("paint", RED, "green")


def test_attributes_of_a_description_are_counted_block_by_block() -> None:
    said = "There is a small red star at the top left and a large red circle in the middle."
    score = score_description(said, BEFORE)
    assert not score.exact
    assert score.blocks == 2
    assert score.right == {"shape": 1, "colour": 1, "size": 2, "fill": 2, "place": 2}
    assert score_description(describe_answer(BEFORE), BEFORE).exact
    assert sum(score_description("There is an egg.", BEFORE).right.values()) == 0


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ("The large red square was painted green.", (True, True, True, True)),
        ("The large red square was painted blue.", (True, True, False, False)),
        ("The small blue star was painted green.", (False, True, True, False)),
        ("The large red square became a star.", (True, False, False, False)),
        ("The egg was heated.", (False, False, False, False)),
        ("", (False, False, False, False)),
    ],
)
def test_one_step_is_judged_by_object_attribute_and_value(
    said: str, parts: tuple[bool, bool, bool, bool]
) -> None:
    score = score_change(said, BEFORE, AFTER, PAINTED)
    assert (score.object, score.attribute, score.value, score.all) == parts


def test_an_action_with_the_same_effect_is_right() -> None:
    swapped = Scene(((0, RED), (4, STAR)))
    truth = BlockAction("swap", STAR, other=RED)
    said = "The large red square and the small blue star changed places."
    assert score_change(said, BEFORE, swapped, truth).all


def test_steps_are_judged_by_where_they_lead() -> None:
    gone = Scene(((8, STAR),))
    moved = "the small blue star moved to the bottom right"
    removed = "the large red square was removed"
    right, other = f"First {moved}, then {removed}.", f"First {removed}, then {moved}."
    half = "The large red square was removed."
    for said, distance, loose, strict in (
        (right, 0, True, True),
        (other, 0, True, True),
        (half, 2, False, False),
        ("First the small red star grew, then nothing.", 3, False, False),
    ):
        score = score_event(said, BEFORE, gone)
        assert (score.distance, score.loose, score.strict) == (distance, loose, strict)
    assert scene_distance(BEFORE, gone) == 3


def test_the_oracle_is_always_right() -> None:
    for split in ("test", "cogent", "count", "length", "primitive"):
        for index in range(25):
            one = example(split, index, "blocks-inverse")
            before, after = one.scenes
            assert before is not None
            assert after is not None
            assert score_change(one.answer, before, after, one.steps[0]).all
            if split == "count":
                continue
            event = example(split, index, "blocks-event")
            first, last = event.scenes
            assert first is not None
            assert last is not None
            assert score_event(steps_answer(event.steps), first, last).strict
