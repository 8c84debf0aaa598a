"""Prompts so far, each new and usable, with counts of what was left out and why."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable

from model.learning.languages import language_of
from model.learning.near_duplicates import NearDuplicates

SHORTEST, LONGEST = 8, 400
"""Letters of a prompt that a teacher may propose."""
KNOWN_SHOWN = 6
FIRST_FEW = 8
"""So many prompts tell which language the others are to be in."""

_NOT_A_PROMPT = re.compile(
    r"<\||\[(?:insert|topic|your)\b|\bas an ai\b|https?://"
    # what an answer begins with, or data
    r"|^(?:sure|certainly|of course|here (?:is|are|you)|i'm sorry)\b|^[\[{]",
    re.IGNORECASE,
)


class PromptPool:
    """Takes proposed prompts up to a number; knows where each came from."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.prompts: list[str] = []
        self.origins: list[str] = []
        self.dropped: Counter[str] = Counter()
        self._known: set[str] = set()
        self._near = NearDuplicates()
        self._languages: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        """Whether there are as many as wanted."""
        return len(self.prompts) >= self.wanted

    def take(self, proposed: Iterable[str], origin: str = "") -> int:
        """Add what is new and usable until the pool is full; returns how many were added."""
        before = len(self.prompts)
        for text in proposed:
            if self.full:
                break
            fault = self._fault(text)
            if fault:
                self.dropped[fault] += 1
                continue
            self._known.add(normalised(text))
            self._near.add(text)
            self._languages[language_of(text)] += 1
            self.prompts.append(text)
            self.origins.append(origin)
        return len(self.prompts) - before

    def sample(self, turn: int, seed: int, most: int = KNOWN_SHOWN) -> list[str]:
        """A few of the prompts, to be shown to the teacher so that it writes others."""
        chosen = random.Random(f"{seed}/{turn}")
        return chosen.sample(self.prompts, min(most, len(self.prompts)))

    def _fault(self, text: str) -> str:
        if not SHORTEST <= len(text) <= LONGEST:
            return f"shorter than {SHORTEST} or longer than {LONGEST} letters"
        if _NOT_A_PROMPT.search(text):
            return "not a prompt"
        if normalised(text) in self._known:
            return "repeated"
        if self._in_another_language(text):
            return "in another language"
        return "nearly repeated" if self._near.twin(text) else ""

    def _in_another_language(self, text: str) -> bool:
        """Whether a text's language can be told and differs from that of most prompts so far."""
        told = {name: number for name, number in self._languages.items() if name}
        if sum(told.values()) < FIRST_FEW:
            return False
        usual = max(told, key=lambda name: told[name])
        return language_of(text) not in ("", usual)


def normalised(text: str) -> str:
    """What two prompts share that differ only in case, blanks and closing marks."""
    return " ".join(text.casefold().split()).rstrip("?!. ") or text


def dropped_notes(dropped: Counter[str]) -> tuple[str, ...]:
    """One sentence for each reason, with its number."""
    return tuple(
        f"{times(number, 'prompt')} left out: {reason}." for reason, number in dropped.items()
    )


def times(number: int, noun: str) -> str:
    """“1 prompt”, “3 prompts”."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
