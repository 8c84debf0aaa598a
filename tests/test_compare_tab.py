from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from model.compare_records import (
    BUILTIN_SIDE,
    LETTERS,
    OLLAMA,
    AnswerScores,
    CompareConfig,
    CompareRow,
    CompareTask,
    Comparison,
    ComparisonId,
    Rating,
    SideAnswer,
    SideId,
    SideInfo,
)
from model.config import SampleConfig
from model.errors import ConfigError, InputError
from model.records import StudentId
from tests.fakes import FakeBackend
from webapp import compare_shelf
from webapp.compare_form import KNOBS, MOST_PICTURES, compare_config, lines_of, prompt_lines
from webapp.compare_format import (
    CARDS,
    answers_table,
    board_html,
    link_html,
    marked,
    pane_html,
    progress_html,
    set_html,
)
from webapp.compare_view import show, skipped, voted_row
from webapp.tabs import compare
from webapp.ui import open_linked

A, B = "shipped", "other"
SETTINGS = tuple(getattr(SampleConfig(), name) for name in KNOBS)
HOSTILE = "<img src=x onerror=alert(1)>"
SHOWN, RUN, STOP, PROGRESS, PANE_A, PANE_B, PANE_C, VOTING, WORDS, VOTE_C, REPORT, TABLE = range(12)


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    backend = FakeBackend(tmp_path, delay_s=0.0)
    other = StudentId(B)
    backend.made[other] = backend._info(other, "other", "made for this test")
    return backend


def form(
    sides: tuple[str | None, ...] = (A, B, ""),
    prompts: str = "one\ntwo",
    *,
    prompt_set: str = "typed",
    pictures: Any = None,
    judge: str = "",
    blind: bool = False,
) -> tuple[Any, ...]:
    return (*sides, "", prompt_set, prompts, 5, pictures, judge, blind, *SETTINGS)


def ran(backend: FakeBackend, *values: Any) -> tuple[Any, ...]:
    *_, last = compare.on_run(backend, *values)
    return last


def said(text: str, **more: Any) -> SideAnswer:
    return SideAnswer(text, **{"weights_hash": "a1b2c3d4", "tokens": 3, "tokens_per_s": 400.0,
                               "first_token_s": 0.1, "finished": True, **more})  # fmt: skip


def comparison(*rows: tuple[SideAnswer | None, ...], name: str = "x", **more: Any) -> Comparison:
    infos = tuple(
        SideInfo(SideId(f"s{n}"), "student", name, "a1b2c3d4") for n in range(len(rows[0]))
    )
    asked = tuple(CompareRow(CompareTask(f"prompt {n}"), answers) for n, answers in enumerate(rows))
    config = CompareConfig(sides=tuple(info.id for info in infos), prompts=("x",))
    return Comparison(ComparisonId("c1"), 0.0, config, infos, asked, **{"state": "done", **more})


def no_picture(picture: str, size_px: int) -> str:
    return "data:"


# ── the run ─────────────────────────────────────────────────────────────────────────────────────


def test_a_run_streams_the_panes_and_ends_with_figures_and_table(backend: FakeBackend) -> None:
    outputs = list(compare.on_run(backend, *form()))
    assert outputs[0][STOP]["visible"] is True
    last = outputs[-1]
    assert (last[RUN]["visible"], last[STOP]["visible"]) == (True, False)
    assert "This is a small answer" in last[PANE_A]["value"]
    assert last[PANE_C]["visible"] is False
    assert "0 of 2 answers differ" in last[TABLE]
    assert "Measured" in last[REPORT]
    assert "4 of 4 answers" in last[PROGRESS]


def test_three_sides_fill_three_panes(backend: FakeBackend) -> None:
    last = ran(backend, *form((A, str(BUILTIN_SIDE), f"{OLLAMA}llava")))
    assert "built-in oracle" in last[PANE_B]["value"]
    assert (last[PANE_C]["visible"], "llava" in last[PANE_C]["value"]) == (True, True)


def test_pictures_go_with_every_prompt(backend: FakeBackend) -> None:
    picture = backend.picture_path(backend.examples()[0].draft.subject_picture)  # type: ignore[arg-type]
    ran(backend, *form(pictures=[(str(picture), None)]))
    assert len(backend.asked) == 4
    assert all(len(turns[-1].pictures) == 1 for turns, _, _ in backend.asked)
    with pytest.raises(InputError, match="at most 4"):
        ran(backend, *form(pictures=[(str(picture), None)] * (MOST_PICTURES + 1)))


