"""Redraws of what grows on the page: often enough to be alive, seldom enough to keep up."""

from __future__ import annotations

import pytest

from webapp.redraws import Redraws, pause_s


def test_the_first_is_due_at_once_and_the_next_after_the_pause() -> None:
    ticks = iter([0.0, 0.01, 0.05, 0.12, 0.12])
    redraws = Redraws(lambda: 0.1, lambda: next(ticks))
    assert redraws.due()
    redraws.drawn()  # at .01
    assert not redraws.due()
    assert redraws.due()  # at .12
    redraws.drawn()


def test_a_page_that_lags_is_given_its_pause() -> None:
    now = [0.0]
    redraws = Redraws(lambda: 0.1, lambda: now[0])
    assert redraws.due()
    now[0] = 5.0  # so long it took until the page had it
    redraws.drawn()
    assert not redraws.due()
    now[0] = 5.11
    assert redraws.due()


@pytest.mark.parametrize(("answers", "pause"), [(1, 0.09), (2, 0.09), (30, 1.0), (500, 2.0)])
def test_an_answer_is_redrawn_less_often_where_many_are_open(answers: int, pause: float) -> None:
    assert pause_s(answers) == pytest.approx(pause)
