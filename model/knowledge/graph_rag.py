"""Finds the facts that a question is about, hop by hop, with a weight and a path for each.

Seeds are the labels that the question names and those of its pictures, and, with less weight,
labels that are like the rest of its words and nodes that look like its pictures. From there the
walk takes edges whose relation the question names, in as many hops as it names relations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from model.config import RetrievalConfig
from model.knowledge.graph_memory import Graph
from model.knowledge.graph_walk import Weights, walk
from model.knowledge.pagerank import nearby
from model.knowledge.question_words import LITTLE_WORDS, phrases, words
from model.records import Fact, TripletId

ALIKE = 0.5
"""Most that a seed weighs which the question does not name but only resembles."""
LEAST_SHARE = 0.6
"""A label is only like a question that says at least this share of its words."""
RANK_SHIFT = 60
"""How little the first places of a list differ when lists are fused (Cormack et al. 2009)."""
LONGEST_QUESTION = 500
"""Words of a question that are looked up; the rest of a pasted page is not."""


def retrieve(
    graph: Graph,
    question: str,
    picture_labels: Sequence[str] = (),
    look_alikes: Sequence[int] = (),
    config: RetrievalConfig | None = None,
    gate_R: Weights | None = None,
) -> list[Fact]:
    """The facts that the question leans on, heaviest first; empty if it asks about no step.

    ``picture_labels`` are the names of its pictures; ``look_alikes`` nodes that look like one
    without a name, most alike first. ``weight`` is 1 for an edge from a named thing by a named
    relation, less for each further hop, and less if either is only like what is named.
    ``gate_R`` weighs relations otherwise than by the question's words, as a trained reasoner does.

    Shapes: ``gate_R`` as in ``GraphIndex.expand``.
    """
    config = config or RetrievalConfig()
    tokens = words(question)[:LONGEST_QUESTION]
    gate_R = graph.gate.weights(tokens) if gate_R is None else gate_R
    asks_for_step = bool(gate_R.any()) or config.mode == "pagerank"
    seeds = find_seeds(graph, tokens, picture_labels, look_alikes, config) if asks_for_step else {}
    if not seeds:
        return []
    if config.mode == "pagerank":
        found = nearby(graph.index, seeds, config)
    else:
        found = walk(graph.index, seeds, gate_R, config)[: config.facts]
    in_words = graph.words_of([each.edge for each in found])
    return [
        Fact(
            TripletId(each.edge),
            *in_words[each.edge],
            weight=round(each.weight, 3),
            hop=each.hop,
            path=tuple(TripletId(edge) for edge in each.path),
        )
        for each in found
    ]


def find_seeds(
    graph: Graph,
    tokens: Sequence[str],
    picture_labels: Sequence[str],
    look_alikes: Sequence[int],
    config: RetrievalConfig,
) -> dict[int, float]:
    """The nodes from which a walk starts: named ones weigh 1, others at most ``ALIKE``."""
    wanted = [*picture_labels, *phrases(" ".join(tokens))]
    named = graph.nodes_named(wanted)
    seeds = dict.fromkeys(sorted(named.values()), 1.0)
    told = {word for label in named for word in words(label)}
    told |= {f"{word}s" for word in told} | LITTLE_WORDS
    rest = [word for word in tokens if word not in told and not graph.gate.names_a_step(word)]
    similar = graph.labels.search(rest, config.seeds, least_share=LEAST_SHARE)
    alike = fused([[node for node, _ in similar], look_alikes[: config.seeds]])
    for node, weight in list(alike.items())[: config.seeds]:
        seeds.setdefault(node, ALIKE * weight)
    return seeds


def fused(rankings: Iterable[Sequence[int]]) -> dict[int, float]:
    """Several lists of nodes as one, best first, by the sum of their reciprocal ranks.

    A node that is first in every list weighs 1.
    """
    lists = [ranking for ranking in rankings if ranking]
    scores: dict[int, float] = {}
    for ranking in lists:
        for rank, node in enumerate(ranking):
            scores[node] = scores.get(node, 0.0) + (RANK_SHIFT + 1) / (RANK_SHIFT + 1 + rank)
    best = sorted(scores, key=lambda node: (-scores[node], node))
    return {node: scores[node] / len(lists) for node in best}
