"""The line between the known and the strange: drawn on validation, judged on test."""

from __future__ import annotations

from model.learning.familiarity import (
    REFUSED,
    draw_line,
    familiarity,
    judge_line,
    known_pictures,
    strange_pictures,
)
from tests.small import make_student


def test_the_line_refuses_as_many_known_pictures_as_it_promises() -> None:
    student = make_student(seed=5)
    threshold = draw_line(student, 200)
    scores = familiarity(student, known_pictures("validation", 200))
    assert len(set(scores)) > 150
    refused = sum(score < threshold - 1e-4 for score in scores) / len(scores)
    assert refused <= REFUSED


def test_the_test_is_made_of_other_pictures_and_other_kinds() -> None:
    validation, test = strange_pictures("validation", 6), strange_pictures("test", 6)
    assert not {p.tobytes() for p in validation} & {p.tobytes() for p in test}
    line = judge_line(make_student(seed=5), 2.0, 20)
    assert (line.known_refused, line.strange_refused) == (1.0, 1.0), "nothing scores above 1"
