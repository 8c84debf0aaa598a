"""Walks from some nodes along the relations that a question asks for, and remembers the way.

Relational propagation with tied hops: at every hop the weight of a node flows on along its edges,
times the weight of their relation in the one gate of the question. A node keeps the weight of the
best way to it, so every fact has one path that explains it, and only the best nodes go on
(Shi et al. 2021, TransferNet; Zhu et al. 2023, A*Net).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.config import RetrievalConfig
from model.knowledge.adjacency import Ints, Positions
from model.knowledge.graph_index import GraphIndex

DECAY = 0.85
"""A fact weighs this much less per hop away from what the question names."""

Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """An edge that a walk took: ``path`` holds the edges that lead to it, itself the last."""

    edge: int
    weight: float
    hop: int
    path: tuple[int, ...]


def walk(
    index: GraphIndex, seeds: Mapping[int, float], gate_R: Weights, config: RetrievalConfig
) -> list[Found]:
    """The edges that are reached, heaviest first, at most ``config.neighbours`` of them each hop.

    ``seeds`` are the nodes to start from, with their weights (0–1). An edge that is reached at
    several hops counts at the first one.

    Shapes: ``gate_R`` as in ``GraphIndex.expand``.
    """
    node_F = np.fromiter(seeds, np.int64, len(seeds))
    weight_F = np.fromiter(seeds.values(), np.float64, len(seeds))
    way_F: list[tuple[int, ...]] = [()] * len(seeds)
    found: dict[int, Found] = {}
    for hop in range(1, config.hops + 1):
        edges = index.expand(node_F, gate_R, config.degree_cap)
        weight_E = weight_F[edges.source_E] * gate_R[edges.relation_E]
        weight_E *= DECAY if hop > 1 else 1.0
        # an edge comes twice if it is walked in both directions within this hop
        most = 2 * config.neighbours + len(found)
        best_E = heaviest(weight_E, edges.edge_E, most)
        reached: dict[int, Found] = {}
        fresh = 0
        for place in best_E.tolist():
            edge = int(edges.edge_E[place])
            if edge in found or fresh == config.neighbours:
                continue
            fresh += 1
            way = (*way_F[edges.source_E[place]], edge)
            found[edge] = Found(edge, float(weight_E[place]), hop, way)
            reached.setdefault(int(edges.target_E[place]), found[edge])
        if not reached:
            break
        node_F = np.fromiter(reached, np.int64, len(reached))
        weight_F = np.array([each.weight for each in reached.values()])
        way_F = [each.path for each in reached.values()]
    return sorted(found.values(), key=lambda each: (-each.weight, each.edge))


def heaviest(weight_E: Weights, edge_E: Ints, most: int) -> Positions:
    """Places of the ``most`` heaviest edges, heaviest first, equal ones by their number."""
    place_E = np.arange(len(weight_E))
    if len(weight_E) > 4 * most:
        # all that tie with the last one stay in, so that their numbers decide
        place_E = np.flatnonzero(weight_E >= np.partition(weight_E, -most)[-most])
    return place_E[np.lexsort((edge_E[place_E], -weight_E[place_E]))][:most]
