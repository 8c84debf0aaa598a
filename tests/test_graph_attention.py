from __future__ import annotations

import pytest
import torch
from torch import Tensor

from model.network.graph_attention import (
    Frontier,
    GraphAttention,
    TypedEdges,
    WalkLimits,
    expand,
    inverse_attention,
    without_returns,
)

WIDE = WalkLimits(budget=1000, gate=0.0)


def _edges(triples: list[tuple[int, int, int]], nodes: int, relations: int) -> TypedEdges:
    columns = torch.tensor(triples).T
    return TypedEdges(columns[0], columns[1], columns[2], nodes, relations)


def _scores(frontier: Frontier, row: int = 0) -> dict[int, float]:
    here = frontier.row_F == row
    return dict(zip(frontier.node_F[here].tolist(), frontier.score_F[here].tolist(), strict=True))


def _on(relation: int, relations: int = 2) -> Tensor:
    attention = torch.zeros(1, 2 * relations)
    attention[0, relation] = 1.0
    return attention


def test_scores_flow_along_the_attended_relation_only() -> None:
    edges = _edges([(0, 0, 1), (0, 1, 2), (3, 0, 0)], 4, 2)
    start = Frontier.at(torch.tensor([0]))
    assert _scores(expand(edges, start, _on(0), WIDE, share=False)) == {1: 1.0}
    assert _scores(expand(edges, start, _on(2), WIDE, share=False)) == {2: 1.0}
    backwards = expand(edges, start, _on(1), WIDE, share=False)
    assert _scores(backwards) == {3: 1.0}


def test_a_walk_shares_its_chance_and_loses_what_leads_nowhere() -> None:
    edges = _edges([(0, 0, 1), (0, 0, 2), (5, 1, 6)], 7, 2)
    attention = torch.tensor([[0.5, 0.0, 0.5, 0.0]])
    reached = expand(edges, Frontier.at(torch.tensor([0])), attention, WIDE, share=True)
    assert _scores(reached) == pytest.approx({1: 0.25, 2: 0.25})


def test_two_ways_to_a_node_add_up_to_one_at_most() -> None:
    edges = _edges([(0, 0, 2), (1, 0, 2)], 3, 1)
    both = Frontier(torch.tensor([0, 0]), torch.tensor([0, 1]), torch.tensor([0.5, 0.75]))
    assert _scores(expand(edges, both, _on(0, 1), WIDE, share=False)) == {2: 1.0}
    half = Frontier(both.row_F, both.node_F, torch.tensor([0.25, 0.125]))
    assert _scores(expand(edges, half, _on(0, 1), WIDE, share=False)) == {2: 0.375}


def test_a_batch_gives_what_its_questions_give_alone() -> None:
    torch.manual_seed(0)
    triples = torch.stack(
        [torch.randint(0, 30, (90,)), torch.randint(0, 3, (90,)), torch.randint(0, 30, (90,))]
    )
    edges = TypedEdges(triples[0], triples[1], triples[2], 30, 3)
    topics, attention = torch.tensor([4, 9, 9]), torch.rand(3, 6).softmax(dim=1)
    together = expand(edges, Frontier.at(topics), attention, WIDE, share=False)
    together = expand(edges, together, attention, WIDE, share=False)
    for row in range(3):
        alone = Frontier.at(topics[row : row + 1])
        for _ in range(2):
            alone = expand(edges, alone, attention[row : row + 1], WIDE, share=False)
        assert _scores(together, row) == pytest.approx(_scores(alone))


