from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.config import RETRIEVALS, RetrievalConfig
from model.knowledge import index_rows
from model.knowledge.graph_index import GraphIndex
from model.knowledge.graph_memory import GraphMemory
from model.knowledge.graph_rag import ALIKE, fused, retrieve
from model.knowledge.graph_walk import DECAY
from model.knowledge.pagerank import nearby
from model.knowledge.question_words import phrases, words
from model.knowledge.relation_gate import PARTLY, RelationGate, names_relation
from model.knowledge.store import Store
from model.records import Fact, TripletDraft

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
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "workspace.db")
    store.add_triplets([TripletDraft(*words) for words in FACTS])
    yield store
    store.close()


@pytest.fixture
def memory(store: Store) -> GraphMemory:
    return GraphMemory(store)


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


def _facts(memory: GraphMemory, question: str, **settings: Any) -> list[Fact]:
    with memory.current() as graph:
        return retrieve(graph, question, config=RetrievalConfig(**settings))


def test_every_fact_says_which_triplets_lead_to_it(memory: GraphMemory) -> None:
    facts = _facts(memory, "I water a seed, then wait, then saw it.")
    assert [fact.path for fact in facts] == [(1,), (1, 2), (1, 2, 3)]
    assert all(fact.path[-1] == fact.triplet for fact in facts)


def test_fewer_hops_and_fewer_facts_are_kept_to(memory: GraphMemory) -> None:
    question = "I water a seed, then wait, then saw it."
    assert len(_facts(memory, question, hops=2)) == 2
    assert [fact.object for fact in _facts(memory, question, facts=1)] == ["seedling"]


def test_edits_undo_and_renamed_nodes_are_followed(memory: GraphMemory, store: Store) -> None:
    question = "What happens if I heat a stone?"
    assert _facts(memory, question) == []
    stored = store.add_triplet(TripletDraft("stone", "heat", "lava"))
    assert [fact.line for fact in _facts(memory, question)] == ["stone | heat | lava"]
    store.undo()
    assert _facts(memory, question) == []
    store.redo()
    edited = TripletDraft("stone", "heat", "hot stone")
    store.edit_triplet(stored.id, edited, store.triplet(stored.id).version)
    assert [fact.object for fact in _facts(memory, question)] == ["hot stone"]
    store.delete_triplet(stored.id)
    assert _facts(memory, question) == []


def test_a_relation_that_nobody_used_before_opens_at_once(
    memory: GraphMemory, store: Store
) -> None:
    _facts(memory, "egg")
    store.add_triplet(TripletDraft("egg", "juggle", "broken egg"))
    assert [fact.object for fact in _facts(memory, "I juggle an egg.")] == ["broken egg"]


def test_what_another_process_stores_is_found(memory: GraphMemory, tmp_path: Path) -> None:
    _facts(memory, "egg")
    other = Store(tmp_path / "workspace.db")
    other.add_triplet(TripletDraft("egg", "boil", "boiled egg"))
    other.close()
    assert [fact.object for fact in _facts(memory, "I boil an egg.")] == ["boiled egg"]


def test_a_graph_that_followed_is_the_same_as_one_read_anew(
    memory: GraphMemory, store: Store
) -> None:
    rng = random.Random(1)
    things, steps = [f"thing {n}" for n in range(12)], ["heat", "cut", "wait"]
    for number in range(150):
        words = (rng.choice(things), rng.choice(steps), rng.choice(things))
        store.add_triplet(TripletDraft(*words))
        if number % 3 == 0:
            victim = rng.choice(store.triplets(limit=1000).items)
            store.delete_triplet(victim.id)
        if number % 7 == 0:
            store.undo()
        if number % 10 == 0:
            question = f"I heat a {rng.choice(things)}, cut it and wait."
            for mode in RETRIEVALS:
                followed = _facts(memory, question, mode=mode, facts=30)
                assert followed == _facts(GraphMemory(store), question, mode=mode, facts=30)


def test_a_log_that_no_longer_reaches_back_means_reading_anew(
    memory: GraphMemory, store: Store
) -> None:
    _facts(memory, "egg")
    store.ingest(TripletDraft(f"pebble {n}", "polish", f"gem {n}") for n in range(70_000))
    with store.snapshot() as db:
        assert index_rows.changes_after(db, 0) is None
    assert [fact.object for fact in _facts(memory, "I polish a pebble 69999")] == ["gem 69999"]


