from __future__ import annotations

import math

import pytest

from model.compare_records import (
    AnswerScores,
    CompareRow,
    CompareTask,
    Measure,
    SideAnswer,
    Verdict,
)
from model.comparing.measuring import differences, measures


def said(**scores: object) -> SideAnswer:
    return SideAnswer("x", finished=True, scores=AnswerScores(**scores))  # type: ignore[arg-type]


def rows(*answers: tuple[SideAnswer | None, ...]) -> tuple[CompareRow, ...]:
    return tuple(CompareRow(CompareTask("?"), each) for each in answers)


def value(found: tuple[Measure, ...], name: str, side: int) -> Measure:
    return next(each for each in found if (each.name, each.side) == (name, side))


def test_shares_count_only_whole_answers() -> None:
    broken = SideAnswer("x", error="gone", finished=True)
    cancelled = SideAnswer("x", finished=True, stopped_by="cancelled")
    asked = rows(
        (said(exact=True), said(exact=False)),
        (said(exact=True), broken),
        (said(exact=False), cancelled),
        (said(exact=False), None),
    )
    found = measures(asked, 2, ())
    assert (value(found, "exact", 0).value, value(found, "exact", 0).n) == (0.5, 4)
    assert (value(found, "exact", 1).value, value(found, "exact", 1).n) == (0.0, 1)


def test_a_long_reference_weighs_more_in_the_loss() -> None:
    """(1 + 9) nats over (1 + 3) tokens, not the mean of 1 and 3."""
    asked = rows(
        (said(nats=1.0, reference_tokens=1, reference_bytes=4), said()),
        (said(nats=9.0, reference_tokens=3, reference_bytes=16), said()),
    )
    found = measures(asked, 2, ())
    assert value(found, "loss", 0).value == pytest.approx(2.5)
    assert value(found, "perplexity", 0).value == pytest.approx(math.exp(2.5))
    assert value(found, "bits_per_byte", 0).value == pytest.approx(10 / math.log(2) / 20)
    assert not [each for each in found if each.side == 1 and each.name == "loss"]


def test_attributes_are_counted_over_all_blocks() -> None:
    asked = rows(
        (said(right_attributes=5, attributes=5), said(right_attributes=0, attributes=5)),
        (said(right_attributes=0, attributes=15), said()),
    )
    assert value(measures(asked, 2, ()), "attributes", 0).value == pytest.approx(0.25)


def test_a_win_is_one_and_a_tie_is_half() -> None:
    verdicts = [Verdict(0, 0, 1, 0), Verdict(1, 0, 1, None), Verdict(2, 0, 2, 2)]
    found = measures((), 3, verdicts)
    assert [value(found, "win_rate", side).value for side in range(3)] == [0.5, 0.25, 1.0]


def test_sides_are_tested_on_the_prompts_that_both_answered() -> None:
    asked = rows(
        *[(said(exact=False), said(exact=True))] * 6,
        (said(exact=True), None),
    )
    (found,) = differences(asked, 2)
    assert (found.name, found.test, found.n) == ("exact", "McNemar, exact", 6)
    assert found.value == pytest.approx(1.0)
    assert found.p == pytest.approx(2 / 2**6)


def test_losses_per_token_are_not_set_against_each_other() -> None:
    """Another tokenizer makes other tokens of the same text; bytes are the same for all."""
    one = said(nats=2.0, reference_tokens=2, reference_bytes=8)
    other = said(nats=2.0, reference_tokens=8, reference_bytes=8)
    found = differences(rows((one, other), (one, other)), 2)
    assert [each.name for each in found] == ["bits_per_byte"]
    assert found[0].value == 0
