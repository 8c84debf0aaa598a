"""The export panel tells what would leave, how far it is, and whether the two say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model.config import SHIPPED_STUDENT
from tests.fake_exports import ROWS
from tests.fakes import FakeBackend
from webapp.export_format import parity_html, progress_html
from webapp.export_panel import on_cancel, on_form, on_push, on_write

FORM = ("", "f16", 80, "")


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    return FakeBackend(tmp_path)


def last(steps: Any) -> Any:
    return list(steps)[-1]


def test_the_preview_tells_name_and_facts(backend: FakeBackend) -> None:
    words = on_form(backend, SHIPPED_STUDENT, *FORM)
    assert "In Ollama: student." in words
    assert "10 of 14 facts come along (80 tokens)." in words
    assert "leaves with its eyes" in words


def test_the_preview_says_before_the_click_that_eyes_stay_behind(backend: FakeBackend) -> None:
    backend.leaving.text_only = "Its eyes are a ResNet: only its words are exported."
    words = on_form(backend, SHIPPED_STUDENT, *FORM)
    assert "only its words are exported" in words
    assert "role='status'" in words


def test_a_setting_out_of_its_limits_is_told_in_the_preview(backend: FakeBackend) -> None:
    assert "smallest allowed value is 0" in on_form(backend, SHIPPED_STUDENT, "", "f16", -1, "")


def test_writing_ends_with_the_zip(backend: FakeBackend) -> None:
    steps = list(on_write(backend, SHIPPED_STUDENT, *FORM))
    files = [file for _, file, *_ in steps if getattr(file, "value", None)]
    assert len(files) == 1
    assert files[0].value["path"].endswith("student.zip")
    assert "student.zip: 7.1 MB, 14 facts" in steps[-1][0]
    assert "value='100'" in steps[-1][0]


def test_no_student_is_told_where_the_person_looks(backend: FakeBackend) -> None:
    progress, *_ = last(on_write(backend, None, *FORM))
    assert "No student is chosen" in progress


def test_a_push_shows_both_answers_and_their_gap(backend: FakeBackend) -> None:
    progress, _, table, _ = last(on_push(backend, " http://box ", False, SHIPPED_STUDENT, *FORM))
    assert "ollama run student" in progress
    assert "What is this? + 1 picture<" in table
    assert "✓ 5 of 5" in table
    assert "2.5e-04" in table
    assert "✗ 1 of 5" in table
    assert backend.leaving.pushed[0][2:] == ("http://box", False)


def test_a_model_that_is_there_is_kept_until_the_box_is_ticked(backend: FakeBackend) -> None:
    backend.leaving.on_server.add("student")
    progress, *_ = last(on_push(backend, "", False, SHIPPED_STUDENT, *FORM))
    assert "already" in progress
    progress, *_ = last(on_push(backend, "", True, SHIPPED_STUDENT, *FORM))
    assert "ollama run" in progress


def test_an_answer_can_not_become_markup() -> None:
    assert "<b>" not in parity_html(ROWS)
    assert "&lt;b&gt;hen" in parity_html(ROWS)
    assert "<i>" not in progress_html("<i>x</i>", 0.5)


def test_no_rows_draw_no_table() -> None:
    assert parity_html(()) == ""


def test_cancel_stands_there_while_an_export_is_under_way(backend: FakeBackend) -> None:
    buttons = [step[-1] for step in on_write(backend, SHIPPED_STUDENT, *FORM)]
    assert buttons[0].visible
    assert not buttons[-1].visible
    on_cancel(backend)
    assert backend.leaving.cancels == 1
