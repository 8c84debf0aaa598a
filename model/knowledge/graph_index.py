"""Finds the edges around nodes in a graph of a million triplets, in well under a millisecond.

Two compressed tables of rows (CSR), one by subject and one by object, in which the edges of a node
lie side by side; 24 bytes for a triplet. New edges wait in a small overflow and removed ones are
only marked, until both are merged into the tables; so a change costs as much as the node has
edges, and a merge is paid for by the thousands of changes before it. Numbers only: what they
mean is known to whoever owns the index. Not for several threads at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.knowledge.adjacency import Adjacency, Edges, Gate, Positions, joined


class GraphIndex:
    """A graph of typed triplets for walking it in both directions, kept up to date edge by edge."""

    def __init__(self) -> None:
        none = np.zeros(0, np.int32)
        self._out = Adjacency(none, none, none, none, 0)
        self._in = Adjacency(none, none, none, none, 0)
        self.num_nodes = 0
        self.num_relations = 0
        self._next_edge = 0

    @classmethod
    def from_arrays(
        cls,
        subject_T: npt.ArrayLike,
        relation_T: npt.ArrayLike,
        object_T: npt.ArrayLike,
        num_nodes: int,
        num_relations: int,
        edge_T: npt.ArrayLike | None = None,
    ) -> GraphIndex:
        """Index triplets of nodes and relations that are numbered from 0.

        ``edge_T`` names the edges; without it they are numbered in their order.

        Raises: ValueError if a number is outside of its range or the lengths differ.
        """
        subject, relation, object_ = (
            np.asarray(each, np.int32) for each in (subject_T, relation_T, object_T)
        )
        edge = np.asarray(np.arange(len(subject)) if edge_T is None else edge_T, np.int32)
        if not len(subject) == len(relation) == len(object_) == len(edge):
            raise ValueError(
                f"{len(subject)} subjects, {len(relation)} relations, {len(object_)} objects and "
                f"{len(edge)} edge numbers do not make triplets"
            )
        for name, values, limit in (
            ("subject", subject, num_nodes),
            ("object", object_, num_nodes),
            ("relation", relation, num_relations),
        ):
            if len(values) and not 0 <= values.min() <= values.max() < limit:
                raise ValueError(
                    f"{name}s go from {values.min()} to {values.max()}, not from 0 to {limit - 1}"
                )
        index = cls()
        index.num_nodes, index.num_relations = num_nodes, num_relations
        index._next_edge = int(edge.max()) + 1 if len(edge) else 0
        index._out = Adjacency(subject, relation, object_, edge, num_nodes)
        index._in = Adjacency(object_, relation, subject, edge, num_nodes)
        return index

    def __len__(self) -> int:
        return len(self._out)

    @property
    def nbytes(self) -> int:
        """Bytes of the tables, without the overflow."""
        return self._out.nbytes + self._in.nbytes

    def add(self, subject: int, relation: int, object_: int, edge: int | None = None) -> int:
        """Put in one edge; returns its number. Nodes and relations not seen before are welcome.

        Raises: ValueError for a negative number.
        """
        number = self._next_edge if edge is None else edge
        if min(subject, relation, object_, number) < 0:
            raise ValueError(f"edge {number}: {subject}, {relation}, {object_} has a negative part")
        self._next_edge = max(self._next_edge, number + 1)
        self.num_nodes = max(self.num_nodes, subject + 1, object_ + 1)
        self.num_relations = max(self.num_relations, relation + 1)
        self._out.add(subject, relation, object_, number)
        self._in.add(object_, relation, subject, number)
        self._settle()
        return number

    def remove(self, subject: int, relation: int, object_: int) -> int:
        """Take one edge out; returns its number. Raises: KeyError if it is not there."""
        edge = self._out.find(subject, relation, object_)
        if edge is None:
            raise KeyError((subject, relation, object_))
        self._out.drop(subject, edge)
        self._in.drop(object_, edge)
        self._settle()
        return edge

    def expand(
        self,
        nodes_F: npt.ArrayLike,
        gate_R: Gate | None = None,
        degree_cap: int | None = None,
        row_F: npt.ArrayLike | None = None,
    ) -> Edges:
        """All edges that leave the nodes in either direction, in no particular order.

        ``gate_R`` weighs the relations, then the inverse ones (2 · ``num_relations`` in all);
        edges of weight 0 are left out. Where several questions walk together it has a row for
        each, and ``row_F`` says whose each node is. Of a node with more than ``degree_cap`` edges
        in one direction, those of the heaviest relations stay, and among equals those that
        ``spread`` puts first: the same ones every time, however the graph came about.

        Raises: ValueError if the gate has another length.
        """
        nodes = np.asarray(nodes_F, np.int64)
        width = self.num_relations
        rows = None if row_F is None else np.asarray(row_F, np.int64)
        if gate_R is None:
            parts = [side.take(nodes, None, degree_cap) for side in (self._out, self._in)]
        else:
            if gate_R.shape[-1] != 2 * width:
                raise ValueError(
                    f"the gate has {gate_R.shape[-1]} weights for 2 · {width} relations"
                )
            parts = [
                self._out.take(nodes, gate_R[..., :width], degree_cap, rows),
                self._in.take(nodes, gate_R[..., width:], degree_cap, rows),
            ]
        inverse = parts[1]._replace(relation_E=parts[1].relation_E + np.int32(width))
        return joined(parts[0], inverse)

    def degrees(self, nodes_F: npt.ArrayLike) -> Positions:
        """How many edges touch each of the nodes; one from a node to itself counts twice."""
        nodes = np.asarray(nodes_F, np.int64)
        return self._out.degrees(nodes) + self._in.degrees(nodes)

    def _settle(self) -> None:
        self._out.settle(self.num_nodes)
        self._in.settle(self.num_nodes)
