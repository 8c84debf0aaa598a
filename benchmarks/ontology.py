"""Questions about kinds of things: has it the property, or not, after many steps of reasoning?

A thing is of a kind, a kind is of a wider kind or the opposite of one, and the last kind has or
lacks a property. Every opposite on the way turns the answer round. Names are numbers, so nothing
can be known beforehand; dead ends hang beside the chain.
"""

from __future__ import annotations

import random

from benchmarks.kinship import GraphItem, with_dead_ends

RELATIONS = ("is", "opposite", "has", "lacks")
_IS, _OPPOSITE, _HAS, _LACKS = range(4)


def ontology_item(rng: random.Random, hops: int) -> GraphItem:
    """A chain of ``hops`` facts, the last of which names the property."""
    relations = [rng.choice((_IS, _IS, _OPPOSITE)) for _ in range(hops - 1)]
    relations.append(rng.choice((_HAS, _LACKS)))
    turns = relations.count(_OPPOSITE) + relations.count(_LACKS)
    edges = [(n, relation, n + 1) for n, relation in enumerate(relations)]
    answer = _LACKS if turns % 2 else _HAS
    return with_dead_ends(rng, edges, hops, answer, len(RELATIONS), rng.randint(1, hops))
