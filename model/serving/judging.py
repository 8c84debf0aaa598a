"""A teacher's opinion of an answer, when the person asks for it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from model.errors import InputError, TeacherReplyInvalid
from model.microworld.language import DO_NOT_KNOW
from model.teachers.base import Question, Teacher
from model.teachers.builtin import BuiltinTeacher

SCHEMA = {
    "type": "object",
    "properties": {"right": {"type": "boolean"}},
    "required": ["right"],
}
VERDICT_TOKENS = 40


def judge(teacher: Teacher, question: str, pictures: Sequence[Path], answer: str) -> bool:
    """Whether a teacher finds an answer right.

    The built-in one compares with its own answer, word for word but for case and punctuation.
    Raises: TeacherError; InputError if the built-in teacher does not know the answer.
    """
    if isinstance(teacher, BuiltinTeacher):
        return _compare(teacher, question, pictures, answer)
    text = (
        f"A pupil was asked: “{question or 'What is this?'}”\nThe pupil answered: “{answer}”\n"
        'Is the answer right? Reply with JSON: {"right": true} or {"right": false}.'
    )
    shown = tuple(path.read_bytes() for path in pictures)
    said = teacher.answer(
        Question(text, shown), temperature=0.0, max_tokens=VERDICT_TOKENS, format=SCHEMA
    )
    try:
        verdict = json.loads(said.text)["right"]
    except (ValueError, KeyError, TypeError) as error:
        raise TeacherReplyInvalid(
            f"The teacher was asked for a verdict and said “{said.text[:80]}”. Ask again, or "
            "choose another model."
        ) from error
    return verdict is True


def _compare(teacher: Teacher, question: str, pictures: Sequence[Path], answer: str) -> bool:
    if pictures:
        raise InputError(
            "The built-in teacher cannot look at pictures that you sent. Choose a teacher on "
            "Ollama that sees pictures, or judge with a thumb."
        )
    known = teacher.answer(Question(question)).text
    if known == DO_NOT_KNOW:
        raise InputError(
            "The built-in teacher knows the micro-world only, and not this question. Choose a "
            "teacher on Ollama, or judge with a thumb."
        )
    return _plain(known) == _plain(answer)


def _plain(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