def test_a_label_like_the_words_counts_half(memory: GraphMemory, store: Store) -> None:
    store.add_triplet(TripletDraft("“very” fresh dough", "bake", "bread"))
    [fact] = _facts(memory, "What if I bake the fresh dough?")
    assert (fact.object, fact.weight) == ("bread", ALIKE)


def test_a_look_alike_stands_in_for_a_picture_without_a_name(memory: GraphMemory) -> None:
    with memory.current() as graph:
        egg = graph.nodes_named(["egg"])["egg"]
        [fact] = retrieve(graph, "What happens if I heat it?", look_alikes=[egg])
    assert (fact.line, fact.weight) == ("egg | heat | fried egg", ALIKE)


def test_lists_are_fused_by_their_reciprocal_ranks() -> None:
    assert fused([[7, 8], [8, 9]]) == pytest.approx(
        {8: (61 / 62 + 1) / 2, 7: 1 / 2, 9: 61 / 62 / 2}
    )
    assert list(fused([[7, 8], [8, 9]])) == [8, 7, 9]
    assert fused([[], [5]]) == {5: 1.0}
    assert fused([]) == {}


def test_pagerank_finds_what_is_near_whatever_is_asked(memory: GraphMemory) -> None:
    facts = _facts(memory, "Tell me about a tree", mode="pagerank")
    assert {fact.line for fact in facts[:2]} == {"seedling | wait | tree", "tree | saw | wood"}
    assert facts[0].weight == 1.0
    assert {(fact.hop, len(fact.path)) for fact in facts} == {(1, 1), (2, 2)}
    assert _facts(memory, "Hello!", mode="pagerank") == []


def test_pagerank_of_a_chain_by_hand() -> None:
    """a – b – c, the walker starts at a and goes back there half of the time.

    a = 1/2 + b/4, b = a/2 + c/2 and c = b/4, so b = 1/3; an edge weighs its ends by degree.
    """
    index = GraphIndex.from_arrays([0, 1], [0, 0], [1, 2], 3, 1)
    near = nearby(index, {0: 1.0}, RetrievalConfig(mode="pagerank"))
    assert [(each.edge, each.path) for each in near] == [(0, (0,)), (1, (0, 1))]
    a, b, c = 7 / 12, 1 / 3, 1 / 12
    assert near[0].weight == 1.0
    assert near[1].weight == pytest.approx((b / 2 + c) / (a + b / 2), rel=1e-4)


def test_a_gate_of_ones_own_may_walk_back(memory: GraphMemory) -> None:
    with memory.current() as graph:
        gate_R = np.zeros(2 * len(graph.relations))
        gate_R[len(graph.relations) + graph.relations["cut"]] = 0.5
        [fact] = retrieve(graph, "Where does breakfast come from?", gate_R=gate_R)
    assert (fact.line, fact.weight) == ("fried egg | cut | breakfast", 0.5)


def test_the_gate_names_the_same_relations_as_looking_at_each() -> None:
    relations = ["heat", "bake", "cut open", "is a", "has genre", "ice", "re-use", "!!", "use"]
    gate = RelationGate(relations)
    for question in ["baking", "I heated it", "cutting", "what is it", "used", "reuse", "", "icy"]:
        tokens = words(question)
        named = [weight == 1.0 for weight in gate.weights(tokens)[: len(relations)]]
        assert named == [names_relation(tokens, relation) for relation in relations]


def test_a_relation_of_which_later_words_are_named_opens_partly() -> None:
    gate = RelationGate(["has genre", "was born in", "heat"])
    assert gate.weights(words("Which genre is it?")).tolist() == [PARTLY, 0, 0, 0, 0, 0]
    assert gate.weights(words("born in Rome")).tolist() == [0, PARTLY / 2, 0, 0, 0, 0]


def test_a_pasted_page_is_no_trouble(memory: GraphMemory) -> None:
    page = "heat " + " ".join(f"egg'); DROP TABLE nodes; -- {n}" for n in range(5000))
    assert [fact.object for fact in _facts(memory, page)][:1] == ["fried egg"]
    assert _facts(memory, "heat \ud800 \x00 %_") == []
