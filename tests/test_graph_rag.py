from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from model.config import RetrievalConfig
from model.knowledge.graph_memory import GraphMemory
from model.knowledge.graph_rag import retrieve
from model.knowledge.graph_walk import DECAY
from model.knowledge.question_words import phrases
from model.knowledge.relation_gate import names_relation
from model.knowledge.store import Store
from model.records import TripletDraft

FACTS = [
    ("seed", "water", "seedling"),
    ("seedling", "wait", "tree"),
    ("tree", "saw", "wood"),
    ("egg", "heat", "fried egg"),
    ("egg", "wait", "hatching chick"),
    ("Fried Egg", "cut", "breakfast"),
]


Lines = Callable[..., list[str]]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[GraphMemory]:
    store = Store(tmp_path / "workspace.db")
    store.add_triplets([TripletDraft(*words) for words in FACTS])
    yield GraphMemory(store)
    store.close()


@pytest.fixture
def lines(memory: GraphMemory) -> Lines:
    def ask(question: str, pictures: Sequence[str] = (), **settings: Any) -> list[str]:
        with memory.current() as graph:
            facts = retrieve(graph, question, pictures, config=RetrievalConfig(**settings))
        return [fact.line for fact in facts]

    return ask


def test_a_named_step_of_a_named_thing_is_found(lines: Lines) -> None:
    assert lines("What happens if I heat an egg?") == ["egg | heat | fried egg"]
    assert lines("What if the eggs are heated?") == ["egg | heat | fried egg"]


def test_the_picture_is_what_it_means(lines: Lines) -> None:
    assert lines("What happens if I wait?", ["egg"]) == ["egg | wait | hatching chick"]


def test_a_chain_is_walked_hop_by_hop_with_falling_weight(memory: GraphMemory) -> None:
    with memory.current() as graph:
        facts = retrieve(graph, "I water a seed, then wait, then saw it. What do I get?")
    assert [(fact.object, fact.hop) for fact in facts] == [
        ("seedling", 1),
        ("tree", 2),
        ("wood", 3),
    ]
    assert [fact.weight for fact in facts] == [1.0, DECAY, round(DECAY**2, 3)]


def test_spelling_in_capitals_does_not_matter(lines: Lines) -> None:
    assert lines("CUT the FRIED EGG") == ["fried egg | cut | breakfast"]


@pytest.mark.parametrize(
    "question", ["What is an egg?", "Hello!", "", "heat", "What happens if I paint an egg?"]
)
def test_a_question_about_no_known_step_gets_no_facts(lines: Lines, question: str) -> None:
    assert lines(question) == []


def test_a_thing_is_the_start_of_a_step_not_its_end(lines: Lines) -> None:
    assert lines("What happens if I water a seedling?") == []


@pytest.mark.parametrize(
    ("word", "relation"),
    [("heated", "heat"), ("bakes", "bake"), ("baking", "bake"), ("cut", "cut"), ("sawing", "saw")],
)
def test_forms_of_a_verb_name_the_relation(word: str, relation: str) -> None:
    assert names_relation([word], relation)


@pytest.mark.parametrize(("word", "relation"), [("heathland", "heat"), ("cat", "cut"), ("", "cut")])
def test_other_words_do_not(word: str, relation: str) -> None:
    assert not names_relation([word], relation)


def test_long_labels_come_before_the_words_in_them() -> None:
    found = phrases("cut the fried egg")
    assert found.index("fried egg") < found.index("egg")
