"""Building indices after an import gives the same database as writing to them row by row."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from model.knowledge import bulk_index_rows, bulk_rows
from model.knowledge.edit_rows import Edit
from model.knowledge.store import Store
from model.records import PictureId, TripletDraft


def drafts(count: int, seed: int) -> list[TripletDraft]:
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        picture = PictureId(f"{chance.randrange(9):064x}") if chance.random() < 0.2 else None
        ends = f"lamp {chance.randrange(40)}", f"valve-{chance.randrange(40)}"
        note = chance.choice(["", "", "seen"])
        made.append(
            TripletDraft(ends[0], chance.choice(["cut", "dry"]), ends[1], picture, note=note)
        )
    return made


def whole(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows but the times, and the shape of the database, read without the store."""
    db = sqlite3.connect(path)
    try:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        return {
            "triplets": db.execute(
                "SELECT id, subject_id, relation, object_id, subject_picture, note, version "
                "FROM triplets ORDER BY id"
            ).fetchall(),
            "nodes": db.execute("SELECT * FROM nodes ORDER BY id").fetchall(),
            "log": db.execute("SELECT * FROM graph_log ORDER BY seq").fetchall(),
            "edits": db.execute("SELECT id, words, undone FROM edits ORDER BY id").fetchall(),
            "shape": db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall(),
        }
    finally:
        db.close()


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_index_rows, "pays", lambda db, rows: True)


def answers(pays: bool, db: sqlite3.Connection, rows: int) -> bool:
    return pays


def imported(path: Path) -> dict[str, list[tuple[object, ...]]]:
    store = Store(path)
    store.add_triplet(TripletDraft("lamp 1", "cut", "valve-1"))
    store.ingest(drafts(300, 0))
    store.ingest(drafts(300, 1))
    store.undo()
    store.undo()
    store.redo()
    store.close()
    return whole(path)


def test_both_ways_of_storing_end_in_the_same_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []
    for pays in (False, True):
        monkeypatch.setattr(bulk_index_rows, "pays", partial(answers, pays))
        ends.append(imported(tmp_path / f"{pays}.db"))
    assert ends[0] == ends[1]
    assert len(ends[0]["triplets"]) > 100


@pytest.mark.parametrize(
    ("there", "rows", "answer"),
    [
        (0, bulk_index_rows.MANY - 1, False),
        (0, bulk_index_rows.MANY, True),
        (bulk_index_rows.MANY + 1, bulk_index_rows.MANY, False),
        (bulk_index_rows.MANY + 1, bulk_index_rows.MANY + 1, True),
    ],
)
def test_an_import_sorts_what_is_there_only_if_it_brings_as_much(
    there: int, rows: int, answer: bool
) -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE triplets (id INTEGER PRIMARY KEY)")
    if there:
        db.execute("INSERT INTO triplets VALUES (?)", (there,))
    assert bulk_index_rows.pays(db, rows) is answer
    db.close()


@pytest.mark.usefixtures("always")
def test_an_import_that_fails_half_way_leaves_rows_and_indices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[[Path], Store]
) -> None:
    store = opened(tmp_path / "w.db")
    store.ingest(drafts(50, 0))
    before = whole(tmp_path / "w.db")

    def fail(db: sqlite3.Connection, statements: list[str]) -> None:
        assert statements
        raise RuntimeError("the power went")

    monkeypatch.setattr(bulk_index_rows, "build", fail)
    with pytest.raises(RuntimeError, match="the power went"):
        store.ingest(drafts(50, 1))
    assert whole(tmp_path / "w.db") == before


@pytest.mark.usefixtures("always")
def test_readers_see_the_old_graph_with_its_indices_until_the_import_is_stored(
    tmp_path: Path, opened: Callable[[Path], Store]
) -> None:
    store = opened(tmp_path / "w.db")
    store.ingest(drafts(50, 0))
    before = whole(tmp_path / "w.db")
    with store._database.scratch() as db:
        bulk_rows.stage(db, drafts(300, 1))
    with store._database.write_much("An import is being stored") as db:
        edit = Edit(db)
        assert bulk_rows.store(edit) > 0
        edit.close()
        assert whole(tmp_path / "w.db") == before
    after = whole(tmp_path / "w.db")
    assert len(after["triplets"]) > len(before["triplets"])
    assert after["shape"] == before["shape"]


@pytest.fixture
def opened() -> Iterator[Callable[[Path], Store]]:
    stores: list[Store] = []

    def open_(path: Path) -> Store:
        stores.append(Store(path))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()
