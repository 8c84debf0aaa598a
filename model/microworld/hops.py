"""Questions whose answer lies one, two or three steps away in the graph from what a picture shows.

People, towns and their ties are drawn anew every time, so that nothing can be known by heart.
"""

from __future__ import annotations

import random

from model.microworld.conditions import SEEN, Conditions
from model.microworld.everyday import draw, things
from model.microworld.example import FactWords, Item
from model.microworld.inventions import made_up_word, mixed
from model.microworld.language import fact_line, noun, plural

PEOPLE = (
    *("Ann", "Ben", "Carl", "Dora", "Emma", "Finn", "Greta", "Hugo", "Ida", "Jan", "Kim", "Leo"),
    *("Mia", "Nora", "Olga", "Paul", "Rita", "Sam", "Tom", "Ursula", "Vera", "Will", "Yara", "Zoe"),
)
TOWNS = (
    *("Arden", "Birkin", "Corvo", "Dorn", "Elmet", "Fenby", "Galt", "Holm", "Inver", "Jura"),
    *("Kelso", "Lorne", "Marsh", "Nairn", "Oban", "Perth", "Quill", "Rosk", "Sark", "Tain"),
)
TO_PERSON = ("owner", "friend", "neighbour", "teacher", "helper", "boss", "brother", "sister")
TO_TOWN = ("town", "birthplace")
_MADE_UP = 0.25
"""Share of the names that nobody has heard, so that names are copied and not recalled."""
_MORE_FACTS = (1, 4)


def _name(rng: random.Random, names: tuple[str, ...], taken: set[str]) -> str:
    while True:
        made_up = rng.random() < _MADE_UP
        name = made_up_word(rng).capitalize() if made_up else rng.choice(names)
        if name not in taken:
            taken.add(name)
            return name


def _path(rng: random.Random, start: str, hops: int, taken: set[str]) -> list[FactWords]:
    """Facts that lead from a thing over people to a person or a town."""
    path: list[FactWords] = []
    for number in range(hops):
        last_is_town = number == hops - 1 and number > 0 and rng.random() < 0.4
        relations, names = (TO_TOWN, TOWNS) if last_is_town else (TO_PERSON, PEOPLE)
        relation = rng.choice([word for word in relations if word not in {r for _, r, _ in path}])
        path.append((start, relation, _name(rng, names, taken)))
        start = path[-1][2]
    return path


def _astray(rng: random.Random, path: list[FactWords], taken: set[str]) -> list[FactWords]:
    """Facts that lead elsewhere: another tie of the same thing, the same tie of another."""
    known = {(subject, relation) for subject, relation, _ in path}
    found: list[FactWords] = []
    for _ in range(rng.randint(*_MORE_FACTS)):
        subject, relation, _ = rng.choice(path)
        if rng.random() < 0.5:
            subject = rng.choice((rng.choice(tuple(things())), *(fact[2] for fact in path)))
        else:
            relation = rng.choice(TO_PERSON)
        if (subject, relation) not in known:
            known.add((subject, relation))
            found.append((subject, relation, _name(rng, PEOPLE, taken)))
    return found


def ties(rng: random.Random, thing: str) -> list[FactWords]:
    """Four to ten facts: whom a thing belongs to, and how those people are tied to others."""
    taken: set[str] = set()
    facts: list[FactWords] = []
    for relation in rng.sample(TO_PERSON, rng.randint(2, 3)):
        facts.append((thing, relation, _name(rng, PEOPLE, taken)))
    for _, _, person in tuple(facts):
        for relation in rng.sample((*TO_PERSON, *TO_TOWN), rng.randint(0, 3)):
            names = TOWNS if relation in TO_TOWN else PEOPLE
            facts.append((person, relation, _name(rng, names, taken)))
    return facts


def hop(rng: random.Random, size_px: int, conditions: Conditions = SEEN) -> Item:
    """A picture and facts: “Who is the friend of the owner of this?” One in five in words."""
    label = rng.choice(tuple(things()))
    taken: set[str] = set()
    path = _path(rng, label, rng.choice(conditions.hops), taken)
    facts = mixed(rng, [*path, *_astray(rng, path, taken)])
    relations = [relation for _, relation, _ in path]
    shown = rng.random() < 0.8
    this = ("these" if plural(label) else "this") if shown else f"the {label}"
    asked = " of the ".join(reversed(relations))
    who = "What" if relations[-1] in TO_TOWN else "Who"
    seen = f"{'these are' if plural(label) else 'this is'} {noun(label)}. " if shown else ""
    return Item(
        question=f"{who} is the {asked} of {this}?",
        answer=f"The {asked} is {path[-1][2]}.",
        pictures=(draw(label, rng, size_px, far=conditions.far),) if shown else (),
        labels=(label,) if shown else (),
        facts=facts,
        thought=seen + " ".join(f"{fact_line(*fact)}." for fact in path),
    )
