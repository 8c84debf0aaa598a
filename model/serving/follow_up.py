"""A question that leans on earlier turns becomes one that stands alone.

Students learn from single questions; earlier turns would only mislead them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from model.knowledge.question_words import words
from model.microworld.language import without_article
from model.records import Turn

POINTS_BACK = frozenset({"it", "this", "that", "them", "these", "they"})
_GOES_ON = re.compile(r"\s*(and\s+)?(then|next|afterwards|after that)\b", re.IGNORECASE)
_STEP = re.compile(r"\bif (?:i|you|we) ([^?.!,]+)", re.IGNORECASE)
_OUTCOME = re.compile(r"\b(?:becomes?|became|you get) ([^.,]+)\.?\s*$")
_IT = re.compile(rf"\b(?:{'|'.join(sorted(POINTS_BACK))})\b", re.IGNORECASE)


def in_one_turn(turns: Sequence[Turn]) -> Turn:
    """The last turn with what it points back to.

    “What happens if I heat it?” means the picture before, “And then, if I eat it?” what came out.
    """
    last = turns[-1]
    if last.pictures:
        return last
    further = _GOES_ON.match(last.text) and _gone_on(last.text, turns[:-1])
    if further:
        return replace(last, text=further)
    if POINTS_BACK & set(words(last.text)):
        for earlier in reversed(turns[:-1]):
            if earlier.pictures:
                return replace(last, pictures=earlier.pictures[-1:])
    return last


def _gone_on(question: str, earlier: Sequence[Turn]) -> str:
    """The question about a further step, with what came of the step before; nothing if none did."""
    step = _STEP.search(question)
    answers = [turn.text for turn in earlier if turn.role == "assistant"]
    outcome = _OUTCOME.search(answers[-1]) if answers else None
    if not (step and outcome):
        return ""
    doing, thing = step[1].strip(), f"the {without_article(outcome[1])}"
    if _IT.search(doing):
        return f"If I {_IT.sub(lambda _: thing, doing, count=1)}, what do I get?"
    return f"I have {thing} and {doing}. What do I get?"
