"""What a teacher is asked: prompts from a topic, from the person, or from the drawn world."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PIL import Image

from model.errors import InputError, TeacherReplyInvalid
from model.learning.prompt_pool import PromptPool, dropped_notes, normalised, times
from model.learning.prompt_writers import (
    FRUITLESS_ROUNDS,
    Examples,
    Magpie,
    Outline,
    PromptWriter,
    template_prompts,
)
from model.microworld.oracle import Example, example, from_spec
from model.teachers.base import Question, Teacher

LONGEST_OWN = 1000
DRAWN_EXAMPLES = 10**9


@dataclass(frozen=True)
class PromptSet:
    """Prompts in the order in which they are asked, and what a person should know about them.

    ``origins`` says of each where it comes from, in words; it may be shorter, or empty.
    """

    prompts: tuple[str, ...]
    notes: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


def topic_prompts(
    teacher: Teacher,
    topic: str,
    count: int,
    *,
    seed: int,
    method: str = "auto",
    on_progress: Callable[[int, int], None] | None = None,
) -> PromptSet:
    """Have the teacher write prompts about a topic, ``count`` in all.

    ``method`` is one of ``config.PROMPT_METHODS``; ``auto`` goes on with the next way when one
    brings nothing new. What no way delivers is filled up from templates, and the notes say how
    many. ``on_progress(have, wanted)`` is called after every answer. The same seed and the same
    answers give the same prompts.

    Raises: TeacherError if the teacher cannot be asked, or not even the templates give a prompt;
        InputError if the topic is empty.
    """
    subject = " ".join(topic.split())
    if not subject:
        raise InputError("The topic is empty. Name what the student should learn about.")
    if count < 1:
        raise ValueError(f"count is {count}; it must be positive")
    report = on_progress or (lambda have, wanted: None)
    pool = PromptPool(count)
    report(0, count)
    writers = _Writers(teacher, subject, count, seed)
    by: Counter[str] = Counter()
    for writer in writers.of(method):
        by[writer.name] += _write(writer, pool, report)
        if pool.full:  # the next way is not even looked for: that may ask the teacher
            break
    written = len(pool.prompts)
    pool.take(template_prompts(subject, writers.subtopics, seed), "template")
    report(len(pool.prompts), count)
    if not pool.prompts:
        raise TeacherReplyInvalid(
            f"The teacher wrote 0 prompts about a topic of {len(subject)} letters. "
            "Name the topic in a few words, or write your own prompts."
        )
    notes = (*_topic_notes(pool, writers, written), *_ways(by))
    return PromptSet(tuple(pool.prompts), notes, tuple(pool.origins))


def own_prompts(lines: Iterable[str]) -> PromptSet:
    """A person's own prompts, one per line, without empty, repeated and over-long ones.

    Raises: InputError if none is left.
    """
    prompts: dict[str, str] = {}
    dropped: Counter[str] = Counter()
    for line in lines:
        text = line.lstrip("\ufeff").strip()
        key = normalised(text)
        if not text:
            dropped["empty"] += 1
        elif len(text) > LONGEST_OWN:
            dropped[f"longer than {LONGEST_OWN} letters"] += 1
        elif key in prompts:
            dropped["repeated"] += 1
        else:
            prompts[key] = text
    notes = dropped_notes(dropped)
    if not prompts:
        raise InputError(
            f"There are 0 usable prompts. {' '.join(notes)} Write one prompt per line."
        )
    return PromptSet(tuple(prompts.values()), notes)


def microworld_questions(count: int, seed: int) -> list[Question]:
    """Questions about the drawn world, from its training part; pictures are PNG bytes.

    ``spec`` is ``train/<index>/<kind>``: whoever has it can draw and answer the question again.
    """
    indices = random.Random(seed).sample(range(DRAWN_EXAMPLES), count)
    return [_drawn_question(example("train", index)) for index in indices]


def drawn_question(spec: str) -> Question:
    """The question of a drawn example, drawn again from its name. Raises: InputError."""
    return _drawn_question(from_spec(spec))


def _drawn_question(drawn: Example) -> Question:
    pictures = tuple(_png(picture) for picture in drawn.pictures)
    return Question(drawn.question, pictures, spec=drawn.spec)


class _Writers:
    """The ways of a method, each made when its turn comes: making one may ask the teacher."""

    def __init__(self, teacher: Teacher, topic: str, count: int, seed: int) -> None:
        self._teacher, self._topic, self._count, self._seed = teacher, topic, count, seed
        self._outline: Outline | None = None
        self._examples: Examples | None = None

    def of(self, method: str) -> Iterable[PromptWriter]:
        """The writers of a method in the order in which they are tried."""
        if method in ("auto", "outline"):
            self._outline = Outline(self._teacher, self._topic, self._count, self._seed)
            yield self._outline
        if method in ("auto", "magpie"):
            yield Magpie(self._teacher, self._topic, self._seed)
        if method in ("auto", "magpie", "examples"):
            self._examples = Examples(self._teacher, self._topic, self._seed)
            yield self._examples

    @property
    def subtopics(self) -> list[str]:
        """The parts of the topic that are known."""
        return self._outline.subtopics if self._outline else [self._topic]

    @property
    def named_no_parts(self) -> bool:
        """Whether the teacher was asked for parts of the topic and named none."""
        return self._outline is not None and not self._outline.named

    @property
    def unusable(self) -> int:
        """Answers of the teacher that could not be read."""
        return sum(each.unusable for each in (self._outline, self._examples) if each)


def _write(writer: PromptWriter, pool: PromptPool, report: Callable[[int, int], None]) -> int:
    """Let one way bring prompts until there are enough or it brings no more; returns how many."""
    fruitless = turn = brought = 0
    while not pool.full and fruitless < FRUITLESS_ROUNDS:
        if isinstance(writer, Magpie) and not writer.works:
            break
        added = writer.write(pool, turn)
        fruitless = 0 if added else fruitless + 1
        turn, brought = turn + 1, brought + added
        report(len(pool.prompts), pool.wanted)
    return brought


def _topic_notes(pool: PromptPool, writers: _Writers, written: int) -> tuple[str, ...]:
    notes = []
    total = len(pool.prompts)
    if writers.named_no_parts:
        notes.append("The teacher named no parts of the topic, so the prompts are about all of it.")
    if writers.unusable:
        notes.append(f"{times(writers.unusable, 'answer')} of the teacher could not be read.")
    if written < total:
        notes.append(
            f"{times(total - written, 'prompt')} of {total} come from templates, because the "
            f"teacher wrote {written}."
        )
    if total < pool.wanted:
        notes.append(f"There are {total} prompts instead of {pool.wanted}: nothing new was left.")
    return (*notes, *dropped_notes(pool.dropped))


def _ways(by: Counter[str]) -> tuple[str, ...]:
    """How many prompts came which way, where more than the first one was needed."""
    told = {
        "outline": "by an outline of the topic",
        "magpie": "made up by the teacher as a user (Magpie)",
        "examples": "written after examples",
    }
    used = [f"{number} {told[name]}" for name, number in by.items() if number]
    return (f"Prompts: {', '.join(used)}.",) if used and set(by) - {"outline"} else ()


def _png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, format="PNG")
    return data.getvalue()
