from __future__ import annotations

import pytest

from model.compare_records import Best, Vote
from model.comparing.elo import board, games_of, play


def vote(best: Best, *sides: str) -> Vote:
    return Vote(0, best, sides)


def test_one_win_moves_sixteen_points() -> None:
    assert play([("x", "y", 1.0)]) == {"x": 1016.0, "y": 984.0}


def test_a_win_against_a_stronger_one_counts_more() -> None:
    """After one win of x the expectation of y is 1 / (1 + 10^(32/400)) = .454."""
    ratings = play([("x", "y", 1.0), ("y", "x", 1.0)])
    assert ratings["y"] == pytest.approx(984 + 32 * (1 - 0.45408), abs=0.01)


def test_the_best_of_three_beats_both_others() -> None:
    assert games_of(vote("B", "x", "y", "z")) == [("y", "x", 1.0), ("y", "z", 1.0)]
    assert games_of(vote("tie", "x", "y")) == games_of(vote("bad", "x", "y")) == [("x", "y", 0.5)]


def test_the_board_lists_the_best_first_with_an_interval() -> None:
    votes = [vote("A", "x", "y")] * 9 + [vote("B", "x", "y")]
    first, second = board(votes)
    assert (first.name, second.name) == ("x", "y")
    assert first.low <= first.elo <= first.high
    assert first.elo + second.elo == pytest.approx(2000)
    assert first.votes == 10
    assert board(votes) == board(votes)


def test_no_votes_no_board() -> None:
    assert board([]) == ()
