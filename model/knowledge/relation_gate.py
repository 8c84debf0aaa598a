"""Which relations a question asks for, and how surely: the gate that its walk goes through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from model.knowledge.question_words import ENDING, LITTLE_WORDS, is_form, root, words

PARTLY = 0.5
"""Weight of a relation all of whose words but the first one are named."""


def names_relation(tokens: Iterable[str], relation: str) -> bool:
    """Whether one of the tokens is the relation's first word or a form of it."""
    first = words(relation)[:1]
    return bool(first) and any(is_form(token, first[0]) for token in tokens)


class RelationGate:
    """The relations of a graph by their words, so that a question finds its own among thousands.

    Relations are numbered in the order in which they were added.
    """

    def __init__(self, relations: Iterable[str] = ()) -> None:
        self._words: list[list[str]] = []
        self._by_root: dict[str, list[tuple[int, int]]] = {}
        for relation in relations:
            self.add(relation)

    def __len__(self) -> int:
        return len(self._words)

    def add(self, relation: str) -> None:
        """Let questions find one more relation."""
        number = len(self._words)
        self._words.append(words(relation))
        for place, word in enumerate(self._words[-1]):
            self._by_root.setdefault(root(word), []).append((number, place))

    def weights(self, tokens: Sequence[str]) -> npt.NDArray[np.float64]:
        """How surely the tokens of a question name each relation, and then each inverse one.

        1 if they name its first word (as ``names_relation``), at most ``PARTLY`` if only later
        words of it, by their share of its words. Inverse relations are never named: in “water a
        seedling” the seedling is where the step begins.

        Shapes: 2 · relations.
        """
        weight_R = np.zeros(2 * len(self._words))
        named: dict[int, set[int]] = {}
        for token in dict.fromkeys(tokens):
            for number, place in self._named(token):
                named.setdefault(number, set()).add(place)
        for number, places in named.items():
            later = len(places) / max(1, len(self._words[number]) - 1)
            weight_R[number] = 1.0 if 0 in places else PARTLY * later
        return weight_R

    def names_a_step(self, token: str) -> bool:
        """Whether a token is the first word of a relation or a form of it."""
        return any(place == 0 for _, place in self._named(token))

    def _named(self, token: str) -> Iterator[tuple[int, int]]:
        for length in range(max(0, len(token) - ENDING), len(token) + 1):
            for number, place in self._by_root.get(token[:length], ()):
                word = self._words[number][place]
                if is_form(token, word) and (place == 0 or word not in LITTLE_WORDS):
                    yield number, place
