from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gradio.utils import get_upload_folder

from model.errors import InputError
from model.graph_records import ImportPreview, ImportResult, RowProblem
from model.records import TripletDraft
from tests.fakes import FakeBackend
from webapp.graph_exchange import (
    KINDS,
    bring_in,
    export_file,
    forget,
    look_at,
    preview_html,
    result_words,
)

HOSTILE = "<img src=x onerror=alert(1)>"
TABLE = "subject,relation,object\negg,boil,boiled egg\nrice,,cooked rice\nrice,boil,cooked rice\n"


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(tmp_path)


def dropped(name: str, text: str) -> dict[str, Any]:
    """A file as the browser uploads it: in Gradio's folder, named by its path."""
    folder = Path(get_upload_folder()) / "a-test"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return {"path": str(path), "orig_name": name}


def test_a_look_tells_what_would_happen_and_stores_nothing(backend: FakeBackend) -> None:
    before = backend.triplets().total
    source, told, choices, go = look_at(backend, dropped("rice.csv", TABLE))
    assert "3 rows in this table (CSV): 2 are good, 1 cannot become a triplet." in told
    assert "Row 2: A label is missing." in told
    assert "egg → boil → boiled egg" in told
    assert choices.visible
    assert (go.value, go.interactive) == ("Import 2 triplets", True)
    assert Path(source).name == "rice.csv"
    assert backend.triplets().total == before


def test_an_import_says_row_by_row_what_was_left_out_and_is_one_edit(backend: FakeBackend) -> None:
    source, *_ = look_at(backend, dropped("rice.csv", TABLE))
    before = backend.triplets().total
    *_, (_, left, told, choices, _, note, changed) = bring_in(backend, source, False, 0)
    assert "Imported: 2 added, 1 left out." in note
    assert "Row 2: A label is missing." in told
    assert (left, choices.visible, changed) == (None, False, 1)
    assert backend.triplets().total == before + 2
    backend.undo()
    assert backend.triplets().total == before


def test_all_or_nothing_stores_nothing_if_one_row_is_bad(backend: FakeBackend) -> None:
    source, *_ = look_at(backend, dropped("rice.csv", TABLE))
    before = backend.triplets().total
    *_, (_, _, told, _, go, _, _) = bring_in(backend, source, True, 0)
    assert "Row 2: A label is missing. Nothing was imported" in told
    assert go.interactive, "the person may untick and try again"
    assert backend.triplets().total == before


def test_a_file_that_is_no_table_is_told_beside_it(backend: FakeBackend) -> None:
    source, told, choices, _ = look_at(backend, dropped("notes.txt", "hello"))
    assert source is None
    assert "no table of triplets" in told
    assert not choices.visible


def test_a_file_of_the_server_cannot_be_named(backend: FakeBackend) -> None:
    source, told, *_ = look_at(backend, {"path": "/etc/passwd"})
    assert source is None
    assert "did not arrive" in told


def test_an_import_without_a_file_is_refused(backend: FakeBackend) -> None:
    with pytest.raises(InputError, match="no file to import"):
        next(bring_in(backend, None, False, 0))
    assert forget()[1] is None


def test_words_of_a_file_are_inert_in_the_preview() -> None:
    drafts = (TripletDraft(HOSTILE, HOSTILE, HOSTILE),)
    problems = (RowProblem(7, HOSTILE),)
    told = preview_html(ImportPreview("jsonl", 2_000_000, 1, (HOSTILE,), drafts, problems))
    assert "<img" not in told
    assert told.count("&lt;img") == 5
    assert "2,000,000 rows" in told
    assert "and 1,999,998 more" in told


def test_the_words_of_a_result_count_what_happened() -> None:
    assert result_words(ImportResult(12_480, 3, 0, ())) == (
        "Imported: 12,480 added, 3 updated. Undo takes the whole import back."
    )


@pytest.mark.parametrize("kind", [kind for _, kind in KINDS])
def test_every_kind_of_file_can_be_taken_away(backend: FakeBackend, kind: Any) -> None:
    button = export_file(backend, kind=kind)
    assert button.visible
    assert button.label.startswith(f"Download graph.{kind} (")
    assert button.value["orig_name"] == f"graph.{kind}"
