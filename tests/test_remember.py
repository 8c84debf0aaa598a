from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from model.errors import BundleError, InputError
from model.records import AnswerStats, Chat, ChatId, Fact, PictureId, TripletDraft, TripletId, Turn
from tests.fakes import FakeBackend
from webapp.remember import triplet_from
from webapp.remember_form import on_remember, on_save

NAMES = ("panel", "subject", "relation", "object", "faces", "shows", "draft", "note", "see")
HOSTILE = "<img src=x onerror=alert(1)>"
STATS = AnswerStats(7, 412.4, 0.09, "a1b2c3d4", "egg school")
RED = PictureId("a" * 64)


def told(question: str, answer: str, *facts: Fact) -> tuple[str, str, str]:
    draft = triplet_from(Turn("user", question), Turn("assistant", answer, facts=facts))
    return draft.subject, draft.relation, draft.object


def fact(words: str, weight: float = 1.0, hop: int = 1) -> Fact:
    subject, relation, made = words.split(" · ")
    return Fact(TripletId(1), subject, relation, made, weight, hop)


@pytest.mark.parametrize(
    ("question", "answer", "triplet"),
    [
        ("What happens if I heat an egg?", "If you heat an egg, you get a fried egg.",
         ("egg", "heat", "fried egg")),
        ("What do I get if I saw the old tree?", "You get wood.", ("old tree", "saw", "wood")),
        ("I heat corn. What do I get?", "It becomes popcorn.", ("corn", "heat", "popcorn")),
        ("What happens when I freeze water?", "It turns into ice!", ("water", "freeze", "ice")),
        ("What happens to the caterpillar if I wait?", "It becomes a butterfly.",
         ("caterpillar", "wait", "butterfly")),
        ("What happens if I wait?", "The egg becomes a hatching chick.",
         ("", "wait", "hatching chick")),
        ("What happens if I heat it?", "You get a fried egg.", ("", "heat", "fried egg")),
        ("What happens if I paint it blue?", "You get a blue square.",
         ("", "paint blue", "blue square")),
        ("What happened here?", "The egg was heated and became a fried egg.",
         ("egg", "heated", "fried egg")),
        ("What is this?", "This is an egg.", ("egg", "", "")),
        ("Hello!", "Hello to you.", ("", "", "")),
        ("", "", ("", "", "")),
    ],
)  # fmt: skip
def test_question_and_answer_are_read_by_rule(
    question: str, answer: str, triplet: tuple[str, str, str]
) -> None:
    assert told(question, answer) == triplet


def test_a_fact_that_says_the_same_fills_in_what_the_words_leave_out() -> None:
    egg = fact("egg · heat · fried egg")
    assert told("What happens if I heat it?", "You get a fried egg.", egg) == (
        "egg", "heat", "fried egg",
    )  # fmt: skip
    square = fact("red square · paint blue · blue square")
    answer = "You get a blue square."
    assert told("What happens if I paint the red square blue?", answer, square) == (
        "red square", "paint blue", "blue square",
    )  # fmt: skip


def test_words_that_contradict_the_facts_stay_the_words() -> None:
    egg = fact("egg · heat · fried egg")
    assert told("What happens if I heat an egg?", "You get a fish.", egg) == ("egg", "heat", "fish")


def test_of_several_steps_the_last_fact_is_taken() -> None:
    facts = (fact("seed · water · seedling"), fact("seedling · wait · tree", 0.85, 2))
    question = "What do I get if I water a seed, then wait?"
    assert told(question, "First you get a seedling, then a tree.", *facts) == (
        "seedling", "wait", "tree",
    )  # fmt: skip


def test_pictures_go_to_the_places_of_their_roles() -> None:
    three = (RED, PictureId("b" * 64), PictureId("c" * 64))
    asked = Turn("user", "What happened here?", three, ("what", "action", "result"))
    draft = triplet_from(asked, Turn("assistant", "?"))
    assert (draft.subject_picture, draft.relation_picture, draft.object_picture) == three
    draft = triplet_from(Turn("user", "What is this?", (RED,)), Turn("assistant", "?"))
    assert (draft.subject_picture, draft.object_picture) == (RED, None)


