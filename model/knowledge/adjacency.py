"""One direction of a graph: the edges of each node side by side, and what waits to join them.

Numbers only, and not for several threads at once; ``GraphIndex`` joins the two directions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Positions = npt.NDArray[np.int64]
Gate = npt.NDArray[np.floating]

MERGE_AT = 1024
"""Changes that always fit into the overflow; the tables are merged when one in ``SHARE`` is new."""
SHARE = 16
GONE = -1
"""Stands in the place of the other end of an edge that was removed."""
_GOLDEN = np.uint32(2654435761)


class Edges(NamedTuple):
    """Edges that leave a frontier of nodes, one of them in the same place of each array."""

    source_E: Positions
    """Place of the node in the frontier from which the edge leaves."""
    relation_E: Ints
    """Relation; one that is walked from object to subject counts on from ``num_relations``."""
    target_E: Ints
    edge_E: Ints
    """Which edge it is: the number that it was added under."""


def spread(edge_E: npt.NDArray[np.int32]) -> npt.NDArray[np.uint32]:
    """A fixed shuffle of edge numbers (Knuth's multiplicative hash): who of a hub's edges goes on.

    It does not depend on the order in which edges came, and adding one changes one place at most.
    """
    spread_E: npt.NDArray[np.uint32] = edge_E.astype(np.uint32) * _GOLDEN
    return spread_E


_NONE = np.zeros(0, np.int32)
NO_EDGES = Edges(np.zeros(0, np.int64), _NONE, _NONE, _NONE)


def joined(first: Edges, second: Edges) -> Edges:
    """The edges of both, those of the first one first."""
    if not len(first.edge_E) or not len(second.edge_E):
        return first if len(first.edge_E) else second
    return Edges(
        np.concatenate([first.source_E, second.source_E]),
        np.concatenate([first.relation_E, second.relation_E]),
        np.concatenate([first.target_E, second.target_E]),
        np.concatenate([first.edge_E, second.edge_E]),
    )


def chosen(found: Edges, which_E: npt.NDArray[np.bool_] | Positions) -> Edges:
    """Some of the edges, by a mask or by their places."""
    return Edges(
        found.source_E[which_E],
        found.relation_E[which_E],
        found.target_E[which_E],
        found.edge_E[which_E],
    )


class Adjacency:
    """One direction: the edges of each node side by side in the order of ``spread``.

    That order makes the first edges of a row a fair sample, so a hub need not be read to its end.
    """

    def __init__(
        self, node_T: Ints, relation_T: Ints, other_T: Ints, edge_T: Ints, num_nodes: int
    ) -> None:
        key_T = node_T.astype(np.uint64) << np.uint64(32) | spread(edge_T).astype(np.uint64)
        order_T = np.argsort(key_T)
        self._relation_T, self._other_T = relation_T[order_T], other_T[order_T]
        self._edge_T = edge_T[order_T]
        self._start_N = np.zeros(num_nodes + 1, np.int32)  # one more: where the last row ends
        np.cumsum(np.bincount(node_T, minlength=num_nodes), out=self._start_N[1:])
        self._fresh: dict[int, list[tuple[int, int, int]]] = {}
        self._gone: dict[int, int] = {}
        self._num_fresh = self._num_gone = 0

    def __len__(self) -> int:
        return len(self._edge_T) + self._num_fresh - self._num_gone

    @property
    def changes(self) -> int:
        """How many additions and removals wait to be merged."""
        return self._num_fresh + self._num_gone

    @property
    def nbytes(self) -> int:
        """Bytes of the tables, without what waits."""
        arrays = (self._relation_T, self._other_T, self._edge_T, self._start_N)
        return sum(array.nbytes for array in arrays)

    def add(self, node: int, relation: int, other: int, edge: int) -> None:
        """Put in one edge of a node."""
        self._fresh.setdefault(node, []).append((relation, other, edge))
        self._num_fresh += 1

    def find(self, node: int, relation: int, other: int) -> int | None:
        """The number of an edge, or ``None``: O(edges of the node)."""
        row = self._row(node)
        same = (self._relation_T[row] == relation) & (self._other_T[row] == other)
        places = np.flatnonzero(same)
        if len(places):
            return int(self._edge_T[row][places[0]])
        fresh = self._fresh.get(node, ())
        return next((edge for *words, edge in fresh if words == [relation, other]), None)

    def drop(self, node: int, edge: int) -> None:
        """Take out an edge that is there: O(edges of the node)."""
        row = self._row(node)
        live = (self._edge_T[row] == edge) & (self._other_T[row] != GONE)
        places = np.flatnonzero(live)
        if len(places):
            self._other_T[row.start + int(places[0])] = GONE
            self._gone[node] = self._gone.get(node, 0) + 1
            self._num_gone += 1
            return
        kept = [item for item in self._fresh[node] if item[2] != edge]
        self._num_fresh -= len(self._fresh[node]) - len(kept)
        self._fresh[node] = kept

    def degrees(self, nodes_F: Positions) -> Positions:
        """How many edges each of the nodes has."""
        _, count_F = self._spans(nodes_F)
        for place, node in enumerate(nodes_F.tolist() if self.changes else ()):
            count_F[place] += len(self._fresh.get(node, ())) - self._gone.get(node, 0)
        return count_F

    def take(
        self,
        nodes_F: Positions,
        gate_R: Gate | None,
        cap: int | None,
        row_F: Positions | None = None,
    ) -> Edges:
        """The edges of the nodes, as ``GraphIndex.expand`` says."""
        if not len(self) or (gate_R is not None and not gate_R.any()):
            return NO_EDGES
        begin_F, count_F = self._spans(nodes_F)
        if gate_R is None and cap is not None:
            gone_F = [self._gone.get(node, 0) for node in nodes_F.tolist()] if self._gone else 0
            count_F = np.minimum(count_F, cap + np.asarray(gone_F))
        source_E = np.repeat(np.arange(len(nodes_F)), count_F)
        place_E = np.arange(len(source_E)) + np.repeat(
            begin_F - (np.cumsum(count_F) - count_F), count_F
        )
        relation_E = self._relation_T[place_E]
        if gate_R is not None and len(place_E):
            open_E = np.flatnonzero(_of_rows(gate_R, row_F, source_E, relation_E) > 0)
            source_E, place_E, relation_E = source_E[open_E], place_E[open_E], relation_E[open_E]
        found = Edges(source_E, relation_E, self._other_T[place_E], self._edge_T[place_E])
        if self._num_gone:
            found = chosen(found, found.target_E != GONE)
        fresh = self._waiting(nodes_F, gate_R, row_F) if self._num_fresh else None
        if fresh is not None:
            found = joined(found, fresh)
        if cap is None:
            return found
        return _capped(found, len(nodes_F), gate_R, cap, row_F, in_rows=fresh is None)

    def settle(self, num_nodes: int) -> None:
        """Merge what waits into the tables if it is much: O(edges), but only now and then."""
        if self.changes <= MERGE_AT + len(self) // SHARE:
            return
        node_T = np.repeat(
            np.arange(len(self._start_N) - 1, dtype=np.int32), np.diff(self._start_N)
        )
        live_T = self._other_T != GONE
        waiting = [(node, *item) for node, items in self._fresh.items() for item in items]
        fresh_4T = np.asarray(waiting, np.int32).reshape(-1, 4).T
        tables = (node_T, self._relation_T, self._other_T, self._edge_T)
        node, relation, other, edge = (
            np.concatenate([table[live_T], fresh])
            for table, fresh in zip(tables, fresh_4T, strict=True)
        )
        Adjacency.__init__(self, node, relation, other, edge, num_nodes)

    def _row(self, node: int) -> slice:
        if node + 1 >= len(self._start_N):
            return slice(0, 0)
        return slice(int(self._start_N[node]), int(self._start_N[node + 1]))

    def _spans(self, nodes_F: Positions) -> tuple[Positions, Positions]:
        # nodes that are newer than the tables have no row yet
        rows_F = np.minimum(nodes_F, len(self._start_N) - 1)
        ends_F = np.minimum(nodes_F + 1, len(self._start_N) - 1)
        begin_F = self._start_N[rows_F].astype(np.int64)
        return begin_F, self._start_N[ends_F] - begin_F

    def _waiting(
        self, nodes_F: Positions, gate_R: Gate | None, row_F: Positions | None
    ) -> Edges | None:
        items = [
            (place, *item)
            for place, node in enumerate(nodes_F.tolist())
            for item in self._fresh.get(node, ())
            if gate_R is None or (gate_R if row_F is None else gate_R[row_F[place]])[item[0]] > 0
        ]
        if not items:
            return None
        source_E, relation_E, target_E, edge_E = np.asarray(items, np.int32).T
        return Edges(source_E.astype(np.int64), relation_E, target_E, edge_E)


def _of_rows(
    table_R: npt.NDArray[Any], row_F: Positions | None, source_E: Positions, relation_E: Ints
) -> npt.NDArray[Any]:
    """The entry of each edge's relation: of the one table, or of the row its node belongs to."""
    return table_R[relation_E] if row_F is None else table_R[row_F[source_E], relation_E]


def _capped(
    found: Edges,
    frontier: int,
    gate_R: Gate | None,
    cap: int,
    row_F: Positions | None,
    *,
    in_rows: bool,
) -> Edges:
    """At most ``cap`` edges for each node: heaviest relation first, then in ``spread``'s order.

    ``in_rows`` says that they come node by node and in that order already, as in the tables.
    """
    count_F = np.bincount(found.source_E, minlength=frontier)
    if not len(found.edge_E) or count_F.max() <= cap:
        return found
    order_E = np.arange(len(found.edge_E)) if in_rows else np.argsort(spread(found.edge_E))
    if gate_R is not None:
        levels, level_R = np.unique(-gate_R, return_inverse=True)
        level_R = level_R.reshape(gate_R.shape).astype(np.min_scalar_type(len(levels)))
        source_E, relation_E = found.source_E[order_E], found.relation_E[order_E]
        order_E = order_E[_stable(_of_rows(level_R, row_F, source_E, relation_E))]
    if gate_R is not None or not in_rows:
        order_E = order_E[_stable(found.source_E[order_E].astype(np.min_scalar_type(frontier)))]
    first_F = np.cumsum(count_F) - count_F
    rank_E = np.arange(len(order_E)) - np.repeat(first_F, count_F)
    return chosen(found, order_E[rank_E < cap])


def _stable(keys_E: npt.NDArray[np.unsignedinteger]) -> Positions:
    # a radix sort for 16 bits, which is why levels and places are kept that narrow
    return np.argsort(keys_E, kind="stable")
