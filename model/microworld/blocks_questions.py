"""Questions about blocks: what is there, what was done, what comes of it."""

from __future__ import annotations

import random

from model.errors import InputError
from model.microworld import blocks_words as words
from model.microworld import language
from model.microworld.blocks import PLACES, BlockAction, Scene, apply
from model.microworld.blocks_chance import CHANGING, random_action, random_scene, random_steps
from model.microworld.blocks_pictures import draw_action, draw_scene
from model.microworld.conditions import SEEN, Conditions
from model.microworld.example import FactWords, Item
from model.microworld.inventions import beside, mixed
from model.records import ROLES

_COUNTS = ("no", "one", "two", "three", "four", "five", "six")


def describe(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """One picture: what is there?"""
    scene = random_scene(rng, conditions)
    return Item(
        question=rng.choice(language.ASK_SCENE),
        answer=words.describe_answer(scene),
        pictures=(draw_scene(scene, rng, size_px),),
        labels=(words.scene_label(scene),),
        scenes=(scene,),
    )


def look(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """One picture: what is at a place, where is a block, how many are there?"""
    scene = random_scene(rng, conditions)
    question, answer = rng.choice(LOOKS)(rng, scene)
    return Item(
        question=question,
        answer=answer,
        pictures=(draw_scene(scene, rng, size_px),),
        labels=(words.scene_label(scene),),
        scenes=(scene,),
    )


def _at_place(rng: random.Random, scene: Scene) -> tuple[str, str]:
    taken = rng.random() < 0.75
    cell = rng.choice(scene.blocks)[0] if taken else rng.randrange(len(PLACES))
    return f"What is {words.AT[PLACES[cell]]}?", words.place_answer(scene, cell)


def _where(rng: random.Random, scene: Scene) -> tuple[str, str]:
    cell, block = rng.choice(scene.blocks)
    below = scene.in_cell(cell)[0]
    where = words.AT[PLACES[cell]] if below is block else f"on the {below.label}"
    return f"Where is the {block.label}?", f"It is {where}."


def _how_many(rng: random.Random, scene: Scene) -> tuple[str, str]:
    count = len(scene.blocks)
    verb, noun = ("is", "block") if count == 1 else ("are", "blocks")
    return "How many blocks are there?", f"There {verb} {_COUNTS[count]} {noun}."


LOOKS = (_at_place, _where, _how_many)
"""Ways to ask about a part of a scene, each with its answer."""


def action(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """One icon: what is being done?"""
    done = random_action(rng, random_scene(rng, conditions), conditions)
    relation = words.block_relation(done)
    return Item(
        question=rng.choice(language.ASK_ACTION),
        answer=words.action_answer(relation),
        pictures=(draw_action(done, size_px, rng),),
        labels=(relation,),
        scenes=(None,),
    )


def history(
    rng: random.Random, conditions: Conditions, counts: tuple[int, ...]
) -> tuple[Scene, list[BlockAction], Scene]:
    """A scene, some steps, and the scene that comes of them."""
    while True:
        before = random_scene(rng, conditions)
        try:
            steps, after = random_steps(rng, before, conditions, rng.choice(counts))
        except InputError:
            continue  # too few blocks for so many steps: another scene
        return before, steps, after


def _two_scenes(
    rng: random.Random, size_px: int, conditions: Conditions, counts: tuple[int, ...]
) -> Item:
    before, steps, after = history(rng, conditions, counts)
    return Item(
        question=rng.choice(language.ASK_CHANGE if counts == (1,) else language.ASK_STEPS),
        answer=words.steps_answer(steps),
        pictures=(draw_scene(before, rng, size_px), draw_scene(after, rng, size_px)),
        labels=(words.scene_label(before), words.scene_label(after)),
        roles=("what", "result") if rng.random() < 0.5 else (),
        thought=words.difference_note(before, after),
        scenes=(before, after),
        steps=tuple(steps),
    )


def inverse(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """Before and after one step: what was done?"""
    return _two_scenes(rng, size_px, conditions, (1,))


def event(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """Before and after several steps: what was done, in which order?"""
    counts = tuple(count for count in conditions.steps if count > 1)
    return _two_scenes(rng, size_px, conditions, counts)


def explain(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """Before, the icon of the action, and after: what happened?"""
    before, steps, after = history(rng, conditions, (1,))
    pictures = (
        draw_scene(before, rng, size_px),
        draw_action(steps[0], size_px, rng),
        draw_scene(after, rng, size_px),
    )
    return Item(
        question=rng.choice(language.ASK_TRIPLET),
        answer=words.steps_answer(steps),
        pictures=pictures,
        labels=(
            words.scene_label(before),
            words.block_relation(steps[0]),
            words.scene_label(after),
        ),
        roles=ROLES if rng.random() < 0.5 else (),
        thought=words.difference_note(before, after),
        scenes=(before, None, after),
        steps=tuple(steps),
    )


def predict(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """One block, shown or in words, and an action in words or as an icon: what comes of it?

    Some questions show the very fact that answers them, as a graph with block triplets would.
    """
    scene = random_scene(rng, conditions, 1)
    done = random_action(rng, scene, conditions, CHANGING)
    subject, relation = words.scene_label(scene), words.block_relation(done)
    fact = (subject, relation, words.scene_label(apply(scene, done)))
    answer, thought = language.predict_answer(*fact), f"{language.fact_line(*fact)}."
    facts: tuple[FactWords, ...] = ()
    if rng.random() < 0.25:
        facts = mixed(rng, [fact, *beside(rng, None, rng.randint(0, 3))])
    if rng.random() < 0.25:
        question = language.predict_question(rng, subject, relation)
        return Item(question, answer, facts=facts, thought=thought)
    pictures = [draw_scene(scene, rng, size_px)]
    with_icon = rng.random() < 0.35
    if with_icon:
        pictures.append(draw_action(done, size_px, rng))
    ask = language.predict_shown_question(rng, subject, relation)
    return Item(
        question=rng.choice(language.ASK_RESULT) if with_icon else ask,
        answer=answer,
        pictures=tuple(pictures),
        labels=(subject, relation) if with_icon else (subject,),
        roles=("what", "action") if with_icon and rng.random() < 0.5 else (),
        facts=facts,
        thought=thought,
        scenes=(scene, None) if with_icon else (scene,),
    )


def after(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """One picture and an action in words: what is there then?"""
    before, steps, later = history(rng, conditions, (1,))
    question = rng.choice(("What is there if I {}?", "I {}. What is there then?"))
    return Item(
        question=question.format(words.doing(steps[0])),
        answer=words.describe_answer(later),
        pictures=(draw_scene(before, rng, size_px),),
        labels=(words.scene_label(before),),
        thought=words.difference_note(before, later),
        scenes=(before,),
        steps=tuple(steps),
    )