def test_sparse_hops_equal_dense_matrices() -> None:
    torch.manual_seed(1)
    s, r, o = (torch.randint(0, n, (60,)) for n in (20, 2, 20))
    edges = TypedEdges(s, r, o, 20, 2)
    dense = torch.zeros(4, 20, 20)
    dense[2 * r, s, o] = 1.0
    dense[2 * r + 1, o, s] = 1.0
    attention = torch.rand(1, 4).softmax(dim=1)
    expected = torch.nn.functional.one_hot(torch.tensor([3]), 20).float()
    frontier = Frontier.at(torch.tensor([3]))
    for _ in range(3):
        expected = torch.einsum("bn,br,rnm->bm", expected, attention, dense).clamp(max=1)
        frontier = expand(edges, frontier, attention, WIDE, share=False)
    found = torch.zeros(20)
    found[frontier.node_F] = frontier.score_F
    torch.testing.assert_close(found, expected[0])


def test_a_triple_that_is_there_twice_counts_once() -> None:
    edges = _edges([(0, 0, 1), (0, 0, 1)], 2, 1)
    assert edges.target_E.tolist() == [1, 0]


def test_the_budget_keeps_the_best_neighbours_and_small_groups_first() -> None:
    hub = [(0, 0, node) for node in range(2, 12)]
    edges = _edges([*hub, (0, 1, 1)], 12, 2)
    attention = torch.tensor([[0.5, 0.0, 0.5, 0.0]])
    start = Frontier.at(torch.tensor([0]))
    few = expand(edges, start, attention, WalkLimits(1, 0.0), share=False)
    assert _scores(few) == {1: 0.5}
    assert len(expand(edges, start, attention, WIDE, share=False).node_F) == 11


def test_relations_below_the_gate_are_not_followed() -> None:
    edges = _edges([(0, 0, 1), (0, 1, 2)], 3, 2)
    attention = torch.tensor([[0.9, 0.0, 0.1, 0.0]])
    start = Frontier.at(torch.tensor([0]))
    gated = expand(edges, start, attention, WalkLimits(100, 0.2), share=False)
    assert _scores(gated) == pytest.approx({1: 0.9})


def test_a_hop_that_undoes_the_one_before_does_not_come_back() -> None:
    edges = _edges([(0, 0, 1), (2, 0, 1)], 3, 1)
    start = Frontier.at(torch.tensor([0]))
    director = expand(edges, start, _on(0, 1), WIDE, share=False)
    films = expand(edges, director, _on(1, 1), WIDE, share=False)
    assert _scores(films) == {0: 1.0, 2: 1.0}
    others = without_returns(films, start, torch.tensor([1.0]), edges.nodes)
    assert _scores(others) == {0: 0.0, 2: 1.0}
    kept = without_returns(films, start, torch.tensor([0.25]), edges.nodes)
    assert _scores(kept) == {0: 0.75, 2: 1.0}


def test_a_question_that_leads_nowhere_ends_empty() -> None:
    edges = _edges([(0, 0, 1)], 3, 1)
    nowhere = expand(edges, Frontier.at(torch.tensor([2])), _on(0, 1), WIDE, share=False)
    assert len(nowhere.node_F) == 0
    again = expand(edges, nowhere, _on(0, 1), WIDE, share=False)
    assert len(again.node_F) == 0


def test_inverse_attention_swaps_each_relation_with_its_inverse() -> None:
    attention = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
    assert inverse_attention(attention).tolist() == torch.tensor([[0.2, 0.1, 0.4, 0.3]]).tolist()


def test_padding_changes_nothing_and_attention_sums_to_one() -> None:
    torch.manual_seed(0)
    attention = GraphAttention(width=6, relations=4, max_hops=2)
    words, sentence = torch.randn(1, 3, 6), torch.randn(1, 6)
    short = attention.relation_attention(words, torch.ones(1, 3, dtype=torch.bool), sentence)
    padded = torch.cat([words, torch.full((1, 2, 6), 9.0)], dim=1)
    known = torch.tensor([[True, True, True, False, False]])
    for one, other in zip(
        short, attention.relation_attention(padded, known, sentence), strict=True
    ):
        torch.testing.assert_close(one, other)
        torch.testing.assert_close(one.sum(dim=1), torch.ones(1))
