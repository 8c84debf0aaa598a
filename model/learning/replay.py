"""Experience replay: a reservoir in which everything that ever came has the same chance to be."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

import torch

from model.learning.examples import EncodedLesson

Item = TypeVar("Item")


class Reservoir(Generic[Item]):
    """At most ``capacity`` items, a fair sample of all that were added.

    Which ones stay depends on ``seed`` and the order alone: what was kept and added again after a
    restart goes on as if there had been none.
    Source: Vitter 1985, algorithm R.
    """

    def __init__(
        self, capacity: int, *, seed: int = 0, items: Iterable[Item] = (), added: int = 0
    ) -> None:
        self.capacity, self.seed = capacity, seed
        self.items: list[Item] = list(items)
        self.added = max(added, len(self.items))

    def __len__(self) -> int:
        return len(self.items)

    def add(self, item: Item) -> int | None:
        """Offer an item; returns the place that it took, ``None`` if it was not kept."""
        self.added += 1
        if len(self.items) < self.capacity:
            self.items.append(item)
            return len(self.items) - 1
        place = random.Random(f"{self.seed}/{self.added}").randrange(self.added)
        if place >= self.capacity:
            return None
        self.items[place] = item
        return place


def drawn(items: Sequence[Item], count: int, step: int, seed: int) -> list[Item]:
    """The items of a step, each as often as the others up to one: a function of its number.

    The items are passed through in a fresh order each time around.
    """
    if not items:
        return []
    found: list[Item] = []
    for place in range(step * count, (step + 1) * count):
        around, at = divmod(place, len(items))
        order = list(range(len(items)))
        random.Random(f"{seed}/{around}").shuffle(order)
        found.append(items[order[at]])
    return found


def lessons_state(lessons: Sequence[EncodedLesson]) -> list[dict[str, Any]]:
    """Lessons as plain numbers and tensors, to be kept by ``torch.save``; pixels as bytes."""
    return [
        {
            "ids": list(lesson.ids),
            "learned": [list(stretch) for stretch in lesson.learned],
            "pixels": ((lesson.pixels_NCHW + 1) * 127.5).round().to(torch.uint8),
        }
        for lesson in lessons
    ]


def lessons_from_state(state: Sequence[dict[str, Any]]) -> list[EncodedLesson]:
    """The lessons that ``lessons_state`` was called on."""
    return [
        EncodedLesson(
            tuple(each["ids"]),
            tuple((start, end) for start, end in each["learned"]),
            each["pixels"].float().div(127.5).sub(1.0),
        )
        for each in state
    ]
