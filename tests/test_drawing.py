from __future__ import annotations

import pytest

from model.config import SampleConfig
from model.learning.answer_scores import answered, look, score, totals
from model.learning.canary import Canary
from model.learning.drawing import draw
from model.learning.examples import EncodedLesson
from model.model import ImageTokenReasoningLLM, Prompt
from model.network.image_tokenizer import Message
from tests.small import picture


def _prompts(student: ImageTokenReasoningLLM) -> list[Prompt]:
    asked = [("What is this?", ["red"]), ("Hello", []), ("What changed?", ["blue", "green"])]
    return [
        student.prompt(
            [Message("user", text, len(colours))], [picture(c) for c in colours], room=12
        )
        for text, colours in asked
    ]


def test_many_answers_together_are_those_drawn_one_by_one(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    prompts = _prompts(tiny_student)
    together = draw(tiny_student, prompts, 2, longest=12, seed=5)
    for number, answers in enumerate(together):
        for place, answer in enumerate(answers):
            seed = (5 * 1_000_003 + number * 2 + place) % 2**31
            sampling = SampleConfig(temperature=1.0, seed=seed, max_tokens=12)
            alone = list(tiny_student.tokens(prompts[number], sampling))
            assert answer.ids == [index for index, _ in alone]
            assert answer.logprobs == pytest.approx([chance for _, chance in alone], abs=1e-4)
    assert together[0][0].ids != together[0][1].ids


def test_the_score_of_an_answer_is_the_chance_it_was_drawn_with(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    prompts = _prompts(tiny_student)
    told = [answers[0] for answers in draw(tiny_student, prompts, 1, longest=12, seed=0)]
    lessons = [answered(p, answer.ids) for p, answer in zip(prompts, told, strict=True)]
    seen = look(tiny_student, lessons)
    expected = [sum(answer.logprobs) for answer in told]
    assert totals(tiny_student, seen).tolist() == pytest.approx(expected, abs=1e-3)
    assert score(tiny_student, seen[1:]).total_B.tolist() == pytest.approx(expected[1:], abs=1e-3)


def test_a_canary_counts_what_greedy_decoding_would_write(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    prompts = _prompts(tiny_student)
    told = draw(tiny_student, prompts, 1, longest=8, seed=0, temperature=0.0)
    right = [answered(p, answers[0].ids) for p, answers in zip(prompts, told, strict=True)]
    assert Canary(right)(tiny_student) == 1.0
    ids = list(right[0].ids)
    ids[-2] = next(index for index in range(40, 99) if index != ids[-2])
    wrong = EncodedLesson(tuple(ids), right[0].learned, right[0].pixels_NCHW)
    canary = Canary([wrong, *right])
    assert len(canary) == 4
    assert canary(tiny_student) == 0.75
    assert Canary([])(tiny_student) == 1.0
