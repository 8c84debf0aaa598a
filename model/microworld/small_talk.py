"""Greetings, questions about the student itself, and questions that its world cannot answer."""

from __future__ import annotations

import random
from functools import lru_cache

from model.microworld.everyday import table_rows
from model.microworld.example import Item
from model.microworld.language import DO_NOT_KNOW
from model.paths import ASSETS


def _rows(name: str) -> list[tuple[str, str]]:
    return [(left, right) for left, right in table_rows(ASSETS / name)]


def plain(question: str) -> str:
    """A question without its capitals, outer blanks and closing marks, for comparing."""
    return question.strip().rstrip("?!. ").lower()


@lru_cache(maxsize=1)
def small_talk() -> dict[str, str]:
    """The answer to every piece of small talk."""
    return dict(_rows("small_talk.tsv"))


@lru_cache(maxsize=1)
def _answers() -> dict[str, str]:
    known = {plain(question): answer for question, answer in small_talk().items()}
    return known | {plain(question): DO_NOT_KNOW for question in unknown_questions()}


@lru_cache(maxsize=1)
def _unknown() -> list[tuple[str, tuple[str, ...]]]:
    return [(frame, tuple(words.split(";"))) for frame, words in _rows("unknown_questions.tsv")]


@lru_cache(maxsize=1)
def unknown_questions() -> tuple[str, ...]:
    """Every question of the table that the micro-world cannot answer, with its words filled in."""
    found = []
    for frame, words in _unknown():
        for word in words:
            question = frame.replace("{}", word, 1)
            found.extend(
                [question.replace("{}", w) for w in words] if "{}" in question else [question]
            )
    return tuple(found)


def talk_answer(question: str) -> str | None:
    """The answer to small talk or to a known question from outside the world, else None."""
    return _answers().get(plain(question))


def small_talk_item(rng: random.Random) -> Item:
    """Two in three: small talk. Else a question from outside the world, which is not known."""
    if rng.random() < 0.6:
        question, answer = rng.choice(tuple(small_talk().items()))
    else:
        frame, words = rng.choice(_unknown())
        while "{}" in frame:
            frame = frame.replace("{}", rng.choice(words), 1)
        question, answer = frame, DO_NOT_KNOW
    ending = question.rstrip("?!.")
    dropped = question.lower() if rng.random() < 0.1 else ending if rng.random() < 0.1 else question
    return Item(dropped, answer)
