"""Walks with a gate of its own for every hop and question, as a trained reasoner attends.

The same propagation as ``network/graph_attention.py`` takes while learning, without gradients and
over the app's own ``GraphIndex``: nodes collect the scores of all ways to them, each hop's best
node counts 1, and a hop that undoes the one before it does not come back to where it was.

Dimensions: H hops, B questions, R relations and then the inverse ones, F frontier nodes, E edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.knowledge.adjacency import Positions
from model.knowledge.graph_index import GraphIndex

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Attention:
    """What questions attend to: relations at every hop, and how many hops the answer is away."""

    gate_HBR: Scores
    hops_BH: Scores


@dataclass(frozen=True)
class Reached:
    """The nodes of a hop with their scores (0–1): those of a question together, by number."""

    row_F: Positions
    node_F: Positions
    score_F: Scores

    def of(self, row: int) -> dict[int, float]:
        """The nodes of one question."""
        first, end = np.searchsorted(self.row_F, [row, row + 1]).tolist()
        nodes, scores = self.node_F[first:end], self.score_F[first:end]
        return dict(zip(nodes.tolist(), scores.tolist(), strict=True))


def attention_walk(
    index: GraphIndex, topic_B: npt.ArrayLike, attention: Attention, *, least: float, budget: int
) -> list[Reached]:
    """Follow questions from their topics; returns the topics and what each hop reached.

    Relations below ``least`` times a question's best are not followed, and of the rest the
    ``budget`` edges over which most of the score flows.
    """
    topics = np.asarray(topic_B, np.int64)
    gates_HBR = opened(attention.gate_HBR, least)
    hops = [Reached(np.arange(len(topics)), topics, np.ones(len(topics)))]
    for hop, gate_BR in enumerate(gates_HBR):
        reached = _step(index, hops[-1], gate_BR, budget)
        if hop:
            back_B = (attention.gate_HBR[hop - 1] * inverse(attention.gate_HBR[hop])).sum(axis=1)
            reached = _without_returns(reached, hops[-2], back_B, index.num_nodes)
        best_F = _best(reached, len(topics))[reached.row_F]
        scaled_F = reached.score_F / np.maximum(best_F, 1e-12)
        hops.append(Reached(reached.row_F, reached.node_F, scaled_F))
    return hops


def opened(gate_HBR: Scores, least: float) -> Scores:
    """The gates without the relations that are not followed."""
    best_HB1 = gate_HBR.max(axis=2, keepdims=True)
    return np.where(gate_HBR >= least * best_HB1, gate_HBR, 0.0)


def inverse(gate_BR: Scores) -> Scores:
    """The gate that would walk back: relations and inverse ones change places."""
    return np.concatenate(np.split(gate_BR, 2, axis=-1)[::-1], axis=-1)


def totals(hops: list[Reached], hops_BH: Scores, row: int) -> dict[int, float]:
    """The score of every node that a question reached, over all lengths of the way."""
    total: dict[int, float] = {}
    for hop, reached in enumerate(hops[1:]):
        for node, score in reached.of(row).items():
            weighed = score * float(hops_BH[row, hop])
            if weighed > 0:
                total[node] = total.get(node, 0.0) + weighed
    return total


def strongest_way(
    index: GraphIndex, hops: list[Reached], attention: Attention, row: int, node: int
) -> tuple[int, ...]:
    """The edges over which most of a node's score came, first one first; empty without any."""
    before = [reached.of(row) for reached in hops]
    lengths = [
        (before[hop + 1].get(node, 0.0) * float(attention.hops_BH[row, hop]), hop)
        for hop in range(len(hops) - 1)
    ]
    if not lengths or max(lengths)[0] <= 0:
        return ()
    way: list[int] = []
    for hop in range(max(lengths)[1], -1, -1):
        gate_R = inverse(attention.gate_HBR[hop, row])
        into = index.expand([node], gate_R)
        found = [
            (before[hop][source] * float(gate_R[relation]), -edge, source)
            for relation, source, edge in zip(
                into.relation_E.tolist(), into.target_E.tolist(), into.edge_E.tolist(), strict=True
            )
            if source in before[hop]
        ]
        _, minus, node = max(found)
        way.append(-minus)
    return tuple(reversed(way))


def _step(index: GraphIndex, at: Reached, gate_BR: Scores, budget: int) -> Reached:
    edges = index.expand(at.node_F, gate_BR, row_F=at.row_F)
    row_E = at.row_F[edges.source_E]
    flow_E = at.score_F[edges.source_E] * gate_BR[row_E, edges.relation_E]
    used_B = np.bincount(row_E, minlength=len(gate_BR))
    if len(row_E) and used_B.max() > budget:
        order_E = np.lexsort((edges.edge_E, -flow_E, row_E))
        first_B = np.cumsum(used_B) - used_B
        rank_E = np.arange(len(order_E)) - first_B[row_E[order_E]]
        kept_E = order_E[rank_E < budget]
        edges_target, row_E, flow_E = edges.target_E[kept_E], row_E[kept_E], flow_E[kept_E]
    else:
        edges_target = edges.target_E
    keys_F, place_E = np.unique(row_E * index.num_nodes + edges_target, return_inverse=True)
    score_F = np.minimum(np.bincount(place_E, flow_E, minlength=len(keys_F)), 1.0)
    return Reached(keys_F // index.num_nodes, keys_F % index.num_nodes, score_F)


def _without_returns(reached: Reached, left: Reached, back_B: Scores, nodes: int) -> Reached:
    sure_F = left.score_F > 0.5 * _best(left, len(back_B))[left.row_F]
    keys = left.row_F[sure_F] * nodes + left.node_F[sure_F]
    again_F = np.isin(reached.row_F * nodes + reached.node_F, keys)
    score_F = reached.score_F * (1.0 - again_F * back_B[reached.row_F])
    return Reached(reached.row_F, reached.node_F, score_F)


def _best(reached: Reached, rows: int) -> Scores:
    best_B = np.zeros(rows)
    np.maximum.at(best_B, reached.row_F, reached.score_F)
    return best_B
