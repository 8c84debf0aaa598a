from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from model.errors import GraphError
from model.records import TripletDraft
from tests.fakes import FakeBackend
from webapp.node_edits import (
    connect_shown,
    delete_shown,
    merge_shown,
    rename_shown,
    split_shown,
)
from webapp.node_panel import panel_of


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    made = FakeBackend(tmp_path)
    made.add_triplet(TripletDraft("eggs", "boil", "boiled egg"))
    return made


def known(backend: FakeBackend, label: str) -> dict[str, Any]:
    return panel_of(backend, label)[4]


def labels(backend: FakeBackend) -> set[str]:
    return {node.label for node in backend.graph().nodes}


def test_a_renamed_node_stays_selected_and_searched(backend: FakeBackend) -> None:
    told = rename_shown(backend, known(backend, "egg"), " hen egg ", "Egg", 0)
    note, changed, pending, _, _, selected, search = told
    assert "Renamed “egg” to “hen egg”." in note
    assert (changed, pending, selected, search) == (1, None, "hen egg", "hen egg")
    assert "hen egg" in labels(backend)
    backend.undo()
    assert "egg" in labels(backend)


def test_another_search_stays_when_a_node_is_renamed(backend: FakeBackend) -> None:
    assert rename_shown(backend, known(backend, "egg"), "hen egg", "corn", 0)[-1] == gr.skip()


@pytest.mark.parametrize(
    ("label", "words"), [("", "no label"), ("ice", "There is a “ice” already. Merge the two")]
)
def test_a_label_that_cannot_be_is_refused(backend: FakeBackend, label: str, words: str) -> None:
    note, changed, *rest = rename_shown(backend, known(backend, "egg"), label, "", 4)
    assert words in note
    assert changed == 4
    assert rest == [gr.skip()] * 5


def test_merging_takes_over_the_facts_and_is_one_edit(backend: FakeBackend) -> None:
    note, changed, search, *fields = merge_shown(backend, known(backend, "egg"), "EGGS", "eggs", 0)
    assert "Merged “eggs” into “egg”." in note
    assert (changed, search, fields) == (1, "egg", [""] * 4)
    assert "eggs" not in labels(backend)
    assert {row.object for row in backend.triplets("egg").items} == {"fried egg", "boiled egg"}
    backend.undo()
    assert "eggs" in labels(backend)


def test_a_deleted_node_is_let_go_of_and_comes_back(backend: FakeBackend) -> None:
    seen = known(backend, "egg")
    note, changed, selected, search = delete_shown(backend, seen, "Egg", 0)
    assert "Deleted “egg” (1 triplets). Undo brings it back." in note
    assert (changed, selected, search) == (1, "", "")
    assert "egg" not in labels(backend)
    note, changed, *kept = delete_shown(backend, seen, "corn", 1)
    assert "no longer in the graph" in note
    assert (changed, kept) == (1, [gr.skip()] * 2)
    backend.undo()
    assert "egg" in labels(backend)
    assert delete_shown(backend, known(backend, "egg"), "corn", 1)[-1] == gr.skip()


@pytest.mark.parametrize(
    ("other", "words"),
    [("", "has no label"), ("zebra", "called “zebra”"), ("egg", "with itself")],
)
def test_a_merge_that_cannot_be_is_refused(backend: FakeBackend, other: str, words: str) -> None:
    note, changed, _, *fields = merge_shown(backend, known(backend, "egg"), other, "", 4)
    assert words in note
    assert changed == 4
    assert fields == [gr.skip()] * 4


def test_ticked_facts_are_split_off(backend: FakeBackend) -> None:
    backend.add_triplet(TripletDraft("egg", "hatch", "chick"))
    values = panel_of(backend, "egg")
    choices = dict(values[7].choices)
    moved = [choices["egg → hatch → chick"]]
    note, changed, *_ = split_shown(backend, values[4], moved, "hen's egg", 0)
    assert "Split “hen&#x27;s egg” off “egg”" in note
    assert changed == 1
    assert backend.triplets("hatch").items[0].subject == "hen's egg"
    assert backend.triplets("heat").items[-1].subject == "egg"
    note, changed, *_ = split_shown(backend, values[4], [], "another", 1)
    assert "No fact is ticked" in note


def test_an_arrow_is_added_by_keyboard(backend: FakeBackend) -> None:
    note, changed, *fields = connect_shown(backend, known(backend, "egg"), "hatch", "chick", 0)
    assert "Added egg → hatch → chick." in note
    assert (changed, fields) == (1, [""] * 4)


def test_half_typed_words_stay_while_the_same_node_is_shown(backend: FakeBackend) -> None:
    assert panel_of(backend, "egg", kept=True)[8:] == (gr.skip(),) * 4
    assert panel_of(backend, "egg")[8:] == ("",) * 4


def test_nothing_is_edited_while_no_node_is_selected(backend: FakeBackend) -> None:
    for edit in (
        lambda: rename_shown(backend, None, "a", "", 0),
        lambda: merge_shown(backend, None, "a", "", 0),
        lambda: split_shown(backend, None, [1], "a", 0),
        lambda: connect_shown(backend, None, "a", "b", 0),
        lambda: delete_shown(backend, None, "a", 0),
    ):
        with pytest.raises(GraphError, match="No node is selected"):
            edit()


def test_a_node_that_somebody_deleted_is_told(backend: FakeBackend) -> None:
    seen = known(backend, "eggs")
    backend.delete_triplet(seen["witness"][0])
    note, changed, *_ = rename_shown(backend, seen, "hen eggs", "", 0)
    assert "no longer in the graph" in note
    assert changed == 1, "the page still shows it: it must be drawn anew"
