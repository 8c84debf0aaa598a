"""Redraws of what grows on the page: often enough to be alive, seldom enough to keep up."""

from __future__ import annotations

import pytest

from webapp.pace import Pace, pause_s


def test_the_first_is_due_at_once_and_the_next_after_the_pause() -> None:
    ticks = iter([0.0, 0.01, 0.05, 0.12, 0.12])
    pace = Pace(lambda: 0.1, lambda: next(ticks))
    assert pace.due()
    pace.drawn()  # at .01
    assert not pace.due()
    assert pace.due()  # at .12
    pace.drawn()


def test_a_page_that_lags_is_given_its_pause() -> None:
    now = [0.0]
    pace = Pace(lambda: 0.1, lambda: now[0])
    assert pace.due()
    now[0] = 5.0  # so long it took until the page had it
    pace.drawn()
    assert not pace.due()
    now[0] = 5.11
    assert pace.due()


@pytest.mark.parametrize(("answers", "pause"), [(1, 0.09), (2, 0.09), (30, 1.0), (500, 2.0)])
def test_an_answer_is_redrawn_less_often_where_many_are_open(answers: int, pause: float) -> None:
    assert pause_s(answers) == pytest.approx(pause)
