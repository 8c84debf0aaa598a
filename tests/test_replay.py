from __future__ import annotations

from collections import Counter

import torch

from model.learning.examples import Lesson, encode_lesson
from model.learning.replay import Reservoir, drawn, lessons_from_state, lessons_state
from model.model import ImageTokenReasoningLLM
from tests.small import picture


def test_everything_that_came_has_the_same_chance_to_be_kept() -> None:
    kept: Counter[int] = Counter()
    for seed in range(400):
        reservoir = Reservoir[int](2, seed=seed)
        for number in range(8):
            reservoir.add(number)
        kept.update(reservoir.items)
    # each is kept with chance 1/4: 100 ± 4 standard deviations of 8.7
    assert all(65 <= kept[number] <= 135 for number in range(8)), kept


def test_it_goes_on_after_a_restart_as_if_there_had_been_none() -> None:
    whole, first = Reservoir[int](3, seed=1), Reservoir[int](3, seed=1)
    for number in range(20):
        whole.add(number)
    for number in range(9):
        first.add(number)
    second = Reservoir[int](3, seed=1, items=first.items, added=first.added)
    for number in range(9, 20):
        second.add(number)
    assert second.items == whole.items


def test_a_reservoir_tells_where_it_put_an_item() -> None:
    reservoir = Reservoir[str](2, seed=0)
    assert [reservoir.add("a"), reservoir.add("b")] == [0, 1]
    for number in range(50):
        place = reservoir.add(str(number))
        assert place is None or reservoir.items[place] == str(number)
    assert len(reservoir) == 2


def test_all_are_replayed_before_any_is_replayed_again() -> None:
    steps = [drawn(range(6), 4, step, seed=3) for step in range(3)]
    flat = [item for step in steps for item in step]
    assert sorted(flat[:6]) == sorted(flat[6:]) == list(range(6))
    assert steps[1] == drawn(range(6), 4, 1, seed=3), "a step is a function of its number"
    assert drawn([], 4, 0, seed=3) == []


def test_lessons_come_back_as_they_were_kept(tiny_student: ImageTokenReasoningLLM) -> None:
    lesson = encode_lesson(tiny_student, Lesson("What?", "This is red.", (picture("red"),)))
    (again,) = lessons_from_state(lessons_state([lesson]))
    assert (again.ids, again.learned) == (lesson.ids, lesson.learned)
    torch.testing.assert_close(again.pixels_NCHW, lesson.pixels_NCHW)
