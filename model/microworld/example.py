"""What one question of the micro-world consists of, before it has a name."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from model.microworld.blocks import BlockAction, Scene
from model.records import Role

FactWords = tuple[str, str, str]
"""A fact of the graph in words: subject, relation, object."""


@dataclass(frozen=True)
class Item:
    """A question with its pictures and its one right answer.

    ``roles`` is empty or names every picture; ``labels`` says what each picture shows and
    ``scenes`` which blocks it holds, None for a picture of something else. ``facts`` are lines of
    the graph that are shown with the question and may contradict daily life. ``thought`` holds
    the short steps that lead to the answer, ``steps`` what was done to the first scene, and
    ``outcome`` the thing that comes of it. ``strange`` tells that a picture shows nothing of this
    world.
    """

    question: str
    answer: str
    pictures: tuple[Image.Image, ...] = ()
    labels: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    facts: tuple[FactWords, ...] = ()
    thought: str = ""
    scenes: tuple[Scene | None, ...] = ()
    steps: tuple[BlockAction, ...] = ()
    outcome: str = ""
    strange: bool = False
