"""The loss of distillation: the teacher's text, and its probabilities where they are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from model.learning.alignment import Guidance, Run, SoftTarget
from model.learning.examples import IGNORE, Batch, EncodedLesson, collate, on_device, scores
from model.learning.packing import pack, packing_order

ALM_TEMPERATURE = 100.0
ALM_EPSILON = 1e-6
LEAST_TAIL = 1e-7
"""Probability below which the student's tail is not followed: its logarithm would explode."""


@dataclass(frozen=True)
class GuidedLesson:
    """A lesson with what the teacher's probabilities say about its last learned stretch.

    ``skipped`` counts the learned tokens in front that the guidance does not speak of (a thought).
    """

    lesson: EncodedLesson
    guidance: Guidance | None
    skipped: int = 0


@dataclass(frozen=True)
class GuidedBatch(Batch):
    """A batch whose learned tokens, K in reading order, partly have a law over A alternatives.

    ``law_KA`` and ``tail_K`` add up to 1 where ``guided_K``; unused alternatives have law 0.
    ``run_K`` numbers the run that a token belongs to, -1 for none; ``taught_R`` is the teacher's
    log-probability of a run in nats.
    """

    alternatives_KA: Tensor
    law_KA: Tensor
    tail_K: Tensor
    guided_K: Tensor
    run_K: Tensor
    taught_R: Tensor

    def to(self, device: torch.device) -> GuidedBatch:
        """The same batch on another device."""
        return on_device(self, device)


@dataclass(frozen=True)
class LossParts:
    """What a step's loss was made of, each in nats per answer token; 0 where nothing is guided."""

    text: float
    logprobs: float
    runs: float


class TransferLoss:
    """Cross-entropy on every answer token, and the teacher's law where there is one.

    A token with a law takes ``kd_weight`` of its loss from it; ``skew`` mixes so much of the law
    into the student's before they are compared (0: forward KL). Runs are added with
    ``run_weight``. After a call ``parts`` tells what the loss was made of.

    Source: KL over the listed tokens and one tail bucket as in TRL's server distillation; skew KL
        from DistiLLM (Ko et al. 2024, https://arxiv.org/abs/2402.03898).
    """

    def __init__(self, *, kd_weight: float, skew: float, run_weight: float) -> None:
        self._kd_weight, self._skew, self._run_weight = kd_weight, skew, run_weight
        self.parts = LossParts(0.0, 0.0, 0.0)

    def __call__(self, student: torch.nn.Module, batch: Batch) -> Tensor:
        """The mean over all answer tokens, in nats."""
        keep_BS = batch.labels_BS != IGNORE
        logits_KV = scores(student, batch, keep_BS).float()
        labels_K = batch.labels_BS[keep_BS]
        text_K = F.cross_entropy(logits_KV, labels_K, reduction="none")
        if not isinstance(batch, GuidedBatch):
            self.parts = LossParts(float(text_K.detach().mean()), 0.0, 0.0)
            return text_K.mean()
        kl_K = law_divergence(logits_KV, batch, self._skew)
        weight_K = self._kd_weight * batch.guided_K
        runs = run_divergence(-text_K, batch) / len(labels_K)
        self.parts = LossParts(
            float(text_K.detach().mean()), float(kl_K.detach().mean()), float(runs.detach())
        )
        mixed = ((1 - weight_K) * text_K + weight_K * kl_K).mean()
        return mixed + self._run_weight * runs


def law_divergence(logits_KV: Tensor, batch: GuidedBatch, skew: float = 0.0) -> Tensor:
    """KL from the teacher's law to the student's, tail included, in nats; 0 where there is none.

    Returns (K).
    """
    law_KA, tail_K = batch.law_KA, batch.tail_K
    chosen_KA = logits_KV.log_softmax(-1).gather(-1, batch.alternatives_KA)
    used_KA = law_KA > 0
    known_K = (chosen_KA.exp() * used_KA).sum(-1)
    student_tail_K = (1 - known_K).clamp_min(LEAST_TAIL)
    student_KA = chosen_KA
    if skew:
        student_KA = torch.log(skew * law_KA.clamp_min(1e-30) + (1 - skew) * chosen_KA.exp())
        student_tail_K = skew * tail_K + (1 - skew) * student_tail_K
    listed_KA = torch.xlogy(law_KA, law_KA) - law_KA * student_KA
    tails_K = torch.xlogy(tail_K, tail_K) - tail_K * student_tail_K.log()
    return ((listed_KA * used_KA).sum(-1) + tails_K) * batch.guided_K


