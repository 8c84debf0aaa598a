"""Answers that a student should not learn from are told, and good ones are let through."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from model.config import DistillConfig
from model.learning.answer_filter import CUT_OFF, confidence, fault_of, repeats_itself
from model.learning.languages import language_of
from model.teachers.base import TeacherAnswer, TokenLogprob

ASKED = "What should a beginner know about the oven?"
GOOD = "It must be hot before the loaf goes in, and it should not be opened in the first minutes."
USUAL = DistillConfig()


def fault(text: str, asked: str = ASKED, config: DistillConfig = USUAL, **more: object) -> str:
    return fault_of(asked, TeacherAnswer(text, **more), config)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD, ""),
        ("Yes.", ""),
        ("Sorry, I can't help with that.", "a refusal"),
        ("I'm sorry, but as an AI language model I do not bake.", "a refusal"),
        ("As an AI, I have no oven.", "a refusal"),
        ("Sorry days come when the oven breaks.", ""),
        ("It is 200 \ufffd hot.", "broken characters"),
        ("It is hot.<|im_end|>", "pieces of a chat template"),
        ("what should a beginner know about the oven", "repeats the prompt"),
        ("The oven is hot. " * 12, "repeats itself"),
        ("Der Ofen ist heiß und die Tür soll nicht zu früh auf.", "in German, asked in English"),
        ("オーブンは熱いです。気をつけてください。", "in Japanese, asked in English"),
    ],
)
def test_each_fault_has_its_words(text: str, words: str) -> None:
    assert fault(text) == words


def test_cut_off_answers_are_left_out_only_if_strict() -> None:
    assert fault(GOOD, stopped_by="length") == ""
    strict = replace(USUAL, answer_filter="strict")
    assert fault(GOOD, config=strict, stopped_by="length") == CUT_OFF
    assert fault("I'm sorry, but no.", config=replace(USUAL, answer_filter="off")) == ""


def test_confidence_is_the_geometric_mean_of_the_words_chances() -> None:
    entries = tuple(
        TokenLogprob(word, math.log(chance)) for word, chance in (("a", 0.9), ("b", 0.1))
    )
    answer = TeacherAnswer("a b", logprobs=entries)
    assert confidence(answer) == pytest.approx(0.3)
    assert confidence(TeacherAnswer("a b")) is None
    doubt = replace(USUAL, least_confidence=0.31)
    assert fault_of(ASKED, answer, doubt) == "the teacher was unsure (below 0.31)"
    assert fault_of(ASKED, answer, replace(USUAL, least_confidence=0.29)) == ""
    assert fault_of(ASKED, TeacherAnswer("a b"), doubt) == "", "without logprobs nobody knows"


def test_repetition_is_told_from_lists_and_long_texts() -> None:
    steps = "\n".join(
        f"{n}. Take the {thing} and look at it well."
        for n, thing in enumerate(("bowl", "knife", "flour", "salt", "starter", "cloth"), 1)
    )
    assert not repeats_itself(steps + " Then put everything back where it was before, and wait.")
    assert repeats_itself("to knead and " * 20)
    assert repeats_itself("はい" * 200)
    assert not repeats_itself("ha ha ha ha"), "too short to tell"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the best way to do this?", "English"),
        ("Wie backe ich ein Brot, das nicht zu fest ist?", "German"),
        ("Comment est-ce que je fais le pain dans un four ?", "French"),
        ("¿Cómo se hace el pan en un horno?", "Spanish"),
        ("卵を焼くには?", "Japanese"),
        ("怎样煎鸡蛋", "Chinese"),
        ("Как испечь хлеб?", "Russian or alike"),
        ("C++ 17", ""),
        ("Sourdough!", ""),
        ("", ""),
    ],
)
def test_languages_are_told_where_they_can_be(text: str, language: str) -> None:
    assert language_of(text) == language
