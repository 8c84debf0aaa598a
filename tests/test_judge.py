from __future__ import annotations

import pytest

from model.compare_records import CompareRow, CompareTask, SideAnswer
from model.comparing.judge import Judge, judged
from model.errors import TeacherReplyInvalid
from model.teachers.base import Question, TeacherAnswer
from model.teachers.builtin import BuiltinTeacher
from tests.fake_compare import ScriptedTeacher


class LikesLonger(BuiltinTeacher):
    """A judge of one mind: the longer answer is better, wherever it stands."""

    def answer(self, question: Question, **settings: object) -> TeacherAnswer:  # type: ignore[override]
        first, second = question.text.split("Answer 1:\n")[1].split("\n\nAnswer 2:\n")
        better = "1" if len(first) > len(second.split("\n\n")[0]) else "2"
        return TeacherAnswer(f'{{"better": "{better}"}}')


def row(*texts: str) -> CompareRow:
    answers = tuple(SideAnswer(text, finished=True) for text in texts)
    return CompareRow(CompareTask("Why {so}?"), answers)


def test_the_better_answer_wins_wherever_it_stands() -> None:
    judge = Judge(LikesLonger())
    assert judge.verdict("?", "", ("short", "a longer one")) == 1
    assert judge.verdict("?", "", ("a longer one", "short")) == 0


def test_a_judge_that_favours_a_place_decides_nothing() -> None:
    teacher = ScriptedTeacher('{"better": "1"}')
    assert Judge(teacher).verdict("?", "", ("a", "b")) is None
    assert len(teacher.asked) == 2


def test_equal_answers_are_a_tie_without_asking() -> None:
    teacher = ScriptedTeacher('{"better": "1"}')
    assert Judge(teacher).verdict("?", "", ("same", " same ")) is None
    assert teacher.asked == []


def test_the_judge_is_told_the_right_answer() -> None:
    teacher = ScriptedTeacher('{"better": "tie"}')
    Judge(teacher).verdict("?", "ice", ("a", "b"))
    assert "A right answer:\nice" in teacher.asked[0]


@pytest.mark.parametrize("says", ["the first", "[]", "{}", '{"better": "3"}', '{"better": {}}'])
def test_a_judge_that_chatters_is_told_in_words(says: str) -> None:
    with pytest.raises(TeacherReplyInvalid, match="instead of 1, 2 or tie"):
        Judge(ScriptedTeacher(says)).verdict("?", "", ("a", "b"))


def test_every_pair_is_judged_and_a_fault_does_not_end_it() -> None:
    rows = [row("a", "bb", "ccc"), row("same", "same", "x")]
    verdicts, fault = judged(Judge(LikesLonger()), rows, lambda done, of: None, lambda: False)
    assert [(v.row, v.first, v.second, v.winner) for v in verdicts] == [
        (0, 0, 1, 1),
        (0, 0, 2, 2),
        (0, 1, 2, 2),
        (1, 0, 1, None),
        (1, 0, 2, 0),
        (1, 1, 2, 1),
    ]
    assert fault == ""
    verdicts, fault = judged(
        Judge(ScriptedTeacher("no")), rows, lambda done, of: None, lambda: False
    )
    assert len(verdicts) == 1
    assert "6 pairs were to be judged" in fault


def test_stop_ends_the_judging() -> None:
    verdicts, _ = judged(Judge(LikesLonger()), [row("a", "b")], lambda done, of: None, lambda: True)
    assert verdicts == ()
