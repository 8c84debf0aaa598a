from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from model.errors import GraphError, InputError
from model.graph_records import Reading
from model.records import TripletDraft
from tests.fakes import FakeBackend
from webapp.document_file import MOST_FILE_BYTES, read_document
from webapp.open_answers import OpenAnswers
from webapp.proposal_list import Proposed, accepted, faces, list_value_of
from webapp.proposal_panel import (
    BY_RULE,
    build_proposals,
    matter_of,
    on_look,
    on_read,
    on_save,
    on_stop,
    on_undo,
    reading_html,
)

HOSTILE = '"><img src=x onerror=alert(1)>${alert(2)}{{x}}`'
NAMES = ("status", "found", "read", "stop", "token", "proposed", "note", "undo")
LINES = "egg · poach · poached egg\nmilk -> whip -> foam"


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    folder = tmp_path / "backend"
    folder.mkdir()
    return FakeBackend(folder, delay_s=0.0)


@pytest.fixture
def answers() -> OpenAnswers:
    return OpenAnswers()


def read(
    backend: FakeBackend,
    answers: OpenAnswers,
    text: str = LINES,
    files: tuple[str, ...] = (),
    teacher: str = "",
) -> list[dict[str, Any]]:
    steps = on_read(backend, text, files, teacher, "", "", answers=answers)
    return [dict(zip(NAMES, step, strict=True)) for step in steps]


def save(
    backend: FakeBackend, answers: OpenAnswers, proposed: Proposed, token: str = "", **data: Any
) -> tuple[Any, ...]:
    event = gr.EventData(None, {"reading": proposed.reading, "rejected": [], **data})
    return on_save(backend, event, proposed, token, 0, answers=answers)


def row(n: int, *words: str) -> dict[str, Any]:
    return {"n": n, **dict(zip(("subject", "relation", "object"), words, strict=True))}


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


