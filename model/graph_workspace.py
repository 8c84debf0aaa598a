"""The part of a workspace that is about the graph: what the tabs may ask of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Sequence
from functools import cache, cached_property
from pathlib import Path

from model import paths
from model.graph_records import (
    DuplicatePair,
    ExportKind,
    GraphStatistics,
    ImportPreview,
    ImportResult,
)
from model.knowledge import exchange
from model.knowledge.pictures import Pictures, packed
from model.knowledge.store import Store
from model.microworld import everyday
from model.records import (
    ROLES,
    ExampleTriplet,
    GraphView,
    Triplet,
    TripletDraft,
    TripletId,
    TripletPage,
)
from model.serving.picture_twins import PictureTwins

_FILLING = threading.Lock()
"""New workspaces are filled one after the other: side by side, threads that wait for each other's
turn at every row take five times as long."""


@cache
def _everyday_pictures() -> Sequence[bytes]:
    """Every thing and every action as stored PNG, packed once for all workspaces (3 MB)."""
    things = [everyday.picture(label) for label in everyday.things()]
    actions = [everyday.picture(label, action=True) for label in everyday.actions()]
    return [packed(picture) for picture in (*things, *actions)]


class GraphWorkspace:
    """The graph of one data directory. Fulfils ``GraphBackend``; ``Workspace`` opens the parts."""

    folder: Path
    _store: Store
    _pictures: Pictures
    _twins: PictureTwins
    _examples_lock: threading.Lock

    # ── examples ────────────────────────────────────────────────────────────────────────────────

    def examples(self) -> Sequence[ExampleTriplet]:
        """The ready-made triplets of ``assets/examples``."""
        return list(self._examples)

    @cached_property
    def _examples(self) -> tuple[ExampleTriplet, ...]:
        folder = paths.ASSETS / "examples"
        rows = json.loads((folder / "triplets.json").read_text(encoding="utf-8"))
        found = []
        for row in rows:
            what, action, result = (self._pictures.add(folder / row[role]) for role in ROLES)
            words = (row["subject"], row["relation"], row["object"])
            draft = TripletDraft(*words, what, action, result, source="example")
            found.append(ExampleTriplet(row["name"], draft))
        return tuple(found)

    def _ensure_examples(self) -> None:
        """Fill a new workspace with the everyday world, so that no tab is empty."""
        with self._examples_lock:
            if self._store.setting("examples") is None:
                with _FILLING:
                    self._add_example_graph()

    def _add_example_graph(self) -> None:
        things, actions = tuple(everyday.things()), tuple(everyday.actions())
        ids = self._pictures.add_packed(_everyday_pictures())
        of_things = dict(zip(things, ids, strict=False))
        of_actions = dict(zip(actions, ids[len(things) :], strict=True))
        drafts = [
            TripletDraft(
                fact.subject,
                fact.relation,
                fact.object,
                of_things[fact.subject],
                of_actions[fact.relation],
                of_things[fact.object],
                source="example",
            )
            for fact in everyday.triplets()
        ]
        self._store.add_triplets(drafts)
        self._store.set_setting("examples", "added")

    # ── triplets ────────────────────────────────────────────────────────────────────────────────

    def add_triplet(self, draft: TripletDraft) -> Triplet:
        """Store a triplet. Raises: InputError."""
        return self._store.add_triplet(draft)

    def add_triplets(self, drafts: Sequence[TripletDraft]) -> Sequence[Triplet]:
        """Store all of the triplets or none, as one edit for undo. Raises: InputError."""
        return self._store.add_triplets(drafts)

    def edit_triplet(self, triplet: TripletId, draft: TripletDraft, version: int) -> Triplet:
        """Replace a triplet that is still at ``version``. Raises: StaleEditError, InputError."""
        return self._store.edit_triplet(triplet, draft, version)

    def delete_triplet(self, triplet: TripletId) -> None:
        """Remove a triplet; ``undo`` brings it back."""
        self._store.delete_triplet(triplet)

    def last_edit(self) -> int:
        """The number of the edit that ``undo`` would take back; 0 if there is none."""
        return self._store.last_edit()

    def undo(self, expected: int | None = None) -> str:
        """Take the last edit back. Raises: GraphError if there is none, or not ``expected``."""
        return self._store.undo(expected)

    def redo(self) -> str:
        """Make the edit again that was taken back. Raises: GraphError if there is none."""
        return self._store.redo()

    def triplet(self, triplet: TripletId) -> Triplet:
        """One triplet. Raises: GraphError if it is gone."""
        return self._store.triplet(triplet)

    def triplets(
        self, query: str = "", *, limit: int = 50, offset: int = 0, order: str = "newest"
    ) -> TripletPage:
        """Triplets whose words contain ``query``."""
        self._ensure_examples()
        return self._store.triplets(query, limit=limit, offset=offset, order=order)

    # ── nodes ───────────────────────────────────────────────────────────────────────────────────

    def graph(
        self,
        focus: str = "",
        *,
        hops: int = 2,
        limit: int = 300,
        relations: Collection[str] = (),
    ) -> GraphView:
        """The nodes around a label, at most ``limit``; with ``relations`` along these only."""
        self._ensure_examples()
        return self._store.graph(focus, hops=hops, limit=limit, relations=relations)

    def graph_statistics(self) -> GraphStatistics:
        """How large the graph is, and how many pairs are proposed for merging."""
        self._ensure_examples()
        self._store.prepare_search()  # whoever looks at the figures is about to search
        return self._store.statistics(duplicates=len(self._store.duplicates(self._twins.found())))

    def rename_node(self, node: int, label: str, seen: str) -> str:
        """Give a node another label. Raises: StaleEditError, GraphError, InputError."""
        return self._store.rename_node(node, label, seen)

    def delete_node(self, node: int, seen: str) -> str:
        """Delete a node with its triplets. Raises: StaleEditError, GraphError."""
        return self._store.delete_node(node, seen)

    def merge_nodes(self, keep: int, others: Sequence[int]) -> str:
        """Let a node take over the triplets of the others. Raises: GraphError."""
        return self._store.merge_nodes(keep, others)

    def split_node(self, node: int, triplets: Sequence[TripletId], label: str) -> str:
        """Move some triplets of a node to a new one. Raises: GraphError, InputError."""
        return self._store.split_node(node, triplets, label)

    def duplicates(self, limit: int = 20) -> Sequence[DuplicatePair]:
        """Nodes that may be the same thing, most alike first.

        Pictures are compared in the background once a student is loaded; until then only words
        and equal pictures count.
        """
        self._ensure_examples()
        return self._store.duplicates(self._twins.found())[: max(0, limit)]

    def refuse_duplicate(self, first: int, second: int) -> None:
        """Do not propose these two again. Raises: GraphError."""
        self._store.refuse_duplicate(first, second)

    # ── in and out ──────────────────────────────────────────────────────────────────────────────

    def preview_import(self, source: Path) -> ImportPreview:
        """What a file would bring; nothing is stored. Raises: InputError."""
        return exchange.preview(source, self._pictures)

    def import_graph(self, source: Path, *, all_or_nothing: bool = False) -> ImportResult:
        """Store the good rows of a file as one edit. Raises: InputError."""
        # first the examples: they would come on top of what was imported, and be undone before it
        self._ensure_examples()
        return exchange.import_file(
            self._store, self._pictures, source, all_or_nothing=all_or_nothing
        )

    def export_graph(self, kind: ExportKind) -> Path:
        """Write the whole graph to a file of the workspace and return its path."""
        self._ensure_examples()
        return exchange.export(self._store, self._pictures, kind, paths.exports(self.folder))
