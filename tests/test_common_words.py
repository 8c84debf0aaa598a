"""A search for a common word finds what a search in the database finds, edit after edit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from model.knowledge import bulk_rows, search_rows
from model.knowledge.common_words import CommonWords
from model.knowledge.store import Store
from model.knowledge.triplet_ends import TripletEnds
from model.records import TripletDraft, TripletPage

QUERIES = ("red", "a", "red valve", "paint", "valve paint", "pump pump", "7", "paint a zebra")
ORDERS = ("newest", "oldest", "name")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "a.db")
    yield opened
    opened.close()


def draft(rng: random.Random) -> TripletDraft:
    def thing() -> str:
        return f"{rng.choice(('red', 'blue'))} {rng.choice(('valve', 'pump'))} {rng.randrange(9)}"

    return TripletDraft(thing(), rng.choice(("paint", "ship", "grind a way")), thing())


def pages(store: Store) -> list[TripletPage]:
    return [
        store.triplets(query, limit=7, offset=offset, order=order)
        for query in QUERIES
        for order in ORDERS
        for offset in (0, 7, 500)
    ]


def test_two_roads_find_the_same_through_edits_and_undo(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(3)
    store.ingest(draft(rng) for _ in range(120))

    def change(turn: int) -> None:
        rows = store.triplets(limit=200).items
        if turn % 5 == 0:
            store.delete_triplet(rng.choice(rows).id)
        elif turn % 5 == 1:
            store.undo()
        elif turn % 5 == 2:
            nodes = store.graph(limit=4).nodes
            store.merge_nodes(nodes[0].id, [nodes[3].id])
        elif turn % 5 == 3:
            store.add_triplet(TripletDraft("a red zebra", f"paint {turn}", "valve"))
        else:
            store.ingest(draft(rng) for _ in range(9))

    for turn in range(12):
        in_the_database = pages(store)
        for few, common in ((0, True), (0, False)):
            # the second time names are few enough to be sorted
            monkeypatch.setattr(search_rows, "FEW", few)
            store._kept._kept.clear()
            if not common:
                monkeypatch.setattr(search_rows, "rare", lambda *_: None)
                monkeypatch.setattr(search_rows, "FEW", 20_000)
            assert pages(store) == in_the_database, turn
            monkeypatch.undo()
            store._kept._kept.clear()
        change(turn)


def test_who_sees_an_older_state_searches_that(store: Store) -> None:
    common = CommonWords()
    store.add_triplet(TripletDraft("red", "paint", "blue"))
    with store.snapshot() as older:
        before = common.found(older, ["paint"]).tolist()
    store.add_triplet(TripletDraft("blue", "paint", "red"))
    with store.snapshot() as newer:
        assert common.found(newer, ["paint"]).tolist() == [1, 2]
    assert before == [1]


def test_ends_are_replaced_and_grow() -> None:
    ends = TripletEnds(*(np.array(column, np.int32) for column in ([5, 1], [0, 1], [1, 5], [9, 4])))
    nodes = [([1], [])]
    assert ends.found(nodes, 2).tolist() == [4, 9]
    ends.replace([4], [(7, 1, 7, 4), *((1, 0, 2, 100 + n) for n in range(2000))])
    assert ends.found(nodes, 2).tolist() == [9, *range(100, 2100)]
    assert ends.found([([], [1])], 2).tolist() == [4]
    assert ends.found([([1], []), ([2], [])], 2).tolist() == list(range(100, 2100))
    assert TripletEnds(*[np.zeros(0, np.int32)] * 4).found(nodes, 0).tolist() == []


def test_an_import_that_forgets_its_labels_stores_the_same(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(5)
    drafts = [draft(rng) for _ in range(200)]
    store.ingest(drafts)
    monkeypatch.setattr(bulk_rows, "MOST_NAMES", 2)
    monkeypatch.setattr(bulk_rows, "_AT_ONCE", 3)
    other = Store(tmp_path / "b.db")
    assert other.ingest(drafts) == store.triplets().total
    words = [
        [(each.subject, each.relation, each.object) for each in one.every_triplet()]
        for one in (store, other)
    ]
    assert words[0] == words[1]
    assert {node.label for node in other.graph().nodes} == {n.label for n in store.graph().nodes}
    other.undo()
    assert other.graph().total_nodes == 0
    other.close()
