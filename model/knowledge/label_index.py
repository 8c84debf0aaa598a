"""Finds the nodes whose labels are most like some words, by BM25, kept up label by label.

Scores are computed from counts when they are asked for: those that are computed beforehand, as
search libraries do for speed, are wrong for every label as soon as one is added. Not for several
threads at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from model.knowledge.adjacency import Adjacency
from model.knowledge.question_words import words

K1, B = 1.5, 0.75
"""How soon a repeated word counts no more, and how much the length of a label matters."""
COMMON = 20_000
"""A word that stands in more labels tells little: it counts only if all words of a search do."""


class LabelIndex:
    """The words of the labels of a graph's nodes."""

    def __init__(self, labels: Iterable[tuple[int, str]] = ()) -> None:
        self._vocabulary: dict[str, int] = {}
        self._lengths_N = np.zeros(1024, np.int16)
        self._num_labels = self._num_words = 0
        columns: list[list[int]] = [[], [], []]
        for node, label in labels:
            for column, values in zip(columns, self._counted(node, label), strict=True):
                column.extend(values)
        word_P, count_P, node_P = (np.asarray(column, np.int32) for column in columns)
        number_P = np.arange(len(word_P), dtype=np.int32)
        self._next = len(word_P)
        self._nodes_of = Adjacency(word_P, count_P, node_P, number_P, len(self._vocabulary))

    def __len__(self) -> int:
        return self._num_labels

    def add(self, node: int, label: str) -> None:
        """Let a node be found by the words of its label."""
        for word, count, _ in zip(*self._counted(node, label), strict=True):
            self._nodes_of.add(word, count, node, self._next)
            self._next += 1
        self._nodes_of.settle(len(self._vocabulary))

    def remove(self, node: int, label: str) -> None:
        """Forget a node that was added with this label. Raises: KeyError if it was not."""
        counts = Counter(words(label))
        for word, count in counts.items():
            number = self._vocabulary[word]
            posting = self._nodes_of.find(number, count, node)
            if posting is None:
                raise KeyError((node, label))
            self._nodes_of.drop(number, posting)
        self._nodes_of.settle(len(self._vocabulary))
        self._num_labels -= 1
        self._num_words -= sum(counts.values())
        self._lengths_N[node] = 0

    def search(
        self, asked: Sequence[str], most: int, *, least_share: float = 0.0
    ) -> list[tuple[int, float]]:
        """The nodes whose labels are most like the words, best first, with BM25's score.

        Labels of whose words less than ``least_share`` are asked for are left out.

        Source: Robertson & Zaragoza 2009, with Lucene's idf, which is never negative.
        """
        numbers = {self._vocabulary[word] for word in asked if word in self._vocabulary}
        if not numbers or most < 1:
            return []
        word_W = np.asarray(sorted(numbers), np.int64)
        labels_W = self._nodes_of.degrees(word_W)
        rare_W = (labels_W <= COMMON) & (labels_W > 0)
        rare_W = rare_W if rare_W.any() else labels_W > 0
        word_W, labels_W = word_W[rare_W], labels_W[rare_W]
        found = self._nodes_of.take(word_W, None, COMMON)
        if not len(found.edge_E):
            return []
        idf_W = np.log1p((self._num_labels - labels_W + 0.5) / (labels_W + 0.5))
        mean_length = self._num_words / self._num_labels
        count_E = found.relation_E
        length_E = self._lengths_N[found.target_E]
        score_E = count_E / (count_E + K1 * (1 - B + B * length_E / mean_length))
        node_C, place_E = np.unique(found.target_E, return_inverse=True)
        score_C = np.bincount(place_E, idf_W[found.source_E] * score_E)
        if least_share:
            share_C = np.bincount(place_E, count_E) / self._lengths_N[node_C]
            node_C, score_C = node_C[share_C >= least_share], score_C[share_C >= least_share]
        if len(score_C) > 4 * most:
            near_C = np.flatnonzero(score_C >= np.partition(score_C, -most)[-most])
            node_C, score_C = node_C[near_C], score_C[near_C]
        best_C = np.lexsort((node_C, -score_C))[:most]
        return list(zip(node_C[best_C].tolist(), score_C[best_C].tolist(), strict=True))

    def _counted(self, node: int, label: str) -> tuple[list[int], list[int], list[int]]:
        counts = Counter(words(label))
        length = sum(counts.values())
        if node >= len(self._lengths_N):
            grown = np.zeros(max(2 * len(self._lengths_N), node + 1), np.int16)
            grown[: len(self._lengths_N)] = self._lengths_N
            self._lengths_N = grown
        self._lengths_N[node] = length
        self._num_labels += 1
        self._num_words += length
        numbers = [self._vocabulary.setdefault(word, len(self._vocabulary)) for word in counts]
        return numbers, list(counts.values()), [node] * len(counts)
