"""Things and actions of no table, so that a student learns to read facts and not to recall."""

from __future__ import annotations

import random
from functools import lru_cache
from zlib import crc32

from model.microworld.everyday import actions, outcomes, table_rows, things
from model.microworld.example import FactWords
from model.microworld.language import WAIT
from model.paths import ASSETS

WORDS_TABLE = ASSETS / "other_words.tsv"

_STARTS = (
    *("b", "bl", "br", "d", "dr", "f", "fl", "g", "gl", "k", "kr", "l", "m"),
    *("n", "p", "pl", "r", "s", "sk", "sn", "t", "tr", "v", "w", "z"),
)
_MIDDLES = ("a", "e", "i", "o", "u", "oo", "ee")
_ENDS = ("b", "ck", "ft", "g", "l", "m", "mp", "n", "nk", "p", "rk", "t", "x", "zz")


@lru_cache(maxsize=3)
def _words(use: str) -> tuple[str, ...]:
    return tuple(
        word for row in table_rows(WORDS_TABLE) if row[0] == use for word in row[1].split()
    )


def made_up_word(rng: random.Random) -> str:
    """A word that nobody has heard: “blick”, “dax”, “troonavel”."""
    start = rng.choice(_STARTS) + rng.choice(_MIDDLES)
    if rng.random() < 0.4:
        start += rng.choice(("b", "d", "l", "m", "n", "r", "v")) + rng.choice(_MIDDLES)
    return start + rng.choice(_ENDS)


def strange_thing(rng: random.Random) -> str:
    """A label from no table: made up, or of plain words such as “rusty bike”."""
    if rng.random() < 0.4:
        return made_up_word(rng)
    word = rng.choice(_words("things"))
    return f"{rng.choice(_words('states'))} {word}" if rng.random() < 0.5 else word


def any_thing(rng: random.Random) -> str:
    """A label of the table, or a strange one."""
    return rng.choice(tuple(things())) if rng.random() < 0.4 else strange_thing(rng)


def any_action(rng: random.Random) -> str:
    """An action of the table, or another verb."""
    return rng.choice(tuple(actions()) if rng.random() < 0.5 else _words("actions"))


def unknown_step(rng: random.Random) -> tuple[str, str]:
    """A (thing, action) that nothing is known about."""
    while True:
        strange = rng.random() < 0.3
        thing = strange_thing(rng) if strange else rng.choice(tuple(things()))
        step = (thing, rng.choice(tuple(actions())))
        if step not in outcomes() and not is_new_pair(*step):
            return step


def is_new_pair(thing: str, action: str) -> bool:
    """Whether a thing and an action of the tables are kept apart in training: one pair in eight."""
    known = thing in things() and action in actions() and (thing, action) not in outcomes()
    return known and crc32(f"{thing}/{action}".encode()) % 8 == 0


def invented_fact(rng: random.Random, *, new: bool = False) -> FactWords:
    """A thing, an action and a result of the tables that do not belong together.

    With ``new`` the thing and the action are a pair that training never shows.
    """
    while True:
        subject, object = rng.sample(tuple(things()), 2)
        relation = rng.choice(tuple(actions()))
        known = outcomes().get((subject, relation)) == object
        if not known and is_new_pair(subject, relation) == new:
            return subject, relation, object


def strange_fact(rng: random.Random) -> FactWords:
    """A fact in which at least the subject is in no table."""
    subject = strange_thing(rng)
    object = any_thing(rng)
    while object == subject:
        object = any_thing(rng)
    relation = any_action(rng)
    if relation == WAIT and rng.random() < 0.5:
        relation = rng.choice(_words("actions"))
    return subject, relation, object


def true_fact(rng: random.Random) -> FactWords:
    """A fact of the table."""
    (subject, relation), object = rng.choice(tuple(outcomes().items()))
    return subject, relation, object


def beside(rng: random.Random, fact: FactWords | None, count: int) -> list[FactWords]:
    """``count`` other facts; some share the subject or the action of ``fact``, none says the same.

    No two of them, and none with ``fact``, are about the same thing and action.
    """
    taken = {fact[:2]} if fact else set()
    found: list[FactWords] = []
    while len(found) < count:
        subject, relation, object = rng.choice((true_fact, invented_fact, strange_fact))(rng)
        if fact and rng.random() < 0.5:
            share_subject = rng.random() < 0.5
            subject, relation = (fact[0], relation) if share_subject else (subject, fact[1])
        alike = (subject, relation) in taken or subject == object
        if alike or is_new_pair(subject, relation):
            continue
        taken.add((subject, relation))
        found.append((subject, relation, object))
    return found


def mixed(rng: random.Random, facts: list[FactWords]) -> tuple[FactWords, ...]:
    """The facts in any order."""
    return tuple(rng.sample(facts, len(facts)))
