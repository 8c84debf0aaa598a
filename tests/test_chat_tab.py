from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from model.config import SampleConfig
from model.errors import ConfigError, EngineBusy, GraphError, InputError
from model.records import AnswerStats, Chat, ChatId, Event, Fact, StudentStatus, TripletId, Turn
from tests.fakes import FakeBackend
from webapp import chat_stream
from webapp.chat_format import (
    Draft,
    example_questions,
    examples_html,
    fold,
    messages,
    plain,
    stats_line,
)
from webapp.chat_stream import Frame
from webapp.config_form import config_from
from webapp.fact_list import facts_html
from webapp.open_answers import OpenAnswers
from webapp.tabs import chat
from webapp.tabs.chat import KNOBS, MORE_KNOBS

STATS = AnswerStats(7, 412.4, 0.09, "a1b2c3d4", "egg school")
SETTINGS = tuple(getattr(SampleConfig(), name) for name in (*KNOBS, *MORE_KNOBS))
NAMES = [field.name for field in fields(Frame)]
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(tmp_path, delay_s=0.0)


@pytest.fixture
def answers() -> OpenAnswers:
    return OpenAnswers()


def frames(outputs: Iterator[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [frame(output) for output in outputs]


def frame(output: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(NAMES, output, strict=True))


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def send(
    backend: FakeBackend,
    answers: OpenAnswers,
    text: str,
    chat_state: Chat | None = None,
    *,
    files: tuple[str, ...] = (),
    roles: tuple[str, ...] = (),
    editing: int = -1,
) -> Iterator[tuple[Any, ...]]:
    message = {"text": text, "files": list(files)}
    return chat.on_send(
        backend, message, chat_state, "", roles, editing, *SETTINGS, answers=answers
    )


def words(log: Any) -> str:
    shown = log["value"] if isinstance(log, dict) else log
    blocks = itertools.chain.from_iterable(message["content"] for message in shown)
    return "\n".join(b if isinstance(b, str) else b["value"] for b in blocks)


# ── events to messages ──────────────────────────────────────────────────────────────────────────


def test_drafts_gather_words_facts_and_figures() -> None:
    fact = Fact(TripletId(1), "egg", "heat", "fried egg", 0.71)
    events = [
        Event("source", fact=fact),
        Event("token", text="a "),
        Event("token", text="word"),
        Event("stats", stats=STATS),
        Event("done"),
    ]
    assert list(fold(events))[-1] == Draft("a word", facts=(fact,), stats=STATS)


def test_a_thought_is_folded_above_the_answer_and_kept_with_the_turn(
    backend: FakeBackend,
) -> None:
    events = [
        Event("thought", text="this is an egg. egg | heat "),
        Event("thought", text="| fried egg."),
        Event("token", text="You get a fried egg."),
    ]
    turn = list(fold(events))[-1].turn()
    assert turn.thought == "this is an egg. egg | heat | fried egg."
    assert turn.text == "You get a fried egg."
    folded, words = messages((turn,), backend.thumbnail)[0].blocks
    markup = folded.html  # type: ignore[union-attr]
    assert markup.startswith("<details")
    assert markup.count("<li>") == 2
    assert words == "You get a fried egg."
    hostile = messages((Turn("assistant", "x", thought=HOSTILE),), backend.thumbnail)[0].blocks[0]
    assert "<img" not in hostile.html  # type: ignore[union-attr]


def test_an_error_event_keeps_the_words_that_were_said() -> None:
    drafts = list(fold([Event("token", text="half"), Event("error", text="the engine stopped")]))
    assert drafts[-1] == Draft("half", error="the engine stopped")


def test_message_n_is_turn_n_and_names_the_roles(backend: FakeBackend) -> None:
    draft = backend.examples()[0].draft
    pictures = (draft.subject_picture, draft.relation_picture, draft.object_picture)
    turns = (
        Turn("user", "What happened?", pictures, ("what", "action", "result")),  # type: ignore[arg-type]
        Turn("assistant", "It was heated.", stats=STATS),
    )
    shown = messages(turns, backend.thumbnail)
    assert [message.role for message in shown] == ["user", "assistant"]
    markup = shown[0].blocks[0].html  # type: ignore[union-attr]
    assert all(shape in markup for shape in ("● what", "▲ action", "■ result"))
    assert markup.count("<img") == 3
    assert shown[1].blocks[1] == "412 tok/s · first word 90 ms · a1b2c3 · egg school"


def test_hostile_words_are_escaped_wherever_they_are_markup(backend: FakeBackend) -> None:
    fact = Fact(TripletId(1), HOSTILE, HOSTILE, HOSTILE, 0.5)
    question = messages((Turn("user", HOSTILE),), backend.thumbnail)[0].blocks[0]
    for markup in (question.html, facts_html((fact,))):  # type: ignore[union-attr]
        assert "<img" not in markup
        assert "&lt;img" in markup


def test_a_students_name_cannot_be_markdown() -> None:
    assert plain("my_*student*") == "my\\_\\*student\\*"


def test_a_stopped_answer_says_so() -> None:
    stopped = AnswerStats(1, 10, 2.4, "a1b2c3", "x", "cancelled")
    assert stats_line(stopped) == "10 tok/s · first word 2.4 s · a1b2c3 · x · stopped"


def test_facts_come_heaviest_first() -> None:
    light = Fact(TripletId(1), "egg", "wait", "chick", 0.2)
    heavy = Fact(TripletId(2), "egg", "heat", "fried egg", 0.71)
    markup = facts_html((light, heavy))
    assert markup.index("fried egg") < markup.index("chick")
    assert "hop 1</span> .71<" in markup


def test_a_missing_picture_is_told_in_its_place(backend: FakeBackend) -> None:
    shown = messages((Turn("user", "x", ("gone",)),), backend.thumbnail)  # type: ignore[arg-type]
    assert "no longer there" in shown[0].blocks[0].html  # type: ignore[union-attr]


def test_there_are_six_example_questions_with_pictures(backend: FakeBackend) -> None:
    questions = example_questions(backend.examples())
    assert len(questions) == 6
    assert all(question.pictures for question in questions)
    assert examples_html(questions, backend.thumbnail).count("data-example") == 6


# ── sending ─────────────────────────────────────────────────────────────────────────────────────


def test_a_question_is_saved_before_its_answer_begins(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    stream = send(backend, answers, "What is this?")
    next(stream)
    next(stream)
    saved = backend.latest_chat().turns
    assert [turn.text for turn in saved] == ["What is this?"]
    frames(stream)
    assert [turn.role for turn in backend.latest_chat().turns] == ["user", "assistant"]


def test_the_last_frame_has_the_whole_answer_its_figures_and_the_send_button(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    backend.next_text = " ".join(f"word{n}" for n in range(200))
    last = frames(send(backend, answers, "Talk."))[-1]
    assert "word199" in words(last["log"])
    assert "412 tok/s" in words(last["log"])
    assert last["composer"]["submit_btn"] is True
    assert last["composer"]["stop_btn"] is False


def test_sending_empties_the_composer_once_and_leaves_it_alone_then(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    shown = frames(send(backend, answers, "Hello!"))
    assert shown[0]["composer"]["value"] == {"text": "", "files": []}
    assert all("value" not in later["composer"] for later in shown[1:])


def test_facts_are_shown_while_the_answer_comes(backend: FakeBackend, answers: OpenAnswers) -> None:
    shown = frames(send(backend, answers, "What happens if I heat an egg?"))
    assert any("fried egg" in str(frame["why"]) for frame in shown[:-1])
    assert "fried egg" in shown[-1]["why"]


def test_closing_the_page_cancels_the_answer_and_keeps_what_was_said(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    backend.next_text = " ".join(f"word{n}" for n in range(500))
    stream = send(backend, answers, "Talk.")
    for output in stream:
        if "word0" in words(frame(output)["log"]):
            break
    stream.close()  # type: ignore[attr-defined]
    assert backend.answers[0].cancelled.is_set()
    assert backend.latest_chat().turns[-1].text.startswith("word0")


def test_stop_ends_the_answer_and_the_page_says_so(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    backend.next_text = " ".join(f"word{n}" for n in range(5000))
    stream = send(backend, answers, "Talk.")
    token = frame(next(stream))["token"]
    for output in stream:
        if "word0" in words(frame(output)["log"]):
            break
    chat.on_stop(backend, token, answers=answers)
    last = frames(stream)[-1]
    assert "stopped" in words(last["log"])
    assert "word4999" not in words(last["log"])
    assert not answers.is_open(token)


def test_an_answer_stopped_before_its_first_word_is_not_stored(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    stream = send(backend, answers, "Talk.")
    token = frame(next(stream))["token"]
    chat.on_stop(backend, token, answers=answers)
    last = frames(stream)[-1]
    assert "Stopped before the first word" in words(last["log"])
    assert [turn.role for turn in last["chat"].turns] == ["user"]


def test_a_second_answer_in_the_same_conversation_is_refused(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    with answers.work() as token, pytest.raises(InputError, match="under way"):
        frames(chat.on_retry(backend, backend.latest_chat(), token, *SETTINGS, answers=answers))


def test_a_bad_picture_is_told_in_the_conversation_and_the_composer_keeps_it(
    backend: FakeBackend, answers: OpenAnswers, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    (only,) = frames(send(backend, answers, "What is this?", files=(str(bad),)))
    assert "not a picture" in words(only["log"])
    assert only["composer"] == gr.skip()
    assert backend.asked == []


def test_a_busy_engine_is_told_in_the_conversation_and_the_question_stays(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    stream = send(backend, answers, "What is this?")
    next(stream)
    backend.fail_next = EngineBusy("32 answers are waiting. Try again in a moment.")
    last = frames(stream)[-1]
    assert "32 answers are waiting" in words(last["log"])
    assert [turn.text for turn in last["chat"].turns] == ["What is this?"]


def test_a_question_waits_for_a_student_that_is_still_loading(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    backend.ready = StudentStatus("loading", None)
    stream = send(backend, answers, "What is this?")
    next(stream)
    assert "Loading the student" in words(frame(next(stream))["log"])
    backend.ready = StudentStatus("ready", None)
    assert "small answer" in words(frames(stream)[-1]["log"])


def test_a_student_that_loads_for_long_is_told_once(
    backend: FakeBackend, answers: OpenAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = 5 * [StudentStatus("loading", None)]
    ready = StudentStatus("ready", None)
    monkeypatch.setattr(chat_stream, "LOADING_POLL_S", 0.0)
    monkeypatch.setattr(backend, "student", lambda: states.pop() if states else ready)
    shown = [words(each["log"]) for each in frames(send(backend, answers, "What is this?"))]
    assert sum("Loading the student" in each for each in shown) == 1
    assert not states


def test_a_question_that_was_stopped_while_the_student_loads_is_never_asked(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    backend.ready = StudentStatus("loading", None)
    stream = send(backend, answers, "What is this?")
    token = frame(next(stream))["token"]
    assert "Loading the student" in words(frame(next(stream))["log"])
    chat.on_stop(backend, token, answers=answers)
    last = frame(next(stream))
    assert "Stopped before the first word" in words(last["log"])
    assert last["composer"]["submit_btn"] is True
    assert answers.is_open(token), "who waits for the end comes after the last frame"
    assert frames(stream) == []
    assert not answers.is_open(token)
    assert backend.asked == []


def test_a_student_that_failed_to_load_is_told_in_the_conversation(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    backend.ready = StudentStatus("failed", None, "The bundle is cut off after 3 MB.")
    last = frames(send(backend, answers, "What is this?"))[-1]
    assert "cut off after 3 MB" in words(last["log"])


def test_roles_go_with_the_pictures_only_if_there_is_one_for_each(
    backend: FakeBackend, answers: OpenAnswers, tmp_path: Path
) -> None:
    picture = tmp_path / "red.png"
    Image.new("RGB", (8, 8), "red").save(picture)
    frames(send(backend, answers, "?", files=(str(picture),), roles=("what",)))
    frames(send(backend, answers, "?", files=(str(picture),), roles=("what", "action")))
    asked = [turns[-1].roles for turns, _, _ in backend.asked]
    assert asked == [("what",), ()]


def test_an_empty_message_is_refused_in_words(backend: FakeBackend, answers: OpenAnswers) -> None:
    (only,) = frames(send(backend, answers, "   "))
    assert "The message is empty" in words(only["log"])


# ── two tabs on one conversation ────────────────────────────────────────────────────────────────


def test_a_question_goes_on_from_what_another_tab_said(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    here = frames(send(backend, answers, "One?"))[-1]["chat"]
    frames(send(backend, answers, "Two?", here))
    backend.new_chat()
    for ask in (
        send(backend, answers, "Three?", here),
        chat.on_example(backend, event(example=0), here, "", *SETTINGS, answers=answers),
        chat.on_ask(backend, event(label="egg"), here, "", *SETTINGS, answers=answers),
    ):
        frames(ask)
    stored = backend.chat(here.id).turns
    assert [turn.text for turn in stored[::2][:3]] == ["One?", "Two?", "Three?"]
    assert [turn.role for turn in stored] == ["user", "assistant"] * 5


def test_two_tabs_that_ask_at_once_lose_no_answer(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    here = frames(send(backend, answers, "One?"))[-1]["chat"]
    first, second = send(backend, answers, "Two?", here), send(backend, answers, "Three?", here)
    next(first)
    next(first)
    next(second)
    next(second)
    frames(first)
    frames(second)
    stored = backend.chat(here.id).turns
    assert [turn.text for turn in stored[::2]] == ["One?", "Two?", "Three?"]
    assert [turn.role for turn in stored] == ["user", "assistant"] * 3


def test_asking_again_deletes_no_question_of_another_tab(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    here = frames(send(backend, answers, "One?"))[-1]["chat"]
    later = frames(send(backend, answers, "Two?", here))[-1]["chat"]
    with pytest.raises(InputError, match="went on elsewhere"):
        frames(chat.on_retry(backend, here, "", *SETTINGS, answers=answers))
    assert backend.chat(here.id) == later


# ── again, edit, examples, new ──────────────────────────────────────────────────────────────────


def test_retry_asks_the_last_question_again_without_its_answer(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    state = frames(send(backend, answers, "What is this?"))[-1]["chat"]
    last = frames(chat.on_retry(backend, state, "", *SETTINGS, answers=answers))[-1]
    assert [turn.role for turn in last["chat"].turns] == ["user", "assistant"]
    assert [turn.text for turn in backend.asked[-1][0]] == ["What is this?"]


def test_an_edited_question_replaces_itself_and_what_came_after(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    state = frames(send(backend, answers, "One?"))[-1]["chat"]
    state = frames(send(backend, answers, "Two?", state))[-1]["chat"]
    edit = frame(chat.on_edit(backend, event(index=0), state, "", answers=answers))
    assert edit["composer"]["text"] == "One?"
    assert edit["editing"] == 0
    last = frames(send(backend, answers, "Other?", state, editing=0))[-1]
    assert last["chat"].turns[0].text == "Other?"
    assert len(last["chat"].turns) == 2


@pytest.mark.parametrize("index", [1, 7, -1, "0", None])
def test_only_a_question_of_the_conversation_can_be_edited(
    backend: FakeBackend, answers: OpenAnswers, index: Any
) -> None:
    state = frames(send(backend, answers, "One?"))[-1]["chat"]
    with pytest.raises(InputError, match="no longer there"):
        chat.on_edit(backend, event(index=index), state, "", answers=answers)


def test_an_example_is_asked_with_its_pictures_and_roles(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    frames(chat.on_example(backend, event(example=0), None, "", *SETTINGS, answers=answers))
    turn = backend.asked[0][0][-1]
    assert len(turn.pictures) == 3
    assert turn.roles == ("what", "action", "result")


@pytest.mark.parametrize("number", [99, -1, "0; drop", None])
def test_an_example_that_is_not_there_does_nothing(
    backend: FakeBackend, answers: OpenAnswers, number: Any
) -> None:
    event_data = event(example=number)
    assert frames(chat.on_example(backend, event_data, None, "", *SETTINGS, answers=answers)) == []


def test_a_new_chat_stops_the_answer_under_way_and_keeps_it_in_the_old_one(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    backend.next_text = " ".join(f"word{n}" for n in range(5000))
    stream = send(backend, answers, "Talk.")
    token = frame(next(stream))["token"]
    reader = threading.Thread(target=lambda: frames(stream))
    reader.start()
    fresh = frame(chat.on_new(backend, token, answers=answers))
    reader.join(5)
    assert not reader.is_alive()
    assert fresh["chat"].turns == ()
    assert backend.latest_chat().id == fresh["chat"].id
    assert len(backend.chats) == 2


def test_a_new_chat_is_not_begun_before_the_old_answer_has_ended(
    backend: FakeBackend, answers: OpenAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = frames(send(backend, answers, "What is this?"))[-1]["chat"]
    monkeypatch.setattr(answers, "wait_closed", lambda token: False)
    with answers.work() as token, pytest.raises(InputError, match="still being stopped"):
        chat.on_new(backend, token, answers=answers)
    assert backend.latest_chat() == state


def test_a_reload_shows_the_conversation_and_a_question_without_answer(
    backend: FakeBackend,
) -> None:
    backend.save_chat(ChatId("chat-1"), [Turn("user", "What is this?")])
    shown = frame(chat.on_load(backend))
    assert "What is this?" in words(shown["log"])
    assert "no answer yet" in words(shown["log"])


def test_an_empty_conversation_offers_the_examples(backend: FakeBackend) -> None:
    shown = frame(chat.on_load(backend))
    assert shown["examples"]["visible"] is True
    assert shown["log"]["visible"] is False


def test_clicking_an_earlier_answer_shows_its_facts(backend: FakeBackend) -> None:
    fact = Fact(TripletId(1), "egg", "heat", "fried egg", 0.71)
    turns = (Turn("user", "?"), Turn("assistant", "!", facts=(fact,)), Turn("user", "??"))
    assert "fried egg" in chat.on_select(backend, event(index=1), Chat(ChatId("c"), turns))


# ── the way to an answer ────────────────────────────────────────────────────────────────────────


def test_an_answer_ends_with_its_facts_and_a_way_to_remember_it(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    state = frames(send(backend, answers, "What happens if I heat an egg?"))[-1]["chat"]
    last = frames(send(backend, answers, "And now?", state))[-1]
    shown = words(last["log"])
    assert 'data-remember="1"' in shown
    assert 'data-remember="3"' in shown
    assert 'data-answer="1">' in shown, "folded, as it is not the newest"
    assert "Used 1 fact<" in shown
    assert 'data-shown="3"' not in last["why"]


def test_only_the_newest_answer_has_its_facts_unfolded(backend: FakeBackend) -> None:
    known = Fact(TripletId(1), "egg", "heat", "fried egg", 0.71)
    said = Turn("assistant", "A fried egg.", facts=(known,), stats=STATS)
    old, _, new = messages((said, Turn("user", "?"), said), backend.thumbnail)
    assert 'data-answer="0">' in old.blocks[-1].html  # type: ignore[union-attr]
    assert 'data-answer="2" open>' in new.blocks[-1].html  # type: ignore[union-attr]


def test_why_is_about_the_answer_that_is_coming(backend: FakeBackend, answers: OpenAnswers) -> None:
    shown = frames(send(backend, answers, "What happens if I heat an egg?"))
    assert all('data-shown="1"' in f["why"] for f in shown[1:] if f["why"] != gr.skip())
    first, *rest = (f["why"] for f in shown[1:-1])
    assert "data-ask" in first
    assert all(why == gr.skip() for why in rest), "the way is drawn once, not with every word"


def test_a_thing_of_the_way_is_asked_about_with_its_picture(
    backend: FakeBackend, answers: OpenAnswers
) -> None:
    asked = chat.on_ask(backend, event(label="Egg"), None, "", *SETTINGS, answers=answers)
    assert frames(asked)[-1]["chat"].turns[0].text == "What is this?"
    assert len(backend.asked[0][0][-1].pictures) == 1


@pytest.mark.parametrize("label", ["no such thing", "", None, 7, HOSTILE])
def test_a_thing_that_is_not_in_the_graph_is_not_asked_about(
    backend: FakeBackend, answers: OpenAnswers, label: Any
) -> None:
    asked = chat.on_ask(backend, event(label=label), None, "", *SETTINGS, answers=answers)
    with pytest.raises(GraphError, match="no longer in the graph"):
        frames(asked)
    assert backend.asked == []


# ── the rest ────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_attached_after_stop_is_cancelled_at_once(backend: FakeBackend) -> None:
    answers = OpenAnswers()
    late = backend.answer([Turn("user", "?")], SampleConfig())
    with answers.work() as token:
        answers.cancel(token)
        answers.attach(token, late)
    assert backend.answers[0].cancelled.is_set()


def test_an_emptied_number_is_told_with_its_name() -> None:
    with pytest.raises(ConfigError, match="max tokens is empty"):
        config_from(SampleConfig, ("max_tokens",), (None,))


def test_the_tab_has_the_ids_that_other_parts_rely_on(backend: FakeBackend) -> None:
    with gr.Blocks() as page:
        tab = chat.build(lambda request: backend)
    ids = {part["props"].get("elem_id") for part in page.config["components"]}
    wanted = {"chat-log", "chat-input", "chat-new", "chat-why", "chat-examples", "chat-settings"}
    assert wanted <= ids
    assert tab.composer.elem_id == "chat-input"
    names = {call.get("api_name") for call in page.config["dependencies"]}
    assert "chat" in names
