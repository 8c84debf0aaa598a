"""What one question of the micro-world consists of, before it has a name."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from model.records import Role

FactWords = tuple[str, str, str]
"""A fact of the graph in words: subject, relation, object."""


@dataclass(frozen=True)
class Item:
    """A question with its pictures and its one right answer.

    ``roles`` is empty or names every picture; ``labels`` says what each picture shows; ``facts``
    are lines of the graph that are shown with the question and may contradict daily life.
    """

    question: str
    answer: str
    pictures: tuple[Image.Image, ...] = ()
    labels: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    facts: tuple[FactWords, ...] = ()
