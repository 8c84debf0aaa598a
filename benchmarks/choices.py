"""Which picture comes out? Candidates for the forward task, and how a student chooses one."""

from __future__ import annotations

import random
from dataclasses import dataclass

from PIL import Image

from model.errors import InputError
from model.learning.answering import likelihoods
from model.learning.examples import Lesson
from model.microworld.blocks import VERBS, BlockAction, Scene, apply
from model.microworld.blocks_chance import random_action
from model.microworld.blocks_pictures import draw_scene
from model.microworld.conditions import conditions_of
from model.microworld.oracle import example
from model.microworld.splits import seed_of
from model.model import ImageTokenReasoningLLM

ASK = "What was done?"


@dataclass(frozen=True)
class Choice:
    """What was there, what was done in words, and pictures of which the first is the true one."""

    before: Image.Image
    done: str
    candidates: tuple[Image.Image, ...]


def choice(split: str, index: int, count: int) -> Choice:
    """An item of the forward task with ``count`` candidates, all of them hard.

    The wrong ones are: nothing changed; the same verb on another block or with another value; and
    other actions on the same scene, which includes the inverse ones.
    """
    drawn = example(split, index, "blocks-inverse")
    before, after = drawn.scenes
    assert before is not None
    assert after is not None
    rng = random.Random(seed_of(split, index, f"choice {count}"))
    scenes = [after, before]
    verb = drawn.steps[0].verb
    for number in range(60 * count):
        if len(scenes) == count:
            break
        verbs = (verb,) if number % 2 == 0 else VERBS
        try:
            other = apply(before, random_action(rng, before, conditions_of(split), verbs))
        except InputError:
            continue
        if other not in scenes:
            scenes.append(other)
    pictures = tuple(draw_scene(scene, rng) for scene in scenes)
    return Choice(drawn.pictures[0], drawn.answer, pictures)


def chosen(student: ImageTokenReasoningLLM, item: Choice) -> int:
    """The candidate for which the student finds the words of the action likeliest.

    Telling what was done is easier than foreseeing it (arXiv 2506.06006), so the student judges
    each candidate by the mean log-probability of the action between it and what was there.
    """
    lessons = [Lesson(ASK, item.done, (item.before, candidate)) for candidate in item.candidates]
    return int(likelihoods(student, lessons).argmax())


def biggest_change(first: Image.Image, second: Image.Image) -> int:
    """The cell of the grid in which two pictures differ most: what pixels alone can tell."""
    side = first.width // 3
    scores = []
    for cell in range(9):
        left, top = cell % 3 * side, cell // 3 * side
        box = (left, top, left + side, top + side)
        pairs = zip(first.crop(box).tobytes(), second.crop(box).tobytes(), strict=True)
        scores.append(sum(abs(a - b) for a, b in pairs))
    return scores.index(max(scores))


def by_pixels(before: Scene, pictures: tuple[Image.Image, ...]) -> BlockAction | None:
    """The heuristic control: whatever lies in the cell that changed most was painted red."""
    here = before.in_cell(biggest_change(*pictures))
    return BlockAction("paint", here[-1], "red") if here else None
