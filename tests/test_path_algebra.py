from __future__ import annotations

import random

import pytest
import torch

from benchmarks.kinship import KIN, GraphItem, compositions, kinship_item
from benchmarks.multihop import shortest_path
from benchmarks.ontology import ontology_item
from model.network.path_algebra import PathAlgebra


def _table(pairs: dict[tuple[int, int], int], relations: int) -> PathAlgebra:
    """An algebra that knows some pairs for sure and of the others that they have no name."""
    algebra = PathAlgebra(relations)
    with torch.no_grad():
        algebra.logits_RRS.zero_()
        algebra.logits_RRS[..., -1] = 50.0
        for (first, second), end in pairs.items():
            algebra.logits_RRS[first, second, end] = 100.0
    return algebra


def test_a_table_of_pairs_answers_ways_of_any_length() -> None:
    parity = _table({(a, b): a ^ b for a in (0, 1) for b in (0, 1)}, 2)
    ways = torch.tensor([[1, 0, 1, 1, 0, 1, 1], [1, 1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0]])
    found = parity(ways, torch.tensor([7, 2, 1])).exp()
    torch.testing.assert_close(
        found, torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), atol=1e-4, rtol=0
    )


def test_attention_goes_to_the_cut_that_is_sure() -> None:
    # (0 1) has no name, (1 2) is 3, and (0 3) is 4: only the second cut leads to an answer
    algebra = _table({(1, 2): 3, (0, 3): 4}, 5)
    found = algebra(torch.tensor([[0, 1, 2]]), torch.tensor([3])).exp()[0]
    assert int(found.argmax()) == 4
    assert float(found[4].detach()) == pytest.approx(1.0, abs=1e-3)


def test_kin_of_kin_is_as_in_life() -> None:
    table = compositions()
    assert table["father", "father"] == {"grandfather"}
    assert table["son", "mother"] == {"wife"}, "the mother of a son is no third person else"
    assert {"father", "uncle"} <= table["grandfather", "son"]


@pytest.mark.parametrize("hops", [2, 3, 6, 10])
def test_no_shorter_way_leads_to_the_answer(hops: int) -> None:
    rng = random.Random(hops)
    for draw in (kinship_item, ontology_item):
        for _ in range(20):
            assert len(shortest_path(draw(rng, hops))) == hops


def test_chains_are_right_whichever_way_they_are_cut() -> None:
    rng = random.Random(0)
    table = compositions()
    for _ in range(50):
        item = kinship_item(rng, 2)
        first, second = (KIN[number] for number in shortest_path(item))
        assert table[first, second] == {KIN[item.answer]}


def test_opposites_turn_the_answer_round() -> None:
    rng = random.Random(1)
    for _ in range(30):
        item: GraphItem = ontology_item(rng, 5)
        *_, last = way = shortest_path(item)
        turned = way.count(1) % 2 == 1
        assert item.answer == (5 - last if turned else last)
