"""Known questions that must not be forgotten while something else is learned."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from model.learning.answer_scores import TOGETHER, SeenLesson, look, score
from model.learning.examples import EncodedLesson
from model.model import ImageTokenReasoningLLM


class Canary:
    """Asks a student known questions; calling it gives the share answered as they were taught.

    An answer counts if each of its tokens is the likeliest one after those before it, which is
    what greedy decoding would write: so one pass reads what would take many steps to write.
    The eyes of all students that are asked must be the same: pictures are looked at once.
    """

    def __init__(self, lessons: Sequence[EncodedLesson]) -> None:
        self._lessons = list(lessons)
        self._seen: list[SeenLesson] = []

    def __len__(self) -> int:
        return len(self._lessons)

    def __call__(self, student: ImageTokenReasoningLLM) -> float:
        """Share of exact answers, from 0 to 1; 1 if there are no questions."""
        if not self._seen:
            self._seen = look(student, self._lessons)
        right = exact(student, self._seen)
        return sum(right) / len(right) if right else 1.0


@torch.no_grad()
def exact(student: ImageTokenReasoningLLM, seen: Sequence[SeenLesson]) -> list[bool]:
    """Of each lesson, whether the student would answer it word for word."""
    found: list[bool] = []
    # what greedy decoding may not write anywhere
    banned = sorted(
        set(student.banned_ids(thinking=True)) & set(student.banned_ids(thinking=False))
    )
    for start in range(0, len(seen), TOGETHER):
        batch = seen[start : start + TOGETHER]
        scores = score(student, batch)
        labels_K = torch.tensor([i for each in batch for i in _learned(each.lesson)])
        scores.logits_KV[:, banned] = -torch.inf
        wrong_K = scores.logits_KV.argmax(-1) != labels_K
        missed_B = torch.zeros(len(batch)).index_add(0, scores.row_K, wrong_K.float())
        found += (missed_B == 0).tolist()
    return found


def _learned(lesson: EncodedLesson) -> list[int]:
    return [index for start, end in lesson.learned for index in lesson.ids[start:end]]
