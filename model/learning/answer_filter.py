"""Which of a teacher's answers a student should not learn from, and why."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter

from model.config import DistillConfig
from model.learning.languages import language_of
from model.teachers.base import TeacherAnswer

REPEATED_SHARE = 0.3
"""Share of an answer's runs of four words that came before, from which it only repeats itself."""
FEWEST_WORDS = 24
"""Shorter answers are not looked at for repetition by words."""
DENSE = 0.18
"""Compressed size of a long text over its own, below which it is one piece over and over."""
CUT_OFF = "cut off at the longest length"

_REFUSAL = re.compile(
    r"^\W*(i'?m sorry,? but|i am sorry,? but|sorry,? (but )?i (can|am)|"
    r"i can(no|')t (help|assist|do|provide|answer|fulfil)|i am unable to|i'm unable to|"
    r"as an ai\b|as a (large )?language model|es tut mir leid,? (aber )?ich kann|"
    r"je suis désolé|lo siento,? (pero )?no puedo)",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(r"<\|[a-z_]+\|>|\[/?INST\]|<</?SYS>>|<(start|end)_of_turn>", re.IGNORECASE)


def fault_of(prompt: str, answer: TeacherAnswer, config: DistillConfig) -> str:
    """Why an answer is left out, the same words for the same fault; empty if it is fine.

    ``off`` looks at nothing, ``usual`` at what is hardly ever wanted, ``strict`` also leaves out
    what was cut off, which otherwise is learned without its end.
    """
    if config.answer_filter == "off":
        return ""
    if config.answer_filter == "strict" and answer.stopped_by == "length":
        return CUT_OFF
    return _fault_of_text(prompt, answer.text) or _doubt(answer, config.least_confidence)


def _fault_of_text(prompt: str, text: str) -> str:
    if _REFUSAL.match(text):
        return "a refusal"
    if "\ufffd" in text:
        return "broken characters"
    if _TEMPLATE.search(text):
        return "pieces of a chat template"
    if _evened(text) == _evened(prompt):
        return "repeats the prompt"
    if repeats_itself(text):
        return "repeats itself"
    asked, told = language_of(prompt), language_of(text)
    return f"in {told}, asked in {asked}" if asked and told and asked != told else ""


def _doubt(answer: TeacherAnswer, least: float) -> str:
    sure = confidence(answer)
    return f"the teacher was unsure (below {least:g})" if sure is not None and sure < least else ""


def confidence(answer: TeacherAnswer) -> float | None:
    """How likely the teacher found its words, as the geometric mean of their probabilities (0–1).

    ``None`` without log-probabilities.
    """
    if not answer.logprobs:
        return None
    mean = sum(max(each.logprob, -50.0) for each in answer.logprobs) / len(answer.logprobs)
    return math.exp(mean)


def repeats_itself(text: str) -> bool:
    """Whether a text goes round in circles, by its words, or by its letters where it has none."""
    words = text.lower().split()
    if len(words) >= FEWEST_WORDS:
        runs = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
        total = sum(runs.values())
        if 1 - len(runs) / total > REPEATED_SHARE:
            return True
    data = text.encode()
    return len(data) > 200 and len(zlib.compress(data, 6)) < DENSE * len(data)


def _evened(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip("?!. ")
