"""What lies near some nodes whatever the relations: personalised PageRank around them.

For graphs whose relations nobody can guess from a question. It finds the neighbourhood, but it
cannot rank an answer that is two typed steps away: what is nearer always comes first.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from model.config import RetrievalConfig
from model.knowledge.adjacency import NO_EDGES, Edges, Positions, chosen, joined
from model.knowledge.graph_index import GraphIndex
from model.knowledge.graph_walk import Found, heaviest

RETURN = 0.5
"""How often the random walker goes back to where it came from (HippoRAG 2's damping)."""
ROUNDS = 20
"""After so many rounds what still moves is a millionth."""
REACH = 2
MOST_NODES = 2000


def nearby(index: GraphIndex, seeds: Mapping[int, float], config: RetrievalConfig) -> list[Found]:
    """The edges of the neighbourhood that the walker uses most, at most ``config.facts``.

    The best one weighs 1. Edges are walked in both directions; of the neighbourhood ``REACH``
    hops and ``MOST_NODES`` nodes are looked at.

    Source: Page et al. 1999; Gutiérrez et al. 2025 (HippoRAG 2).
    """
    start_F = np.fromiter(seeds, np.int64, len(seeds))
    edges, start_E, hop_E = _neighbourhood(index, start_F, config)
    if not len(edges.edge_E):
        return []
    node_N, place_2E = np.unique(np.concatenate([start_E, edges.target_E]), return_inverse=True)
    source_E, target_E = np.split(place_2E, 2)
    home_N = np.zeros(len(node_N))
    there_F = np.isin(start_F, node_N)
    weight_F = np.fromiter(seeds.values(), np.float64, len(seeds))
    home_N[np.searchsorted(node_N, start_F[there_F])] = weight_F[there_F]
    home_N /= home_N.sum()
    degree_N = np.bincount(place_2E)
    rank_N = home_N
    for _ in range(ROUNDS):
        share_N = rank_N / degree_N
        flow_N = np.bincount(target_E, share_N[source_E], len(node_N))
        flow_N += np.bincount(source_E, share_N[target_E], len(node_N))
        rank_N = RETURN * home_N + (1 - RETURN) * flow_N
    share_N = rank_N / degree_N
    weight_E = share_N[source_E] + share_N[target_E]
    best_E = heaviest(weight_E, edges.edge_E, config.facts)
    ways = _ways(edges, start_E, start_F)
    return [
        Found(
            int(edges.edge_E[place]),
            float(weight_E[place] / weight_E[best_E[0]]),
            int(hop_E[place]),
            (*ways[int(start_E[place])], int(edges.edge_E[place])),
        )
        for place in best_E.tolist()
    ]


def _neighbourhood(
    index: GraphIndex, start_F: Positions, config: RetrievalConfig
) -> tuple[Edges, Positions, Positions]:
    """Each edge once, in the order in which it is met, with the node that it leaves and its hop."""
    none = np.zeros(0, np.int64)
    all_edges, start_E, hop_E, node_F, known = NO_EDGES, none, none, start_F, start_F
    for hop in range(1, REACH + 1):
        edges = index.expand(node_F, None, config.degree_cap)
        # of two ways to a node the one by the older edge is told
        edges = chosen(edges, np.lexsort((edges.relation_E, edges.edge_E)))
        start_E = np.concatenate([start_E, node_F[edges.source_E]])
        hop_E = np.concatenate([hop_E, np.full(len(edges.edge_E), hop)])
        all_edges = joined(all_edges, edges)
        fresh_N = np.setdiff1d(edges.target_E, known)
        node_F = fresh_N[: max(0, MOST_NODES - len(known))].astype(np.int64)
        known = np.concatenate([known, node_F])
    once_E = np.sort(np.unique(all_edges.edge_E, return_index=True)[1])
    return chosen(all_edges, once_E), start_E[once_E], hop_E[once_E]


def _ways(edges: Edges, start_E: Positions, start_F: Positions) -> dict[int, tuple[int, ...]]:
    ways: dict[int, tuple[int, ...]] = {node: () for node in start_F.tolist()}
    triples = zip(start_E.tolist(), edges.target_E.tolist(), edges.edge_E.tolist(), strict=True)
    for start, target, edge in triples:
        ways.setdefault(target, (*ways[start], edge))
    return ways
