"""Finds the facts that a question is about, hop by hop, with a weight for each.

Seeds are the labels that the question names and those of its pictures. From a seed the walk takes
edges whose relation the question names, in as many hops as it names relations; so the path that
leads to an answer is known and can be shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from model.records import Fact, Triplet

LONGEST_LABEL = 6
"""Words of the longest label that is looked for in a question."""
MOST_HOPS = 4
DECAY = 0.85
"""A fact weighs this much less per hop away from what the question names."""


class FactSource(Protocol):
    """Where facts come from; the store fulfils it."""

    def facts_about(self, labels: Sequence[str], limit: int = 200) -> Sequence[Triplet]:
        """Triplets whose subject or object has one of the labels, however they are written."""
        ...


def words(text: str) -> list[str]:
    """The words of a text in lower case, without marks."""
    return re.findall(r"[^\W_]+(?:[-'][^\W_]+)*", text.lower())


def phrases(text: str) -> list[str]:
    """Every run of words in the text that may be a label, longest first, plurals made single."""
    found: dict[str, None] = {}
    tokens = words(text)
    for length in range(min(LONGEST_LABEL, len(tokens)), 0, -1):
        for start in range(len(tokens) - length + 1):
            phrase = " ".join(tokens[start : start + length])
            found[phrase] = None
            if phrase.endswith("s"):
                found[phrase[:-1]] = None
    return list(found)


def names_relation(tokens: Iterable[str], relation: str) -> bool:
    """Whether one of the words is the relation or a form of it (heat, heats, heated, heating)."""
    stem = words(relation)[:1]
    if not stem:
        return False
    root = stem[0][:-1] if len(stem[0]) > 3 and stem[0].endswith("e") else stem[0]
    return any(
        token == stem[0] or (token.startswith(root) and len(token) - len(root) <= 4)
        for token in tokens
    )


def retrieve(
    source: FactSource, question: str, picture_labels: Sequence[str] = (), *, limit: int = 4
) -> list[Fact]:
    """The facts that the question leans on, heaviest first; empty if it asks about no step.

    ``weight`` is 1 for an edge from a named thing by a named relation, less for each further hop.
    """
    tokens = words(question)
    frontier = [*(label.lower() for label in picture_labels), *phrases(question)]
    facts: dict[int, Fact] = {}
    for hop in range(1, MOST_HOPS + 1):
        starts = set(frontier)
        frontier = []
        for triplet in source.facts_about(sorted(starts)) if starts else ():
            known = triplet.id in facts or triplet.subject.lower() not in starts
            if known or not names_relation(tokens, triplet.relation):
                continue
            facts[triplet.id] = Fact(
                triplet.id,
                triplet.subject,
                triplet.relation,
                triplet.object,
                weight=round(DECAY ** (hop - 1), 3),
                hop=hop,
            )
            frontier.append(triplet.object.lower())
    ranked = sorted(facts.values(), key=lambda fact: (-fact.weight, fact.triplet))
    return ranked[:limit]
