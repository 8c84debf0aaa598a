"""Whole nodes are renamed, merged and split; every such edit goes back and forth exactly."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.errors import GraphError, InputError, StaleEditError
from model.knowledge.store import Store
from model.paths import PROJECT
from model.records import Node, PictureId, TripletDraft, TripletId

FACE, OTHER_FACE = PictureId("a" * 64), PictureId("b" * 64)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "workspace.db")
    yield opened
    opened.close()


def node(store: Store, label: str) -> Node:
    return next(each for each in store.graph(label, hops=0).nodes if each.label == label)


def lines(store: Store) -> list[str]:
    return [f"{each.subject} {each.relation} {each.object}" for each in store.every_triplet()]


# ── rename ──────────────────────────────────────────────────────────────────────────────────────


def test_renamed_node_keeps_its_triplets_and_its_number(store: Store) -> None:
    store.add_triplets([TripletDraft("eg", "heat", "dish"), TripletDraft("hen", "lay", "eg")])
    old = node(store, "eg")
    assert store.rename_node(old.id, " Egg ", "eg") == "Renamed “eg” to “Egg” (2 triplets)."
    assert lines(store) == ["Egg heat dish", "hen lay Egg"]
    assert node(store, "Egg").id == old.id
    assert (store.triplets("egg").total, store.triplets("eg hea").total) == (2, 1)
    assert store.undo() == "Undone: renamed “eg” to “Egg” (2 triplets)."
    assert lines(store) == ["eg heat dish", "hen lay eg"]
    assert store.triplets("egg").total == 0
    store.redo()
    assert lines(store) == ["Egg heat dish", "hen lay Egg"]


def test_rename_of_a_renamed_node_is_refused_with_the_newer_label(store: Store) -> None:
    store.add_triplet(TripletDraft("eg", "heat", "dish"))
    seen = node(store, "eg")
    store.rename_node(seen.id, "egg", "eg")
    with pytest.raises(StaleEditError, match="renamed “eg” in the meantime: it is now “egg”"):
        store.rename_node(seen.id, "ei", "eg")


def test_rename_makes_older_views_of_its_triplets_stale(store: Store) -> None:
    seen = store.add_triplet(TripletDraft("eg", "heat", "dish"))
    store.rename_node(node(store, "eg").id, "egg", "eg")
    with pytest.raises(StaleEditError, match="“egg · heat · dish”"):
        store.edit_triplet(seen.id, TripletDraft("eg", "boil", "dish"), seen.version)


def test_rename_to_a_taken_or_unusable_label_is_refused(store: Store) -> None:
    store.add_triplet(TripletDraft("egg", "heat", "dish"))
    egg = node(store, "egg")
    with pytest.raises(GraphError, match=r"“dish” is already in the graph, with 1 triplet\. Merge"):
        store.rename_node(egg.id, "DISH", "egg")
    with pytest.raises(InputError, match="The label has no words"):
        store.rename_node(egg.id, " ", "egg")
    with pytest.raises(GraphError, match="Node number 99 is no longer"):
        store.rename_node(99, "x", "egg")
    assert store.undo().startswith("Undone: added")


# ── delete ──────────────────────────────────────────────────────────────────────────────────────


def test_deleted_node_takes_its_triplets_along_and_comes_back_as_it_was(store: Store) -> None:
    store.add_triplets(
        [
            TripletDraft("egg", "heat", "dish", FACE, note="twice", confidence=0.5),
            TripletDraft("hen", "lay", "egg"),
            TripletDraft("egg", "turn", "egg"),
            TripletDraft("hen", "eat", "corn"),
        ]
    )
    before = list(store.every_triplet())
    egg = node(store, "egg")
    assert egg.degree == 4, "a triplet from a node to itself counts at both ends"
    assert store.delete_node(egg.id, "egg") == "Deleted “egg” (3 triplets)."
    assert lines(store) == ["hen eat corn"]
    assert {each.label for each in store.graph().nodes} == {"hen", "corn"}
    assert store.undo() == "Undone: deleted “egg” (3 triplets)."
    after = list(store.every_triplet())
    fresh = [dataclasses.replace(each, version=0) for each in after]
    assert fresh == [dataclasses.replace(each, version=0) for each in before]
    assert node(store, "egg").picture == FACE
    store.redo()
    assert lines(store) == ["hen eat corn"]


def test_delete_of_a_node_that_was_renamed_or_is_gone_is_refused(store: Store) -> None:
    store.add_triplet(TripletDraft("eg", "heat", "dish"))
    seen = node(store, "eg")
    store.rename_node(seen.id, "egg", "eg")
    with pytest.raises(StaleEditError, match="it is now “egg”"):
        store.delete_node(seen.id, "eg")
    store.delete_node(seen.id, "egg")
    with pytest.raises(GraphError, match="no longer in the graph"):
        store.delete_node(seen.id, "egg")
    assert store.undo().startswith("Undone: deleted “egg”")


# ── merge ───────────────────────────────────────────────────────────────────────────────────────


def test_merged_nodes_leave_one_triplet_of_twins_with_the_notes_of_both(store: Store) -> None:
    store.add_triplets(
        [
            TripletDraft("egg", "heat", "dish", FACE),
            TripletDraft("eggs", "heat", "dish", None, None, OTHER_FACE, note="hot"),
            TripletDraft("hen", "lay", "eggs"),
            TripletDraft("eggs", "like", "eggs"),
            TripletDraft("egg", "like", "eggs"),
        ]
    )
    before = list(store.every_triplet())
    words = store.merge_nodes(node(store, "egg").id, [node(store, "eggs").id])
    assert words == "Merged “eggs” into “egg” (5 triplets)."
    assert lines(store) == ["egg heat dish", "hen lay egg", "egg like egg"]
    first = store.triplet(TripletId(1))
    assert (first.subject_picture, first.object_picture, first.note) == (FACE, OTHER_FACE, "hot")
    assert {each.label: each.degree for each in store.graph().nodes} == {
        "egg": 4,
        "dish": 1,
        "hen": 1,
    }
    store.undo()
    back = list(store.every_triplet())
    assert [(each.subject, each.object, each.pictures, each.note) for each in back] == [
        (each.subject, each.object, each.pictures, each.note) for each in before
    ]
    store.redo()
    assert lines(store) == ["egg heat dish", "hen lay egg", "egg like egg"]


def test_merge_of_one_node_or_a_gone_one_is_refused(store: Store) -> None:
    store.add_triplet(TripletDraft("egg", "heat", "dish"))
    egg = node(store, "egg").id
    with pytest.raises(GraphError, match="needs 2 different nodes; only 1"):
        store.merge_nodes(egg, [egg])
    with pytest.raises(GraphError, match="number 99"):
        store.merge_nodes(egg, [99])


# ── split ───────────────────────────────────────────────────────────────────────────────────────


def test_split_node_shares_its_triplets(store: Store) -> None:
    made = store.add_triplets(
        [TripletDraft("bank", "lends", "money"), TripletDraft("river", "has", "bank")]
    )
    bank = node(store, "bank")
    words = store.split_node(bank.id, [made[1].id], "river bank")
    assert words == "Split “river bank” off “bank” (1 triplet)."
    assert lines(store) == ["bank lends money", "river has river bank"]
    assert (node(store, "bank").degree, node(store, "river bank").degree) == (1, 1)
    store.undo()
    assert lines(store) == ["bank lends money", "river has bank"]
    assert node(store, "bank") == bank


def test_split_that_leaves_no_two_nodes_is_refused(store: Store) -> None:
    made = store.add_triplets([TripletDraft("a", "r", "b"), TripletDraft("a", "r", "c")])
    a, ids = node(store, "a").id, [each.id for each in made]
    for chosen, count in (([], "0"), (ids, "2")):
        with pytest.raises(GraphError, match=f"{count} of the 2 triplets of “a” are chosen"):
            store.split_node(a, chosen, "new")
    with pytest.raises(GraphError, match="“b” is already in the graph"):
        store.split_node(a, ids[:1], "B")
    with pytest.raises(GraphError, match="1 of the 1 chosen triplets do not belong to “b”"):
        store.split_node(node(store, "b").id, ids[1:], "new")


# ── likely duplicates ───────────────────────────────────────────────────────────────────────────


def proposed(store: Store) -> set[frozenset[str]]:
    return {frozenset((each.first.label, each.second.label)) for each in store.duplicates()}


def test_the_same_words_in_other_clothes_are_proposed(store: Store) -> None:
    store.add_triplets(
        [
            TripletDraft("Fried egg", "r", "x"),
            TripletDraft("the fried-eggs", "r", "crème brûlée"),
            TripletDraft("creme brulee!", "r", "berries"),
            TripletDraft("berry", "r", "glass"),
            TripletDraft("glasses", "r", "bus"),
            TripletDraft("bu", "r", "!?"),
        ]
    )
    assert proposed(store) == {
        frozenset(("Fried egg", "the fried-eggs")),
        frozenset(("crème brûlée", "creme brulee!")),
        frozenset(("berries", "berry")),
        frozenset(("glass", "glasses")),
    }
    assert all(0.9 <= each.score <= 1 and "same words" in each.why for each in store.duplicates())


def test_refused_pair_is_not_proposed_again(store: Store) -> None:
    made = store.add_triplets([TripletDraft("egg", "r", "x"), TripletDraft("eggs", "r", "y")])
    (pair,) = store.duplicates()
    store.refuse_duplicate(pair.second.id, pair.first.id)
    assert store.duplicates() == ()
    store.delete_triplet(made[1].id)
    store.undo()  # the node comes back with another number
    assert store.duplicates() == ()
    with pytest.raises(GraphError, match="number 99"):
        store.refuse_duplicate(pair.first.id, 99)


def test_nodes_with_the_same_picture_or_alike_ones_are_proposed(store: Store) -> None:
    store.add_triplets(
        [
            TripletDraft("egg", "r", "x", FACE),
            TripletDraft("Ei", "s", "y", FACE),
            TripletDraft("œuf", "t", "z", OTHER_FACE),
        ]
    )
    (pair,) = store.duplicates()
    assert (pair.why, pair.score) == ("the very same picture", 0.9)
    ids = {each.label: each.id for each in store.graph().nodes}
    best, second = store.duplicates({(ids["egg"], ids["œuf"]): 0.99, (ids["egg"], 999): 1.0})
    assert {best.first.label, best.second.label} == {"egg", "œuf"}
    assert (best.score, second) == (0.99, pair)


# ── statistics ──────────────────────────────────────────────────────────────────────────────────


def test_statistics_are_those_of_the_graph_after_every_edit(store: Store) -> None:
    store.add_triplets([TripletDraft("a", "r", "b"), TripletDraft("c", "R", "d")])
    now = store.statistics(duplicates=7)
    assert (now.nodes, now.edges, now.relations, now.components) == (4, 2, 1, 2)
    assert now.duplicates == 7
    store.add_triplet(TripletDraft("b", "s", "c"))
    now = store.statistics()
    assert (now.nodes, now.edges, now.relations, now.components) == (4, 3, 2, 1)
    store.undo()
    assert store.statistics().components == 2


# ── nothing that was acknowledged is lost ───────────────────────────────────────────────────────

EDITOR = """
import json, random, sys
from pathlib import Path
from model.errors import GraphError
from model.knowledge.store import Store
from model.records import TripletDraft

