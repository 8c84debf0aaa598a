"""What a teacher is asked: prompts from a topic, from the person, or from the drawn world."""

from __future__ import annotations

import io
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

from PIL import Image

from model.errors import InputError, TeacherReplyInvalid
from model.microworld.oracle import example
from model.paths import ASSETS
from model.teachers.base import Question, Teacher

PROMPT_TEXTS = ASSETS / "prompts"
SHORTEST, LONGEST = 8, 400
"""Letters of a prompt that a teacher may propose."""
LONGEST_OWN = 1000
BATCH = 10
MOST_SUBTOPICS = 24
FRUITLESS_ROUNDS = 4
"""Rounds in a row without a new prompt after which the teacher is asked no more."""
KNOWN_SHOWN = 6
TOKENS_PER_PROMPT = 60
DRAWN_EXAMPLES = 10**9

_LIST_MARK = re.compile(r"^(?:[-*•]|\d{1,3}[.)])\s+")
_NOT_A_PROMPT = re.compile(r"<\||\[(?:insert|topic|your)\b|\bas an ai\b|https?://", re.IGNORECASE)


@dataclass(frozen=True)
class PromptSet:
    """Prompts in the order in which they are asked, and what a person should know about them."""

    prompts: tuple[str, ...]
    notes: tuple[str, ...] = ()


