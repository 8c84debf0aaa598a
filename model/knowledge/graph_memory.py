"""The graph of a workspace in memory, numbers only, as new as the store at every question.

It is read once, in the background, and then follows the store's log of changes: edits, undo,
imports and other processes. Words stay in the database but for those that labels are searched by.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from model.knowledge import index_rows
from model.knowledge.database import Connection
from model.knowledge.graph_index import GraphIndex
from model.knowledge.label_index import LabelIndex
from model.knowledge.relation_gate import RelationGate
from model.knowledge.store import Store


class Graph:
    """One state of the graph: what is in memory, and the words that belong to it."""

    def __init__(self, db: Connection) -> None:
        """Read all of it: some seconds for a million triplets."""
        self.relations: dict[str, int] = {}  # numbered in the order in which they came
        subject_T, relation_T, object_T, edge_T = index_rows.all_triplets(db, self.relations)
        nodes = max(int(subject_T.max(initial=-1)), int(object_T.max(initial=-1))) + 1
        self.index = GraphIndex.from_arrays(
            subject_T, relation_T, object_T, nodes, len(self.relations), edge_T
        )
        self.labels = LabelIndex(index_rows.all_labels(db))
        self.gate = RelationGate(self.relations)
        self.seen = index_rows.last_change(db)
        self.db = db

    def follow(self, changes: Sequence[index_rows.Change]) -> None:
        """Do what happened in the store since ``seen``."""
        for sign, number, subject, words, object_ in changes:
            if subject is None or object_ is None:
                change_label = self.labels.add if sign > 0 else self.labels.remove
                change_label(number, words)
            elif sign > 0:
                self.index.add(subject, self._relation(words), object_, number)
            else:
                self.index.remove(subject, self.relations[words], object_)
        self.seen += len(changes)

    def _relation(self, words: str) -> int:
        if words not in self.relations:
            self.relations[words] = len(self.relations)
            self.gate.add(words)
            self.index.num_relations = len(self.relations)
        return self.relations[words]

    def nodes_named(self, labels: Sequence[str]) -> dict[str, int]:
        """The nodes that have one of the labels, by the label as labels are compared."""
        return index_rows.nodes_named(self.db, labels)

    def labels_of(self, nodes: Sequence[int]) -> dict[int, str]:
        """The labels of nodes, by id."""
        return index_rows.labels_of(self.db, nodes)

    def words_of(self, triplets: Sequence[int]) -> dict[int, tuple[str, str, str]]:
        """Subject, relation and object of triplets in words, by id."""
        return index_rows.words_of_triplets(self.db, triplets)


class GraphMemory:
    """Keeps the graph of one store at hand. Any thread may ask; they take turns."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._graph: Graph | None = None
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Read the graph now, so that the first question need not wait for it."""
        with self.current():
            pass

    @contextmanager
    def current(self) -> Iterator[Graph]:
        """The graph as it is now, until the block ends: to be left within milliseconds."""
        with self._lock, self._store.snapshot() as db:
            graph = self._graph
            changes = None if graph is None else index_rows.changes_after(db, graph.seen)
            self._graph = None  # one that could not follow to the end must not be asked again
            if graph is None or changes is None:
                graph = Graph(db)
            else:
                graph.db = db
                graph.follow(changes)
            self._graph = graph
            yield graph
