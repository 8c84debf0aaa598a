from __future__ import annotations

from collections import Counter

import pytest

from model.learning.lesson_order import LessonOrder, split

ORDER = LessonOrder(count=200, steps=200, batch_size=16, seed=3)


def test_every_eighth_question_is_held_out_and_never_learned() -> None:
    held_out, learned = split(40)
    assert held_out == [0, 8, 16, 24, 32]
    assert sorted(held_out + learned) == list(range(40))
    assert len(split(1000)[0]) == 24
    assert split(1) == ([], [0])


def test_a_step_is_a_function_of_its_number_and_the_seed() -> None:
    assert [ORDER.step(step) for step in (0, 70, 199)] == [
        LessonOrder(200, 200, 16, 3).step(step) for step in (0, 70, 199)
    ]
    assert ORDER.step(70) != LessonOrder(200, 200, 16, 4).step(70)


def test_new_lessons_come_in_order_and_all_of_them_before_the_end() -> None:
    met: list[int] = []
    for step in range(182):
        met += [lesson for lesson in ORDER.step(step) if lesson not in met]
        assert sorted(met) == list(range(ORDER.known(step)))
    assert met == sorted(met)
    assert len(met) == 200


def test_no_step_needs_an_answer_much_before_its_share_of_the_run() -> None:
    for step in range(200):
        assert max(ORDER.step(step)) < 16 + 200 * (step + 1) / (0.9 * 200)


def test_a_batch_is_full_and_holds_no_lesson_twice() -> None:
    for step in range(200):
        lessons = ORDER.step(step)
        assert len(lessons) == len(set(lessons)) == 16
    assert sorted(LessonOrder(5, 10, 16, 0).step(3)) == [0, 1, 2, 3, 4]


def test_lessons_are_met_about_equally_often() -> None:
    met = Counter(lesson for step in range(200) for lesson in ORDER.step(step))
    thirds = [sum(met[n] for n in range(start, start + 66)) / 66 for start in (0, 66, 132)]
    assert thirds[0] < 1.8 * 16
    assert thirds[2] > 0.3 * 16
    assert thirds[1] == pytest.approx(16, rel=0.25)


def test_a_short_run_that_can_meet_all_lessons_does() -> None:
    order = LessonOrder(count=8, steps=3, batch_size=3, seed=0)
    assert sorted({lesson for step in range(3) for lesson in order.step(step)}) == list(range(8))


def test_a_run_too_short_for_a_pass_meets_as_many_as_it_can() -> None:
    order = LessonOrder(count=100, steps=5, batch_size=8, seed=0)
    assert [lesson for step in range(5) for lesson in order.step(step)] == list(range(40))
