"""The Hugging Face panel pushes privately by default, loads by name, and tells what is amiss."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.config import SHIPPED_STUDENT
from tests.fakes import FakeBackend
from webapp.hub_panel import on_cancel, on_open, on_pull, on_push


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(tmp_path)


def test_a_push_ends_with_the_place(backend: FakeBackend) -> None:
    steps = list(on_push(backend, SHIPPED_STUDENT, "me/egg", True, False, "mit"))
    assert backend.on_hub.pushed == [(SHIPPED_STUDENT, "me/egg", True, False, "mit")]
    assert steps[0][1].visible
    assert "me/egg is on the Hub (private)" in steps[-1][0]
    assert not steps[-1][1].visible


def test_what_is_in_the_way_is_told_before_and_after_the_click(backend: FakeBackend) -> None:
    backend.on_hub.missing = "Pushing needs a token: set HF_TOKEN."
    assert "set HF_TOKEN" in on_open(backend)
    words, _ = list(on_push(backend, SHIPPED_STUDENT, "me/egg", True, False, ""))[-1]
    assert "role='alert'" in words
    assert "set HF_TOKEN" in words


def test_a_push_without_a_name_or_a_student_is_told(backend: FakeBackend) -> None:
    assert "owner/name" in list(on_push(backend, SHIPPED_STUDENT, "", True, False, ""))[-1][0]
    assert "No student" in list(on_push(backend, None, "me/egg", True, False, ""))[-1][0]


def test_a_student_is_loaded_by_its_name(backend: FakeBackend) -> None:
    words, cancel = list(on_pull(backend, "me/egg", "v2"))[-1]
    assert backend.on_hub.pulled == [("me/egg", "v2")]
    assert "egg is among your students" in words
    assert not cancel.visible


def test_cancel_reaches_the_transfer(backend: FakeBackend) -> None:
    on_cancel(backend)
    assert backend.on_hub.cancels == 1
