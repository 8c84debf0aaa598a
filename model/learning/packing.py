"""Short lessons behind each other in one row, none of which sees another: less padding to compute.

What is learned does not change: positions begin anew with every lesson, and attention stays inside.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from model.learning.examples import IGNORE, Batch, EncodedLesson, write_lesson


def packing_order(lengths: Sequence[int]) -> list[list[int]]:
    """Which lessons share a row, by number, so that no row is longer than the longest lesson.

    Longest first, each into the first row that has room: at most 11/9 of the fewest rows (Johnson
    1973), and the same lengths give the same rows.
    """
    room = max(lengths, default=0)
    rows: list[list[int]] = []
    used: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda each: (-lengths[each], each)):
        at = next((n for n, u in enumerate(used) if u + lengths[number] <= room), len(rows))
        if at == len(rows):
            rows.append([])
            used.append(0)
        rows[at].append(number)
        used[at] += lengths[number]
    return rows


def pack(lessons: Sequence[EncodedLesson], per_row: Sequence[int], pad_id: int) -> Batch:
    """Lay lessons out in the order given, so many in each row, and mark what is to be learned."""
    ends = torch.tensor(per_row).cumsum(0).tolist()
    rows = [lessons[end - count : end] for end, count in zip(ends, per_row, strict=True)]
    longest = max(sum(len(lesson.ids) for lesson in row) for row in rows)
    ids_BS = torch.full((len(rows), longest), pad_id)
    labels_BS = torch.full((len(rows), longest), IGNORE)
    documents_BS = torch.full((len(rows), longest), -1)
    for number, row in enumerate(rows):
        start = 0
        for document, lesson in enumerate(row):
            write_lesson(lesson, ids_BS[number, start:], labels_BS[number, start:])
            documents_BS[number, start : start + len(lesson.ids)] = document
            start += len(lesson.ids)
    pixels_NCHW = torch.cat([lesson.pixels_NCHW for lesson in lessons])
    return Batch(ids_BS, labels_BS, pixels_NCHW, documents_BS=documents_BS)
