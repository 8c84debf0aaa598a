from __future__ import annotations

from pathlib import Path

import pytest

from model.knowledge.graph_memory import GraphMemory
from model.knowledge.graph_rag import retrieve
from model.knowledge.store import Store
from model.knowledge.told_facts import told_facts
from model.records import TripletDraft

FACTS = (
    ("egg", "heat", "fried egg"),
    ("Ann", "friend", "Ben"),
    ("egg", "owner", "Ann"),
    ("leaf", "dry", "dry leaf"),
    ("egg", "friend", "Zoe"),
)


@pytest.mark.parametrize(
    ("question", "labels"),
    [
        ("What happens if I heat the egg?", ()),
        ("Who is the friend of the owner of this?", ("egg",)),
        ("What comes of drying leaves?", ()),
        ("What is this?", ("egg",)),
        ("What happens if I paint it?", ("egg",)),
    ],
)
def test_what_is_told_is_found_and_weighed_as_what_is_stored(
    tmp_path: Path, question: str, labels: tuple[str, ...]
) -> None:
    store = Store(tmp_path / "graph.db")
    store.ingest([TripletDraft(*fact) for fact in FACTS])
    with GraphMemory(store).current() as graph:
        stored = retrieve(graph, question, labels)
    store.close()
    told = told_facts(question, FACTS, labels)
    assert [(f.line, f.weight, f.hop) for f in told] == [(f.line, f.weight, f.hop) for f in stored]


def test_a_way_of_two_steps_by_hand() -> None:
    found = told_facts("Who is the friend of the owner of this?", FACTS, ("egg",))
    assert [(f.subject, f.relation, f.weight, f.hop) for f in found] == [
        ("egg", "owner", 1.0, 1),
        ("egg", "friend", 1.0, 1),
        ("Ann", "friend", 0.85, 2),
    ]


def test_nothing_named_nothing_found() -> None:
    assert told_facts("What happens if I heat the egg?", ()) == []
    assert told_facts("How are you?", FACTS) == []


def test_a_fact_told_twice_counts_once() -> None:
    found = told_facts("What happens if I heat the egg?", [FACTS[0], FACTS[0]])
    assert [f.line for f in found] == ["egg | heat | fried egg"]
