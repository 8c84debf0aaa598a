"""Questions about blocks: what is there, what was done, what comes of it."""

from __future__ import annotations

import random

from model.microworld import language
from model.microworld.blocks import (
    BlockAction,
    Scene,
    Verb,
    apply,
    draw_action,
    draw_scene,
    random_action,
    random_scene,
)
from model.microworld.example import FactWords, Item
from model.microworld.inventions import beside, mixed
from model.records import ROLES

_CHANGING: tuple[Verb, ...] = ("paint", "grow", "shrink", "reshape")


def _label(scene: Scene) -> str:
    return language.listing(
        [language.block_label(block) for _, block in scene.blocks] or ["nothing"]
    )


def describe(rng: random.Random, size_px: int) -> Item:
    """One picture of one or two blocks: what is there?"""
    scene = random_scene(rng, rng.choice((1, 2)))
    return Item(
        question=rng.choice(language.ASK_SCENE),
        answer=language.describe_answer(scene),
        pictures=(draw_scene(scene, rng, size_px),),
        labels=(_label(scene),),
    )


def action(rng: random.Random, size_px: int) -> Item:
    """One icon: what is being done?"""
    done = random_action(rng, random_scene(rng, 1))
    return Item(
        question=rng.choice(language.ASK_ACTION),
        answer=language.block_action_answer(done),
        pictures=(draw_action(done, size_px, rng),),
        labels=(language.block_relation(done),),
    )


def _step(rng: random.Random) -> tuple[Scene, BlockAction, Scene]:
    """A scene of one or two blocks, something done to it, and the scene that comes of it."""
    before = random_scene(rng, rng.choice((1, 2)))
    done = random_action(rng, before)
    return before, done, apply(before, done)


def change(rng: random.Random, size_px: int) -> Item:
    """Before and after: what changed?"""
    before, done, after = _step(rng)
    return Item(
        question=rng.choice(language.ASK_CHANGE),
        answer=language.change_answer(before, done),
        pictures=(draw_scene(before, rng, size_px), draw_scene(after, rng, size_px)),
        labels=(_label(before), _label(after)),
        roles=("what", "result") if rng.random() < 0.5 else (),
    )


def explain(rng: random.Random, size_px: int) -> Item:
    """Before, the icon of the action, and after: what happened?"""
    before, done, after = _step(rng)
    pictures = (
        draw_scene(before, rng, size_px),
        draw_action(done, size_px, rng),
        draw_scene(after, rng, size_px),
    )
    return Item(
        question=rng.choice(language.ASK_TRIPLET),
        answer=language.change_answer(before, done),
        pictures=pictures,
        labels=(_label(before), language.block_relation(done), _label(after)),
        roles=ROLES if rng.random() < 0.5 else (),
    )


def predict(rng: random.Random, size_px: int) -> Item:
    """One block, shown or in words, and an action in words or as an icon: what comes of it?

    Some questions show the very fact that answers them, as a graph with block triplets would.
    """
    scene = random_scene(rng, 1)
    done = random_action(rng, scene, _CHANGING)
    subject, relation = _label(scene), language.block_relation(done)
    fact = (subject, relation, _label(apply(scene, done)))
    answer = language.predict_answer(*fact)
    facts: tuple[FactWords, ...] = ()
    if rng.random() < 0.25:
        facts = mixed(rng, [fact, *beside(rng, None, rng.randint(0, 3))])
    if rng.random() < 0.25:
        return Item(language.predict_question(rng, subject, relation), answer, facts=facts)
    picture = draw_scene(scene, rng, size_px)
    if rng.random() < 0.35:
        return Item(
            question=rng.choice(language.ASK_RESULT),
            answer=answer,
            pictures=(picture, draw_action(done, size_px, rng)),
            labels=(subject, relation),
            roles=("what", "action") if rng.random() < 0.5 else (),
            facts=facts,
        )
    return Item(
        question=language.predict_shown_question(rng, subject, relation),
        answer=answer,
        pictures=(picture,),
        labels=(subject,),
        facts=facts,
    )
