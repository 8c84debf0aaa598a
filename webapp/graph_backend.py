"""What the tabs may ask of the knowledge graph; a part of ``webapp/backend.py``'s page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from model.graph_records import (
    DuplicatePair,
    ExportKind,
    GraphStatistics,
    ImportPreview,
    ImportResult,
)
from model.records import (
    ExampleTriplet,
    GraphView,
    Triplet,
    TripletDraft,
    TripletId,
    TripletPage,
)


class GraphBackend(Protocol):
    """The graph of one visitor's workspace."""

    def examples(self) -> Sequence[ExampleTriplet]: ...

    def add_triplet(self, draft: TripletDraft) -> Triplet: ...

    def edit_triplet(self, triplet: TripletId, draft: TripletDraft, version: int) -> Triplet:
        """Replace a triplet. Raises StaleEditError if its version is no longer ``version``."""
        ...

    def triplet(self, triplet: TripletId) -> Triplet:
        """One triplet as it is now. Raises GraphError if it is no longer in the graph."""
        ...

    def delete_triplet(self, triplet: TripletId) -> None: ...

    def last_edit(self) -> int:
        """The number of the edit that ``undo`` would take back; 0 if there is none."""
        ...

    def undo(self, expected: int | None = None) -> str:
        """Take the last edit of the graph back; says in words what was undone.

        Raises GraphError if there is none, or if its number is not ``expected``.
        """
        ...

    def redo(self) -> str: ...

    def triplets(
        self, query: str = "", *, limit: int = 50, offset: int = 0, order: str = "newest"
    ) -> TripletPage:
        """Triplets whose words contain ``query``; ``order`` is newest, oldest or name."""
        ...

    def graph(
        self,
        focus: str = "",
        *,
        hops: int = 2,
        limit: int = 300,
        relations: Collection[str] = (),
    ) -> GraphView:
        """The nodes around a label (all, if empty), at most ``limit`` of them.

        With ``relations`` only triplets of these count, and nodes that have one.
        """
        ...

    def graph_statistics(self) -> GraphStatistics: ...

    def rename_node(self, node: int, label: str, seen: str) -> str:
        """Give a node another label; says in words what was done.

        Raises StaleEditError if it is no longer called ``seen``; GraphError if another node has
        the label already (merge them instead).
        """
        ...

    def delete_node(self, node: int, seen: str) -> str:
        """Delete a node with every triplet that touches it; says in words what was done.

        Raises StaleEditError if it is no longer called ``seen``; GraphError if it is gone.
        """
        ...

    def merge_nodes(self, keep: int, others: Sequence[int]) -> str:
        """Let ``keep`` take over every triplet of the others; one edit for undo."""
        ...

    def split_node(self, node: int, triplets: Sequence[TripletId], label: str) -> str:
        """Move some triplets of a node to a new node called ``label``; one edit for undo."""
        ...

    def duplicates(self, limit: int = 20) -> Sequence[DuplicatePair]:
        """Nodes that may be the same thing, most alike first, without those that were refused."""
        ...

    def refuse_duplicate(self, first: int, second: int) -> None:
        """Do not propose these two again."""
        ...

    def preview_import(self, source: Path) -> ImportPreview:
        """Read a whole file without storing anything. Raises InputError if it is not readable."""
        ...

    def import_graph(self, source: Path, *, all_or_nothing: bool = False) -> ImportResult:
        """Store the rows of a file: one edit for undo, in bounded memory.

        Raises InputError if ``all_or_nothing`` and one row is bad.
        """
        ...

    def export_graph(self, kind: ExportKind) -> Path:
        """Write the whole graph to a file and return its path."""
        ...