def test_a_remembered_triplet_says_that_it_comes_from_the_chat() -> None:
    draft = triplet_from(Turn("user", "q" * 500), Turn("assistant", "?"), "egg school a1b2c3")
    assert draft.source == "chat"
    assert draft.author == "egg school a1b2c3"
    assert draft.origin == "chat: " + "q" * 160


@pytest.mark.parametrize("hostile", ["if i " * 20_000, "you get " * 20_000, " " * 100_000 + "."])
def test_a_hostile_text_is_read_in_no_time(hostile: str) -> None:
    triplet_from(Turn("user", hostile), Turn("assistant", hostile))


# ── the form ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(tmp_path, delay_s=0.0)


def chat(question: Turn, answer: str = "You get a fried egg.") -> Chat:
    return Chat(ChatId("c"), (question, Turn("assistant", answer, stats=STATS)))


def opened(backend: FakeBackend, state: Chat | None, index: Any = 1) -> dict[str, Any]:
    event = gr.EventData(None, {"index": index})
    return dict(zip(NAMES, on_remember(backend, event, state), strict=True))


def test_the_form_opens_with_what_was_said(backend: FakeBackend) -> None:
    form = opened(backend, chat(Turn("user", "What happens if I heat an egg?")))
    assert form["panel"].visible
    assert (form["subject"], form["relation"], form["object"]) == ("egg", "heat", "fried egg")
    assert not form["shows"].visible
    assert form["draft"].author == "egg school a1b2c3"


def test_a_thing_that_is_shown_and_not_named_gets_the_students_name(backend: FakeBackend) -> None:
    egg = backend.examples()[0].draft.subject_picture
    assert egg
    state = chat(Turn("user", "What happens if I heat it?", (egg,)))
    form = opened(backend, state)
    assert form["subject"] == "egg"
    assert "data:image/" in form["faces"]
    assert (form["shows"].visible, form["shows"].value) == (True, "what")
    backend.fail_next = BundleError("The student is still loading.")
    assert opened(backend, state)["subject"] == ""


@pytest.mark.parametrize("index", [0, 2, -1, "1", None, True])
def test_only_an_answer_of_the_conversation_can_be_remembered(
    backend: FakeBackend, index: Any
) -> None:
    with pytest.raises(InputError, match="no longer there"):
        opened(backend, chat(Turn("user", "?")), index)
    with pytest.raises(InputError, match="no longer there"):
        opened(backend, None)


def test_saving_stores_the_corrected_words_with_their_origin(backend: FakeBackend) -> None:
    draft = opened(backend, chat(Turn("user", "What happens if I heat an egg?")))["draft"]
    panel, note, see, changed, last = on_save(backend, "egg", "heat", "omelette", "", draft, 3)
    assert not panel.visible
    assert "Saved egg → heat → omelette." in note
    assert (see.visible, changed, last) == (True, 4, "egg")
    row = backend.triplets().items[0]
    assert (row.source, row.author) == ("chat", "egg school a1b2c3")
    assert row.origin == "chat: What happens if I heat an egg?"


@pytest.mark.parametrize(
    ("shows", "places"),
    [("what", (True, False, False)), ("result", (False, False, True)),
     ("", (False, False, False)), ("nonsense", (False, False, False))],
)  # fmt: skip
def test_the_picture_goes_where_the_person_says(
    backend: FakeBackend, shows: str, places: tuple[bool, bool, bool]
) -> None:
    egg = backend.examples()[0].draft.subject_picture
    on_save(backend, "a", "b", "c", shows, TripletDraft("", "", "", egg), 0)
    assert tuple(bool(each) for each in backend.triplets().items[0].pictures) == places


def test_three_pictures_stay_where_they_are(backend: FakeBackend) -> None:
    draft = backend.examples()[0].draft
    on_save(backend, "a", "b", "c", "", draft, 0)
    assert all(backend.triplets().items[0].pictures)


def test_a_missing_label_is_told_and_the_form_stays(backend: FakeBackend) -> None:
    panel, note, _, changed, _ = on_save(backend, "egg", " ", "x", "", None, 0)
    assert "The action has no label" in note
    assert panel == gr.skip()
    assert changed == gr.skip()


def test_hostile_words_are_words_in_the_note(backend: FakeBackend) -> None:
    _, note, *_ = on_save(backend, HOSTILE, HOSTILE, HOSTILE, "", None, 0)
    assert "<img" not in note
