from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from model.records import Triplet
from tests.fakes import FakeBackend
from webapp.edit_conflict import StaleLabel, StaleTriplet, draft_of, keep_newer, use_mine
from webapp.graph_edits import save_row
from webapp.node_edits import rename_shown
from webapp.node_panel import panel_of
from webapp.triplet_editor import delete_opened, editor_of, renew_opened, save_opened


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(tmp_path)


def first(backend: FakeBackend) -> Triplet:
    return backend.triplets(order="oldest").items[0]


def somebody_edits(backend: FakeBackend, **changes: Any) -> Triplet:
    row = first(backend)
    return backend.edit_triplet(row.id, draft_of(row, **changes), row.version)


def my_edit(backend: FakeBackend, version: int, changed: int = 0) -> tuple[Any, ...]:
    row = first(backend)
    data = {"subject": "egg", "relation": "fry", "object": "<b>omelette</b>", "note": "mine"}
    event = gr.EventData(None, {"id": row.id, "version": version, **data})
    return save_row(backend, event, changed)


def test_a_stale_edit_shows_the_newer_value_beside_my_own(backend: FakeBackend) -> None:
    seen = first(backend).version
    somebody_edits(backend, object="poached egg", note="by somebody else")
    note, changed, pending, box, words = my_edit(backend, seen, 4)
    assert note == "", "the box says it"
    assert changed == 5, "the page still shows the older value: it must be drawn anew"
    assert isinstance(pending, StaleTriplet)
    assert box.visible
    assert "egg → heat → poached egg" in words
    assert "egg → fry → &lt;b&gt;omelette&lt;/b&gt;" in words
    assert "<td>by somebody else</td><td>mine</td>" in words
    assert "Confidence" not in words, "it is the same in both"
    assert first(backend).object == "poached egg"


def test_use_mine_saves_my_words_over_the_newer_ones(backend: FakeBackend) -> None:
    seen = first(backend).version
    somebody_edits(backend, object="poached egg")
    _, _, pending, *_ = my_edit(backend, seen)
    note, _, pending, box, _ = use_mine(backend, pending, 1)
    assert "Saved egg → fry → " in note
    assert (pending, box.visible) == (None, False)
    assert first(backend).object == "<b>omelette</b>"
    backend.undo()
    assert first(backend).object == "poached egg"


def test_use_mine_is_stale_again_if_the_other_went_on_editing(backend: FakeBackend) -> None:
    seen = first(backend).version
    somebody_edits(backend, object="poached egg")
    _, _, pending, *_ = my_edit(backend, seen)
    somebody_edits(backend, object="hard egg")
    _, _, pending, box, words = use_mine(backend, pending, 1)
    assert box.visible
    assert "hard egg" in words
    assert pending.version == first(backend).version


def test_keep_the_newer_changes_nothing(backend: FakeBackend) -> None:
    seen = first(backend).version
    newer = somebody_edits(backend, object="poached egg")
    my_edit(backend, seen)
    note, _, pending, box, _ = keep_newer(backend, 1)
    assert "Kept what is in the graph" in note
    assert (pending, box.visible) == (None, False)
    assert first(backend) == newer


def test_a_press_without_a_conflict_is_told(backend: FakeBackend) -> None:
    note, changed, *_ = use_mine(backend, None, 3)
    assert "nothing to choose" in note
    assert changed == 3


def test_a_stale_label_names_both_and_either_can_be_taken(backend: FakeBackend) -> None:
    known = panel_of(backend, "egg")[4]
    backend.rename_node(known["id"], "hen egg", "egg")
    note, changed, pending, box, words, selected, search = rename_shown(
        backend, known, "chicken egg", "EGG", 0
    )
    assert note == "", "the box says it"
    assert pending == StaleLabel(known["id"], "hen egg", "chicken egg")
    assert (changed, box.visible, selected, search) == (1, True, "hen egg", "hen egg")
    assert "hen egg" in words
    assert "chicken egg" in words
    note, *_ = use_mine(backend, pending, 1)
    assert "Renamed “hen egg” to “chicken egg”." in note


def test_a_draft_of_a_triplet_holds_all_of_it(backend: FakeBackend) -> None:
    row = dataclasses.replace(first(backend), note="n", confidence=0.4, author="a", origin="o")
    draft = draft_of(row, note="m")
    assert draft.note == "m"
    kept = [field.name for field in dataclasses.fields(draft) if field.name != "note"]
    assert [getattr(draft, name) for name in kept] == [getattr(row, name) for name in kept]


def test_the_editor_saves_every_field_and_keeps_the_pictures(backend: FakeBackend) -> None:
    row = first(backend)
    opened = editor_of(backend, row.id)[0]
    note, changed, *_ = save_opened(backend, opened, "egg", "fry", "omelette", 40, "seen", 0)
    after = first(backend)
    assert "Saved egg → fry → omelette." in note
    assert changed == 1
    assert (after.confidence, after.note, after.source) == (0.4, "seen", "examples")
    assert after.pictures == row.pictures


def test_the_editor_keeps_half_typed_words_until_the_triplet_itself_changes(
    backend: FakeBackend,
) -> None:
    opened = editor_of(backend, first(backend).id)[0]
    backend.delete_triplet(backend.triplets().items[0].id)
    assert all(part == gr.skip() for part in renew_opened(backend, opened))
    somebody_edits(backend, object="poached egg")
    assert renew_opened(backend, opened)[0] == {"id": opened["id"], "version": 2}
    delete_opened(backend, opened, 0)
    assert renew_opened(backend, opened)[0] is None
    assert all(part == gr.skip() for part in renew_opened(backend, None))
