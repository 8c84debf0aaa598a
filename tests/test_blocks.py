"""The world of blocks: its rules, its pictures, its sentences, and what its splits keep apart."""

from __future__ import annotations

import random

import pytest
from PIL import ImageChops

from model.errors import InputError
from model.microworld import blocks_words as words
from model.microworld import language
from model.microworld.blocks import COLOURS, PLACES, VERBS, Block, BlockAction, Scene, apply
from model.microworld.blocks_chance import ALONE, pairs, random_scene, random_steps, replayed
from model.microworld.blocks_pictures import PALETTES, draw_action, draw_scene
from model.microworld.conditions import SPLITS, conditions_of
from model.microworld.oracle import example

RED = Block("square", "red", "large")
STAR = Block("star", "blue", "small")
RING = Block("circle", "grey", "large", "hollow")
SCENE = Scene(((8, RING), (0, STAR), (4, RED)))


# ── rules ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("action", "after", "sentence"),
    [
        (
            BlockAction("paint", RED, "green"),
            ((0, STAR), (4, Block("square", "green", "large")), (8, RING)),
            "The large red square was painted green.",
        ),
        (
            BlockAction("resize", RING, "small"),
            ((0, STAR), (4, RED), (8, Block("circle", "grey", "small", "hollow"))),
            "The large hollow grey circle shrank.",
        ),
        (
            BlockAction("reshape", STAR, "cross"),
            ((0, Block("cross", "blue", "small")), (4, RED), (8, RING)),
            "The small blue star became a cross.",
        ),
        (
            BlockAction("move", STAR, "bottom left"),
            ((4, RED), (6, STAR), (8, RING)),
            "The small blue star moved to the bottom left.",
        ),
        (
            BlockAction("swap", STAR, other=RING),
            ((0, RING), (4, RED), (8, STAR)),
            "The small blue star and the large hollow grey circle changed places.",
        ),
        (BlockAction("remove", RED), ((0, STAR), (8, RING)), "The large red square was removed."),
        (
            BlockAction("add", Block("cross", "pink", "small"), "left"),
            ((0, STAR), (3, Block("cross", "pink", "small")), (4, RED), (8, RING)),
            "A small pink cross was added on the left.",
        ),
        (
            BlockAction("copy", STAR, "top"),
            ((0, STAR), (1, STAR), (4, RED), (8, RING)),
            "The small blue star was copied to the top.",
        ),
        (
            BlockAction("stack", STAR, other=RED),
            ((4, RED), (4, STAR), (8, RING)),
            "The small blue star was put on the large red square.",
        ),
    ],
)
def test_what_is_done_agrees_with_what_is_said(
    action: BlockAction, after: tuple[tuple[int, Block], ...], sentence: str
) -> None:
    assert apply(SCENE, action) == Scene(after)
    assert words.change_answer(action) == sentence
    assert words.read_steps(sentence) == [action]


@pytest.mark.parametrize(
    "action",
    [
        BlockAction("paint", RED, "red"),
        BlockAction("paint", RED, "mauve"),
        BlockAction("resize", RED, "large"),
        BlockAction("remove", Block("star", "red", "small")),
        BlockAction("add", RED, "top"),
        BlockAction("move", STAR, "middle"),
        BlockAction("move", STAR, "elsewhere"),
        BlockAction("swap", RED, other=RED),
        BlockAction("stack", RED, other=RING),
    ],
)
def test_an_action_that_is_impossible_or_changes_nothing_is_refused(action: BlockAction) -> None:
    with pytest.raises(InputError):
        apply(SCENE, action)


def test_what_carries_a_block_stays_where_it_is() -> None:
    stacked = apply(SCENE, BlockAction("stack", STAR, other=RED))
    with pytest.raises(InputError, match="lies on"):
        apply(stacked, BlockAction("move", RED, "top"))
    assert apply(stacked, BlockAction("move", STAR, "top")).in_cell(1) == (STAR,)


def test_two_blocks_share_a_place_only_as_a_stack() -> None:
    with pytest.raises(InputError, match="a small one on a large one"):
        Scene(((1, RED), (1, RING)))
    assert Scene(((1, STAR), (1, RED))).in_cell(1) == (RED, STAR)


def test_a_scene_is_a_graph_of_triples() -> None:
    triples = Scene(((1, STAR), (1, RED))).triples()
    assert ("small blue star", "on", "large red square") in triples
    assert ("large red square", "place", "top") in triples
    assert len(triples) == 11


def test_actions_are_triples_of_object_attribute_and_value() -> None:
    assert BlockAction("paint", RED, "blue").transformation == (RED.label, "colour", "blue")
    assert BlockAction("stack", STAR, other=RED).transformation == (STAR.label, "stack", RED.label)


# ── sentences ───────────────────────────────────────────────────────────────────────────────────


