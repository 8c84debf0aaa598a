"""Questions answered together get the answers that they get alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from model.config import SampleConfig
from model.learning.answering import answers, likelihoods, prompt_of
from model.learning.examples import Lesson, answer_loss, collate, encode_lesson
from model.network.text_tokenizer import PAD
from tests.small import make_student, picture

LESSONS = [
    Lesson("What is this?", "Red.", (picture("red"),)),
    Lesson("What happened between these two?", "It grew.", (picture("red"), picture("blue"))),
    Lesson("Hello", "Hi there."),
    Lesson("And then?", "Yes.", facts=("egg | heat | fried egg",)),
]


def test_together_they_are_answered_as_one_by_one() -> None:
    student = make_student(seed=7)
    student.config = replace(student.config, thinks=True)
    lessons = [*LESSONS, *(replace(lesson, thought="") for lesson in LESSONS)]
    together = answers(student, lessons, longest=30)
    for lesson, said in zip(lessons, together, strict=True):
        pieces = list(student.reason(prompt_of(student, lesson, 30), SampleConfig(max_tokens=31)))
        alone = "".join(text for thought, text in pieces if not thought)
        assert alone.startswith(said.answer)
        thought = "".join(text for is_thought, text in pieces if is_thought)
        assert thought.startswith(said.thought[:10])


def test_the_likelihood_is_the_mean_over_the_answers_tokens() -> None:
    student = make_student(seed=7)
    found = likelihoods(student, LESSONS)
    for lesson, value in zip(LESSONS, found, strict=True):
        batch = collate([encode_lesson(student, lesson)], student.tokenizer.id(PAD))
        with torch.inference_mode():
            assert float(value) == pytest.approx(-float(answer_loss(student, batch)), abs=1e-4)
