"""A workspace of any earlier version opens in this one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.errors import ReasonerError
from model.knowledge import migrations
from model.knowledge.migrations import MIGRATIONS, migrate
from model.knowledge.store import Store

COLUMNS = {
    "nodes": "id label norm_label picture degree sense",
    "triplets": "id subject_id relation norm_relation object_id subject_picture relation_picture "
    "object_picture source note version created_at updated_at confidence author origin",
    "edits": "id words undone at first_added last_added renamed_from renamed_to",
    "changes": "edit side id subject relation object subject_picture relation_picture "
    "object_picture source note version created_at confidence author origin",
    "refused_pairs": "first second",
    "clock": "tick",
    "runs": "id name state config created_at started_at finished_at step steps answers "
    "failed_answers prompts stage message student tokens_per_s remaining_s train_loss "
    "validation_loss request pid heartbeat_at note collected prompt_notes",
    "prompts": "run n text spec pictures roles facts origin key answer left_out dropped",
    "metrics": "id run step series value at",
    "samples": "id run step prompt teacher_answer student_answer pictures",
    "failures": "run key reason",
    "traces": "key question answer model created_at",
    "trace_details": "key details",
    "chats": "id created_at updated_at",
    "turns": "chat n turn",
    "settings": "key value",
    "comparisons": "id created_at title state document",
    "comparison_votes": "comparison row best sides created_at",
    "graph_log": "seq sign id subject words object",
    "answers": "id question said prompt thinking tokens logprobs settings chosen propensity "
    "student base weights created_at",
    "updates": "id student base parent state votes reason adapter weights figures samples tries "
    "pid created_at started_at finished_at",
    "votes": "id answer kind reward words rejected judge created_at seen_by withdrawn",
    "replay": "base slot lesson",
    "policies": "name state",
    "migrations": "name applied_at",
}


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def columns(db: sqlite3.Connection) -> dict[str, str]:
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    names = [name for (name,) in rows if not name.startswith(("sqlite_", "node_words"))]
    return {
        name: " ".join(row[1] for row in db.execute(f"PRAGMA table_info({name})")) for name in names
    }


def test_columns_are_those_that_the_code_was_written_for(db: sqlite3.Connection) -> None:
    assert migrate(db) == tuple(each.__name__ for each in MIGRATIONS)
    assert columns(db) == COLUMNS


def test_second_migration_changes_nothing(db: sqlite3.Connection) -> None:
    migrate(db)
    assert migrate(db) == ()


def test_released_migrations_keep_their_names_and_order() -> None:
    names = [each.__name__ for each in MIGRATIONS]
    assert names[:4] == ["m001_triplets", "m002_runs", "m003_traces", "m004_chats"]
    assert names[4:7] == ["m005_provenance", "m006_changes", "m007_finding"]
    assert names == sorted(names)


def test_old_workspace_keeps_its_triplets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.db"
    old = sqlite3.connect(path, isolation_level=None)
    with monkeypatch.context() as only_first:
        only_first.setattr(migrations, "MIGRATIONS", MIGRATIONS[:1])
        assert migrate(old) == ("m001_triplets",)
    old.execute("INSERT INTO nodes (label, norm_label, degree) VALUES ('Egg', 'egg', 1)")
    old.execute("INSERT INTO nodes (label, norm_label, degree) VALUES ('dish', 'dish', 1)")
    old.execute(
        "INSERT INTO triplets VALUES (1, 1, 'heat', 'heat', 2, NULL, NULL, NULL, '', '', 1, 0, 0)"
    )
    old.close()
    store = Store(path)
    assert [each.subject for each in store.triplets().items] == ["Egg"]
    assert store.runs() == ()
    store.close()


def test_edit_of_an_old_workspace_can_still_be_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    old = sqlite3.connect(path, isolation_level=None)
    with monkeypatch.context() as only_first:
        only_first.setattr(migrations, "MIGRATIONS", MIGRATIONS[:4])
        migrate(old)
    old.execute("INSERT INTO nodes VALUES (1, 'Egg', 'egg', NULL, 1), (2, 'dish', 'dish', NULL, 1)")
    old.execute(
        "INSERT INTO triplets VALUES (1, 1, 'heat', 'heat', 2, NULL, NULL, NULL, '', '', 2, 0, 0)"
    )
    row = {
        **{"id": 1, "subject": "Egg", "relation": "boil", "object": "dish", "source": "you"},
        **{"subject_picture": None, "relation_picture": None, "object_picture": None},
        **{"note": "", "version": 1, "created_at": 0.0},
    }
    after = {**row, "relation": "heat", "version": 2}
    old.execute(
        "INSERT INTO edits (words, before, after, at) VALUES ('changed it.', ?, ?, 0)",
        (json.dumps([row]), json.dumps([after])),
    )
    old.close()
    store = Store(path)
    assert store.triplets("egg").items[0].relation == "heat"
    assert store.undo() == "Undone: changed it."
    assert [each.relation for each in store.triplets("egg").items] == ["boil"]
    assert store.redo() == "Done again: changed it."
    assert store.triplets("egg").items[0].relation == "heat"
    store.close()


def test_failed_migration_leaves_the_database_as_it_was(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(db)

    def m999_broken(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (x)")
        connection.execute("CREATE TABLE half (x)")

    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, m999_broken))
    with pytest.raises(sqlite3.OperationalError):
        migrate(db)
    assert columns(db) == COLUMNS


def test_workspace_of_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    Store(path).close()
    newer = sqlite3.connect(path, isolation_level=None)
    newer.execute("INSERT INTO migrations VALUES ('m900_later', 0)")
    newer.close()
    with pytest.raises(ReasonerError, match=r"newer version .*m900_later.*Update the program"):
        Store(path)
