"""The built-in teacher: exact about the micro-world, honest about the rest."""

from __future__ import annotations

import pytest

from model.errors import TeacherReplyInvalid
from model.microworld.language import DO_NOT_KNOW
from model.microworld.oracle import KINDS, example
from model.teachers.base import Question, Teacher
from model.teachers.builtin import BuiltinTeacher


@pytest.fixture
def teacher() -> Teacher:
    return BuiltinTeacher()


def key(teacher: Teacher, text: str, spec: str = "") -> str:
    question = Question(text, spec=spec)
    return teacher.answer_key(question, temperature=0.7, max_tokens=64, seed=0)


def test_it_is_always_reachable_and_offers_one_model_that_sees(teacher: Teacher) -> None:
    status = teacher.status()
    assert status.reachable
    assert [model.sees_pictures for model in status.models] == [True]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_drawn_question_gets_the_oracles_answer(teacher: Teacher, kind: str) -> None:
    drawn = example("train", 5, kind)
    answer = teacher.answer(Question(drawn.question, spec=drawn.spec))
    assert (answer.text, answer.stopped_by) == (drawn.answer, "stop")


def test_a_typed_question_is_answered_by_its_words(teacher: Teacher) -> None:
    answer = teacher.answer(Question("What happens if I heat an egg?"))
    assert answer.text == "If you heat an egg, you get a fried egg."


def test_what_it_does_not_understand_it_does_not_know(teacher: Teacher) -> None:
    assert teacher.answer(Question("Xyzzy, please.")).text == DO_NOT_KNOW


def test_an_unknown_spec_is_refused_in_words(teacher: Teacher) -> None:
    with pytest.raises(TeacherReplyInvalid, match="no kind “nonsense”"):
        teacher.answer(Question("", spec="train/1/nonsense"))


def test_an_answer_in_a_format_is_refused_in_words(teacher: Teacher) -> None:
    with pytest.raises(TeacherReplyInvalid, match="plain sentences"):
        teacher.answer(Question("Hello"), format={"type": "object"})


def test_the_key_depends_on_words_and_spec_only(teacher: Teacher) -> None:
    keys = {key(teacher, "a"), key(teacher, "b"), key(teacher, "a", "train/1/chat")}
    assert len(keys) == 3
    again = teacher.answer_key(Question("a"), temperature=0.1, max_tokens=9, seed=3)
    assert again == key(teacher, "a")
