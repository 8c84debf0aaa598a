"""Readings of whole texts and pictures, against a server that keeps to Ollama's protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from model.config import ReadingConfig
from model.errors import ConfigError, InputError
from model.graph_records import Reading, ReadingMatter
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.records import PictureId, TripletDraft
from model.serving import proposing, teacher_reading
from model.serving.proposing import MOST_LETTERS, Proposing
from tests.ollama_server import OllamaServer
from tests.raw_server import RawServer, reply
from tests.small import picture

STEPS = "Heat the egg to get a fried egg. Water the seed to get a seedling."
TEXT = ReadingConfig(teacher_model="llama3.2:1b")
SEES = ReadingConfig(teacher_model="moondream")


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "workspace.db")
    yield store
    store.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return Pictures(tmp_path / "pictures")


def steps(
    store: Store, pictures: Pictures, url: str, matter: ReadingMatter, config: ReadingConfig = TEXT
) -> list[Reading]:
    job = Proposing(store, pictures, lambda wished: wished or url).start(matter, config)
    return list(job.steps())


def words(drafts: Sequence[TripletDraft]) -> list[str]:
    return [f"{draft.subject} {draft.relation} {draft.object}" for draft in drafts]


def long_text(count: int) -> str:
    return "\n\n".join(f"Heat the egg{n} to get a fried egg{n}. {'So it is. ' * 12}"
                       for n in range(count))  # fmt: skip


# ── by rule ─────────────────────────────────────────────────────────────────────────────────────


def test_lines_are_read_by_rule_without_any_teacher(store: Store, pictures: Pictures) -> None:
    matter = ReadingMatter("egg · heat · fried egg\nThat is all.", name="eggs.txt")
    (only,) = steps(store, pictures, "http://127.0.0.1:9", matter, ReadingConfig())
    assert (only.reader, only.state) == ("", "done")
    assert words(only.drafts) == ["egg heat fried egg"]
    assert only.message == "1 of 2 lines could be read."
    assert only.notes == ("line 2: not of the form egg · heat · fried egg",)


def test_a_text_without_such_lines_is_told_what_would_help(
    store: Store, pictures: Pictures
) -> None:
    (only,) = steps(store, pictures, "", ReadingMatter("Heat the egg."), ReadingConfig())
    assert "choose a teacher" in only.message


@pytest.mark.parametrize(
    ("matter", "words"),
    [
        (ReadingMatter(" \n"), "nothing to read"),
        (ReadingMatter("x" * (MOST_LETTERS + 1)), "2,000,001 letters"),
        (ReadingMatter(pictures=(PictureId("a" * 64),)), "teacher that sees"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(
    store: Store, pictures: Pictures, matter: ReadingMatter, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        steps(store, pictures, "", matter, ReadingConfig())


def test_more_proposals_than_anybody_looks_through_are_cut_and_told(
    store: Store, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposing, "MOST_PROPOSALS", 3)
    monkeypatch.setattr(teacher_reading, "MOST_PROPOSALS", 3)
    matter = ReadingMatter("\n".join(f"a{n} · b · c" for n in range(5)))
    (only,) = steps(store, pictures, "", matter, ReadingConfig())
    assert len(only.drafts) == 3
    assert only.notes[0].startswith("2 more than 3 triplets")


def test_pieces_that_share_too_much_are_refused() -> None:
    with pytest.raises(ConfigError, match="cannot share"):
        ReadingConfig(piece_letters=200, overlap_letters=150)


# ── by a teacher ────────────────────────────────────────────────────────────────────────────────


def test_a_teacher_reads_sentences_in_the_form_that_is_asked_for(
    server: OllamaServer, store: Store, pictures: Pictures
) -> None:
    last = steps(store, pictures, server.url, ReadingMatter(STEPS, name="eggs.txt"))[-1]
    assert (last.state, last.reader, last.piece, last.pieces) == ("done", "llama3.2:1b", 1, 1)
    assert words(last.drafts) == ["egg heat fried egg", "seed water seedling"]
    assert last.drafts[0].origin == "eggs.txt, piece 1 of 1, read by llama3.2:1b"
    assert last.drafts[0].author == "llama3.2:1b"
    (body,) = server.chats()
    assert body["options"]["temperature"] == 0
    assert body["format"]["required"] == ["triplets"]


def test_a_long_text_is_read_piece_by_piece_with_progress(
    server: OllamaServer, store: Store, pictures: Pictures
) -> None:
    config = ReadingConfig(teacher_model="llama3.2:1b", piece_letters=400, overlap_letters=40)
    told = steps(store, pictures, server.url, ReadingMatter(long_text(6)), config)
    pieces = told[-1].pieces
    assert pieces >= 3
    assert [step.piece for step in told if step.state == "reading"][-1] == pieces
    assert len(told[-1].drafts) == 6
    assert len(server.chats()) == pieces
    assert told[-2].remaining_s == 0
    assert any(step.drafts and step.piece < pieces for step in told), "found ones come early"


def test_what_was_read_is_not_asked_for_again(
    server: OllamaServer, store: Store, pictures: Pictures
) -> None:
    first = steps(store, pictures, server.url, ReadingMatter(STEPS))[-1]
    second = steps(store, pictures, server.url, ReadingMatter(STEPS))[-1]
    assert first.drafts == second.drafts
    assert len(server.chats()) == 1


def test_a_picture_is_read_by_a_teacher_that_sees(
    server: OllamaServer, store: Store, pictures: Pictures
) -> None:
    red = pictures.add(picture("red"))
    last = steps(store, pictures, server.url, ReadingMatter(pictures=(red,)), SEES)[-1]
    assert words(last.drafts) == ["egg heat fried egg"]
    assert last.drafts[0].object_picture == red
    assert last.drafts[0].origin == f"picture {red[:12]}, seen by moondream"


def test_a_teacher_that_cannot_see_says_so(
    server: OllamaServer, store: Store, pictures: Pictures
) -> None:
    red = pictures.add(picture("red"))
    last = steps(store, pictures, server.url, ReadingMatter(pictures=(red,)))[-1]
    assert last.state == "failed"
    assert "cannot see pictures" in last.message


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "value", "words"),
    [
        ("cut_after", 3, "cut off"),
        ("drop_after", 3, "broke off"),
        ("error_after", 2, "model runner has unexpectedly stopped"),
        ("empty_answer", True, "is empty"),
        ("malformed_line", True, "malformed line"),
    ],
)
def test_a_broken_answer_is_told_and_the_next_piece_is_read(
    server: OllamaServer, store: Store, pictures: Pictures, fault: str, value: Any, words: str
) -> None:
    setattr(server.faults, fault, value)
    last = steps(store, pictures, server.url, ReadingMatter(STEPS))[-1]
    told = f"{last.message} {' '.join(last.notes)}"
    assert words in told
    assert last.drafts == ()
    setattr(server.faults, fault, None if value == 3 or value == 2 else False)
    again = steps(store, pictures, server.url, ReadingMatter(STEPS))[-1]
    assert len(again.drafts) == 2, "a broken answer is not kept"


def test_a_busy_server_ends_the_reading_with_what_was_found(
    server: OllamaServer, store: Store, pictures: Pictures
) -> None:
    config = ReadingConfig(teacher_model="llama3.2:1b", piece_letters=400, overlap_letters=40)
    job = Proposing(store, pictures, lambda _: server.url).start(
        ReadingMatter(long_text(6)), config
    )
    told = []
    for step in job.steps():
        told.append(step)
        if step.piece == 1:
            server.faults.busy_next = 1
    assert told[-1].state == "failed"
    assert "busy (503)" in told[-1].message
    assert told[-1].drafts


def test_a_server_that_is_not_there_and_a_missing_model_are_told(
    server: OllamaServer, store: Store, pictures: Pictures
) -> None:
    gone = steps(store, pictures, "http://127.0.0.1:9", ReadingMatter(STEPS))[-1]
    assert gone.state == "failed"
    assert "No Ollama server answers" in gone.message
    missing = ReadingConfig(teacher_model="nobody:7b")
    last = steps(store, pictures, server.url, ReadingMatter(STEPS), missing)[-1]
    assert "ollama pull nobody:7b" in last.message


def test_an_answer_at_its_longest_length_gives_its_whole_triplets(
    server: OllamaServer, store: Store, pictures: Pictures
) -> None:
    many = " ".join(f"Heat the egg{n} to get a fried egg{n}." for n in range(40))
    config = ReadingConfig(teacher_model="llama3.2:1b", max_answer_tokens=64)
    last = steps(store, pictures, server.url, ReadingMatter(many), config)[-1]
    assert last.state == "done"
    assert 0 < len(last.drafts) < 40
    assert "cut off after 64 tokens" in last.notes[0]


def test_words_instead_of_a_list_are_told(
    server: OllamaServer, store: Store, pictures: Pictures
) -> None:
    server.answer = lambda _: "I would rather talk about something else."
    last = steps(store, pictures, server.url, ReadingMatter(STEPS))[-1]
    assert last.notes == ("The teacher did not answer in the form that was asked for.",)


def test_the_genuine_answer_about_another_schema_is_no_list(
    store: Store, pictures: Pictures
) -> None:
    capture = json.loads(
        (Path(__file__).parent / "captures" / "chat_format_schema.json").read_text()
    )
    body = capture["response"]["raw_body"].encode()
    answer = reply(200, "OK", [["Content-Length", str(len(body))]], body)
    with RawServer(lambda _: [answer]) as raw:
        last = steps(store, pictures, raw.url, ReadingMatter(STEPS))[-1]
    assert last.drafts == ()
    assert last.notes == ("The teacher did not answer in the form that was asked for.",)


# ── stopping ────────────────────────────────────────────────────────────────────────────────────


def test_stopping_keeps_what_was_found_and_ends_the_work_of_the_server(
    server: OllamaServer, store: Store, pictures: Pictures
) -> None:
    config = ReadingConfig(teacher_model="llama3.2:1b", piece_letters=400, overlap_letters=40)
    job = Proposing(store, pictures, lambda _: server.url).start(
        ReadingMatter(long_text(6)), config
    )
    told = []
    for step in job.steps():
        told.append(step)
        if step.piece == 1:
            job.cancel()
    assert told[-1].state == "stopped"
    assert told[-1].piece < told[-1].pieces
    assert told[-1].drafts


def test_stop_is_heard_while_the_teacher_is_silent(
    server: OllamaServer, store: Store, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher_reading, "TELL_EVERY_S", 0.01)
    server.faults.first_byte_delay_s = 60.0
    job = Proposing(store, pictures, lambda _: server.url).start(ReadingMatter(STEPS), TEXT)
    told = []
    for step in job.steps():
        told.append(step)
        if len(told) == 3:
            job.cancel()
    assert [step.state for step in told] == ["reading"] * 3 + ["stopped"]


def test_leaving_stops_the_reading(server: OllamaServer, store: Store, pictures: Pictures) -> None:
    job = Proposing(store, pictures, lambda _: server.url).start(ReadingMatter(STEPS), TEXT)
    going = job.steps()
    next(going)
    going.close()  # type: ignore[attr-defined]
    assert job._stop.is_set()  # type: ignore[attr-defined]
