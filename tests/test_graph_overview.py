from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest

from model.graph_records import GraphStatistics
from model.records import TripletDraft
from tests.fakes import FakeBackend
from webapp.graph_overview import figures_words, keep_apart, merge_pair, overview
from webapp.graph_table import PAGE, offset_of, table_values


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    made = FakeBackend(tmp_path)
    made.add_triplet(TripletDraft("eggs", "boil", "boiled egg"))
    made.add_triplet(TripletDraft("eggs", "beat", "beaten egg"))
    return made


def test_the_figures_are_one_line() -> None:
    assert figures_words(GraphStatistics(12_480, 50_000, 12, 3, 2)) == (
        "12,480 nodes · 50,000 edges · 12 relations · 3 components · 2 duplicates proposed"
    )
    assert figures_words(GraphStatistics(1, 1, 1, 1, 1)) == (
        "1 node · 1 edge · 1 relation · 1 component · 1 duplicate proposed"
    )


def test_the_node_with_more_facts_is_the_one_to_keep(backend: FakeBackend) -> None:
    figures, box, value = overview(backend)
    assert "15 nodes · 8 edges · 7 relations · 7 components · 1 duplicate" in figures
    assert (box.label, box.visible) == ("Duplicates proposed (1)", True)
    (pair,) = value["pairs"]
    assert (pair["keep"]["label"], pair["other"]["label"]) == ("eggs", "egg")
    assert pair["why"] == "the same label but for its spelling · 90% alike"


def test_a_pair_is_merged_or_kept_apart_for_good(backend: FakeBackend) -> None:
    (pair,) = overview(backend)[2]["pairs"]
    ends = {"keep": pair["keep"]["id"], "other": pair["other"]["id"]}
    note, changed = keep_apart(backend, gr.EventData(None, ends), 0)
    assert "not proposed again" in note
    assert changed == 1
    assert overview(backend)[2]["pairs"] == []
    assert not overview(backend)[1].visible
    note, changed = merge_pair(backend, gr.EventData(None, ends), 1)
    assert "Merged “egg” into “eggs”." in note
    assert changed == 2


def test_a_made_up_pair_is_refused(backend: FakeBackend) -> None:
    for handler in (keep_apart, merge_pair):
        for ends in ({}, {"keep": 1, "other": 9999}, {"keep": 1, "other": 1}):
            note, changed = handler(backend, gr.EventData(None, ends), 4)
            assert "itr-error" in note
            assert changed == 4


def test_any_page_can_be_jumped_to(tmp_path: Path) -> None:
    backend = FakeBackend(tmp_path, seeded=False)
    for number in range(3 * PAGE + 1):
        backend.add_triplet(TripletDraft(f"thing {number:03}", "wait", "older"))
    assert [offset_of(page) for page in (None, -3, 1, 4)] == [0, 0, 0, 3 * PAGE]
    value, offset, count, previous, page, following = table_values(
        backend, "", offset_of(4), "oldest"
    )
    assert [row["subject"] for row in value["rows"]] == ["thing 075"]
    assert (offset, page.value, page.label) == (3 * PAGE, 4, "Page of 4")
    assert (previous.interactive, following.interactive) == (True, False)
    assert "76–76 of 76 triplets" in count
    assert table_values(backend, "", offset_of(999), "name")[1] == 3 * PAGE, "the last page"