def test_drawn_questions_are_scored_and_show_their_pictures(backend: FakeBackend) -> None:
    last = ran(backend, *form((A, str(BUILTIN_SIDE), ""), prompt_set="microworld"))
    assert "✓ right" in last[PANE_B]["value"]
    assert "<img" in last[PANE_B]["value"]
    assert "McNemar" in last[REPORT]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (form((A, A, "")), "chosen twice"),
        (form((A, "", None)), "1 sides"),
        (form(prompts=" \n "), "0 prompts"),
    ],
)
def test_what_cannot_be_compared_is_told(
    backend: FakeBackend, values: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        ran(backend, *values)


def test_stop_reaches_the_comparison_that_is_shown(backend: FakeBackend) -> None:
    backend.delay_s = 30.0
    running = compare.on_run(backend, *form())
    first = next(running)
    compare.on_stop(backend, first[SHOWN])
    *_, last = running
    assert "stopped" in last[PROGRESS]


def test_a_link_shows_the_comparison_again(backend: FakeBackend) -> None:
    last = ran(backend, *form())
    assert list(compare.on_link(backend, last[SHOWN]))[-1] == last
    assert list(compare.on_link(backend, "")) == [skipped()]
    assert len(skipped()) == len(last)
    with pytest.raises(InputError, match="no longer there"):
        list(compare.on_link(backend, "gone"))
    assert open_linked(last[SHOWN]).selected == "compare"


# ── blind ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def blind(backend: FakeBackend) -> tuple[Any, ...]:
    return ran(backend, *form(blind=True))


def test_blind_panes_tell_nothing_but_the_answer(
    backend: FakeBackend, blind: tuple[Any, ...]
) -> None:
    shown = blind[PANE_A]["value"] + blind[PANE_B]["value"] + blind[REPORT] + blind[TABLE]
    for info in backend.made.values():
        assert info.name not in shown
        assert info.short_hash not in shown
    assert "tok/s" not in shown
    assert "This is a small answer" in shown
    assert blind[VOTING]["visible"] is True
    assert blind[VOTE_C]["visible"] is False
    assert "Prompt 1 of 2" in blind[WORDS]


def test_the_last_vote_shows_who_is_who(backend: FakeBackend, blind: tuple[Any, ...]) -> None:
    between = compare.on_vote(backend, blind[SHOWN], "", best="A")
    assert "Prompt 2 of 2" in between[WORDS]
    after = compare.on_vote(backend, blind[SHOWN], "", best="tie")
    assert after[VOTING]["visible"] is False
    assert "other" in after[PANE_A]["value"] + after[PANE_B]["value"]
    assert "Measured" in after[REPORT]
    assert "shipped ·" in after[-1]
    with pytest.raises(InputError, match="Every prompt has a vote"):
        compare.on_vote(backend, blind[SHOWN], "", best="A")


def test_who_is_who_can_be_shown_without_a_vote(
    backend: FakeBackend, blind: tuple[Any, ...]
) -> None:
    revealed, *after = compare.on_reveal(backend, blind[SHOWN])
    assert revealed == blind[SHOWN]
    assert after[VOTING]["visible"] is False


def test_who_is_who_stays_hidden_while_answers_come(backend: FakeBackend) -> None:
    """The next state of the stream would hide it again."""
    backend.delay_s = 30.0
    running = compare.on_run(backend, *form(blind=True))
    shown = next(running)[SHOWN]
    with pytest.raises(InputError, match="still come"):
        compare.on_reveal(backend, shown)
    compare.on_stop(backend, shown)
    assert list(running)


def test_the_letters_are_shuffled(backend: FakeBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare.random, "sample", lambda sides, n: list(reversed(sides)))
    last = ran(backend, *form(blind=True))
    assert backend.comparing().get(last[SHOWN]).config.sides == (B, A)


def test_only_whole_answers_are_voted_on() -> None:
    open_answer = replace(said("x"), finished=False)
    running = comparison((said("a"), said("b")), (said("a"), open_answer), state="running")
    assert voted_row(running, ()) == 0
    assert voted_row(replace(running, rows=running.rows[1:]), ()) == 0
    over = replace(running, rows=running.rows[1:], state="stopped")
    assert voted_row(over, ()) is None


# ── the form ────────────────────────────────────────────────────────────────────────────────────


def test_two_different_sides_are_chosen_and_choices_are_kept(backend: FakeBackend) -> None:
    first, second, third, empty = compare.on_sides(backend)
    assert (first["value"], second["value"], third["value"]) == (A, B, "")
    assert empty["visible"] is False
    assert all(info.short_hash in str(first["choices"]) for info in backend.students())
    first, second, third, _ = compare.on_sides(backend, ("llava",), B, A, f"{OLLAMA}llava")
    assert (first["value"], second["value"], third["value"]) == (B, A, f"{OLLAMA}llava")


def test_one_student_alone_is_set_beside_the_oracle(tmp_path: Path) -> None:
    first, second, _, empty = compare.on_sides(FakeBackend(tmp_path))
    assert (first["value"], second["value"]) == (A, BUILTIN_SIDE)
    assert empty["visible"] is True


def test_models_of_a_server_can_be_compared_and_judge(backend: FakeBackend) -> None:
    status, models, judge, first, *_ = compare.on_find(backend, "", A, B, "")
    assert "llama3.2:1b" in status
    assert models == ("llama3.2:1b", "llava:7b")
    assert "llava:7b" in judge["choices"]
    assert ("llava:7b on the server", f"{OLLAMA}llava:7b") in first["choices"]
    backend.ollama_up = False
    status, models, *_ = compare.on_find(backend, "", A, B, "")
    assert "No Ollama server answers" in status
    assert models == ()


def test_only_the_fields_of_the_chosen_set_are_shown(backend: FakeBackend) -> None:
    assert [w["visible"] for w in compare.on_set(backend, "typed")[:4]] == [True, True, False, True]
    assert [w["visible"] for w in compare.on_set(backend, "ten")[:4]] == [False, False, False, True]
    drawn = compare.on_set(backend, "microworld")
    assert [w["visible"] for w in drawn[:4]] == [False, False, True, False]
    assert set_html("ten", ("one", HOSTILE)).count("<li>") == 2


def test_right_answers_follow_an_arrow() -> None:
    pairs = prompt_lines(" one => 1 \n\n two\na => b => c")
    assert pairs == (("one", "1"), ("two", ""), ("a", "b => c"))
    assert prompt_lines(lines_of([("one", "1"), ("two\nlines", "")])) == (
        ("one", "1"),
        ("two lines", ""),
    )


def test_a_file_fills_the_field(backend: FakeBackend, tmp_path: Path) -> None:
    path = tmp_path / "prompts.csv"
    path.write_text("prompt,answer\none,1\ntwo,\n")
    assert compare.on_upload(backend, str(path), "old") == "one => 1\ntwo"
    assert compare.on_upload(backend, None, "old") == "old"


def test_the_form_becomes_a_config(backend: FakeBackend) -> None:
    config = compare_config(backend, form(prompts="one => 1\ntwo", judge="llava", blind=True))
    assert config == CompareConfig(
        sides=(A, B), prompts=("one", "two"), answers=("1", ""), questions=5, judge="llava",
        blind=True,
    )  # fmt: skip


# ── the shelf ───────────────────────────────────────────────────────────────────────────────────


def test_earlier_comparisons_are_listed_opened_and_deleted(backend: FakeBackend) -> None:
    last = ran(backend, *form())
    earlier, delete, board = compare_shelf.on_list(backend, last[SHOWN])
    assert earlier["visible"]
    assert delete["visible"]
    assert earlier["value"] == last[SHOWN]
    assert "shipped · other, 2 prompts" in earlier["choices"][0][0]
    assert "Nobody has voted" in board
    assert list(compare_shelf.on_open(backend, last[SHOWN]))[-1] == last
    earlier, delete, _ = compare_shelf.on_delete(backend, last[SHOWN])
    assert not earlier["visible"], "an empty list says nothing"
    assert not delete["visible"]
    assert earlier["choices"] == []
    with pytest.raises(InputError, match="No comparison is chosen"):
        compare_shelf.on_delete(backend, None)


def test_an_export_is_offered_for_download(backend: FakeBackend) -> None:
    last = ran(backend, *form())
    button = compare_shelf.on_export(backend, last[SHOWN], kind="json")
    assert "comparison-" in button.label or "comparison-" in str(button.value)
    with pytest.raises(InputError, match="No comparison is shown"):
        compare_shelf.on_export(backend, "", kind="json")


# ── figures and words ───────────────────────────────────────────────────────────────────────────


def test_a_pane_answered_by_two_weights_shows_both_hashes() -> None:
    first = said("x", weights_hash="aaaaaaaa"), said("z")
    second = said("y", weights_hash="bbbbbbbb"), said("z")
    markup = pane_html(comparison(first, second), 0, no_picture)
    assert "aaaaaa</span>" in markup
    assert "bbbbbb</span>" in markup


def test_only_the_words_that_differ_are_marked() -> None:
    left, right = marked("It becomes a fried egg.", "It becomes a hot egg.")
    assert left == "It becomes a <mark>fried</mark> egg."
    assert right == "It becomes a <mark>hot</mark> egg."


def test_the_table_counts_what_differs_and_leaves_unanswered_prompts_out() -> None:
    table = answers_table(
        comparison((said("same"), said("same")), (said("left"), said("right")), (None, said("x")))
    )
    assert "1 of 2 answers differ" in table
    assert "prompt 2" not in table


def test_a_long_run_shows_the_newest_answers_and_says_how_many_are_left() -> None:
    rows = [(said(f"answer {n}."), said("x")) for n in range(CARDS + 5)]
    running = pane_html(comparison(*rows, state="running"), 0, no_picture)
    assert "answer 0." not in running
    assert f"answer {CARDS + 4}." in running
    over = pane_html(comparison(*rows), 0, no_picture)
    assert "answer 0." in over
    assert "5 more in the exports" in over


def test_progress_tells_the_time_that_is_left_by_the_slowest() -> None:
    rows = [(said("x"), said("y"))] * 2 + [(said("x"), None)] * 4
    words = progress_html(comparison(*rows, state="running", seconds=10.0, stage="answering"))
    assert "8 of 12 answers · 20 s left · answering" in words


def test_right_and_wrong_are_told_beside_an_answer() -> None:
    right = said("x", scores=AnswerScores(exact=True))
    wrong = said("y", scores=AnswerScores(exact=False))
    one = comparison((right, wrong))
    assert "✓ right" in pane_html(one, 0, no_picture)
    assert "✗ not right" in pane_html(one, 1, no_picture)


def test_hostile_words_are_escaped(backend: FakeBackend) -> None:
    bad = said(HOSTILE, error=HOSTILE, weights_hash=HOSTILE, facts=(HOSTILE,))
    one = comparison((bad, said(HOSTILE)), (said(HOSTILE), said("x")), name=HOSTILE)
    one = replace(one, message=HOSTILE, stage=HOSTILE)
    rows = tuple(replace(row, task=CompareTask(HOSTILE)) for row in one.rows)
    one = replace(one, rows=rows)
    for markup in (
        pane_html(one, 0, no_picture),
        answers_table(one),
        progress_html(one),
        progress_html(replace(one, state="running")),
        board_html([Rating(HOSTILE, 1000, 900, 1100, 3)]),
        link_html(replace(one, id=ComparisonId(HOSTILE))),
        *[str(each) for each in show(backend, one)],
    ):
        assert "<img" not in markup


def test_the_tab_has_the_ids_that_other_parts_rely_on(backend: FakeBackend) -> None:
    with gr.Blocks() as page:
        tab = compare.build(lambda request: backend)
    ids = {part["props"].get("elem_id") for part in page.config["components"]}
    names = ("side-a", "run", "stop", "prompts", "a", "b", "c", "table", "report", "earlier")
    assert {f"compare-{name}" for name in names} <= ids
    assert tab.distill_first.elem_id == "compare-distill"
    assert "compare" in {call.get("api_name") for call in page.config["dependencies"]}
    assert len(tab.reopen.outputs) == len(skipped())


def test_visitors_of_a_shared_app_name_no_server(backend: FakeBackend) -> None:
    with gr.Blocks() as page:
        compare.build(lambda request: backend, multi_user=True)
    ids = {part["props"].get("elem_id") for part in page.config["components"]}
    assert "compare-address" not in ids


def test_all_letters_have_a_pane() -> None:
    assert len(LETTERS) == PANE_C - PANE_A + 1
