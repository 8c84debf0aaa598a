from __future__ import annotations

import pytest

from model.comparing.significance import mcnemar, paired_difference, ratio_interval, wilson

ONES = [1.0] * 20


def test_wilson_agrees_with_worked_values() -> None:
    assert wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(1.0, 50) == pytest.approx((0.9286, 1.0), abs=1e-4)
    assert wilson(0.0, 0) == (0.0, 1.0)


def test_mcnemar_agrees_with_worked_values() -> None:
    """Eight against two: 2 · (1 + 10 + 45) / 1024. Questions that both have right say nothing."""
    first = [True] * 8 + [False] * 2 + [True] * 5
    second = [False] * 8 + [True] * 2 + [True] * 5
    assert mcnemar(first, second) == pytest.approx(112 / 1024)
    assert mcnemar(second, first) == mcnemar(first, second)
    assert mcnemar([True, False], [True, False]) == 1.0
    assert mcnemar([], []) == 1.0


def test_a_ratio_is_that_of_the_sums_and_lies_in_its_interval() -> None:
    value, low, high = ratio_interval([1, 0, 6], [2, 1, 9])
    assert value == pytest.approx(7 / 12)
    assert low < value < high
    assert ratio_interval([0.3] * 9, [1.0] * 9) == pytest.approx((0.3, 0.3, 0.3))


def test_the_same_answers_always_give_the_same_interval() -> None:
    values = [0.1 * n for n in range(20)]
    assert ratio_interval(values, ONES) == ratio_interval(values, ONES)


def test_more_questions_make_the_interval_narrower() -> None:
    few, many = [0.0, 1.0] * 5, [0.0, 1.0] * 100
    _, low, high = ratio_interval(few, [1.0] * 10)
    _, closer_low, closer_high = ratio_interval(many, [1.0] * 200)
    assert closer_high - closer_low < (high - low) / 3


def test_equal_sides_do_not_differ() -> None:
    values = [0.1 * n for n in range(20)]
    assert paired_difference((values, ONES), (values, ONES)) == (0.0, 0.0, 0.0, 1.0)


def test_questions_in_common_show_a_difference_that_hides_between_questions() -> None:
    """Questions differ by up to 1.9, the sides by .05 on each: unpaired intervals overlap."""
    first = [0.1 * n for n in range(20)]
    second = [value + 0.05 for value in first]
    _, low, _ = ratio_interval(second, ONES)
    _, _, high = ratio_interval(first, ONES)
    assert low < high
    value, low, high, p = paired_difference((first, ONES), (second, ONES))
    assert (value, low, high) == pytest.approx((0.05, 0.05, 0.05))
    assert p < 0.01


def test_two_questions_prove_nothing() -> None:
    """Resampling two equal differences never crosses zero; a coin falls twice alike every other
    time."""
    *_, p = paired_difference(([0.0, 0.0], [1.0, 1.0]), ([1.0, 1.0], [1.0, 1.0]))
    assert p == 0.5


def test_no_question_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="0 parts"):
        ratio_interval([], [])
