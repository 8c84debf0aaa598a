"""The loss of distillation against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from model.learning.alignment import Guidance, Run, SoftTarget
from model.learning.examples import EncodedLesson, answer_loss, collate
from model.learning.transfer_loss import (
    GuidedBatch,
    GuidedLesson,
    TransferLoss,
    collate_guided,
    law_divergence,
    run_divergence,
)

NO_PICTURES = torch.zeros(0, 3, 8, 8)
CHANCES = torch.tensor([[0.5, 0.25, 0.125, 0.125]])
"""What the student of these tests gives every token: of a vocabulary of 4."""


class Constant(nn.Module):
    """A student that always has the same law."""

    def __init__(self, chances_1V: Tensor = CHANCES) -> None:
        super().__init__()
        self.scores_1V = nn.Parameter(chances_1V.log())

    def forward(self, ids_BS: Tensor, pixels_NCHW: Tensor, keep_BS: Tensor) -> Tensor:
        return self.scores_1V.expand(int(keep_BS.sum()), -1)


def lesson(guidance: Guidance | None, answer: tuple[int, ...] = (0, 1), skipped: int = 0) -> (
    GuidedLesson
):  # fmt: skip
    ids = (3, 3, *answer)
    return GuidedLesson(EncodedLesson(ids, ((2, len(ids)),), NO_PICTURES), guidance, skipped)


def batch_of(*lessons: GuidedLesson) -> GuidedBatch:
    return collate_guided(lessons, pad_id=3)


def loss_of(
    batch: GuidedBatch, *, kd_weight: float, skew: float = 0.0, run_weight: float = 0.0
) -> float:
    loss = TransferLoss(kd_weight=kd_weight, skew=skew, run_weight=run_weight)
    return float(loss(Constant(), batch).detach())


def test_without_a_law_it_is_the_cross_entropy_of_the_answer() -> None:
    batch = batch_of(lesson(None), lesson(None, (2,)))
    plain = collate([each.lesson for each in (lesson(None), lesson(None, (2,)))], pad_id=3)
    by_hand = (math.log(2) + math.log(4) + math.log(8)) / 3
    assert loss_of(batch, kd_weight=0.5, run_weight=1.0) == pytest.approx(by_hand)
    assert float(answer_loss(Constant(), plain).detach()) == pytest.approx(by_hand)


def test_a_law_with_a_tail_is_compared_in_three_bins() -> None:
    """Teacher .6 .2 and tail .2 against student .5 .25 and the .25 of its other two tokens."""
    batch = batch_of(lesson(Guidance((SoftTarget((0, 1), (0.6, 0.2), 0.2), None))))
    by_hand = 0.6 * math.log(0.6 / 0.5) + 0.2 * math.log(0.2 / 0.25) * 2
    logits_KV = Constant()(batch.ids_BS, batch.pixels_NCHW, batch.labels_BS != -100)
    assert law_divergence(logits_KV, batch).tolist() == pytest.approx([by_hand, 0.0], rel=1e-4)
    mixed = (0.5 * math.log(2) + 0.5 * by_hand + math.log(4)) / 2
    assert loss_of(batch, kd_weight=0.5) == pytest.approx(mixed)


def test_the_skewed_student_is_a_mixture_in_every_bin() -> None:
    batch = batch_of(lesson(Guidance((SoftTarget((0, 1), (0.6, 0.2), 0.2), None))))
    logits_KV = Constant()(batch.ids_BS, batch.pixels_NCHW, batch.labels_BS != -100)
    bins = [(0.6, 0.5), (0.2, 0.25), (0.2, 0.25)]
    by_hand = sum(q * math.log(q / (0.1 * q + 0.9 * p)) for q, p in bins)
    assert law_divergence(logits_KV, batch, 0.1).tolist() == pytest.approx([by_hand, 0.0], rel=1e-4)


def test_a_student_with_the_teachers_law_has_nothing_to_learn_from_it() -> None:
    batch = batch_of(lesson(Guidance((SoftTarget((0, 1), (0.5, 0.25), 0.25),) * 2)))
    student = Constant()
    loss = TransferLoss(kd_weight=1.0, skew=0.0, run_weight=0.0)(student, batch)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-6)
    assert student.scores_1V.grad is not None
    assert student.scores_1V.grad.abs().max() < 1e-6


def test_the_tail_pulls_the_student_away_from_what_it_is_too_sure_of() -> None:
    sure = torch.tensor([[1 - 3e-9, 1e-9, 1e-9, 1e-9]])
    batch = batch_of(lesson(Guidance((SoftTarget((0,), (0.5,), 0.5), None)), (0, 0)))
    student = Constant(sure)
    loss = TransferLoss(kd_weight=1.0, skew=0.0, run_weight=0.0)(student, batch)
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert torch.isfinite(student.scores_1V.grad).all()  # type: ignore[union-attr]


def test_a_run_is_compared_by_the_likelihood_of_all_its_tokens() -> None:
    """Teacher −1.5 for two tokens, student log(1/2 · 1/4) = −2.08, both over 100."""
    batch = batch_of(lesson(Guidance((None, None), (Run(0, 2, -1.5),))))
    chosen_K = torch.tensor([math.log(0.5), math.log(0.25)])
    a, b = -1.5 / 100 - 1e-6, math.log(0.125) / 100 - 1e-6
    by_hand = -(math.exp(a) * b + (1 - math.exp(a)) * math.log(1 - math.exp(b)))
    assert float(run_divergence(chosen_K, batch)) == pytest.approx(by_hand, rel=1e-4)
    # with a run but no law the loss is cross-entropy plus the run, per answer token
    expected = (math.log(2) + math.log(4)) / 2 + 0.1 * by_hand / 2
    assert loss_of(batch, kd_weight=0.5, run_weight=0.1) == pytest.approx(expected, rel=1e-5)


def test_a_run_is_pulled_towards_the_teachers_likelihood_and_rests_there() -> None:
    batch = batch_of(lesson(Guidance((None, None), (Run(0, 2, -1.5),))))
    slopes = []
    for likelihood in (-3.0, -1.5, -0.5):
        chosen_K = torch.tensor([likelihood / 2] * 2, dtype=torch.float64, requires_grad=True)
        run_divergence(chosen_K, batch).backward()
        assert chosen_K.grad is not None
        slopes.append(float(chosen_K.grad[0]))
    assert slopes[0] < 0 < slopes[2]
    assert abs(slopes[1]) < 1e-4


def test_laws_stay_with_their_tokens_in_a_batch_of_different_lengths() -> None:
    law = SoftTarget((2,), (0.9,), 0.1)
    short = lesson(Guidance((law,), (Run(0, 1, -1.0),)), (2, 1))
    long = lesson(Guidance((None, law, None)), (0, 2, 1, 1), skipped=0)
    thought = lesson(Guidance((law, None), (Run(0, 2, -2.0),)), (1, 1, 2, 0, 1), skipped=2)
    batch = batch_of(short, long, thought)
    assert batch.guided_K.tolist() == [
        *(True, False),
        *(False, True, False, False),
        *(False, False, True, False, False),
    ]
    assert batch.run_K.tolist() == [0, -1, *[-1] * 4, -1, -1, 1, 1, -1]
    labels_K = batch.labels_BS[batch.labels_BS != -100]
    assert labels_K[batch.guided_K].tolist() == [2, 2, 2]


def test_an_answer_that_was_cut_short_loses_the_laws_past_its_end() -> None:
    law = SoftTarget((2,), (0.9,), 0.1)
    batch = batch_of(lesson(Guidance((law,) * 4, (Run(1, 3, -1.0),)), (2, 2)))
    assert batch.guided_K.tolist() == [True, True]
    assert batch.run_K.tolist() == [-1, -1]
    assert len(batch.taught_R) == 0


def test_the_parts_of_a_loss_add_up_to_it() -> None:
    batch = batch_of(lesson(Guidance((SoftTarget((0,), (0.7,), 0.3),) * 2)))
    loss = TransferLoss(kd_weight=0.0, skew=0.0, run_weight=0.0)
    assert float(loss(Constant(), batch).detach()) == pytest.approx(loss.parts.text)
    loss = TransferLoss(kd_weight=1.0, skew=0.0, run_weight=0.0)
    assert float(loss(Constant(), batch).detach()) == pytest.approx(loss.parts.logprobs)


def test_a_batch_moves_whole() -> None:
    batch = batch_of(lesson(Guidance((SoftTarget((0,), (0.7,), 0.3),) * 2)))
    moved = batch.to(torch.device("cpu"))
    assert isinstance(moved, GuidedBatch)
    assert moved.law_KA.equal(batch.law_KA)
    assert moved.learned == batch.learned
