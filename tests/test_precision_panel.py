"""The choice of a precision: saved, refused in words, and told with figures of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.config import SHIPPED_STUDENT
from model.records import StudentStatus
from tests.fakes import FakeBackend
from webapp.header import chip_of
from webapp.precision_panel import choose, on_measure, on_student


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(tmp_path)


def test_a_choice_is_kept(backend: FakeBackend) -> None:
    shown, words = choose(backend, "int8", SHIPPED_STUDENT)
    assert shown == backend.weights.current == "int8"
    assert "Not measured yet" in words


def test_a_refused_choice_goes_back_and_says_why(backend: FakeBackend) -> None:
    backend.weights.works = False
    shown, words = choose(backend, "int8", SHIPPED_STUDENT)
    assert shown == "full"
    assert "needs an x86" in words


def test_measuring_shows_size_speed_and_loss_of_both(backend: FakeBackend) -> None:
    first, last = on_measure(backend, SHIPPED_STUDENT)
    assert "Measuring" in first
    for words in ("540.0 MB", "190.0 MB", "10 tok/s", "25 tok/s", "2.3456", "2.3511", "ebe824"):
        assert words in last
    assert on_student(backend, SHIPPED_STUDENT)[1] == last


def test_measuring_nobody_is_told(backend: FakeBackend) -> None:
    assert "No student is chosen" in list(on_measure(backend, None))[-1]


def test_the_chip_says_when_weights_are_in_eight_bits(backend: FakeBackend) -> None:
    info = backend.students()[0]
    assert "int8" not in chip_of(StudentStatus("ready", info)).value
    assert chip_of(StudentStatus("ready", info, "", "int8")).value.endswith(" · int8")