def test_a_scene_is_described_in_reading_order_and_read_back() -> None:
    stacked = apply(SCENE, BlockAction("stack", STAR, other=RED))
    said = words.describe_answer(stacked)
    assert said == (
        "There is a large red square in the middle, a small blue star on the large red square "
        "and a large hollow grey circle at the bottom right."
    )
    assert words.read_scene(said) == (
        ("middle", RED),
        ("large red square", STAR),
        ("bottom right", RING),
    )
    assert words.read_scene(words.describe_answer(Scene(()))) == ()
    assert words.read_scene("There is a unicorn.") is None


def test_labels_are_read_back_from_their_sentences() -> None:
    painting = words.action_answer(words.block_relation(BlockAction("paint", RED, "blue")))
    assert painting == "This picture shows painting something blue."
    assert language.label_of(painting) == "paint blue"
    assert language.label_of(words.describe_answer(Scene(((0, RED),)))) == "large red square"
    for verb in VERBS:
        value = {"paint": "red", "reshape": "star", "resize": "small"}.get(verb, "")
        relation = words.block_relation(BlockAction(verb, RED, value))
        assert words.relation_of(words.action_answer(relation)) == relation


def test_every_drawn_sentence_is_read_back_as_what_happened() -> None:
    for split in ("train", "cogent", "count", "length", "primitive"):
        for index in range(40):
            drawn = example(split, index, "blocks-event" if split != "count" else "blocks-inverse")
            assert words.read_steps(drawn.answer) == list(drawn.steps), drawn.spec
            before, after = drawn.scenes
            assert before is not None
            assert replayed(before, list(drawn.steps)) == after
            described = words.read_scene(words.describe_answer(before))
            assert described is not None
            assert [block for _, block in described] == [block for _, block in before.blocks]


# ── pictures ────────────────────────────────────────────────────────────────────────────────────


def test_a_block_is_drawn_in_its_colour_and_place() -> None:
    for cell in range(9):
        picture = draw_scene(Scene(((cell, RED),)), None)
        middle = (cell % 3 * 32 + 16, cell // 3 * 32 + 16)
        assert picture.getpixel(middle) == PALETTES[0]["red"]


def test_a_hollow_block_is_open_in_the_middle() -> None:
    assert draw_scene(Scene(((4, RING),)), None).getpixel((48, 48)) == (252, 251, 248)


def test_pictures_before_and_after_differ_where_something_was_done() -> None:
    after = apply(SCENE, BlockAction("paint", RED, "blue"))
    change = ImageChops.difference(draw_scene(SCENE, None), draw_scene(after, None))
    assert change.getbbox() is not None
    left, top, right, bottom = change.getbbox() or (0, 0, 0, 0)
    assert (left >= 32, top >= 32, right <= 64, bottom <= 64) == (True, True, True, True)


def test_a_scene_never_looks_the_same_twice_and_every_action_has_its_icon() -> None:
    rng = random.Random(1)
    assert len({draw_scene(SCENE, rng).tobytes() for _ in range(6)}) == 6
    values = {"paint": COLOURS, "reshape": ("star", "cross"), "resize": ("small", "large")}
    icons = [
        draw_action(BlockAction(verb, RED, value)).tobytes()
        for verb in VERBS
        for value in values.get(verb, ("",))
    ]
    assert len(set(icons)) == len(icons) == 18


# ── splits ──────────────────────────────────────────────────────────────────────────────────────


def test_training_never_shows_a_held_out_pair_of_colour_and_shape() -> None:
    held_out = set(pairs(False))
    assert len(held_out) == len(COLOURS)
    assert len({shape for _, shape in held_out}) == 5
    for kind in ("blocks-describe", "blocks-inverse", "blocks-event", "blocks-after"):
        for index in range(60):
            drawn = example("train", index, kind)
            for scene in drawn.scenes:
                assert scene is not None
                looks = {(block.colour, block.shape) for _, block in scene.blocks}
                assert not looks & held_out
    for index in range(30):
        first = example("cogent", index, "blocks-inverse").scenes[0]
        assert first is not None
        assert {(block.colour, block.shape) for _, block in first.blocks} <= held_out


def test_every_split_changes_the_one_thing_that_it_is_named_for() -> None:
    for index in range(40):
        assert len(example("train", index, "blocks-event").steps) == 2
        assert len(example("length", index, "blocks-event").steps) in (3, 4)
        first = example("count", index, "blocks-inverse").scenes[0]
        assert first is not None
        assert len(first.blocks) in (5, 6)
        seen = {step.verb for step in example("train", index, "blocks-event").steps}
        new = {step.verb for step in example("primitive", index, "blocks-event").steps}
        assert ALONE not in seen
        assert ALONE in new


@pytest.mark.parametrize("split", SPLITS)
def test_no_block_is_touched_twice_so_the_steps_can_be_told(split: str) -> None:
    rng, conditions = random.Random(3), conditions_of(split)
    done = 0
    while done < 30:
        scene = random_scene(rng, conditions)
        try:
            steps, after = random_steps(rng, scene, conditions, 2)
        except InputError:
            continue
        done += 1
        assert len({step.block for step in steps}) == 2
        assert replayed(scene, steps) == after
        taken = {PLACES[cell] for cell, _ in scene.blocks}
        assert not {step.value for step in steps} & taken
