"""How one answer does against a reference: word for word, by its longest common words, by parts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from model.compare_records import AnswerScores
from model.microworld.example import Item
from model.microworld.oracle import from_spec
from model.microworld.scoring import score_change, score_description

_WORD = re.compile(r"\w+")


def score(said: str, answer: str, reference: str, teacher: str | None, spec: str) -> AnswerScores:
    """All scores of one answer that need no network.

    ``answer`` is the right one or empty, ``teacher`` what the teacher among the sides said or
    None, ``spec`` the name of a drawn question or empty.
    """
    right, attributes = attributes_told(said, from_spec(spec)) if spec else (0, 0)
    return AnswerScores(
        exact=said.strip() == answer.strip() if answer else None,
        agrees=None if teacher is None else plain(said) == plain(teacher),
        rouge_l=rouge_l(said, reference) if reference else None,
        right_attributes=right,
        attributes=attributes,
        reference_bytes=len(reference.encode()),
    )


def plain(text: str) -> str:
    """An answer without what does not change its meaning: case, spaces and punctuation."""
    return " ".join(words(text))


def words(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return _WORD.findall(text.casefold())


def rouge_l(said: str, reference: str) -> float:
    """F1 of the longest common subsequence of words (0 to 1). Source: Lin 2004, ROUGE-L."""
    mine, theirs = words(said), words(reference)
    if not mine or not theirs:
        return float(mine == theirs)
    common = _longest_common(mine, theirs)
    return 2 * common / (len(mine) + len(theirs))


def _longest_common(mine: Sequence[str], theirs: Sequence[str]) -> int:
    lengths = [0] * (len(theirs) + 1)
    for word in mine:
        before = 0
        for place, other in enumerate(theirs, start=1):
            kept = lengths[place]
            lengths[place] = before + 1 if word == other else max(kept, lengths[place - 1])
            before = kept
    return lengths[-1]


def attributes_told(said: str, drawn: Item) -> tuple[int, int]:
    """How many attributes of drawn blocks an answer tells right, of how many; (0, 0) elsewhere.

    A description counts shape, colour, size, fill and place of every block; a single step counts
    object, attribute and value. Source: the measures of TRANCE, see ``microworld/scoring.py``.
    """
    scenes = [scene for scene in drawn.scenes if scene is not None]
    if len(drawn.scenes) == len(scenes) == 2 and len(drawn.steps) == 1:
        change = score_change(said, scenes[0], scenes[1], drawn.steps[0])
        return change.object + change.attribute + change.value, 3
    if len(drawn.scenes) == len(scenes) == 1 and not drawn.steps:
        described = score_description(said, scenes[0])
        if score_description(drawn.answer, scenes[0]).exact:
            return sum(described.right.values()), described.blocks * len(described.right)
    return 0, 0
