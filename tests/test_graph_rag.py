from __future__ import annotations

from collections.abc import Sequence

import pytest

from model.knowledge.graph_rag import DECAY, names_relation, phrases, retrieve
from model.records import Triplet, TripletId

FACTS = [
    ("seed", "water", "seedling"),
    ("seedling", "wait", "tree"),
    ("tree", "saw", "wood"),
    ("egg", "heat", "fried egg"),
    ("egg", "wait", "hatching chick"),
    ("Fried Egg", "cut", "breakfast"),
]


class Facts:
    """A graph in a list."""

    def facts_about(self, labels: Sequence[str], limit: int = 200) -> Sequence[Triplet]:
        wanted = {label.lower() for label in labels}
        return [
            Triplet(TripletId(n), *words, None, None, None, "test", "", 1, 0.0)
            for n, words in enumerate(FACTS)
            if {words[0].lower(), words[2].lower()} & wanted
        ]


def _lines(question: str, pictures: Sequence[str] = ()) -> list[str]:
    return [fact.line for fact in retrieve(Facts(), question, pictures)]


def test_a_named_step_of_a_named_thing_is_found() -> None:
    assert _lines("What happens if I heat an egg?") == ["egg | heat | fried egg"]
    assert _lines("What if the eggs are heated?") == ["egg | heat | fried egg"]


def test_the_picture_is_what_it_means() -> None:
    assert _lines("What happens if I wait?", ["egg"]) == ["egg | wait | hatching chick"]


def test_a_chain_is_walked_hop_by_hop_with_falling_weight() -> None:
    facts = retrieve(Facts(), "I water a seed, then wait, then saw it. What do I get?")
    assert [(fact.object, fact.hop) for fact in facts] == [
        ("seedling", 1),
        ("tree", 2),
        ("wood", 3),
    ]
    assert [fact.weight for fact in facts] == [1.0, DECAY, round(DECAY**2, 3)]


def test_spelling_in_capitals_does_not_matter() -> None:
    assert _lines("CUT the FRIED EGG") == ["Fried Egg | cut | breakfast"]


@pytest.mark.parametrize(
    "question", ["What is an egg?", "Hello!", "", "heat", "What happens if I paint an egg?"]
)
def test_a_question_about_no_known_step_gets_no_facts(question: str) -> None:
    assert _lines(question) == []


def test_a_thing_is_the_start_of_a_step_not_its_end() -> None:
    assert _lines("What happens if I water a seedling?") == []


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
