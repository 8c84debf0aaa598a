from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from webapp.panes import Pane, Questions, race

from model.config import SampleConfig
from model.errors import EngineBusy, InputError
from model.records import (
    Answer,
    AnswerStats,
    Evaluation,
    Event,
    StudentId,
    StudentInfo,
    Turn,
)
from tests.fakes import FakeBackend
from webapp.chat_format import Draft
from webapp.compare_format import answers_table, marked, measures_html, pane_html, wilson
from webapp.open_answers import OpenAnswers
from webapp.tabs import compare
from webapp.tabs.compare import KNOBS, MOST_PROMPTS, prompt_lines

A, B = StudentId("shipped"), StudentId("other")
SETTINGS = tuple(getattr(SampleConfig(), name) for name in KNOBS)
HOSTILE = "<img src=x onerror=alert(1)>"
LIMIT_S = 5.0


class TwoStudents(FakeBackend):
    """A backend with two students; the answers of the second wait for ``gate``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, delay_s=0.0)
        self.made[B] = self._info(B, "other", "made for this test")
        self.gate = threading.Event()
        self.gate.set()
        self.failing: set[str] = set()

    def answer(
        self, turns: Sequence[Turn], settings: SampleConfig, student: StudentId | None = None
    ) -> Answer:
        if turns[-1].text in self.failing:
            raise EngineBusy("32 answers are waiting. Try again in a moment.")
        answer = super().answer(turns, settings, student)
        return Gated(answer, self.gate) if student == B else answer


class Gated:
    def __init__(self, answer: Answer, gate: threading.Event) -> None:
        self.answer, self.gate = answer, gate
        self.cancelled = threading.Event()

    def events(self) -> Iterator[Event]:
        while not self.gate.wait(0.01):
            if self.cancelled.is_set():
                break
        yield from self.answer.events()

    def cancel(self) -> None:
        self.cancelled.set()
        self.answer.cancel()


@pytest.fixture
def backend(tmp_path: Path) -> TwoStudents:
    return TwoStudents(tmp_path)


@pytest.fixture
def answers() -> OpenAnswers:
    return OpenAnswers()


def questions(*prompts: str) -> Questions:
    return Questions(prompts, None, SampleConfig())


def said(text: str, weights: str = "a1b2c3d4") -> Draft:
    return Draft(text, stats=AnswerStats(3, 400.0, 0.1, weights, "student"))


# ── two panes ───────────────────────────────────────────────────────────────────────────────────


def test_both_students_answer_every_prompt(backend: TwoStudents, answers: OpenAnswers) -> None:
    *_, (_, panes) = race(backend, [A, B], questions("one", "two"), answers)
    assert all(pane.finished for pane in panes)
    assert [[d is not None and d.text for d in pane.drafts] for pane in panes] == [
        ["This is a small answer about what you asked."] * 2
    ] * 2


def test_a_slow_student_does_not_hold_up_the_other(
    backend: TwoStudents, answers: OpenAnswers
) -> None:
    backend.gate.clear()
    running = race(backend, [A, B], questions("one", "two", "three"), answers)
    for _, panes in running:
        if panes[0].finished:
            break
    assert all(draft is not None and draft.stats for draft in panes[0].drafts)
    assert panes[1].drafts[0] is None or not panes[1].drafts[0].text
    backend.gate.set()
    *_, (_, panes) = running
    assert panes[1].finished


def test_each_pane_names_the_weights_that_its_answers_came_from(
    backend: TwoStudents, answers: OpenAnswers
) -> None:
    *_, (_, panes) = race(backend, [A, B], questions("one"), answers)
    hashes = [pane.drafts[0].stats.weights_hash for pane in panes]  # type: ignore[union-attr]
    assert hashes == [backend.made[A].weights_hash, backend.made[B].weights_hash]
    for pane, letter in zip(panes, "AB", strict=True):
        short = backend.made[pane.student].short_hash
        assert short in pane_html(pane, letter, "x", ("one",))


def test_a_pane_answered_by_two_weights_shows_both_hashes() -> None:
    pane = Pane(A, (said("x", "aaaaaaaa"), said("y", "bbbbbbbb")))
    markup = pane_html(pane, "A", "x", ("one", "two"))
    assert "aaaaaa</span>" in markup
    assert "bbbbbb</span>" in markup


def test_a_failed_answer_is_told_and_the_pane_goes_on(
    backend: TwoStudents, answers: OpenAnswers
) -> None:
    backend.failing = {"one"}
    *_, (_, panes) = race(backend, [A, B], questions("one", "two"), answers)
    first, second = panes[0].drafts
    assert first is not None
    assert "32 answers are waiting" in first.error
    assert second is not None
    assert second.text


def test_stop_ends_both_panes(backend: TwoStudents, answers: OpenAnswers) -> None:
    backend.gate.clear()
    running = race(backend, [A, B], questions("one", "two"), answers)
    token, _ = next(running)
    answers.cancel(token)
    *_, (_, panes) = running
    assert all(pane.finished for pane in panes)
    assert not answers.is_open(token)


def test_closing_the_page_cancels_both_panes(backend: TwoStudents, answers: OpenAnswers) -> None:
    backend.gate.clear()
    running = race(backend, [A, B], questions(*"abcdefgh"), answers)
    token, _ = next(running)
    running.close()  # type: ignore[attr-defined]
    assert not answers.is_open(token)
    assert answers.wait_closed(token, LIMIT_S)


# ── the tab ─────────────────────────────────────────────────────────────────────────────────────


def test_a_run_streams_both_panes_and_ends_with_the_table(
    backend: TwoStudents, answers: OpenAnswers
) -> None:
    outputs = list(
        compare.on_run(
            backend, A, B, "What happens if I heat an egg?", None, "", *SETTINGS, answers=answers
        )
    )
    assert outputs[0][5]["visible"] is True
    token, _, _, table, run, stop = outputs[-1]
    assert token == ""
    assert "0 of 1 answers differ" in table
    assert (run["visible"], stop["visible"]) == (True, False)


def test_the_picture_goes_with_every_prompt(
    backend: TwoStudents, answers: OpenAnswers, tmp_path: Path
) -> None:
    picture = backend.picture_path(backend.examples()[0].draft.subject_picture)  # type: ignore[arg-type]
    list(compare.on_run(backend, A, B, "one\ntwo", str(picture), "", *SETTINGS, answers=answers))
    assert len(backend.asked) == 4
    assert all(len(turns[-1].pictures) == 1 for turns, _, _ in backend.asked)


def test_a_student_that_is_gone_is_told_in_words(
    backend: TwoStudents, answers: OpenAnswers
) -> None:
    with pytest.raises(InputError, match="no longer there"):
        list(compare.on_run(backend, A, "gone", "one", None, "", *SETTINGS, answers=answers))


def test_a_second_comparison_at_once_is_refused(backend: TwoStudents, answers: OpenAnswers) -> None:
    with answers.work() as token, pytest.raises(InputError, match="under way"):
        list(compare.on_run(backend, A, B, "one", None, token, *SETTINGS, answers=answers))


def test_prompts_are_counted_in_words() -> None:
    assert prompt_lines(" one \n\n two") == ("one", "two")
    with pytest.raises(InputError, match="0 prompts"):
        prompt_lines(" \n ")
    with pytest.raises(InputError, match=str(MOST_PROMPTS + 1)):
        prompt_lines("\n".join("x" * (MOST_PROMPTS + 1)))


def test_measuring_shows_progress_then_both_students(backend: TwoStudents) -> None:
    outputs = list(compare.on_measure(backend, A, B))
    assert "Measuring A (1 of 2)" in outputs[0]
    assert "Measuring B (2 of 2)" in outputs[1]
    assert "82%" in outputs[1]
    assert outputs[-1].count("82%") == 2


def test_one_student_alone_shows_the_way_to_a_second(tmp_path: Path) -> None:
    left, right, empty = compare.on_students(FakeBackend(tmp_path))
    assert left["value"] == right["value"] == A
    assert empty["visible"] is True


def test_two_different_students_are_chosen_and_choices_are_kept(backend: TwoStudents) -> None:
    left, right, empty = compare.on_students(backend)
    assert (left["value"], right["value"], empty["visible"]) == (A, B, False)
    left, right, _ = compare.on_students(backend, B, A)
    assert (left["value"], right["value"]) == (B, A)


# ── figures and words ───────────────────────────────────────────────────────────────────────────


def test_wilson_agrees_with_worked_values() -> None:
    assert wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(1.0, 50) == pytest.approx((0.9286, 1.0), abs=1e-4)
    assert wilson(0.0, 0) == (0.0, 1.0)


def test_only_the_words_that_differ_are_marked() -> None:
    left, right = marked("It becomes a fried egg.", "It becomes a hot egg.")
    assert left == "It becomes a <mark>fried</mark> egg."
    assert right == "It becomes a <mark>hot</mark> egg."


def test_the_table_counts_what_differs_and_leaves_unanswered_prompts_out() -> None:
    panes = (
        Pane(A, (said("same"), said("left"), None)),
        Pane(B, (said("same"), said("right"), said("x"))),
    )
    table = answers_table(panes, ("one", "two", "three"))
    assert "1 of 2 answers differ" in table
    assert "three" not in table


def test_overlapping_intervals_name_no_winner() -> None:
    def measured(exact: float) -> Evaluation:
        return Evaluation(A, "a1b2c3d4", 50, exact, 0.4, 390.0)

    same = measures_html([("A", "x", measured(0.80)), ("B", "y", measured(0.84))])
    apart = measures_html([("A", "x", measured(0.2)), ("B", "y", measured(0.9))])
    assert "do not tell the two apart" in same
    assert "B is better" in apart


def test_hostile_words_are_escaped() -> None:
    pane = Pane(A, (Draft(HOSTILE, error=HOSTILE),))
    other = Pane(B, (said(HOSTILE + " more"),))
    fine = Pane(A, (said(HOSTILE),))
    result = Evaluation(A, HOSTILE, 50, 0.5, 0.4, 390.0)
    for markup in (
        pane_html(pane, "A", HOSTILE, (HOSTILE,)),
        answers_table((fine, other), (HOSTILE,)),
        measures_html([("A", HOSTILE, result)]),
    ):
        assert "<img" not in markup


def test_the_tab_has_the_ids_that_other_parts_rely_on(backend: TwoStudents) -> None:
    with gr.Blocks() as page:
        tab = compare.build(lambda request: backend)
    ids = {part["props"].get("elem_id") for part in page.config["components"]}
    names = ("left", "right", "run", "stop", "measure", "prompts", "a", "b", "table", "measures")
    assert {f"compare-{name}" for name in names} <= ids
    assert tab.distill_first.elem_id == "compare-distill"
    assert {"compare", "measure"} <= {call.get("api_name") for call in page.config["dependencies"]}


def test_students_are_named_with_their_hash(backend: TwoStudents) -> None:
    infos: Sequence[StudentInfo] = backend.students()
    choices: list[Any] = compare.on_students(backend)[0]["choices"]
    assert all(info.short_hash in words for info, (words, _) in zip(infos, choices, strict=True))
