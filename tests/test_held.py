"""Known answers are held to what the student before gave them, those that moved most first."""

from __future__ import annotations

import pytest
import torch

from model.learning.adapters import adapter_of, weakened, with_adapter, with_fresh_adapter
from model.learning.answer_scores import SeenLesson, look, score
from model.learning.examples import Lesson, encode_lesson
from model.learning.held import HeldAnswers
from model.model import ImageTokenReasoningLLM
from tests.small import picture

ANSWERS = ("Red.", "It is green, I think.", "Blue it is.")


def _seen(student: ImageTokenReasoningLLM) -> list[SeenLesson]:
    lessons = [Lesson("What is it?", said, (picture("red"),)) for said in ANSWERS]
    return look(student, [encode_lesson(student, each) for each in lessons])


def _changed(student: ImageTokenReasoningLLM, strength: float) -> ImageTokenReasoningLLM:
    learner = with_fresh_adapter(student, 2, seed=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for name, tensor in learner.named_parameters():
            if name.endswith("lora_b"):
                tensor.data.normal_(0, 0.2)
    return with_adapter(student, weakened(adapter_of(learner), strength))


@torch.no_grad()
def test_an_answer_has_moved_by_the_mean_divergence_of_its_tokens(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    seen, changed = _seen(tiny_student), _changed(tiny_student, 1.0)
    held = HeldAnswers(tiny_student, seen)
    told = held.moved(changed, [2, 0]).tolist()
    by_hand = []
    for number in (2, 0):
        then = score(tiny_student, [seen[number]]).logits_KV.double().softmax(-1)
        now = score(changed, [seen[number]]).logits_KV.double().softmax(-1)
        by_hand.append(float((then * (then / now).log()).sum() / len(then)))
    assert min(by_hand) > 1e-4
    assert told == pytest.approx(by_hand, rel=1e-3)


def test_an_answer_that_has_not_moved_pulls_on_nothing(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    held = HeldAnswers(tiny_student, _seen(tiny_student))
    learner = with_fresh_adapter(tiny_student, 2, seed=0)
    moved_B = held.moved(learner, [0, 1, 2])
    assert moved_B.tolist() == pytest.approx([0.0] * 3, abs=1e-6)
    moved_B.sum().backward()
    pulls = [tensor.grad for tensor in learner.parameters() if tensor.grad is not None]
    assert pulls
    assert max(float(pull.abs().max()) for pull in pulls) < 1e-5


def test_those_that_moved_most_are_chosen(tiny_student: ImageTokenReasoningLLM) -> None:
    held = HeldAnswers(tiny_student, _seen(tiny_student))
    changed = _changed(tiny_student, 1.0)
    moved = held.moved(changed, [0, 1, 2]).tolist()
    order = sorted(range(3), key=lambda number: -moved[number])
    assert held.most_moved(changed, [0, 1, 2], 2) == order[:2]
    assert held.most_moved(changed, [order[2]], 2) == [order[2]]
    assert held.most_moved(changed, [], 2) == []
    assert len(HeldAnswers(tiny_student, [])) == 0
