"""Questions about families: who is the last person of a chain of kin to the first?

The algebra is our own. People have a gender, two parents or none, and at most one spouse; siblings
share both parents; an uncle is a parent's brother or the husband of a parent's sister, and so on.
Which kin of kin somebody can be is read off many drawn families, so “grandfather's son” is “father
or uncle”. Chains are made of the pairs of relations that leave one answer; read from left to right
they may pass kin that has no name, or one of two. Beside a chain hang nothing but dead ends: no
other directed path leads from the first person to the last.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from functools import cache

KIN = (
    *("father", "mother", "son", "daughter", "brother", "sister", "husband", "wife"),
    *("grandfather", "grandmother", "grandson", "granddaughter", "uncle", "aunt"),
    *("nephew", "niece", "father-in-law", "mother-in-law", "son-in-law", "daughter-in-law"),
)
"""Relations of a second person to a first: x —father→ y says that y is the father of x."""
_BY_WAY = {
    "u": ("father", "mother"),
    "d": ("son", "daughter"),
    "ud": ("brother", "sister"),
    "s": ("husband", "wife"),
    "uu": ("grandfather", "grandmother"),
    "dd": ("grandson", "granddaughter"),
    "uud": ("uncle", "aunt"),
    "uuds": ("uncle", "aunt"),
    "udd": ("nephew", "niece"),
    "sudd": ("nephew", "niece"),
    "su": ("father-in-law", "mother-in-law"),
    "ds": ("son-in-law", "daughter-in-law"),
}
"""Up to a parent, down to a child, sideways to a spouse; names for a man and a woman."""


@dataclass(frozen=True)
class GraphItem:
    """Facts (subject, relation, object) as numbers, and which relation holds between two nodes.

    ``hops`` is the length of the only directed path from ``source`` to ``target``.
    """

    facts: tuple[tuple[int, int, int], ...]
    nodes: int
    source: int
    target: int
    answer: int
    hops: int


@dataclass
class Family:
    """People by number: gender, parents and spouse; ``kin[x][y]`` is what y is to x."""

    women: list[bool]
    parents: list[tuple[int, int] | None]
    spouse: list[int | None]
    kin: list[dict[int, str]]


def draw_family(rng: random.Random, generations: int = 4) -> Family:
    """A family of about forty people; children marry children of other couples, or strangers."""
    family = Family([], [], [], [])
    couples = [_couple(family, rng, None, None) for _ in range(2)]
    for _ in range(generations - 1):
        born = [
            _person(family, rng.random() < 0.5, couple)
            for couple in couples
            for _ in range(rng.randint(1, 3))
        ]
        rng.shuffle(born)
        couples = []
        for child in born:
            if family.spouse[child] is None and rng.random() < 0.75:
                couples.append(_couple(family, rng, child, _free_partner(family, rng, child, born)))
    family.kin = [_kin_of(family, person) for person in range(len(family.women))]
    return family


def _person(family: Family, woman: bool, parents: tuple[int, int] | None) -> int:
    family.women.append(woman)
    family.parents.append(parents)
    family.spouse.append(None)
    return len(family.women) - 1


def _free_partner(family: Family, rng: random.Random, child: int, born: list[int]) -> int | None:
    free = [
        other
        for other in born
        if family.women[other] != family.women[child]
        and family.spouse[other] is None
        and family.parents[other] != family.parents[child]
    ]
    return rng.choice(free) if free and rng.random() < 0.5 else None


def _couple(
    family: Family, rng: random.Random, one: int | None, other: int | None
) -> tuple[int, int]:
    if one is None:
        one = _person(family, rng.random() < 0.5, None)
    if other is None:
        other = _person(family, not family.women[one], None)
    family.spouse[one], family.spouse[other] = other, one
    return one, other


def _kin_of(family: Family, person: int) -> dict[int, str]:
    """What everybody near is to a person: a name, or the way there if there is no name."""
    children: dict[int, list[int]] = defaultdict(list)
    for child, parents in enumerate(family.parents):
        for parent in parents or ():
            children[parent].append(child)
    ways = {person: ""}
    layer = [person]
    for _ in range(6):
        reached: dict[int, str] = {}
        for here in layer:
            spouse = family.spouse[here]
            steps = [(parent, "u") for parent in family.parents[here] or ()]
            steps += [(child, "d") for child in children[here]]
            steps += [(spouse, "s")] if spouse is not None else []
            for there, letter in steps:
                way = ways[here] + letter
                if there not in ways and way < reached.get(there, "v"):
                    reached[there] = way
        ways |= reached
        layer = list(reached)
    del ways[person]
    return {
        other: _BY_WAY[way][family.women[other]]
        if way in _BY_WAY
        else f"{way}{'fm'[not family.women[other]]}"
        for other, way in ways.items()
    }


@cache
def compositions(families: int = 150) -> dict[tuple[str, str], frozenset[str]]:
    """What the b of an a can be: (a, b) → relations, b a named one. Seen in drawn families."""
    rng = random.Random("compositions")
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for _ in range(families):
        kin = draw_family(rng).kin
        for first, near in enumerate(kin):
            for second, a in near.items():
                for third, b in kin[second].items():
                    if b in _NUMBER and third != first:
                        found[a, b].add(kin[first].get(third, "far"))
    return {pair: frozenset(ends) for pair, ends in found.items()}


_NUMBER = {name: number for number, name in enumerate(KIN)}


@cache
def _splits() -> dict[str, tuple[tuple[str, str], ...]]:
    """For each relation the pairs that mean it and can mean nothing else."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for (first, second), ends in sorted(compositions().items()):
        if len(ends) == 1 and first in _NUMBER and ends <= set(KIN):
            found[next(iter(ends))].append((first, second))
    return {name: tuple(pairs) for name, pairs in found.items()}


def chain(rng: random.Random, hops: int) -> tuple[tuple[str, ...], str]:
    """Relations along a path, and the only answer to it.

    One relation is said as two, one of these as two again, until the path is long enough.
    """
    splits = _splits()
    answer = rng.choice(sorted(splits))
    relations = [answer]
    while len(relations) < hops:
        place = rng.choice([n for n, name in enumerate(relations) if name in splits])
        relations[place : place + 1] = rng.choice(splits[relations[place]])
    return tuple(relations), answer


def kinship_item(rng: random.Random, hops: int) -> GraphItem:
    """A chain as a graph with dead ends beside it; the people's numbers are shuffled."""
    relations, answer = chain(rng, hops)
    edges = [(n, _NUMBER[relation], n + 1) for n, relation in enumerate(relations)]
    return with_dead_ends(rng, edges, hops, _NUMBER[answer], len(KIN), rng.randint(1, hops))


def with_dead_ends(
    rng: random.Random,
    edges: list[tuple[int, int, int]],
    hops: int,
    answer: int,
    relations: int,
    count: int,
) -> GraphItem:
    """Hang ``count`` nodes beside a chain, each by one edge, and shuffle all numbers."""
    nodes = max(edge[2] for edge in edges) + 1
    facts = list(edges)
    for _ in range(count):
        beside = rng.randrange(nodes)
        edge = (beside, rng.randrange(relations), nodes)
        facts.append(edge if rng.random() < 0.5 else (nodes, edge[1], beside))
        nodes += 1
    numbers = list(range(nodes))
    rng.shuffle(numbers)
    rng.shuffle(facts)
    renamed = tuple((numbers[s], r, numbers[o]) for s, r, o in facts)
    return GraphItem(renamed, nodes, numbers[0], numbers[hops], answer, hops)
