"""A thing that is called just as the search comes before those whose labels only contain it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from model.knowledge import search_rows
from model.knowledge.store import Store
from model.records import TripletDraft

ROWS = (
    ("Egg", "heat", "fried egg"),
    ("hen", "wait", "egg"),
    ("egg yolk", "stir", "cream"),
    ("boiled egg", "peel", "egg white"),
    ("nest", "hold egg", "chick"),
)


@pytest.fixture(params=[True, False], ids=["rare", "common"])
def store(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    if not request.param:
        monkeypatch.setattr(search_rows, "FEW", 0)
    opened = Store(tmp_path / "a.db")
    opened.ingest(TripletDraft(*row) for row in ROWS)
    yield opened
    opened.close()


def found(store: Store, query: str, **asked: object) -> list[str]:
    return [each.subject for each in store.triplets(query, **asked).items]  # type: ignore[arg-type]


def test_an_exact_label_comes_first(store: Store) -> None:
    assert found(store, "egg") == ["hen", "Egg", "nest", "boiled egg", "egg yolk"]
    assert found(store, " EGG ") == found(store, "egg")
    assert found(store, "egg yolk") == ["egg yolk"]


def test_pages_go_on_where_the_one_before_ends(store: Store) -> None:
    whole = found(store, "egg")
    parts = [found(store, "egg", limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [*parts[0], *parts[1], *parts[2]] == whole
    assert store.triplets("egg").total == len(whole) == len(set(whole))


def test_without_such_a_label_the_newest_comes_first(store: Store) -> None:
    assert found(store, "e") == ["nest", "boiled egg", "egg yolk", "hen", "Egg"]


def test_another_order_that_was_asked_for_is_kept(store: Store) -> None:
    assert found(store, "egg", order="oldest") == ["Egg", "hen", "egg yolk", "boiled egg", "nest"]
