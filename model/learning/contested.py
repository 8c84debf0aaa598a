"""Which known questions votes are about: there the student is meant to answer otherwise.

Nobody tells what kind a voted question is of. Its words do: it is of the kinds whose known
questions read most like it. A question that reads like none is of no kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from model.knowledge.question_words import words

LEAST = 0.25
"""Questions with a smaller likeness have nothing to do with each other."""
SLACK = 0.1
"""Kinds are told apart no finer: some are asked in the same words and differ in their facts."""
ALIKE = 0.5
"""Likeness from which on a question of no known kind counts as voted on."""
MOST = 0.5
"""Largest share of the known questions that votes may be about: the rest is always guarded."""
PER_VOTE = MOST / 8
"""Largest share of the known questions that one vote can leave out: it takes eight to reach the
most. “What is this?” alone is a quarter of all, and one slip of a thumb must not open that."""


def likeness(one: str, other: str) -> float:
    """Share of the words of two questions that both have, from 0 to 1 (Jaccard's index)."""
    ours, theirs = {*words(one)}, {*words(other)}
    return len(ours & theirs) / max(1, len(ours | theirs))


@dataclass(frozen=True)
class Contested:
    """What votes are about: ``questions`` as they were asked, and the ``kinds`` that these are.

    ``answers`` are those that the votes ask to change.
    """

    questions: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    answers: tuple[str, ...] = ()

    def free(self, asked: Sequence[str]) -> list[int]:
        """The places in ``asked`` of questions of no known kind that no vote is about, in order.

        At least half of them: if votes are about more, those count as free that are least alike.
        """
        alike = [self._alike(each) for each in asked]
        order = sorted(range(len(asked)), key=lambda place: alike[place])
        enough = len(asked) - int(MOST * len(asked))
        return sorted(
            place for rank, place in enumerate(order) if rank < enough or alike[place] < ALIKE
        )

    def _alike(self, asked: str) -> float:
        return max((likeness(asked, voted) for voted in self.questions), default=0.0)


def contested(voted: Sequence[tuple[str, str]], known: Sequence[tuple[str, str]]) -> Contested:
    """What votes are about; ``known`` are questions with their kinds.

    ``voted`` are questions with the answers that the votes ask to change.

    A vote on a question of several kinds counts for each of them by its part, and a kind is left
    out once its votes suffice for its size. Kinds with the most votes come first, until half of
    the known questions would be theirs.
    """
    votes: dict[str, float] = {}
    for asked, _ in voted:
        meant = _kinds_of(asked, known)
        for kind in meant:
            votes[kind] = votes.get(kind, 0.0) + 1 / len(meant)
    sizes = Counter(kind for _, kind in known)
    room = MOST * len(known)
    kinds = set[str]()
    for kind, told in sorted(votes.items(), key=lambda each: (-each[1], each[0])):
        if sizes[kind] <= min(room, told * PER_VOTE * len(known) + 1e-9):
            kinds.add(kind)
            room -= sizes[kind]
    questions, answers = (tuple(each[side] for each in voted) for side in (0, 1))
    return Contested(questions, frozenset(kinds), answers)


def _kinds_of(asked: str, known: Sequence[tuple[str, str]]) -> set[str]:
    alike = [(likeness(asked, question), kind) for question, kind in known]
    best = max((share for share, _ in alike), default=0.0)
    if best < LEAST:
        return set()
    return {kind for share, kind in alike if share >= best - SLACK - 1e-9}