def run_divergence(chosen_K: Tensor, batch: GuidedBatch) -> Tensor:
    """Binary cross-entropy between the likelihoods of whole runs, summed over them.

    ``chosen_K`` holds the student's log-probabilities of the tokens written.
    Source: ALM's ``binary_ce`` (https://arxiv.org/abs/2503.20083), temperature 100.
    """
    runs = len(batch.taught_R)
    if not runs:
        return chosen_K.new_zeros(())
    inside_K = batch.run_K >= 0
    student_R = chosen_K.new_zeros(runs).index_add(0, batch.run_K[inside_K], chosen_K[inside_K])
    teacher_R = batch.taught_R / ALM_TEMPERATURE - ALM_EPSILON
    student_R = student_R / ALM_TEMPERATURE - ALM_EPSILON
    chance_R = teacher_R.exp()
    return -(chance_R * student_R + (1 - chance_R) * torch.log(-torch.expm1(student_R))).sum()


def collate_guided(
    lessons: Sequence[GuidedLesson], pad_id: int, *, packed: bool = False
) -> GuidedBatch:
    """Pad lessons to one length, with the laws of their learned tokens in reading order.

    If ``packed``, short ones lie behind each other, in rows as long as the longest.
    """
    if packed:
        rows = packing_order([len(each.lesson.ids) for each in lessons])
        lessons = [lessons[number] for row in rows for number in row]
        plain = pack([each.lesson for each in lessons], [len(row) for row in rows], pad_id)
    else:
        plain = collate([each.lesson for each in lessons], pad_id)
    laws: list[SoftTarget | None] = []
    runs: list[Run] = []
    for each in lessons:
        learned = sum(end - start for start, end in each.lesson.learned)
        laws_at, runs_at = _stretch(each, learned, len(laws))
        laws += laws_at
        runs += runs_at
    width = max((len(law.ids) for law in laws if law is not None), default=1)
    alternatives_KA = torch.zeros(len(laws), width, dtype=torch.long)
    law_KA, tail_K = torch.zeros(len(laws), width), torch.zeros(len(laws))
    run_K = torch.full((len(laws),), -1)
    for place, law in enumerate(laws):
        if law is not None:
            alternatives_KA[place, : len(law.ids)] = torch.tensor(law.ids)
            law_KA[place, : len(law.ids)] = torch.tensor(law.chances)
            tail_K[place] = law.tail
    for number, run in enumerate(runs):
        run_K[run.start : run.end] = number
    return GuidedBatch(
        plain.ids_BS,
        plain.labels_BS,
        plain.pixels_NCHW,
        alternatives_KA,
        law_KA,
        tail_K,
        torch.tensor([law is not None for law in laws]),
        run_K,
        torch.tensor([run.logprob for run in runs]),
        documents_BS=plain.documents_BS,
    )


def _stretch(
    each: GuidedLesson, learned: int, before: int
) -> tuple[list[SoftTarget | None], list[Run]]:
    """A lesson's laws for all its learned tokens, and its runs counted from the batch's first.

    A lesson that was cut short loses the laws and runs past its end.
    """
    laws: list[SoftTarget | None] = [None] * learned
    if each.guidance is None:
        return laws, []
    for place, target in enumerate(each.guidance.targets[: learned - each.skipped]):
        laws[each.skipped + place] = target
    shift = before + each.skipped
    runs = [
        Run(run.start + shift, run.end + shift, run.logprob)
        for run in each.guidance.runs
        if each.skipped + run.end <= learned
    ]
    return laws, runs
