from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from model.knowledge import adjacency
from model.knowledge.adjacency import Edges, spread
from model.knowledge.graph_index import GraphIndex

HEAT, CUT, WAIT = 0, 1, 2
EGG, FRIED, CHICK, MEAL, NEST = range(5)
TRIPLETS = [(EGG, HEAT, FRIED), (EGG, WAIT, CHICK), (FRIED, CUT, MEAL), (NEST, WAIT, EGG)]


def _index(triplets: list[tuple[int, int, int]] = TRIPLETS, nodes: int = 5) -> GraphIndex:
    return GraphIndex.from_arrays(*np.array(triplets).reshape(-1, 3).T, nodes, 3)


def _rows(edges: Edges) -> list[tuple[int, ...]]:
    return sorted(zip(*(array.tolist() for array in edges), strict=True))


class Lists:
    """The same graph as plain Python, for comparison."""

    def __init__(self, relations: int) -> None:
        self.edges: dict[int, tuple[int, int, int]] = {}
        self.relations = relations

    def expand(
        self, nodes: list[int], gate: list[float] | None, cap: int | None
    ) -> list[tuple[int, ...]]:
        found = []
        for place, node in enumerate(nodes):
            for inverse in (False, True):
                row = []
                for edge, (subject, relation, object_) in self.edges.items():
                    here, there = (object_, subject) if inverse else (subject, object_)
                    walked = relation + inverse * self.relations
                    if here == node and (gate is None or gate[walked] > 0):
                        row.append((place, walked, there, edge))
                weight = (lambda item: 1.0) if gate is None else (lambda item: gate[item[1]])
                row.sort(key=lambda item: (-weight(item), edge_spread(item[3])))
                found += row[:cap]
        return sorted(found)


def edge_spread(edge: int) -> int:
    return edge * 2654435761 % 2**32


def test_an_edge_is_found_from_both_ends() -> None:
    assert _rows(_index().expand([EGG])) == [
        (0, HEAT, FRIED, 0),
        (0, WAIT, CHICK, 1),
        (0, WAIT + 3, NEST, 3),
    ]


def test_a_frontier_may_name_a_node_twice_and_tells_them_apart() -> None:
    assert _rows(_index().expand([MEAL, NEST, MEAL])) == [
        (0, CUT + 3, FRIED, 2),
        (1, WAIT, EGG, 3),
        (2, CUT + 3, FRIED, 2),
    ]


def test_the_gate_closes_relations_one_direction_at_a_time() -> None:
    only_wait_forward = np.array([0, 0, 0.5, 0, 0, 0])
    only_wait_back = np.array([0, 0, 0, 0, 0, 1.0])
    assert _rows(_index().expand([EGG], only_wait_forward)) == [(0, WAIT, CHICK, 1)]
    assert _rows(_index().expand([EGG], only_wait_back)) == [(0, WAIT + 3, NEST, 3)]


def test_nothing_comes_of_nothing() -> None:
    empty = GraphIndex.from_arrays([], [], [], 0, 0)
    assert len(empty) == 0
    assert _rows(empty.expand([0, 7], degree_cap=2)) == []
    assert _rows(_index().expand([])) == []
    assert _rows(_index().expand([EGG, 10_000], np.zeros(6))) == []


def test_a_hub_keeps_its_heaviest_relations_and_a_fixed_sample_of_the_rest() -> None:
    heated = [(0, HEAT, 1 + n) for n in range(100)]
    index = _index([*heated, (0, CUT, 101), (0, WAIT, 102)], 103)
    kept = _rows(index.expand([0], np.array([0.2, 1.0, 0.5, 0, 0, 0]), 10))
    assert {target for _, relation, target, _ in kept if relation != HEAT} == {101, 102}
    sample = sorted(range(100), key=edge_spread)[:8]
    assert sorted(edge for _, relation, _, edge in kept if relation == HEAT) == sorted(sample)


def test_the_cap_counts_each_direction_by_itself() -> None:
    index = _index(
        [*[(0, HEAT, 1 + n) for n in range(5)], *[(6 + n, CUT, 0) for n in range(5)]], 11
    )
    relations = Counter(index.expand([0], degree_cap=3).relation_E.tolist())
    assert relations == {HEAT: 3, CUT + 3: 3}


