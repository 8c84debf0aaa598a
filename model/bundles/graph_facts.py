"""The knowledge graph for the road: its most central facts as lines, and all of it as a file.

An exported student has no graph beside it. So the facts go where it learned to read them, in the
system message, as many as fit.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

from model.records import Triplet, TripletDraft

Fact: TypeAlias = Triplet | TripletDraft
HEADER = "Facts:"
_KEYS = ("subject", "relation", "object", "confidence", "source", "author", "origin", "note")


def central_first(facts: Sequence[Fact]) -> list[Fact]:
    """Facts ordered by how many facts their two ends take part in, times their confidence."""
    degree: Counter[str] = Counter()
    for fact in facts:
        degree.update((fact.subject.casefold(), fact.object.casefold()))

    def weight(fact: Fact) -> float:
        ends = degree[fact.subject.casefold()] + degree[fact.object.casefold()]
        return ends * fact.confidence

    return sorted(facts, key=weight, reverse=True)


def facts_within(
    facts: Sequence[Fact], tokens: int, count: Callable[[str], int]
) -> tuple[list[str], int]:
    """The lines of the most central facts that fit into ``tokens``, and what they take.

    ``count`` tells how many tokens a text has. Nothing fits: no lines, 0 tokens.
    """
    lines: list[str] = []
    taken = count(f"{HEADER}\n")
    for fact in central_first(facts):
        line = fact_line(fact)
        cost = count(f"{line}\n")
        if taken + cost > tokens:
            break
        lines.append(line)
        taken += cost
    return lines, taken if lines else 0


def fact_line(fact: Fact) -> str:
    """The fact as the student reads it, on one line."""
    return " | ".join(" ".join(part.split()) for part in (fact.subject, fact.relation, fact.object))


def graph_jsonl(facts: Sequence[Fact]) -> str:
    """One JSON object per fact and line, most central first."""
    rows = ({key: getattr(fact, key) for key in _KEYS} for fact in central_first(facts))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