def test_lines_are_read_without_a_teacher_and_the_page_says_by_what(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    last = read(backend, answers)[-1]
    assert [item["object"] for item in last["found"]["rows"]] == ["poached egg", "foam"]
    assert "Read by rule: 2 triplets." in last["status"]
    assert backend.triplets("poached egg").total == 0, "nothing is saved yet"


def test_a_teachers_proposals_come_one_by_one_with_progress(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    shown = read(backend, answers, teacher="llava:7b")
    assert [len(step["found"]["rows"]) for step in shown] == [0, 1, 2, 3, 3]
    assert "llava:7b reads piece 2 of 3 · 1 triplet so far · about" in shown[1]["status"]
    assert "<progress" in shown[1]["status"]
    assert "Read by llava:7b: 3 triplets in 3 of 3 pieces." in shown[-1]["status"]
    assert shown[0]["stop"].visible
    assert not shown[-1]["stop"].visible
    assert [step["found"]["busy"] for step in shown] == [True] * 4 + [False]


def test_stop_ends_the_reading_and_keeps_what_was_found(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    steps = on_read(backend, LINES, (), "llava:7b", "", "", answers=answers)
    token = next(steps)[4]
    next(steps)
    on_stop(backend, token, answers=answers)
    last = dict(zip(NAMES, list(steps)[-1], strict=True))
    assert "Stopped. Read again to go on." in last["status"]
    assert len(last["found"]["rows"]) == 1
    assert not answers.is_open(token)


def test_leaving_the_page_stops_the_reading(backend: FakeBackend, answers: OpenAnswers) -> None:
    steps = on_read(backend, LINES, (), "llava:7b", "", "", answers=answers)
    token = next(steps)[4]
    steps.close()  # type: ignore[attr-defined]
    assert not answers.is_open(token)


def test_a_second_reading_beside_the_first_is_refused(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    with answers.work() as token, pytest.raises(InputError, match="still being read"):
        list(on_read(backend, LINES, (), "", "", token, answers=answers))


def test_nothing_to_read_is_told_beside_the_button(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    (only,) = read(backend, answers, "  ")
    assert "nothing to read" in only["status"]
    assert only["found"] == gr.skip()


def test_a_failure_says_what_stays() -> None:
    step = Reading("llava:7b", "failed", 2, 5, (TripletDraft("a", "b", "c"),), message="Gone.")
    assert "Gone. 1 triplet found before stay listed." in reading_html(step)


def test_hostile_words_are_shown_as_words(backend: FakeBackend, answers: OpenAnswers) -> None:
    step = Reading(HOSTILE, "done", 1, 1, (), (HOSTILE,), HOSTILE)
    assert "<img" not in reading_html(step)
    value = read(backend, answers, f"{HOSTILE} · b · c")[-1]["found"]
    assert value["rows"][0]["subject"] == HOSTILE


# ── what is given ───────────────────────────────────────────────────────────────────────────────


def test_a_document_is_read_under_its_name(backend: FakeBackend, tmp_path: Path) -> None:
    file = tmp_path / "eggs.md"
    file.write_text("﻿egg · heat · fried egg", encoding="utf-8")
    matter = matter_of(backend, "", [str(file)])
    assert (matter.text, matter.name) == ("egg · heat · fried egg", "eggs.md")


def test_pictures_go_with_the_text(backend: FakeBackend, tmp_path: Path) -> None:
    file = tmp_path / "red.PNG"
    Image.new("RGB", (8, 8), "red").save(file)
    matter = matter_of(backend, "words", [str(file)])
    assert len(matter.pictures) == 1
    assert matter.text == "words"


def test_two_texts_at_once_are_refused(backend: FakeBackend, tmp_path: Path) -> None:
    file = tmp_path / "eggs.txt"
    file.write_text("egg")
    with pytest.raises(InputError, match="2 texts"):
        matter_of(backend, "words", [str(file)])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.4 \xff\xfe", "copy the words"),
        (b"PK\x03\x04\0\0\0", "not a text"),
        (b"", "no words"),
        (b"x" * (MOST_FILE_BYTES + 1), "5.0 MB"),
    ],
)
def test_a_file_that_is_no_text_says_what_helps(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "file.txt"
    file.write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_document(file)


def test_a_text_of_windows_in_utf_16_is_read(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_bytes("egg · heat · fried egg".encode("utf-16"))
    assert read_document(file) == "egg · heat · fried egg"


def test_the_teachers_that_can_read_stand_beside_the_rules(backend: FakeBackend) -> None:
    teacher, _ = on_look(backend, "", "llava:7b")
    assert [value for _, value in teacher.choices] == ["", "llama3.2:1b", "llava:7b"]
    assert teacher.value == "llava:7b"
    backend.ollama_up = False
    teacher, words = on_look(backend, "", "llava:7b")
    assert [tuple(choice) for choice in teacher.choices] == [BY_RULE]
    assert teacher.value == ""
    assert "works without one" in words


# ── deciding and saving ─────────────────────────────────────────────────────────────────────────


def test_accepted_proposals_are_one_edit_and_leave_the_list(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    proposed = read(backend, answers, teacher="llava:7b")[-1]["proposed"]
    before = backend.triplets().total
    rows = [row(0, "egg", "poach", "poached egg"), row(2, "milk", "whip", "milk foam")]
    note, undo, left, rest, changed, edit = save(
        backend, answers, proposed, rows=rows, rejected=[1]
    )
    assert "Saved 2 triplets." in note
    assert undo.visible
    assert left["rows"] == []
    assert changed == 1
    assert rest.gone == {0, 1, 2}
    assert backend.triplets().total == before + 2
    backend.add_triplet(TripletDraft("egg", "peel", "peeled egg"))
    with pytest.raises(GraphError, match="Something else was changed since"):
        on_undo(backend, changed, edit)
    assert backend.triplets().total == before + 3
    backend.undo()
    on_undo(backend, changed, edit)
    assert backend.triplets().total == before


def test_proposals_that_changed_nothing_offer_no_undo(
    backend: FakeBackend, answers: OpenAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposed = read(backend, answers, teacher="llava:7b")[-1]["proposed"]
    known = backend.triplets().items[:1]
    monkeypatch.setattr(backend, "add_triplets", lambda drafts: known)
    note, undo, *_ = save(backend, answers, proposed, rows=[row(0, "egg", "poach", "poached egg")])
    assert "Saved" in note
    assert not undo.visible


def test_an_untouched_proposal_keeps_its_teacher_and_an_edited_one_is_the_persons(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    proposed = read(backend, answers, teacher="llava:7b")[-1]["proposed"]
    rows = [row(0, "egg", "poach", "poached egg"), row(1, "egg", "throw", "big mess")]
    save(backend, answers, proposed, rows=rows)
    edited, kept = backend.triplets().items[:2]
    assert (kept.author, kept.confidence, kept.origin) == ("llava:7b", 0.9, "1")
    assert (edited.author, edited.confidence, edited.origin) == ("you", 1.0, "2, edited")


@pytest.mark.parametrize(
    "rows",
    [
        [row(7, "a", "b", "c")],
        [row(-1, "a", "b", "c")],
        [{"n": "0"}],
        [{"n": True}],
        ["x"],
        "x",
        None,
    ],
)
def test_rows_that_the_list_does_not_have_are_refused(
    backend: FakeBackend, answers: OpenAnswers, rows: Any
) -> None:
    proposed = read(backend, answers)[-1]["proposed"]
    before = backend.triplets().total
    note, *_ = save(backend, answers, proposed, rows=rows)
    assert "no longer the proposals" in note
    assert backend.triplets().total == before


def test_a_list_of_an_earlier_reading_is_refused(backend: FakeBackend) -> None:
    proposed = Proposed("new", (TripletDraft("a", "b", "c"),))
    with pytest.raises(InputError, match="no longer"):
        accepted(proposed, {"reading": "old", "rows": [row(0, "a", "b", "c")]})


def test_a_proposal_cannot_be_saved_twice(backend: FakeBackend, answers: OpenAnswers) -> None:
    proposed = read(backend, answers)[-1]["proposed"]
    rest = save(backend, answers, proposed, rows=[row(0, "egg", "poach", "poached egg")])[3]
    note, *_ = save(backend, answers, rest, rows=[row(0, "egg", "poach", "poached egg")])
    assert "no longer the proposals" in note


def test_an_emptied_label_is_refused_and_nothing_is_saved(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    proposed = read(backend, answers)[-1]["proposed"]
    before = backend.triplets().total
    rows = [row(0, "egg", "poach", "poached egg"), row(1, "milk", " ", "foam")]
    note, undo, *rest = save(backend, answers, proposed, rows=rows)
    assert "The action has no label" in note
    assert not undo.visible
    assert all(value == gr.skip() for value in rest)
    assert backend.triplets().total == before


def test_saving_waits_for_the_reading(backend: FakeBackend, answers: OpenAnswers) -> None:
    with answers.work() as token:
        note, *_ = save(backend, answers, Proposed("r"), token, rows=[])
    assert "still being read" in note


def test_nothing_accepted_is_told(backend: FakeBackend, answers: OpenAnswers) -> None:
    note, *_ = save(backend, answers, Proposed("r"), rows=[], rejected=[0, "x", None])
    assert "0 proposals are accepted" in note


def test_a_proposals_pictures_are_shown_in_their_places(backend: FakeBackend) -> None:
    picture = backend.examples()[0].draft.subject_picture
    draft = TripletDraft("egg", "heat", "fried egg", None, None, picture)
    value = list_value_of(Proposed("r", (draft,)), faces(backend, [draft]), busy=False)
    assert value["rows"][0]["pictures"][:2] == [None, None]
    assert value["rows"][0]["pictures"][2].startswith("data:image/")


def test_visitors_of_a_space_name_no_server(backend: FakeBackend) -> None:
    for multi_user in (False, True):
        with gr.Blocks() as page:
            build_proposals(lambda _: backend, gr.State(0), multi_user=multi_user)
        ids = {part["props"].get("elem_id") for part in page.config["components"]}
        assert ("proposals-address" in ids) != multi_user
