"""Known questions that votes may change without meaning to, since their answers are the same.

A student that is told to say something else than “I do not know” to one kind of question soon says
it to others, and mixes up what it learned by heart there: nearly all that was forgotten under the
guard was small talk, a kind that shares this answer. Such kinds are asked and replayed more.
"""

from __future__ import annotations

from model.knowledge.question_words import words
from model.learning.contested import Contested
from model.microworld.oracle import KINDS, Example, example

ALIKE = 0.5
"""Share of common words (Jaccard's index) from which on two answers are the same one, reworded."""
FIRST = 1_000
"""Number of the first question that is looked at: the mixed ones begin with 0."""
LOOKED_AT = 24
"""Questions of each kind that tell whether it is reached."""


def spilled_on(split: str, about: Contested, most: int) -> list[Example]:
    """At most ``most`` questions of the micro-world that votes are not about, but may reach.

    They are of the kinds some of whose answers read like one that the votes ask to change, as many
    of each; those with the likest answers come first.
    """
    against = {frozenset(words(each)) for each in about.answers}
    if not against:
        return []
    kinds = [kind for kind in KINDS if kind not in about.kinds]
    reached = [
        kind
        for kind in kinds
        if any(_likest(each.answer, against) >= ALIKE for each in _drawn(split, kind, LOOKED_AT))
    ]
    found = [each for kind in reached for each in _drawn(split, kind, most // len(reached))]
    return sorted(found, key=lambda each: -_likest(each.answer, against))


def _drawn(split: str, kind: str, count: int) -> list[Example]:
    return [example(split, FIRST + number, kind) for number in range(count)]


def _likest(answer: str, against: set[frozenset[str]]) -> float:
    ours = frozenset(words(answer))
    return max(len(ours & theirs) / max(1, len(ours | theirs)) for theirs in against)
