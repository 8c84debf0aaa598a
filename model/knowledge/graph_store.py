"""The graph in the database, behind one door: each method is one transaction.

An edit is validated here and nowhere else, kept for undo, and has survived ``kill -9`` once its
method has returned.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from model.graph_records import DuplicatePair, GraphStatistics
from model.knowledge import (
    bulk_rows,
    duplicate_rows,
    edit_rows,
    graph_rows,
    node_rows,
    search_rows,
    statistics_rows,
    triplet_rows,
)
from model.knowledge.common_words import CommonWords
from model.knowledge.database import BUSY_S, EDIT_S, Connection, Database
from model.knowledge.edit_rows import Edit
from model.knowledge.labels import clean_draft
from model.knowledge.tick_cache import TickCache
from model.knowledge.triplet_rows import words_of
from model.records import GraphView, Node, PictureId, Triplet, TripletDraft, TripletId, TripletPage

MOST_RELATIONS = 1000
"""Relations that a view of the graph lists, as a page can offer them."""
_EXPORTED = 2000
"""Triplets that are read at a time when all are."""


class GraphStore:
    """Triplets, nodes and edits of one workspace. ``Store`` adds the rest to it.

    Raises: ReasonerError if the file cannot be opened, is damaged or comes from a newer version.
    """

    def __init__(self, path: Path, *, busy_s: float = BUSY_S) -> None:
        self._database = Database(path, busy_s=busy_s)
        self._kept = TickCache()
        self._common = CommonWords()

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        self._database.close()

    # ── edits ───────────────────────────────────────────────────────────────────────────────────

    def add_triplet(self, draft: TripletDraft) -> Triplet:
        """Store a triplet. The same words again bring new pictures or a new note, not a twin.

        Raises: InputError naming which of what, action and result cannot be used.
        """
        return self.add_triplets([draft])[0]

    def add_triplets(self, drafts: Sequence[TripletDraft]) -> tuple[Triplet, ...]:
        """Store all of the triplets or none; together they are one edit for undo.

        Raises: InputError as ``add_triplet``.
        """
        cleaned = [clean_draft(draft) for draft in drafts]
        with self._database.write(EDIT_S) as db:
            before, edit = search_rows.total(db), Edit(db)
            ids = [triplet_rows.add(edit, draft) for draft in cleaned]
            changed = edit.close()
            stored = tuple(triplet_rows.get(db, triplet) for triplet in ids)
            fresh = search_rows.total(db) - before
            if not changed:
                edit.drop()
            elif len(set(ids)) > 1:
                edit.record(f"added {fresh:,} and updated {changed - fresh:,} triplets.")
            else:
                edit.record(f"{'added' if fresh else 'updated'} {words_of(stored[0])}.")
            return stored

    def ingest(self, drafts: Iterable[TripletDraft]) -> int:
        """Store very many triplets, in bounded memory; returns how many are new.

        All of them are stored or none, as one edit for undo. ``drafts`` are read before anything
        is locked; they must not be read from this store.

        Raises: InputError as ``add_triplet``.
        """
        return self.take_in(drafts, "a list")[0]

    def take_in(self, drafts: Iterable[TripletDraft], name: str) -> tuple[int, int]:
        """As ``ingest``; returns how many triplets are new, and how many were updated.

        ``name`` says where they come from in the words of undo.
        """
        with self._database.scratch() as db:
            bulk_rows.stage(db, drafts)
        with self._database.write_much(f"“{name}” is being imported") as db:
            edit = Edit(db)
            added = bulk_rows.store(edit)
            updated = edit.close()
            bulk_rows.unstage(db)
            if added or updated:
                edit.record(f"added {added:,} and updated {updated:,} triplets from {name}.")
            else:
                edit.drop()
            return added, updated

    def edit_triplet(self, triplet: TripletId, draft: TripletDraft, version: int) -> Triplet:
        """Replace a triplet that is still the ``version`` that the person saw.

        Raises: StaleEditError with the newer words; GraphError if it is gone or would become the
        twin of another one; InputError as ``add_triplet``.
        """
        cleaned = clean_draft(draft)

        def change(edit: Edit) -> str:
            before = triplet_rows.change(edit, triplet, cleaned, version)
            return f"changed {words_of(before)} to {words_of(cleaned)}."

        self._edit(change)
        return self.triplet(triplet)

    def delete_triplet(self, triplet: TripletId) -> None:
        """Delete a triplet, and the nodes that nothing else touches. Raises: GraphError."""
        self._edit(lambda edit: f"deleted {words_of(triplet_rows.remove(edit, triplet))}.")

    def rename_node(self, node: int, label: str, seen: str) -> str:
        """Give a node another label; says in words what was done.

        Raises: StaleEditError if it is no longer called ``seen``; GraphError if another node has
        the label, or the node is gone; InputError if the label cannot be used.
        """
        return self._edit(lambda edit: node_rows.rename(edit, node, label, seen))

    def delete_node(self, node: int, seen: str) -> str:
        """Delete a node with every triplet that touches it; says in words what was done.

        Raises: StaleEditError if it is no longer called ``seen``; GraphError if it is gone.
        """
        return self._edit(lambda edit: node_rows.remove(edit, node, seen))

    def merge_nodes(self, keep: int, others: Sequence[int]) -> str:
        """Let a node take over every triplet of the others. Raises: GraphError."""
        return self._edit(lambda edit: node_rows.merge(edit, keep, others))

    def split_node(self, node: int, triplets: Sequence[TripletId], label: str) -> str:
        """Move some triplets of a node to a new one. Raises: GraphError, InputError."""
        return self._edit(lambda edit: node_rows.split(edit, node, triplets, label))

    def _edit(self, change: Callable[[Edit], str]) -> str:
        with self._database.write(EDIT_S) as db:
            edit = Edit(db)
            words = change(edit)
            edit.close()
            edit.record(words)
            return words[0].upper() + words[1:]

    def last_edit(self) -> int:
        """The number of the edit that ``undo`` would take back; 0 if there is none."""
        with self._database.read() as db:
            return edit_rows.last(db)

    def undo(self, expected: int | None = None) -> str:
        """Take the last edit of the graph back; says in words which.

        Raises: GraphError if there is none, or if its number is not ``expected``.
        """
        with self._database.write_much("An edit is being undone") as db:
            return edit_rows.undo(db, expected)

    def redo(self) -> str:
        """Make the edit again that was undone last; says in words which. Raises: GraphError."""
        with self._database.write_much("An edit is being made again") as db:
            return edit_rows.redo(db)

    # ── reading triplets ────────────────────────────────────────────────────────────────────────

    def triplet(self, triplet: TripletId) -> Triplet:
        """One triplet. Raises: GraphError if it is not there."""
        with self._database.read() as db:
            return triplet_rows.get(db, triplet)

    def triplets(
        self, query: str = "", *, limit: int = 50, offset: int = 0, order: str = "newest"
    ) -> TripletPage:
        """Triplets in which every word of ``query`` occurs; newest, oldest or name first.

        Before the newest come those of a thing that is called just as the query.
        """
        words = search_rows.words_of_query(query, order)
        limit, offset = max(0, limit), max(0, offset)
        with self._database.read() as db:
            tick, known = edit_rows.now(db), self._relations(db)
            if not words:
                total = self._kept.get(tick, "edges", lambda: search_rows.total(db))
                found = search_rows.whole(db, limit, offset, order, lambda: self._register(db))
                return TripletPage(found, total)
            key = ("rare", words, order)
            ids = self._kept.get(tick, key, lambda: search_rows.rare(db, words, order, known))
            if ids is not None:
                wanted = ids[offset : offset + limit]
                return TripletPage(search_rows.these(db, wanted), len(ids))
            return self._with_common(db, words, limit, offset, order)

    def _with_common(
        self, db: Connection, words: tuple[str, ...], limit: int, offset: int, order: str
    ) -> TripletPage:
        """A page of a search each of whose words very many triplets have."""
        tick = edit_rows.now(db)
        ids_T = self._kept.get(tick, ("common", words), lambda: self._common.found(db, words))
        total = len(ids_T)
        if order == "name" and total > search_rows.FEW:
            # so many that they are met soon on the way through the names
            known = self._relations(db)
            return TripletPage(search_rows.page(db, words, limit, offset, order, known), total)
        if order == "name":
            ids_T = self._kept.get(
                tick, ("common by name", words), lambda: search_rows.by_name(db, ids_T)
            )
        elif order == "newest":
            exact_T = self._kept.get(tick, ("called", words), lambda: search_rows.called(db, words))
            ids_T = np.concatenate([exact_T, ids_T[::-1][~np.isin(ids_T[::-1], exact_T)]])
        wanted = ids_T[offset : offset + limit].tolist()
        return TripletPage(search_rows.these(db, wanted), total)

    def prepare_search(self) -> None:
        """Read what a search for a common word needs, so that the first one need not wait."""
        with self._database.read() as db:
            if search_rows.total(db) > search_rows.FEW:
                self._common.found(db, ())

    def every_triplet(self) -> Iterator[Triplet]:
        """All triplets, oldest first, a page at a time: memory does not grow with the graph."""
        last = 0
        while True:
            with self._database.read() as db:
                page = list(triplet_rows.after(db, last, _EXPORTED))
            if not page:
                return
            yield from page
            last = page[-1].id

    def facts_about(self, labels: Sequence[str], limit: int = 50) -> tuple[Triplet, ...]:
        """Triplets whose subject or object is one of the labels; those that join two are first."""
        with self._database.read() as db:
            return triplet_rows.about(db, labels, limit)

    # ── the graph ───────────────────────────────────────────────────────────────────────────────

    def graph(
        self,
        focus: str = "",
        *,
        hops: int = 2,
        limit: int = 300,
        relations: Collection[str] = (),
    ) -> GraphView:
        """At most ``limit`` nodes around a label (of all, if empty), most connected first.

        With ``relations`` only triplets of these count, and nodes that have one.
        """
        with self._database.read() as db:
            tick = edit_rows.now(db)
            nodes, edges = graph_rows.around(db, focus, hops, limit, relations)
            return GraphView(
                nodes,
                edges,
                self._kept.get(tick, "nodes", lambda: statistics_rows.nodes(db)),
                self._kept.get(tick, "edges", lambda: search_rows.total(db)),
                tuple(word for _, word in self._relations(db)[:MOST_RELATIONS]),
            )

    def statistics(self, *, duplicates: int = 0) -> GraphStatistics:
        """How large the graph is; ``duplicates`` is what the caller counted."""
        with self._database.read() as db:
            tick = edit_rows.now(db)
            return GraphStatistics(
                nodes=self._kept.get(tick, "nodes", lambda: statistics_rows.nodes(db)),
                edges=self._kept.get(tick, "edges", lambda: search_rows.total(db)),
                relations=len(self._relations(db)),
                components=self._kept.get(
                    tick, "components", lambda: statistics_rows.components(db)
                ),
                duplicates=duplicates,
            )

    def duplicates(
        self, alike: Mapping[tuple[int, int], float] | None = None
    ) -> tuple[DuplicatePair, ...]:
        """Nodes that may be the same thing, most alike first, without those that were refused.

        ``alike`` adds pairs of nodes whose pictures look alike, with their cosine.
        """
        with self._database.read() as db:
            same = self._kept.get(edit_rows.now(db), "duplicates", lambda: duplicate_rows.pairs(db))
            return duplicate_rows.by_score([*same, *duplicate_rows.alike(db, alike or {})])

    def refuse_duplicate(self, first: int, second: int) -> None:
        """Do not propose two nodes again. Raises: GraphError if one is gone."""
        with self._database.write() as db:
            duplicate_rows.refuse(db, first, second)
            edit_rows.tick(db)  # what is kept of the proposals no longer holds

    def _relations(self, db: Connection) -> tuple[tuple[str, str], ...]:
        return self._kept.get(edit_rows.now(db), "relations", lambda: search_rows.relations(db))

    def _register(self, db: Connection) -> search_rows.Register:
        return self._kept.get(edit_rows.now(db), "names", lambda: search_rows.register(db))

    def labels(self) -> tuple[str, ...]:
        """The labels of all nodes, most connected first."""
        with self._database.read() as db:
            return graph_rows.labels(db)

    def nodes_with_pictures(self) -> tuple[Node, ...]:
        """All nodes that have a picture."""
        with self._database.read() as db:
            return graph_rows.nodes_with_pictures(db)

    def node_by_picture(self, picture: PictureId) -> Node | None:
        """The most connected node that has this very picture, or ``None``."""
        with self._database.read() as db:
            return graph_rows.node_by_picture(db, picture)

    # ── those who keep the graph in memory ──────────────────────────────────────────────────────

    def snapshot(self) -> AbstractContextManager[Connection]:
        """One state of the graph for several functions of the ``*_rows`` modules."""
        return self._database.read()
