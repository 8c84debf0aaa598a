"""Every triplet as three numbers in memory, to count and list those with a common word.

A common word stands in so many labels that asking the database about each triplet takes seconds at
a million. Here a search is three look-ups in masks: some milliseconds. 16 bytes for a triplet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
GONE = -1
"""Stands in the place of the id of a triplet that was deleted."""
_SPARE = 1024
"""Room for new triplets that is made at once, beside one in eight of those that are there."""


class TripletEnds:
    """Subject, relation, object and id of all triplets. Not for several threads at once."""

    def __init__(self, subject_T: Ints, relation_T: Ints, object_T: Ints, id_T: Ints) -> None:
        order_T = np.argsort(id_T)
        columns = (subject_T, relation_T, object_T, id_T)
        self._table_4T = np.stack([column[order_T] for column in columns]).astype(np.int32)
        self._used = len(order_T)

    def replace(self, ids: Collection[int], fresh: Sequence[tuple[int, int, int, int]]) -> None:
        """Take triplets out by their ids, then put others in: subject, relation, object, id."""
        id_T = self._table_4T[3, : self._used]
        id_T[np.isin(id_T, list(ids))] = GONE
        used = self._used + len(fresh)
        if used > self._table_4T.shape[1]:
            room_4S = np.full((4, len(fresh) + _SPARE + self._used // 8), GONE, np.int32)
            self._table_4T = np.concatenate([self._table_4T, room_4S], axis=1)
        self._table_4T[:, self._used : used] = np.asarray(fresh, np.int32).reshape(-1, 4).T
        self._used = used

    def found(
        self, words: Iterable[tuple[Sequence[int] | Ints, Collection[int]]], num_relations: int
    ) -> Ints:
        """The ids, in order, of the triplets that have every word.

        ``words`` says for each of them which nodes and which relations have it.
        """
        subject_T, relation_T, object_T, id_T = self._table_4T[:, : self._used]
        nodes = int(max(subject_T.max(initial=0), object_T.max(initial=0))) + 1
        match_T = id_T != GONE
        for with_word, relations in words:
            node_N = np.zeros(nodes, bool)
            some = np.asarray(with_word, np.int64)
            node_N[some[some < nodes]] = True
            relation_R = np.zeros(num_relations + 1, bool)
            relation_R[list(relations)] = True
            match_T &= node_N[subject_T] | node_N[object_T] | relation_R[relation_T]
        return np.sort(id_T[match_T])
