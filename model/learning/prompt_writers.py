"""Three ways to have a teacher write prompts about a topic, each with its own strength.

*Outline* asks for parts of the topic and for people who would ask, then for prompts of each pair:
broad, but needs a teacher that can write lists. *Magpie* lets the teacher continue its own chat
template where a user would speak: it needs no instruction to be followed, but a template that can
be had. *Examples* shows a few prompts and asks for more like them.

Sources: Ge et al. 2024 (personas, https://arxiv.org/abs/2406.20094); Xu et al. 2024 (Magpie,
https://arxiv.org/abs/2406.08464); Wang et al. 2023 (Self-Instruct, https://arxiv.org/abs/2212.10560).
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Sequence
from string import Template
from typing import Any, Protocol

from model.errors import TeacherError, TeacherReplyInvalid
from model.learning.prompt_lists import cleaned, read_lines, read_list
from model.learning.prompt_pool import PromptPool, normalised
from model.paths import ASSETS
from model.teachers.base import CompletesRaw, Question, Teacher

log = logging.getLogger(__name__)

PROMPT_TEXTS = ASSETS / "prompts"
BATCH = 10
MOST_SUBTOPICS = 24
MOST_PERSONAS = 12
WORTH_PERSONAS = 20
"""Fewer prompts are not worth a question about who might ask them."""
FRUITLESS_ROUNDS = 4
"""Rounds in a row without a new prompt after which a way is given up."""
TOKENS_PER_PROMPT = 60
LONGEST_TURN = 120
"""Tokens of a user's turn that a teacher makes up."""
PROBES = 4
"""Made-up turns after which a way that has brought nothing counts as not working here."""
KINDS = (
    "explain something",
    "ask how to do something",
    "compare two things",
    "ask for a short list",
    "ask what happens if",
    "look for the mistake",
    "ask for the reason",
    "ask for a tip",
)
_MARK = "PLACEOFTHEUSER"


class PromptWriter(Protocol):
    """One way of getting prompts."""

    name: str

    def write(self, pool: PromptPool, turn: int) -> int:
        """Ask once and add what is usable; returns how many prompts were added."""
        ...


