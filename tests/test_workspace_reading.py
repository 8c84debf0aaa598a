"""Triplets that were read from a text, through the workspace's door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from model.config import ReadingConfig
from model.errors import InputError
from model.graph_records import ReadingMatter
from model.records import TripletDraft
from model.workspace import Workspace
from tests.ollama_server import OllamaServer


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path / "workspace", shipped=tmp_path / "none")
    workspace.triplets()  # the examples are in the graph from here on
    yield workspace
    workspace.close()


def test_proposals_that_are_taken_are_one_edit_for_undo(workspace: Workspace) -> None:
    before = workspace.triplets().total
    matter = ReadingMatter("quark · bake · cheese cake\nquark · stir · cream", name="notes.txt")
    *_, done = workspace.propose(matter, ReadingConfig()).steps()
    assert workspace.triplets().total == before, "proposing stores nothing"
    stored = workspace.add_triplets(done.drafts)
    assert workspace.triplets().total == before + 2
    assert [item.object for item in stored] == ["cheese cake", "cream"]
    workspace.undo()
    assert workspace.triplets().total == before


def test_one_proposal_that_cannot_be_stored_stores_none(workspace: Workspace) -> None:
    before = workspace.triplets().total
    drafts = [TripletDraft("quark", "bake", "cheese cake"), TripletDraft("quark", " ", "cream")]
    with pytest.raises(InputError):
        workspace.add_triplets(drafts)
    assert workspace.triplets().total == before


def test_the_operator_settles_which_server_reads_a_visitors_text(tmp_path: Path) -> None:
    with OllamaServer() as server:
        workspace = Workspace(
            tmp_path / "visitor", shipped=tmp_path / "none", teacher_address=server.url
        )
        config = ReadingConfig(teacher_model="llama3.2:1b", address="http://127.0.0.1:9")
        matter = ReadingMatter("Heat the egg to get a fried egg.")
        *_, done = workspace.propose(matter, config).steps()
        workspace.close()
    assert [draft.object for draft in done.drafts] == ["fried egg"]
