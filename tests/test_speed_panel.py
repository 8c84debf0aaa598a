"""The button that measures a student: how far it is, a small report, and a stop that keeps it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from model.config import SHIPPED_STUDENT
from tests.fake_speeds import REPORT
from tests.fakes import FakeBackend
from webapp.open_answers import OpenAnswers
from webapp.speed_panel import on_measure, on_save, on_stop, on_student, report_html


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    return FakeBackend(tmp_path)


def test_measuring_shows_how_far_it_is_and_then_the_figures(backend: FakeBackend) -> None:
    first, second, last = on_measure(backend, SHIPPED_STUDENT, runs=OpenAnswers())
    assert "one by one: 1 of 2" in first[0]
    assert (first[1].interactive, first[2].visible) == (False, True)
    assert "2 of 2" in second[0]
    for words in ("1,299 tok/s", "870 tok/s", "12 ms", "480 ms", "2,954 tok/s", "31 ms", "c3a1ed"):
        assert words in last[0]
    assert (last[1].interactive, last[2].visible, last[3].visible) == (True, False, True)
    assert on_student(backend, SHIPPED_STUDENT)[0] == last[0]


def test_stop_shows_what_there_is_and_keeps_no_half_report(backend: FakeBackend) -> None:
    runs = OpenAnswers()
    frames = on_measure(backend, SHIPPED_STUDENT, runs=runs)
    token = next(frames)[4]
    on_stop(backend, token, runs=runs)
    (last,) = list(frames)
    assert "1,299 tok/s" in last[0]
    assert "answers at once" not in last[0]
    assert "Stopped early" in last[0]
    assert not last[3].visible
    assert on_student(backend, SHIPPED_STUDENT)[0] == ""


def test_leaving_the_page_stops_the_measurement(backend: FakeBackend) -> None:
    runs = OpenAnswers()
    frames = on_measure(backend, SHIPPED_STUDENT, runs=runs)
    token = next(frames)[4]
    assert runs.is_open(token)
    frames.close()  # type: ignore[attr-defined]
    assert not runs.is_open(token)


def test_a_fault_stands_where_the_report_would(backend: FakeBackend) -> None:
    backend.speed.missing = True
    (last,) = list(on_measure(backend, "gone", runs=OpenAnswers()))
    assert "There is no student “gone”" in last[0]
    assert last[1].interactive
    (nobody,) = list(on_measure(backend, None, runs=OpenAnswers()))
    assert "No student is chosen" in nobody[0]


def test_names_are_text_in_the_report() -> None:
    shown = report_html(replace(REPORT, name="<b>bold</b>"))
    assert "<b>" not in shown
    assert "A &lt;quick&gt; processor · 2 cores, load 1.5" in shown


def test_a_report_can_be_taken_along(backend: FakeBackend) -> None:
    list(on_measure(backend, SHIPPED_STUDENT, runs=OpenAnswers()))
    assert on_save(backend, SHIPPED_STUDENT).label == "Download speed-c3a1ed.json"