class Outline:
    """Parts of the topic × people who ask × kinds of request, as structured answers."""

    name = "outline"

    def __init__(self, teacher: Teacher, topic: str, count: int, seed: int) -> None:
        self.unusable = 0
        self._teacher, self._topic, self._seed = teacher, topic, seed
        wanted = max(4, min(MOST_SUBTOPICS, count // 4))
        self.subtopics, self.named = self._parts(wanted)
        self._personas = self._people(min(MOST_PERSONAS, count // 8)) if self.named and (
            count >= WORTH_PERSONAS
        ) else []  # fmt: skip
        self._size = max(1, min(BATCH, -(-count // len(self.subtopics))))

    def write(self, pool: PromptPool, turn: int) -> int:
        """Ask for prompts of one part, as one person would put them."""
        subtopic = self.subtopics[turn % len(self.subtopics)]
        # the offset makes every pair of part and person come up, not only those in step
        people, lap = self._personas, turn // len(self.subtopics)
        who = people[(turn + lap) % len(people)] if people else ""
        known = pool.sample(turn, self._seed)
        avoid = "".join(f"\n- {prompt}" for prompt in known)
        kinds = [KINDS[(turn + each) % len(KINDS)] for each in range(3)]
        text = _text("topic_prompts.txt").substitute(
            topic=self._topic,
            subtopic=subtopic,
            count=self._size,
            kinds=", ".join(kinds),
            who=f"\nWrite them in the words of {who}." if who else "",
            known=f"\nDo not repeat these:{avoid}" if avoid else "",
        )
        found = self._ask(text, "prompts", self._size, self._seed + 1 + turn)
        return pool.take(found, " · ".join(part for part in (subtopic, who) if part))

    def _parts(self, wanted: int) -> tuple[list[str], bool]:
        """Parts of the topic, and whether the teacher named them; else the topic itself."""
        text = _text("subtopics.txt").substitute(topic=self._topic, count=wanted)
        named = self._ask(text, "subtopics", wanted, self._seed)
        parts = {normalised(part): part for part in named if 2 < len(part) <= 80}
        return list(parts.values())[: 2 * wanted] or [self._topic], bool(parts)

    def _people(self, wanted: int) -> list[str]:
        text = _text("personas.txt").substitute(topic=self._topic, count=wanted)
        named = self._ask(text, "personas", wanted, self._seed)
        return [person for person in dict.fromkeys(named) if 2 < len(person) <= 120][: 2 * wanted]

    def _ask(self, text: str, key: str, wanted: int, seed: int) -> list[str]:
        schema = {
            "type": "object",
            "properties": {key: {"type": "array", "items": {"type": "string"}}},
            "required": [key],
        }
        length = 64 + TOKENS_PER_PROMPT * wanted
        said = _said(self._teacher, Question(text), length, seed, format=schema)
        found = read_list(said, key)
        self.unusable += not found
        return [cleaned(item) for item in found]


class Magpie:
    """The teacher continues its own chat template where a user would speak.

    ``works`` is settled by the first few turns: some models write no user's turn, others think.
    """

    name = "magpie"

    def __init__(self, teacher: Teacher, topic: str, seed: int) -> None:
        self._seed = seed
        self._tries = self._good = 0
        self._teacher = teacher if isinstance(teacher, CompletesRaw) else None
        self._before, self._stop = self._template(topic)

    @property
    def works(self) -> bool:
        """Whether this way brings prompts with this teacher, as far as is known."""
        asked = self._teacher is not None and bool(self._before)
        return asked and (self._tries < PROBES or 2 * self._good >= self._tries)

    def write(self, pool: PromptPool, turn: int) -> int:
        """Have one user's turn made up."""
        if self._teacher is None or not self._before:
            return 0
        self._tries += 1
        try:
            said = self._teacher.complete(
                self._before,
                temperature=1.0,
                max_tokens=LONGEST_TURN,
                seed=self._seed + turn,
                stop=self._stop,
            )
        except TeacherReplyInvalid as error:
            log.info("no user's turn: %s", error)
            return 0
        # a turn that was cut off, or of several paragraphs, is seldom a question
        added = 0 if said.stopped_by == "length" else pool.take([cleaned(said.text)], "made up")
        self._good += added
        return added

    def _template(self, topic: str) -> tuple[str, tuple[str, ...]]:
        """What the template writes before a user's words, and what ends them."""
        if self._teacher is None:
            return "", ()
        system = _text("magpie_system.txt").substitute(topic=topic)
        try:
            rendered = self._teacher.rendered(Question(_MARK, system=system))
        except TeacherError as error:
            log.info("the template of the teacher stays unknown: %s", error)
            return "", ()
        before, mark, after = rendered.partition(_MARK)
        if not mark or not before.strip() or "<think>" in before:
            return "", ()
        control = re.match(r"\s*(<[^<>\s]{1,40}>|\[[^\[\]\s]{1,40}\]|[^\s]{1,20})", after)
        return before, (control.group(1),) if control else ("\n",)


class Examples:
    """Self-Instruct: a few prompts are shown, and more like them are asked for in plain words."""

    name = "examples"

    def __init__(self, teacher: Teacher, topic: str, seed: int) -> None:
        self.unusable = 0
        self._teacher, self._topic, self._seed = teacher, topic, seed

    def write(self, pool: PromptPool, turn: int) -> int:
        """Ask for a numbered list that goes on after some examples."""
        known = pool.sample(turn, self._seed + 7, most=5) or _seeds(self._topic, turn)
        shown = "\n".join(f"{n}. {prompt}" for n, prompt in enumerate(known, 1))
        text = _text("more_prompts.txt").substitute(topic=self._topic, count=BATCH, known=shown)
        said = _said(self._teacher, Question(text), 64 + TOKENS_PER_PROMPT * BATCH,
                     self._seed + 101 + turn)  # fmt: skip
        found = read_lines(said)
        self.unusable += not found
        return pool.take(found, "like others")


def template_prompts(topic: str, subtopics: Sequence[str], seed: int) -> list[str]:
    """Every template with every part of the topic, shuffled by the seed."""
    lines = (PROMPT_TEXTS / "fallback_prompts.txt").read_text("utf-8").splitlines()
    templates = [Template(line) for line in lines if line.strip()]
    told = [part if topic in part else f"{part} ({topic})" for part in subtopics]
    subjects = dict.fromkeys([topic, *told])
    prompts = [form.substitute(subject=subject) for subject in subjects for form in templates]
    random.Random(seed).shuffle(prompts)
    return prompts


def _seeds(topic: str, turn: int) -> list[str]:
    """Examples to begin with, where there is no prompt yet."""
    return template_prompts(topic, [], turn)[:3]


def _said(teacher: Teacher, question: Question, length: int, seed: int, **more: Any) -> str:
    """What the teacher says, or nothing where its answer is none."""
    try:
        return teacher.answer(question, temperature=0.9, max_tokens=length, seed=seed, **more).text
    except TeacherReplyInvalid as error:
        log.info("no list of prompts: %s", error)
        return ""


def _text(name: str) -> Template:
    return Template((PROMPT_TEXTS / name).read_text("utf-8").strip())
