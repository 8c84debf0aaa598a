"""Conversations: many questions about one list of facts, the same pictures or daily life.

A single question teaches one answer. A conversation about the same facts asks for every line of
them, so that the student learns to find the right one instead of any one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from model.microworld import blocks_questions, hops, inventions, language
from model.microworld import blocks_words as words
from model.microworld.blocks import PLACES, Scene
from model.microworld.blocks_chance import random_scene
from model.microworld.blocks_pictures import draw_scene
from model.microworld.conditions import SEEN
from model.microworld.everyday import actions, draw, outcomes, steps_from, things
from model.microworld.example import FactWords
from model.microworld.splits import seed_of

MOST_TURNS = 7
_UNKNOWN = 0.25
"""Share of the talks about facts in which one question has no answer."""
_LIFE = 0.4
"""Share of the talks about facts that list what is true of a thing, beside what is invented."""
_TRUE = 0.4
"""Share of the facts that are those of daily life, where daily life has one."""


@dataclass(frozen=True)
class TalkTurn:
    """A question, the short steps that lead to its answer, and the answer."""

    question: str
    thought: str
    answer: str


@dataclass(frozen=True)
class Talk:
    """Turns about the same facts and pictures; ``scenes`` holds the blocks of each picture, or
    ``labels`` what it shows."""

    turns: tuple[TalkTurn, ...]
    facts: tuple[FactWords, ...] = ()
    pictures: tuple[Image.Image, ...] = ()
    scenes: tuple[Scene | None, ...] = ()
    labels: tuple[str, ...] = ()


def _note(*facts: FactWords) -> str:
    return " ".join(f"{language.fact_line(*fact)}." for fact in facts)


def _predicted(rng: random.Random, fact: FactWords, ask: Callable[..., str]) -> TalkTurn:
    answer = language.predict_answer(*fact)
    return TalkTurn(ask(rng, fact[0], fact[1]), _note(fact), answer)


def _not_known(rng: random.Random, step: tuple[str, str], ask: Callable[..., str]) -> TalkTurn:
    return TalkTurn(ask(rng, *step), _note((*step, "?")), language.DO_NOT_KNOW)


def _life_of(rng: random.Random, subjects: list[str]) -> list[FactWords]:
    """What is true of a thing, which takes the first place: as a graph holds it, with more."""
    subjects[0] = rng.choice(tuple(things()))
    return [(step.subject, step.relation, step.object) for step in steps_from()[subjects[0]]][:5]


def about_facts(rng: random.Random, size_px: int) -> Talk:
    """Three to ten facts in which things and actions recur, and questions about each."""
    subjects = [inventions.any_thing(rng) for _ in range(rng.randint(1, 4))]
    relations = [inventions.any_action(rng) for _ in range(rng.randint(2, 4))]
    facts = _life_of(rng, subjects) if rng.random() < _LIFE else []
    given = {fact[:2] for fact in facts}
    steps = sorted(
        {(s, r) for s in subjects for r in relations if not inventions.is_new_pair(s, r)} - given
    )
    rng.shuffle(steps)
    told = steps[: rng.randint(2, max(2, 8 - len(facts)))]
    for step in told:
        known = outcomes().get(step)
        result = known if known and rng.random() < _TRUE else inventions.any_thing(rng)
        if result != step[0]:
            facts.append((*step, result))
    if not facts or rng.random() < 0.4:
        more = inventions.beside(rng, facts[0] if facts else None, rng.randint(1, 3))
        taken = {fact[:2] for fact in facts}
        facts += [fact for fact in more if fact[:2] not in taken]
    asked = rng.sample(facts, min(len(facts), MOST_TURNS))
    turns = [_predicted(rng, fact, language.predict_question) for fact in asked]
    untold = [s for s in steps if s not in {fact[:2] for fact in facts} and s not in outcomes()]
    if untold and rng.random() < _UNKNOWN:
        turns[-1] = _not_known(rng, untold[0], language.predict_question)
        rng.shuffle(turns)
    return Talk(tuple(turns), inventions.mixed(rng, facts))


def _hop_turn(path: list[FactWords], this: str, seen: str) -> TalkTurn:
    relations = [relation for _, relation, _ in path]
    who = "What" if relations[-1] in hops.TO_TOWN else "Who"
    asked = " of the ".join(reversed(relations))
    return TalkTurn(
        f"{who} is the {asked} of {this}?", seen + _note(*path), f"The {asked} is {path[-1][2]}."
    )


def _ties(rng: random.Random, label: str) -> tuple[list[FactWords], list[list[FactWords]]]:
    """Facts around a thing, and every way of one or two of them that begins there."""
    facts = hops.ties(rng, label)
    firsts = [fact for fact in facts if fact[0] == label]
    pairs = [[first, then] for first in firsts for then in facts if then[0] == first[2]]
    return facts, [[first] for first in firsts] + pairs


def about_ties(rng: random.Random, size_px: int) -> Talk:
    """People and towns around a thing: who is the friend of its owner?"""
    label = inventions.any_thing(rng)
    facts, paths = _ties(rng, label)
    asked = rng.sample(paths, min(len(paths), MOST_TURNS))
    turns = [_hop_turn(path, f"the {label}", "") for path in asked]
    return Talk(tuple(turns), inventions.mixed(rng, facts))


def about_life(rng: random.Random, size_px: int) -> Talk:
    """Steps of daily life in words, without a fact at hand; now and then one that is not known."""
    turns = []
    for _ in range(MOST_TURNS):
        if rng.random() < 0.12:
            step = inventions.unknown_step(rng)
            turns.append(_not_known(rng, step, language.predict_question))
        else:
            fact = inventions.true_fact(rng)
            turns.append(_predicted(rng, fact, language.predict_question))
    return Talk(tuple(turns))


def about_thing(rng: random.Random, size_px: int) -> Talk:
    """One picture: its name, then what comes of the thing, or whose it is."""
    label = rng.choice(tuple(things()))
    this = "these" if language.plural(label) else "this"
    name = language.name_answer(label)
    turns = [TalkTurn(rng.choice(language.ASK_NAME), "", name)]
    facts: tuple[FactWords, ...] = ()
    if rng.random() < 0.35:
        ties, paths = _ties(rng, label)
        facts = inventions.mixed(rng, ties)
        seen = f"{name[0].lower()}{name[1:]} "
        turns += [_hop_turn(path, this, seen) for path in rng.sample(paths, min(len(paths), 3))]
    else:
        facts_of = [(label, r, o) for (s, r), o in outcomes().items() if s == label]
        told = {}
        if rng.random() < 0.5:
            told = {
                relation: inventions.any_thing(rng)
                for relation in rng.sample(tuple(actions()), 3)
                if not inventions.is_new_pair(label, relation)
            }
            facts = tuple((label, relation, object) for relation, object in told.items())
            facts = inventions.mixed(
                rng, [*facts, *inventions.beside(rng, None, rng.randint(0, 2))]
            )
            facts_of = [fact for fact in facts_of if fact[1] not in told]
            facts_of += [(label, relation, object) for relation, object in told.items()]
        asked = rng.sample(facts_of, min(len(facts_of), 3))
        ask = language.predict_shown_question
        turns += [_predicted(rng, fact, ask) for fact in asked]
        unknown = (label, rng.choice(tuple(actions())))
        if unknown not in outcomes() and unknown[1] not in told and rng.random() < _UNKNOWN:
            turns.append(_not_known(rng, unknown, ask))
    if rng.random() < 0.5:
        rng.shuffle(turns)
    return Talk(tuple(turns), facts, (draw(label, rng, size_px),), labels=(label,))


def about_scene(rng: random.Random, size_px: int) -> Talk:
    """One picture of blocks: what is there, what is where, how many are there?"""
    scene = random_scene(rng, SEEN)
    whole = TalkTurn(rng.choice(language.ASK_SCENE), "", words.describe_answer(scene))
    turns = [whole]
    for _ in range(4):
        question, answer = rng.choice(blocks_questions.LOOKS)(rng, scene)
        turns.append(TalkTurn(question, "", answer))
    if rng.random() < 0.5:
        rng.shuffle(turns)
    return Talk(tuple(turns), (), (draw_scene(scene, rng, size_px),), (scene,))


def about_change(rng: random.Random, size_px: int) -> Talk:
    """Two pictures of blocks, before and after: what was done, and what was and is where."""
    before, steps, after = blocks_questions.history(rng, SEEN, rng.choice(((1,), (1,), (2,))))
    ask = rng.choice(language.ASK_CHANGE if len(steps) == 1 else language.ASK_STEPS)
    note = words.difference_note(before, after)
    turns = [TalkTurn(ask, note, words.steps_answer(steps))]
    places = range(len(PLACES))
    different = [cell for cell in places if before.in_cell(cell) != after.in_cell(cell)]
    taken = sorted({cell for scene in (before, after) for cell, _ in scene.blocks})
    for cells in (different, different, taken, places):
        cell, earlier = rng.choice(cells), rng.random() < 0.5
        where = words.AT[PLACES[cell]]
        question = f"What was {where} before?" if earlier else f"What is {where} now?"
        answer = words.place_answer(before if earlier else after, cell, was=earlier)
        turns.append(TalkTurn(question, "", answer))
    if rng.random() < 0.5:
        rng.shuffle(turns)
    pictures = draw_scene(before, rng, size_px), draw_scene(after, rng, size_px)
    return Talk(tuple(turns), (), pictures, (before, after))


def about_notes(rng: random.Random, size_px: int) -> Talk:
    """What was done, told from notes of what was different: the last step of a thought, alone."""
    turns = []
    for _ in range(MOST_TURNS):
        before, steps, after = blocks_questions.history(rng, SEEN, (1, 1, 2))
        ask = rng.choice(language.ASK_CHANGE if len(steps) == 1 else language.ASK_STEPS)
        note = words.difference_note(before, after)
        turns.append(TalkTurn(f"{note} {ask}", "", words.steps_answer(steps)))
    return Talk(tuple(turns))


TALKS: dict[str, Callable[[random.Random, int], Talk]] = {
    "talk-facts": about_facts,
    "talk-ties": about_ties,
    "talk-life": about_life,
    "talk-thing": about_thing,
    "talk-scene": about_scene,
    "talk-change": about_change,
    "talk-notes": about_notes,
}
"""Every kind of conversation."""


def talk(index: int, kind: str, size_px: int) -> Talk:
    """The conversation with this number, from the training part of the world."""
    return TALKS[kind](random.Random(seed_of("train", index, kind)), size_px)