def topic_prompts(
    teacher: Teacher,
    topic: str,
    count: int,
    *,
    seed: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> PromptSet:
    """Have the teacher split a topic into parts and write prompts about each, ``count`` in all.

    What the teacher cannot deliver, because its answers are no JSON or repeat themselves, is
    filled up from templates, and the notes say how many. ``on_progress(have, wanted)`` is called
    after every answer. The same seed and the same answers give the same prompts.

    Raises: TeacherError if the teacher cannot be asked, or not even the templates give a prompt;
        InputError if the topic is empty.
    """
    subject = " ".join(topic.split())
    if not subject:
        raise InputError("The topic is empty. Name what the student should learn about.")
    if count < 1:
        raise ValueError(f"count is {count}; it must be positive")
    report = on_progress or (lambda have, wanted: None)
    pool = _Pool(count)
    writer = _Writer(teacher, subject, seed)
    report(0, count)
    subtopics = writer.subtopics(max(4, min(MOST_SUBTOPICS, count // 4)))
    report(0, count)
    fruitless, turn = 0, 0
    while not pool.full and fruitless < FRUITLESS_ROUNDS:
        about = subtopics[turn % len(subtopics)]
        size = max(1, min(BATCH, -(-count // len(subtopics))))
        added = pool.take(writer.prompts(about, size, turn, pool.sample(turn, seed)))
        fruitless = 0 if added else fruitless + 1
        turn += 1
        report(len(pool.prompts), count)
    written = len(pool.prompts)
    pool.take(_template_prompts(subject, subtopics, seed))
    report(len(pool.prompts), count)
    if not pool.prompts:
        raise TeacherReplyInvalid(
            f"The teacher wrote 0 prompts about a topic of {len(subject)} letters. "
            "Name the topic in a few words, or write your own prompts."
        )
    return PromptSet(tuple(pool.prompts), _topic_notes(pool, writer, written))


def own_prompts(lines: Iterable[str]) -> PromptSet:
    """A person's own prompts, one per line, without empty, repeated and over-long ones.

    Raises: InputError if none is left.
    """
    prompts: dict[str, str] = {}
    dropped: Counter[str] = Counter()
    for line in lines:
        text = line.lstrip("\ufeff").strip()
        key = _normalised(text)
        if not text:
            dropped["empty"] += 1
        elif len(text) > LONGEST_OWN:
            dropped[f"longer than {LONGEST_OWN} letters"] += 1
        elif key in prompts:
            dropped["repeated"] += 1
        else:
            prompts[key] = text
    notes = _dropped_notes(dropped)
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
    questions = []
    for index in indices:
        drawn = example("train", index)
        pictures = tuple(_png(picture) for picture in drawn.pictures)
        questions.append(Question(drawn.question, pictures, spec=drawn.spec))
    return questions


class _Writer:
    """Asks the teacher for lists of strings, and counts the answers that are none."""

    def __init__(self, teacher: Teacher, topic: str, seed: int) -> None:
        self.unusable = 0
        self.subtopics_failed = False
        self._teacher, self._topic, self._seed = teacher, topic, seed

    def subtopics(self, wanted: int) -> list[str]:
        """Parts of the topic; the topic itself if the teacher names none."""
        text = _text("subtopics.txt").substitute(topic=self._topic, count=wanted)
        named = self._ask(text, "subtopics", wanted, self._seed)
        parts = {_normalised(part): part for part in named if 2 < len(part) <= 80}
        self.subtopics_failed = not parts
        return list(parts.values())[: 2 * wanted] or [self._topic]

    def prompts(self, subtopic: str, size: int, turn: int, known: Sequence[str]) -> list[str]:
        """Prompts about one part of the topic; ``known`` ones are shown to be avoided."""
        avoid = "".join(f"\n- {prompt}" for prompt in known)
        text = _text("topic_prompts.txt").substitute(
            topic=self._topic,
            subtopic=subtopic,
            count=size,
            known=f"\nDo not repeat these:{avoid}" if avoid else "",
        )
        return self._ask(text, "prompts", size, self._seed + 1 + turn)

    def _ask(self, text: str, key: str, wanted: int, seed: int) -> list[str]:
        schema = {
            "type": "object",
            "properties": {key: {"type": "array", "items": {"type": "string"}}},
            "required": [key],
        }
        try:
            answer = self._teacher.answer(
                Question(text),
                temperature=0.9,
                max_tokens=64 + TOKENS_PER_PROMPT * wanted,
                seed=seed,
                format=schema,
            )
        except TeacherReplyInvalid:
            self.unusable += 1
            return []
        found = _read_list(answer.text, key)
        self.unusable += not found
        return [_cleaned(item) for item in found]


class _Pool:
    """The prompts so far, without repeats, up to a number; knows why others were left out."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.prompts: list[str] = []
        self.dropped: Counter[str] = Counter()
        self._known: set[str] = set()

    @property
    def full(self) -> bool:
        return len(self.prompts) >= self.wanted

    def take(self, proposed: Iterable[str]) -> int:
        """Add what is new and usable until the pool is full; returns how many were added."""
        before = len(self.prompts)
        for text in proposed:
            if self.full:
                break
            key = _normalised(text)
            if not SHORTEST <= len(text) <= LONGEST:
                self.dropped[f"shorter than {SHORTEST} or longer than {LONGEST} letters"] += 1
            elif _NOT_A_PROMPT.search(text):
                self.dropped["not a prompt"] += 1
            elif key in self._known:
                self.dropped["repeated"] += 1
            else:
                self._known.add(key)
                self.prompts.append(text)
        return len(self.prompts) - before

    def sample(self, turn: int, seed: int) -> list[str]:
        """A few of the prompts, to be shown to the teacher so that it writes others."""
        chosen = random.Random(f"{seed}/{turn}")
        return chosen.sample(self.prompts, min(KNOWN_SHOWN, len(self.prompts)))


def _template_prompts(topic: str, subtopics: Sequence[str], seed: int) -> list[str]:
    """Every template with every part of the topic, shuffled by the seed."""
    lines = (PROMPT_TEXTS / "fallback_prompts.txt").read_text("utf-8").splitlines()
    templates = [Template(line) for line in lines if line.strip()]
    told = [part if topic in part else f"{part} ({topic})" for part in subtopics]
    subjects = dict.fromkeys([topic, *told])
    prompts = [form.substitute(subject=subject) for subject in subjects for form in templates]
    random.Random(seed).shuffle(prompts)
    return prompts


def _topic_notes(pool: _Pool, writer: _Writer, written: int) -> tuple[str, ...]:
    notes = []
    total = len(pool.prompts)
    if writer.subtopics_failed:
        notes.append("The teacher named no parts of the topic, so the prompts are about all of it.")
    if writer.unusable:
        notes.append(f"{_times(writer.unusable, 'answer')} of the teacher could not be read.")
    if written < total:
        notes.append(
            f"{_times(total - written, 'prompt')} of {total} come from templates, because the "
            f"teacher wrote {written}."
        )
    if total < pool.wanted:
        notes.append(f"There are {total} prompts instead of {pool.wanted}: nothing new was left.")
    return (*notes, *_dropped_notes(pool.dropped))


def _dropped_notes(dropped: Counter[str]) -> tuple[str, ...]:
    return tuple(
        f"{_times(number, 'prompt')} left out: {reason}." for reason, number in dropped.items()
    )


def _times(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _read_list(text: str, key: str) -> list[str]:
    """The strings under a key of a JSON answer, also from one in a fence or cut off at its end."""
    start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    if start < 0:
        return []
    value: Any
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        value = _strings_of_cut_list(text[start:])
    if isinstance(value, dict):
        value = value.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _strings_of_cut_list(text: str) -> list[str]:
    """The complete strings of a list whose end is missing."""
    inside = text[text.find("[") + 1 :] if "[" in text else ""
    quoted = re.findall(r'"(?:[^"\\\n]|\\.)*"', inside)
    found = []
    for item in quoted:
        try:
            found.append(str(json.loads(item)))
        except ValueError:
            continue
    return found


def _cleaned(text: str) -> str:
    """One line without list marks and quotes around it."""
    line = _LIST_MARK.sub("", " ".join(text.split()))
    return line.strip("\"“”' ") if line[:1] in "\"“'" else line


def _normalised(text: str) -> str:
    """What two prompts share that differ only in case, blanks and closing marks."""
    return " ".join(text.casefold().split()).rstrip("?!. ") or text


def _text(name: str) -> Template:
    return Template((PROMPT_TEXTS / name).read_text("utf-8").strip())


def _png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, format="PNG")
    return data.getvalue()