def test_an_added_edge_is_there_at_once_even_of_new_nodes_and_relations() -> None:
    index = _index()
    assert index.add(EGG, CUT, 9) == 4
    assert index.add(9, 5, EGG, edge=70) == 70
    assert index.add(9, 5, CHICK) == 71
    assert index.num_nodes == 10
    assert (len(index), index.num_relations) == (7, 6)
    assert _rows(index.expand([9])) == [(0, 5, EGG, 70), (0, 5, CHICK, 71), (0, CUT + 6, EGG, 4)]


def test_a_removed_edge_is_gone_at_once_whether_old_or_new() -> None:
    index = _index()
    index.add(EGG, CUT, MEAL)
    assert index.remove(EGG, CUT, MEAL) == 4
    assert index.remove(EGG, HEAT, FRIED) == 0
    assert _rows(index.expand([EGG])) == [(0, WAIT, CHICK, 1), (0, WAIT + 3, NEST, 3)]
    assert _rows(index.expand([FRIED])) == [(0, CUT, MEAL, 2)]
    assert index.degrees([EGG, FRIED, MEAL]).tolist() == [2, 1, 1]
    with pytest.raises(KeyError):
        index.remove(EGG, HEAT, FRIED)


@pytest.mark.parametrize("merge_at", [3, 10_000])
def test_changed_edge_by_edge_it_answers_like_plain_lists(
    merge_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two roads, one result, whether the overflow is merged often or never."""
    monkeypatch.setattr(adjacency, "MERGE_AT", merge_at)
    rng = random.Random(3)
    index, lists = GraphIndex.from_arrays([], [], [], 0, 4), Lists(4)
    for step in range(600):
        words = (rng.randrange(3) if rng.random() < 0.5 else rng.randrange(20), rng.randrange(4))
        triplet = (*words, rng.randrange(20))
        known = [edge for edge, each in lists.edges.items() if each == triplet]
        if known:
            assert index.remove(*triplet) == known[0]
            del lists.edges[known[0]]
        else:
            lists.edges[index.add(*triplet)] = triplet
        if step % 20 == 0:
            nodes = [rng.randrange(22) for _ in range(6)]
            gate = [rng.choice([0, 0.25, 1.0]) for _ in range(8)] if step % 40 else None
            cap = rng.choice([None, 1, 4])
            found = index.expand(nodes, None if gate is None else np.array(gate), cap)
            if index.num_nodes:
                assert _rows(found) == lists.expand(nodes, gate, cap)
    assert len(index) == len(lists.edges)


def test_a_graph_that_grew_keeps_the_same_sample_as_one_that_was_built_at_once() -> None:
    rng = np.random.default_rng(0)
    triplets_3T = np.stack([rng.zipf(1.5, 3000) % 50, rng.integers(0, 3, 3000), np.arange(3000)])
    built = GraphIndex.from_arrays(*triplets_3T, 3000, 3)
    grown = GraphIndex.from_arrays(*triplets_3T[:, :2000], 3000, 3)
    for triplet in triplets_3T[:, 2000:].T.tolist():
        grown.add(*triplet)
    gate = np.array([1.0, 0.5, 0.5, 0, 1.0, 1.0])
    for asked in (None, gate):
        nodes = np.arange(50)
        assert _rows(built.expand(nodes, asked, 7)) == _rows(grown.expand(nodes, asked, 7))


def test_a_million_triplets_would_take_24_bytes_each() -> None:
    index = GraphIndex.from_arrays(np.arange(999), np.zeros(999), np.arange(999), 1000, 1)
    assert index.nbytes == 24 * 999 + 2 * 4 * 1001


def test_the_sample_of_a_hub_never_ties() -> None:
    assert len(np.unique(spread(np.arange(100_000, dtype=np.int32)))) == 100_000


def test_numbers_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="objects go from 0 to 5, not from 0 to 4"):
        GraphIndex.from_arrays([0, 1], [0, 0], [0, 5], 5, 1)
    with pytest.raises(ValueError, match="relations go from -1"):
        GraphIndex.from_arrays([0], [-1], [0], 5, 1)
    with pytest.raises(ValueError, match="2 subjects, 1 relations"):
        GraphIndex.from_arrays([0, 1], [0], [0, 1], 5, 1)
    with pytest.raises(ValueError, match="negative"):
        _index().add(EGG, -1, MEAL)
    with pytest.raises(ValueError, match=r"5 weights for 2 · 3 relations"):
        _index().expand([EGG], np.ones(5))
