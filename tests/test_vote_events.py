"""Votes on the page: buttons under answers, what they do, and what is told about learning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from model.config import SampleConfig
from model.errors import InputError
from model.feedback_records import AnswerId, BeforeAfter, Mark, RewardPoint, UpdateFigures
from model.records import AnswerStats, Chat, ChatId, Turn
from tests.fakes import FakeBackend
from webapp.tabs.chat import build as build_chat
from webapp.vote_buttons import answers_of, rival_html, vote_html
from webapp.vote_events import (
    another_draw,
    on_better,
    on_judge,
    on_judged,
    on_keep,
    on_save_better,
    on_vote,
)
from webapp.vote_panel import BUILT_IN, on_undo, panel_view
from webapp.votes_format import news_html, panel_html, rate_chart

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(tmp_path, delay_s=0.0)


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def conversation(backend: FakeBackend, *texts: str) -> Chat:
    turns: list[Turn] = []
    for text in texts or ("It is an egg.",):
        stats = AnswerStats(4, 99.0, 0.1, backend.made[backend.current].weights_hash, "shipped")
        said = Turn("assistant", text, stats=stats)
        kept = backend.votes.given[AnswerId(backend.votes.keep_answer(said))]
        turns += [Turn("user", "What is this?"), kept]
    return Chat(ChatId("c"), tuple(turns))


def markup(log: Any) -> str:
    blocks = [block for message in log for block in message["content"]]
    return "".join(block if isinstance(block, str) else block["value"] for block in blocks)


# ── buttons ─────────────────────────────────────────────────────────────────────────────────────


def test_thumbs_are_buttons_that_say_what_they_do_and_whether_they_are_pressed() -> None:
    turn = Turn("assistant", "egg", stats=AnswerStats(1, 1.0, 0.1, "w", "s", answer="a"))
    html = vote_html(turn, 3, {AnswerId("a"): Mark("egg", reward=-1.0)})
    assert html.count("<button") == 4
    assert 'data-vote="3" data-way="up" aria-pressed="false"' in html
    assert 'data-vote="3" data-way="down" aria-pressed="true"' in html
    assert 'aria-label="Bad answer: take it back"' in html
    assert vote_html(turn, 3, {}) == "", "an answer that was not kept cannot teach"


def test_words_of_people_and_models_are_escaped() -> None:
    stats = AnswerStats(1, 1.0, 0.1, "w", "s", answer="a")
    turn = Turn("assistant", "egg", stats=stats, earlier="b")
    marks = {
        AnswerId("a"): Mark("egg", better=HOSTILE, judge=HOSTILE),
        AnswerId("b"): Mark(HOSTILE),
    }
    assert "<img" not in vote_html(turn, 1, marks)
    assert "<img" not in rival_html(turn, 1, marks)
    assert answers_of((turn,)) == ["a", "b"]


def test_a_thumb_is_stored_and_shown_and_a_second_press_takes_it_back(
    backend: FakeBackend,
) -> None:
    chat = conversation(backend)
    log, news, *_ = on_vote(backend, event(index=1, way="up"), chat)
    assert backend.votes.noted[AnswerId("answer-1")].reward == 1.0
    assert 'data-way="up" aria-pressed="true"' in markup(log)
    assert "1 of 8 votes" in news
    log, *_ = on_vote(backend, event(index=1, way="up"), chat)
    assert backend.votes.noted == {}
    assert 'aria-pressed="true"' not in markup(log)
    on_vote(backend, event(index=1, way="up"), chat)
    on_vote(backend, event(index=1, way="down"), chat)
    assert backend.votes.noted[AnswerId("answer-1")].reward == -1.0


@pytest.mark.parametrize("index", [0, 2, -1, None, "1", True, 10**9])
def test_only_an_answer_of_the_conversation_can_be_voted_on(
    backend: FakeBackend, index: Any
) -> None:
    chat = conversation(backend)
    for handler in (on_vote, on_keep, on_better):
        with pytest.raises(InputError, match="no longer there"):
            handler(backend, event(index=index, way="up"), chat)
    with pytest.raises(InputError, match="no longer there"):
        on_vote(backend, event(index=1, way="up"), None)


def test_a_better_answer_begins_with_the_words_that_were_said(backend: FakeBackend) -> None:
    chat = conversation(backend, "It is a leg.")
    _, words, _, answer = on_better(backend, event(index=1), chat)
    assert (words, answer) == ("It is a leg.", "answer-1")
    _, note, *_ = on_save_better(backend, answer, "   ", chat)
    assert "empty" in note
    on_save_better(backend, answer, "It is an egg.", chat)
    assert backend.votes.noted[AnswerId("answer-1")].better == "It is an egg."
    assert on_better(backend, event(index=1), chat)[1] == "It is an egg."


@pytest.mark.parametrize(("which", "text"), [("earlier", "one"), ("this", "two")])
def test_one_of_two_answers_stays_in_the_conversation(
    backend: FakeBackend, which: str, text: str
) -> None:
    first, second = conversation(backend, "one"), conversation(backend, "two")
    assert first.turns[1].stats is not None
    turn = replace(second.turns[1], earlier=first.turns[1].stats.answer)
    chat = Chat(second.id, (second.turns[0], turn))
    waiting = Chat(chat.id, (*chat.turns, Turn("user", "And this?")))
    with pytest.raises(InputError, match="under way"):
        on_keep(backend, event(index=1, which=which), waiting)
    chat, log, *_ = on_keep(backend, event(index=1, which=which), chat)
    assert chat.turns[1].text == text
    assert "itr-rival" not in markup(log)
    assert backend.chats[chat.id] == chat.turns
    with pytest.raises(InputError, match="kept already"):
        on_keep(backend, event(index=1, which=which), chat)


def test_a_teacher_judges_only_when_asked(backend: FakeBackend) -> None:
    chat = conversation(backend)
    assert backend.votes.judged == []
    on_judge(backend, event(index=1), chat, BUILT_IN)
    on_judge(backend, event(index=1), chat, "llava:7b")
    assert [each[1:] for each in backend.votes.judged] == [("builtin", ""), ("ollama", "llava:7b")]
    assert "llava:7b: wrong" in markup(on_judged(backend, chat))


def test_a_late_judgement_leaves_what_was_said_meanwhile_on_the_page(
    backend: FakeBackend,
) -> None:
    chat = conversation(backend)
    later = Chat(chat.id, (*chat.turns, *conversation(backend, "It is a leg.").turns))
    backend.save_chat(later.id, later.turns)
    on_judge(backend, event(index=1), chat, BUILT_IN)
    for log in (on_judged(backend, later), on_judged(backend, chat)):
        assert "builtin: wrong" in markup(log)
        assert "It is a leg." in markup(log)
    fresh = backend.new_chat()
    assert on_judged(backend, fresh) == [], "a new conversation stays empty"


def test_only_choosing_an_answer_writes_the_chat_of_the_page(backend: FakeBackend) -> None:
    with gr.Blocks() as page:
        tab = build_chat(lambda request: backend)
    writing = [f for f in page.fns.values() if tab.chat in f.outputs]
    assert {f.name for f in writing} & {
        "on_vote",
        "on_judge",
        "on_judged",
        "on_save_better",
    } == set()
    assert "on_keep" in {f.name for f in writing}


def test_choosing_an_answer_keeps_what_another_tab_said(backend: FakeBackend) -> None:
    first, second = conversation(backend, "one"), conversation(backend, "two")
    assert first.turns[1].stats is not None
    turn = replace(second.turns[1], earlier=first.turns[1].stats.answer)
    chat = Chat(second.id, (second.turns[0], turn))
    later = (Turn("user", "And this?"), Turn("assistant", "A leg."))
    backend.save_chat(chat.id, (*chat.turns, *later))
    kept, *_ = on_keep(backend, event(index=1, which="this"), chat)
    assert kept.turns == (chat.turns[0], replace(turn, earlier=""), *later)
    assert backend.chats[chat.id] == kept.turns
    with pytest.raises(InputError, match="no longer there"):  # the other tab still shows both
        on_keep(backend, event(index=1, which="earlier"), chat)


def test_asking_again_draws_other_words_unless_the_weights_are_new(backend: FakeBackend) -> None:
    settings, before = SampleConfig(), conversation(backend).turns[1]
    other = another_draw(backend, settings, before)
    assert other.temperature > 0
    assert other.seed != settings.seed
    assert another_draw(backend, settings, None) == settings
    warm = SampleConfig(temperature=0.3, seed=4)
    assert another_draw(backend, warm, before) == warm
    assert before.stats is not None
    older = replace(before, stats=replace(before.stats, weights_hash="older"))
    assert another_draw(backend, settings, older) == settings


# ── the panel ───────────────────────────────────────────────────────────────────────────────────


def test_the_line_under_the_chat_tells_every_stage(backend: FakeBackend) -> None:
    votes = backend.votes
    assert news_html(votes.status()) == ""
    votes.fresh = 3
    assert "3 of 8 votes until the student learns" in news_html(votes.status())
    votes.fresh = 8
    votes.learn("running")
    assert "learning from 8 votes…" in news_html(votes.status())
    assert 'data-busy="true"' in news_html(votes.status())
    votes.rows = [replace(votes.rows[0], state="kept")]
    told = news_html(votes.status())
    assert "learned from 8 votes" in told
    assert 'data-undo="1"' in told
    votes.rows = [replace(votes.rows[0], state="refused", reason="Known questions fell.")]
    assert "did not learn from 8 votes: Known questions fell." in news_html(votes.status())


def test_the_panel_shows_figures_updates_and_what_changed(backend: FakeBackend) -> None:
    assert "After 8 votes" in panel_html(backend.votes.status(), backend.thumbnail)
    backend.votes.fresh = 8
    made = backend.votes.learn()
    question = Turn("user", HOSTILE)
    sample = BeforeAfter(question, "a leg", "an egg")
    backend.votes.rows = [replace(made, samples=(sample,))]
    html = panel_html(backend.votes.status(), backend.thumbnail)
    assert "95.0% → 94.2%" in html
    assert "before: a leg" in html
    assert "after: an egg" in html
    assert "<img" not in html
    assert 'data-undo="1"' in html


@pytest.mark.parametrize(
    ("left_out", "told"),
    [
        (0, "95.0% → 94.2% of 120 · moved"),
        (30, "95.0% → 94.2% of 120, without 30 like those voted on · moved"),
    ],
)
def test_the_panel_says_how_many_known_questions_were_compared(
    backend: FakeBackend, left_out: int, told: str
) -> None:
    backend.votes.fresh = 8
    made = backend.votes.learn()
    figures = replace(made.figures, canary_questions=120, canary_left_out=left_out)
    backend.votes.rows = [replace(made, figures=figures)]
    assert told in panel_html(backend.votes.status(), backend.thumbnail)


def test_an_update_that_compared_nothing_tells_no_figures(backend: FakeBackend) -> None:
    backend.votes.fresh = 8
    made = backend.votes.learn()
    backend.votes.rows = [replace(made, figures=UpdateFigures(canary_left_out=3))]
    html = panel_html(backend.votes.status(), backend.thumbnail)
    assert " · moved " not in html
    assert "like those voted on" not in html


def test_the_chart_says_in_words_what_it_draws() -> None:
    points = (RewardPoint(8, 0.25, 0.07, 0.59), RewardPoint(16, 0.75, 0.41, 0.93))
    chart = rate_chart(points)
    assert "25% after 8 votes, 75% after 16 votes" in chart
    assert chart.count("<circle") == 2
    assert rate_chart(points[:1]) == ""


def test_the_clock_runs_only_while_something_is_due(backend: FakeBackend) -> None:
    backend.votes.fresh = 8
    backend.votes.learn("running")
    *_, timer, seen, learned = panel_view(backend, None)
    assert timer.active is True
    assert learned == ""
    assert panel_view(backend, seen)[0] == gr.skip(), "nothing new: nothing is sent"
    backend.votes.rows = [replace(backend.votes.rows[0], state="kept")]
    *_, timer, seen, learned = panel_view(backend, seen)
    assert timer.active is False
    assert learned == "1", "the header shows the new weights"


def test_undo_is_one_click(backend: FakeBackend) -> None:
    backend.votes.fresh = 8
    backend.votes.learn()
    on_undo(backend, event(id=1))
    assert backend.votes.status().active is None
    with pytest.raises(InputError, match="was kept"):
        on_undo(backend, event(id=1))
