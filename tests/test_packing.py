"""Lessons behind each other in a row: the same loss and gradients as with padding."""

from __future__ import annotations

import pytest
import torch

from model.learning.alignment import Guidance, SoftTarget
from model.learning.examples import Lesson, answer_loss, collate, encode_lesson
from model.learning.packing import pack, packing_order
from model.learning.transfer_loss import GuidedLesson, TransferLoss, collate_guided
from model.model import ImageTokenReasoningLLM
from model.network.text_generation import document_mask, document_positions
from model.network.text_tokenizer import PAD
from tests.small import make_student, picture

LESSONS = [
    Lesson("What is this?", "red.", (picture("red"),)),
    Lesson("Say at some length what happens to an egg that is fried.", "It becomes a fried egg."),
    Lesson("And this?", "a deep green one.", (picture("green"), picture("white"))),
    Lesson("So?", "yes."),
]


def test_rows_are_filled_longest_first() -> None:
    assert packing_order([3, 10, 4, 6, 7]) == [[1], [4, 0], [3, 2]]
    assert packing_order([5, 5]) == [[0], [1]]
    assert packing_order([]) == []


def test_a_document_sees_its_own_earlier_tokens_and_counts_from_zero() -> None:
    documents_BS = torch.tensor([[0, 0, 1, 1, -1]])
    assert document_positions(documents_BS).tolist() == [[0, 1, 0, 1, 0]]
    seen = document_mask(documents_BS)[0, 0].int().tolist()
    assert seen == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1],
    ]


def _gradients(student: ImageTokenReasoningLLM) -> list[torch.Tensor]:
    return [p.grad.clone() for p in student.parameters() if p.grad is not None]


@pytest.mark.parametrize("save_memory", [False, True])
def test_packed_and_padded_learn_the_same(save_memory: bool) -> None:
    student = make_student(seed=3)
    pad = student.tokenizer.id(PAD)
    encoded = [encode_lesson(student, lesson) for lesson in LESSONS]
    rows = packing_order([len(lesson.ids) for lesson in encoded])
    assert len(rows) < len(encoded), "otherwise nothing is packed"
    padded = collate(encoded, pad)
    packed = pack([encoded[n] for row in rows for n in row], [len(row) for row in rows], pad)
    assert packed.tokens < padded.tokens
    assert packed.learned == padded.learned
    losses, gradients = [], []
    for batch, twice in ((padded, False), (packed, save_memory)):
        student.zero_grad()
        student.model.save_memory = twice
        loss = answer_loss(student, batch)
        loss.backward()
        losses.append(loss.detach())
        gradients.append(_gradients(student))
    torch.testing.assert_close(losses[1], losses[0])
    assert len(gradients[0]) == len(gradients[1]) > 10
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(two, one, atol=1e-5, rtol=1e-4)


def test_laws_follow_their_tokens_into_the_rows() -> None:
    student = make_student(seed=3)
    pad, lessons = student.tokenizer.id(PAD), []
    for number, lesson in enumerate(LESSONS):
        encoded = encode_lesson(student, lesson)
        count = sum(end - start for start, end in encoded.learned)
        law = SoftTarget((number + 20, 30), (0.5, 0.3), 0.2)
        lessons.append(GuidedLesson(encoded, Guidance((law, *[None] * (count - 1)))))
    loss = TransferLoss(kd_weight=0.5, skew=0.0, run_weight=0.1)
    with torch.inference_mode():
        padded = loss(student, collate_guided(lessons, pad))
        packed = loss(student, collate_guided(lessons, pad, packed=True))
    torch.testing.assert_close(packed, padded)
