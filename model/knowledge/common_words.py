"""Searches for words that very many triplets have, kept quick from edit to edit."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from model.knowledge import index_rows, search_rows
from model.knowledge.database import Connection
from model.knowledge.triplet_ends import Ints, TripletEnds


class CommonWords:
    """Reads all triplets as numbers at the first search, then follows the log of changes."""

    def __init__(self) -> None:
        self._ends: TripletEnds | None = None
        self._relations: dict[str, int] = {}
        self._seen = 0
        self._lock = threading.Lock()

    def found(self, db: Connection, words: Sequence[str]) -> Ints:
        """The ids, in order, of the triplets that have every word, as ``db`` sees them."""
        with self._lock:
            ends = self._current(db)
            matches = [
                (
                    search_rows.nodes_containing(db, word),
                    [number for norm, number in self._relations.items() if word in norm],
                )
                for word in words
            ]
            return ends.found(matches, len(self._relations))

    def _current(self, db: Connection) -> TripletEnds:
        ends, self._ends = self._ends, None  # one that could not follow must not be asked again
        changes = None if ends is None else index_rows.changes_after(db, self._seen)
        if ends is None or changes is None:
            self._relations = {}
            ends = TripletEnds(*index_rows.all_triplets(db, self._relations))
            self._seen = index_rows.last_change(db)
        else:
            last: dict[int, tuple[int, int, int, int] | None] = {}
            for sign, number, subject, words, object_ in changes:
                if subject is None or object_ is None:
                    continue
                place = self._relations.setdefault(words, len(self._relations))
                last[number] = (subject, place, object_, number) if sign > 0 else None
            ends.replace(last, [each for each in last.values() if each is not None])
            self._seen += len(changes)
        self._ends = ends
        return ends
