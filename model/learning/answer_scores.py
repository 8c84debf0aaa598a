"""How likely a student finds given answers, with a gradient, when its eyes do not learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.learning.examples import IGNORE, EncodedLesson, collate
from model.model import ImageTokenReasoningLLM, Prompt
from model.network.text_tokenizer import PAD

TOGETHER = 32
ALIKE = 4
"""Lessons in one pass; a CPU is as fast with few rows as with many."""


@dataclass(frozen=True)
class SeenLesson:
    """A lesson whose pictures were looked at already: frozen eyes see the same every time."""

    lesson: EncodedLesson
    image_NID: Tensor


@dataclass(frozen=True)
class Scores:
    """Log-probabilities in nats of K answer tokens, in reading order; ``row_K`` says of whom.

    ``logits_KV`` score all tokens at these places.
    """

    logprob_K: Tensor
    row_K: Tensor
    rows: int
    logits_KV: Tensor

    @property
    def total_B(self) -> Tensor:
        """Log-probability of each whole answer. (B)"""
        return self.logprob_K.new_zeros(self.rows).index_add(0, self.row_K, self.logprob_K)


def answered(prompt: Prompt, answer_ids: Sequence[int]) -> EncodedLesson:
    """A prompt with an answer to it, as a lesson whose answer is scored or learned."""
    ids = (*prompt.ids, *answer_ids)
    return EncodedLesson(ids, ((len(prompt.ids), len(ids)),), prompt.pixels_NCHW)


@torch.no_grad()
def look(student: ImageTokenReasoningLLM, lessons: Sequence[EncodedLesson]) -> list[SeenLesson]:
    """Look at the pictures of lessons, each once."""
    seen: list[SeenLesson] = []
    for start in range(0, len(lessons), TOGETHER):
        batch = lessons[start : start + TOGETHER]
        pixels_NCHW = torch.cat([lesson.pixels_NCHW for lesson in batch])
        image_NID = student.encode(pixels_NCHW) if len(pixels_NCHW) else _no_images(student)
        parts = torch.split(image_NID, [len(lesson.pixels_NCHW) for lesson in batch])
        seen += [SeenLesson(*each) for each in zip(batch, parts, strict=True)]
    return seen


def _no_images(student: ImageTokenReasoningLLM) -> Tensor:
    config = student.config
    return torch.zeros(0, config.vision.num_patches, config.decoder.hidden_size)


def score(student: ImageTokenReasoningLLM, seen: Sequence[SeenLesson]) -> Scores:
    """Score the learned tokens of lessons under a student that looked at them."""
    # lessons of about one length go together: padding to the longest of all was a third of the work
    order = sorted(range(len(seen)), key=lambda row: len(seen[row].lesson.ids))
    logprobs, rows, logits = [], [], []
    for start in range(0, len(order), ALIKE):
        part = torch.tensor(order[start : start + ALIKE])
        scores = _score_alike(student, [seen[row] for row in part.tolist()])
        logprobs.append(scores.logprob_K)
        rows.append(part[scores.row_K])
        logits.append(scores.logits_KV)
    row_K = torch.cat(rows)
    in_order_K = row_K.argsort(stable=True)
    return Scores(
        torch.cat(logprobs)[in_order_K],
        row_K[in_order_K],
        len(seen),
        torch.cat(logits)[in_order_K],
    )


def _score_alike(student: ImageTokenReasoningLLM, seen: Sequence[SeenLesson]) -> Scores:
    batch = collate([each.lesson for each in seen], student.tokenizer.id(PAD))
    keep_BS = batch.labels_BS != IGNORE
    image_NID = torch.cat([each.image_NID for each in seen])
    hidden_BSD = student.model(student.embed(batch.ids_BS, image_NID))
    logits_KV = student.model.logits(hidden_BSD[keep_BS]).float()
    chosen_K1 = logits_KV.log_softmax(-1).gather(-1, batch.labels_BS[keep_BS].unsqueeze(-1))
    return Scores(chosen_K1[:, 0], keep_BS.nonzero()[:, 0], len(seen), logits_KV)


@torch.no_grad()
def totals(student: ImageTokenReasoningLLM, seen: Sequence[SeenLesson]) -> Tensor:
    """Log-probability of each whole answer, a batch at a time and without a gradient. (B)"""
    parts = [
        score(student, seen[start : start + TOGETHER]).total_B
        for start in range(0, len(seen), TOGETHER)
    ]
    return torch.cat(parts) if parts else torch.zeros(0)
