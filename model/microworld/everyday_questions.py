"""Questions about everyday things: naming, explaining, predicting, with and without facts."""

from __future__ import annotations

import random

from PIL import Image

from model.microworld import inventions, language
from model.microworld.conditions import SEEN, Conditions
from model.microworld.everyday import (
    EverydayTriplet,
    actions,
    chains,
    draw,
    only_ways,
    outcomes,
    things,
    triplets,
)
from model.microworld.example import FactWords, Item
from model.microworld.strange import HELD_OUT_KINDS, TRAINED_KINDS, draw_strange
from model.records import ROLES, Role

DISTRACTED = 0.15
"""Share of the questions that show facts which they do not need, as a full graph would."""


def _idle_facts(rng: random.Random, step: tuple[str, str] | None = None) -> tuple[FactWords, ...]:
    """Mostly nothing; else facts that do not answer the question."""
    if rng.random() >= DISTRACTED:
        return ()
    fact = (*step, "") if step else None
    return inventions.mixed(rng, inventions.beside(rng, fact, rng.randint(1, 3)))


def name(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """One picture of a thing: what is it?"""
    label = rng.choice(tuple(things()))
    return Item(
        question=rng.choice(language.ASK_NAME),
        answer=language.name_answer(label),
        pictures=(draw(label, rng, size_px, far=conditions.far),),
        labels=(label,),
        facts=_idle_facts(rng),
    )


def action(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """One picture of an action: what is being done?"""
    label = rng.choice(tuple(actions()))
    return Item(
        question=rng.choice(language.ASK_ACTION),
        answer=language.action_answer(label),
        pictures=(draw(label, rng, size_px, action=True, far=conditions.far),),
        labels=(label,),
        facts=_idle_facts(rng),
    )


def _pictures(
    rng: random.Random,
    step: EverydayTriplet,
    roles: tuple[Role, ...],
    size_px: int,
    conditions: Conditions,
) -> tuple[tuple[Image.Image, ...], tuple[str, ...]]:
    """Drawings and labels of the named places of a triplet."""
    by_role = {"what": step.subject, "action": step.relation, "result": step.object}
    labels = tuple(by_role[role] for role in roles)
    drawn = tuple(
        draw(by_role[role], rng, size_px, action=role == "action", far=conditions.far)
        for role in roles
    )
    return drawn, labels


def _note(*facts: FactWords) -> str:
    """Facts as a thought notes them: “egg | heat | fried egg.”"""
    return " ".join(f"{language.fact_line(*fact)}." for fact in facts)


def explain(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """Three pictures, or two without the action: what happened? Half of the time with roles.

    A third of the three-picture questions shows a triplet that is not in the table, so that the
    student looks at every picture. Two pictures are of a thing and a result that one action joins.
    """
    two = rng.random() < 0.3
    step = rng.choice(only_ways() if two else triplets())
    if not two and rng.random() < 0.33:
        step = EverydayTriplet(*inventions.invented_fact(rng))
    shown: tuple[Role, ...] = ("what", "result") if two else ROLES
    pictures, labels = _pictures(rng, step, shown, size_px, conditions)
    return Item(
        question=rng.choice(language.ASK_STEP if two else language.ASK_TRIPLET),
        answer=language.explain_answer(step.subject, step.relation, step.object),
        pictures=pictures,
        labels=labels,
        roles=shown if rng.random() < 0.5 else (),
        facts=_idle_facts(rng),
        thought=_note((step.subject, step.relation, step.object)),
    )


def predict_picture(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """A picture of a thing and an action in words or as a picture: what comes of it?"""
    if rng.random() < 0.08:
        subject, relation = inventions.unknown_step(rng)
        while subject not in things():
            subject, relation = inventions.unknown_step(rng)
        return Item(
            question=language.predict_shown_question(rng, subject, relation),
            answer=language.DO_NOT_KNOW,
            pictures=(draw(subject, rng, size_px, far=conditions.far),),
            labels=(subject,),
            facts=_idle_facts(rng, (subject, relation)),
            thought=_note((subject, relation, "?")),
        )
    step = rng.choice(triplets())
    with_action = rng.random() < 0.35
    shown: tuple[Role, ...] = ("what", "action") if with_action else ("what",)
    pictures, labels = _pictures(rng, step, shown, size_px, conditions)
    ask = language.predict_shown_question(rng, step.subject, step.relation)
    return Item(
        question=rng.choice(language.ASK_RESULT) if with_action else ask,
        answer=language.predict_answer(step.subject, step.relation, step.object),
        pictures=pictures,
        labels=labels,
        roles=shown if rng.random() < 0.5 else (),
        facts=_idle_facts(rng, (step.subject, step.relation)),
        thought=_note((step.subject, step.relation, step.object)),
        outcome=step.object,
    )


def predict_words(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """No picture: what comes of an action? One in eight is about a step that nobody taught."""
    if rng.random() < 1 / 8:
        (subject, relation), object = inventions.unknown_step(rng), "?"
        answer = language.DO_NOT_KNOW
    else:
        subject, relation, object = inventions.true_fact(rng)
        answer = language.predict_answer(subject, relation, object)
    return Item(
        question=language.predict_question(rng, subject, relation),
        answer=answer,
        facts=_idle_facts(rng, (subject, relation)),
        thought=_note((subject, relation, object)),
        outcome="" if object == "?" else object,
    )


def predict_fact(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """The answer is in one of one to four facts, which may contradict daily life.

    A third is true, a third invented from known things, a third about things of no table. The
    thing is named in words, or shown, or both. One in twelve has no fact that answers.
    """
    if rng.random() < 1 / 12 and not conditions.new_pairs:
        subject, relation = inventions.unknown_step(rng)
        others = inventions.beside(rng, (subject, relation, ""), rng.randint(1, 4))
        question = language.predict_question(rng, subject, relation)
        thought = _note((subject, relation, "?"))
        return Item(question, language.DO_NOT_KNOW, facts=tuple(others), thought=thought)
    source = (inventions.true_fact, inventions.invented_fact, inventions.strange_fact)
    new = conditions.new_pairs
    fact = inventions.invented_fact(rng, new=True) if new else rng.choice(source)(rng)
    subject, relation, object = fact
    answer = language.predict_answer(subject, relation, object)
    others = inventions.beside(rng, fact, rng.randint(0, 3))
    facts = inventions.mixed(rng, [fact, *others])
    thought = _note(fact)
    if rng.random() < 0.6:
        question = language.predict_question(rng, subject, relation)
        return Item(question, answer, facts=facts, thought=thought, outcome=object)
    told = subject not in things() or rng.random() < 0.2
    label = subject if subject in things() else rng.choice(tuple(things()))
    ask = language.predict_told_question if told else language.predict_shown_question
    return Item(
        question=ask(rng, subject, relation),
        answer=answer,
        pictures=(draw(label, rng, size_px, far=conditions.far),),
        labels=(label,),
        facts=facts,
        thought=thought,
        outcome=object,
    )


def chain(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """Two to four steps in words, mostly two; half of the time with the facts at hand."""
    steps = rng.choice(chains(rng.choice((2, 2, 2, 3, 3, 4))))
    needed = [(step.subject, step.relation, step.object) for step in steps]
    facts: tuple[FactWords, ...] = ()
    if rng.random() < 0.5:
        known = set(outcomes())
        extra = [
            fact
            for fact in inventions.beside(rng, needed[0], rng.randint(0, 4 - len(needed)))
            if fact[:2] not in known
        ]
        facts = inventions.mixed(rng, [*needed, *extra])
    return Item(
        question=language.chain_question(rng, [(step.subject, step.relation) for step in steps]),
        answer=language.chain_answer([step.object for step in steps]),
        facts=facts,
        thought=_note(*needed),
    )


def unknown(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """A picture of nothing that this world holds: what is it? The test has kinds of its own."""
    kinds = HELD_OUT_KINDS if conditions.new_strange else TRAINED_KINDS
    return Item(
        question=rng.choice(language.ASK_NAME),
        answer=language.UNFAMILIAR,
        pictures=(draw_strange(rng, size_px, kinds),),
        labels=("",),
        strange=True,
    )
