from __future__ import annotations

import json

import pytest

from model.records import PictureId, TripletDraft
from model.teachers.proposals import (
    NOT_IN_TEXT,
    PICTURE_SCHEMA,
    TEXT_SCHEMA,
    UNSAID,
    UNSEEN,
    Found,
    from_picture,
    from_text,
    picture_question,
    text_question,
)

TEXT = "Heat the eggs in a pan until they are fried eggs."
EGG = {"subject": "egg", "relation": "heat", "object": "fried egg", "confidence": 0.9}
PICTURE = PictureId("a" * 64)


def read(answer: str, text: str = TEXT) -> Found:
    return from_text(answer, text, author="llama3.2:1b", origin="eggs.txt, piece 1 of 1")


def whole(*entries: object) -> str:
    return json.dumps({"triplets": entries})


def test_the_answer_that_was_asked_for_becomes_drafts() -> None:
    assert read(whole(EGG)) == Found(
        (
            TripletDraft(
                "egg", "heat", "fried egg", source="text", confidence=0.9,
                author="llama3.2:1b", origin="eggs.txt, piece 1 of 1",
            ),
        ),
        unusable=0,
        readable=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        f"```json\n{whole(EGG)}\n```",
        f"<think>{{braces}}</think> Here you are: {whole(EGG)} Enjoy.",
        whole(EGG)[:-2],
        whole(EGG, EGG)[: len(whole(EGG)) + 20],
        json.dumps([EGG]),
        json.dumps(EGG),
    ],
    ids=["fence", "thinking", "no end", "cut in the second", "bare list", "bare object"],
)
def test_an_answer_in_another_dress_gives_what_is_whole(answer: str) -> None:
    found = read(answer)
    assert [draft.object for draft in found.drafts] == ["fried egg"]
    assert found.readable


@pytest.mark.parametrize("answer", ["", "I cannot do that.", "{", "{" * 5000, '{"a": 1}', "[1, 2]"])
def test_an_answer_without_a_list_is_not_readable(answer: str) -> None:
    assert read(answer) == Found((), 0, readable=False)


def test_an_empty_list_is_readable() -> None:
    assert read('{"triplets": []}') == Found((), 0, readable=True)


@pytest.mark.parametrize(
    "entry",
    [
        {**EGG, "subject": ""},
        {**EGG, "object": 7},
        {**EGG, "relation": None},
        {**EGG, "subject": "x" * 121},
        {**EGG, "subject": "\ud800egg"},
        "egg",
        [],
    ],
)
def test_an_entry_that_cannot_be_stored_is_counted_and_the_others_stay(entry: object) -> None:
    found = read(whole(entry, EGG))
    assert len(found.drafts) == 1
    assert found.unusable == 1


@pytest.mark.parametrize(
    ("said", "meant"), [(1, 1.0), (0.25, 0.25), (7, UNSAID), (-1, UNSAID), ("high", UNSAID),
                        (True, UNSAID), (float("nan"), UNSAID), (None, UNSAID)],
)  # fmt: skip
def test_a_confidence_is_a_number_from_0_to_1_or_unknown(said: object, meant: float) -> None:
    assert read(whole({**EGG, "confidence": said})).drafts[0].confidence == meant


def test_things_that_the_text_does_not_name_are_marked_and_trusted_less() -> None:
    (draft,) = read(whole({**EGG, "object": "omelette"})).drafts
    assert draft.confidence == UNSEEN
    assert draft.note == NOT_IN_TEXT
    (plural,) = read(whole({**EGG, "subject": "Egg"})).drafts
    assert plural.note == ""


def test_a_picture_takes_the_place_that_the_teacher_names() -> None:
    answer = whole({**EGG, "shows": "result"}, {**EGG, "relation": "boil", "shows": "all of it"})
    shown, unnamed = from_picture(answer, PICTURE, author="llava", origin="picture").drafts
    assert (shown.subject_picture, shown.relation_picture, shown.object_picture) == (
        None,
        None,
        PICTURE,
    )
    assert unnamed.object_picture is None
    assert shown.source == "picture"


def test_the_text_is_put_between_lines_and_dollars_in_it_are_words() -> None:
    question = text_question("It costs $5 and ${text}.")
    assert "-----\nIt costs $5 and ${text}.\n-----" in question.text
    assert picture_question(b"png").pictures == (b"png",)


def test_the_schemas_ask_for_every_part() -> None:
    for schema, more in ((TEXT_SCHEMA, []), (PICTURE_SCHEMA, ["shows"])):
        item = schema["properties"]["triplets"]["items"]
        assert item["required"] == ["subject", "relation", "object", *more, "confidence"]
        assert set(item["properties"]) == set(item["required"])