store = Store(Path(sys.argv[1]))
chance = random.Random(int(sys.argv[2]))
store.ingest(TripletDraft(f"n{i}", "r", f"n{i + 1}") for i in range(30))
for number in range(1000):
    kind = chance.choice(["add", "add", "edit", "delete", "rename", "merge", "undo", "redo"])
    page = store.triplets(limit=50).items
    one = chance.choice(page) if page else None
    nodes = store.graph(limit=50).nodes
    try:
        if kind == "add" or one is None:
            store.add_triplet(TripletDraft(f"n{number}", "is", f"n{chance.randrange(40)}"))
        elif kind == "edit":
            draft = TripletDraft(one.subject, f"r{number}", one.object)
            store.edit_triplet(one.id, draft, one.version)
        elif kind == "delete":
            store.delete_triplet(one.id)
        elif kind == "rename":
            node = chance.choice(nodes)
            store.rename_node(node.id, f"m{number}", node.label)
        elif kind == "merge":
            keep, gone = chance.sample(nodes, 2)
            store.merge_nodes(keep.id, [gone.id])
        else:
            store.undo() if kind == "undo" else store.redo()
    except GraphError:
        continue
    rows = sorted((t.id, t.subject, t.relation, t.object, t.version) for t in store.every_triplet())
    sys.stdout.write(json.dumps([number, rows]) + "\\n")
    sys.stdout.flush()
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_process_killed_amid_a_thousand_random_edits_loses_none(tmp_path: Path) -> None:
    """Each line tells the whole graph after an edit that has returned.

    After the kill the store is at the last line's state, or exactly one edit further.
    """
    chance = random.Random(7)
    for round_ in range(3):
        path = tmp_path / f"{round_}.db"
        with subprocess.Popen(
            [sys.executable, "-c", EDITOR, str(path), str(round_)],
            stdout=subprocess.PIPE,
            cwd=PROJECT,
            text=True,
        ) as child:
            assert child.stdout is not None
            told = [child.stdout.readline() for _ in range(chance.randrange(20, 80))]
            child.send_signal(signal.SIGKILL)
            told += [line for line in child.stdout if line.endswith("\n")]
        acknowledged = [tuple(row) for row in json.loads(told[-1])[1]]
        store = Store(path)
        if _rows(store) != acknowledged:
            _take_back_one_edit(store, [row[:4] for row in acknowledged])
        degrees: dict[str, int] = {}
        for _, subject, _, object_, _ in _rows(store):
            degrees[subject] = degrees.get(subject, 0) + 1
            degrees[object_] = degrees.get(object_, 0) + 1
        assert {each.label: each.degree for each in store.graph(limit=9999).nodes} == degrees
        store.close()


def _take_back_one_edit(store: Store, wanted: list[tuple[object, ...]]) -> None:
    """One more edit was stored, but the process had no time to say so; it may have been an undo."""
    store.undo()
    if [row[:4] for row in _rows(store)] != wanted:
        store.redo()
        store.redo()
    assert [row[:4] for row in _rows(store)] == wanted


def _rows(store: Store) -> list[tuple[int, str, str, str, int]]:
    return [(t.id, t.subject, t.relation, t.object, t.version) for t in store.every_triplet()]
