"""How many requests a teacher gets at a time, and when it is left alone."""

from __future__ import annotations

import pytest

from model.learning.pace import Breaker, Pace


def serve(pace: Pace, answers: int, slots: int, token_s: float = 0.02) -> list[int]:
    """Answers of 50 tokens by a server that works on ``slots`` requests; the limits on the way."""
    limits = []
    for _ in range(answers):
        waiting = max(1.0, pace.limit / slots)
        pace.answered(pace.ticket, 50 * token_s * waiting, 50)
        limits.append(pace.limit)
    return limits


def test_a_server_with_many_slots_gets_up_to_eight_requests() -> None:
    limits = serve(Pace(), 60, slots=16)
    assert limits[-1] == 8
    assert limits == sorted(limits)


def test_a_round_of_answers_adds_one_request() -> None:
    pace = Pace(most=8, start=4)
    serve(pace, 4, slots=16)
    assert pace.limit == 4
    serve(pace, 1, slots=16)
    assert pace.limit == 5


def test_a_server_with_one_slot_keeps_one_or_two_waiting() -> None:
    limits = serve(Pace(), 200, slots=1)
    assert max(limits[20:]) <= 3
    assert sum(limits[20:]) / len(limits[20:]) < 2.5


def test_the_limit_settles_near_the_number_of_slots() -> None:
    limits = serve(Pace(), 300, slots=4)
    assert 2 <= sum(limits[60:]) / len(limits[60:]) <= 6


def test_a_refusal_halves_the_number_once_for_all_requests_under_way() -> None:
    pace = Pace(most=8, start=8)
    tickets = [pace.ticket] * 8
    for ticket in tickets:
        pace.refused(ticket)
    assert pace.limit == 4
    pace.refused(pace.ticket)
    pace.refused(pace.ticket)
    pace.refused(pace.ticket)
    assert pace.limit == 1


def test_answers_of_before_the_decrease_do_not_raise_the_number() -> None:
    pace = Pace(most=8, start=4)
    old = pace.ticket
    pace.refused(old)
    for _ in range(20):
        pace.answered(old, 1.0, 50)
    assert pace.limit == 2


def test_long_answers_do_not_look_slow() -> None:
    pace = Pace(most=8, start=2)
    for tokens in (10, 400, 10, 400, 10, 400, 10, 400):
        pace.answered(pace.ticket, tokens * 0.02, tokens)
    assert pace.limit > 2


def test_the_cap_is_kept() -> None:
    assert Pace(most=1).limit == 1
    pace = Pace(most=3)
    serve(pace, 40, slots=16)
    assert pace.limit == 3


def test_pauses_double_with_every_failure_and_vary_by_a_quarter() -> None:
    breaker = Breaker(after=3, give_up_after=4, first_s=2.0, longest_s=5.0)
    breaker.answered()
    assert [breaker.failed(), breaker.failed()] == [0.0, 0.0]
    assert not breaker.is_open
    pauses = [breaker.failed() for _ in range(4)]
    for pause, middle in zip(pauses, (2.0, 4.0, 5.0, 5.0), strict=True):
        assert 0.75 * middle <= pause <= 1.25 * middle
    assert breaker.gave_up


def test_a_teacher_that_never_answered_is_given_up_sooner() -> None:
    unseen, seen = Breaker(after=1), Breaker(after=1)
    seen.answered()
    for _ in range(5):
        unseen.failed()
        seen.failed()
    assert unseen.gave_up
    assert not seen.gave_up


def test_one_answer_closes_the_breaker() -> None:
    breaker = Breaker(after=2)
    breaker.failed()
    breaker.failed()
    assert breaker.is_open
    breaker.answered()
    assert not breaker.is_open
    assert breaker.failed() == 0.0


def test_the_same_seed_gives_the_same_pauses_and_another_one_others() -> None:
    def pauses(seed: int) -> list[float]:
        breaker = Breaker(after=1, seed=seed)
        return [breaker.failed() for _ in range(3)]

    assert pauses(1) == pytest.approx(pauses(1))
    assert pauses(1) != pytest.approx(pauses(2))
