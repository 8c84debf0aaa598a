"""Why an answer: the strongest way from the topic to it, edge by edge."""

from __future__ import annotations

from model.learning.graph_reasoner import GraphReasoner
from model.network.graph_attention import Frontier, Walk

Edge = tuple[str, str, str]


def best_path(model: GraphReasoner, walk: Walk, row: int, label: str) -> tuple[Edge, ...]:
    """The edges, as they are in the graph, over which most of an answer's score came.

    ``row`` is the question's place in its batch. Empty if the walk did not reach the answer.
    """
    node = model.node_of(label)
    scores = [_scores(frontier, row) for frontier in walk.frontiers]
    lengths = [
        (scores[hop].get(node, 0.0) * float(walk.hops_BH[row, hop]), hop)
        for hop in range(len(scores))
        if node is not None
    ]
    if node is None or max(lengths)[0] <= 0:
        return ()
    path: list[Edge] = []
    for hop in range(max(lengths)[1], -1, -1):
        before = scores[hop - 1] if hop else {walk.topic_B[row].item(): 1.0}
        attention = walk.attention_BR[hop][row].tolist()
        found = [
            (before[source] * attention[relation], source, relation)
            for source, relation in _into(model, node)
            if source in before
        ]
        _, source, relation = max(found)
        path.append(_edge(model, source, relation, node))
        node = source
    return tuple(reversed(path))


def _scores(frontier: Frontier, row: int) -> dict[int, float]:
    here = frontier.row_F == row
    return dict(zip(frontier.node_F[here].tolist(), frontier.score_F[here].tolist(), strict=True))


def _into(model: GraphReasoner, node: int) -> list[tuple[int, int]]:
    """Every source and relation of an edge that leads to a node."""
    edges = model.edges
    first, end = edges.node_starts[node : node + 2].tolist()
    starts = edges.group_starts[first : end + 1].tolist()
    found = []
    for group in range(first, end):
        back = int(edges.group_relation_G[group]) ^ 1
        low, high = starts[group - first], starts[group - first + 1]
        found += [(source, back) for source in edges.target_E[low:high].tolist()]
    return found


def _edge(model: GraphReasoner, source: int, relation: int, target: int) -> Edge:
    name = model.table.relations[relation // 2]
    labels = model.table.labels
    if relation % 2:
        source, target = target, source
    return labels[source], name, labels[target]
