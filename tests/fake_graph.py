"""The graph side of the backend in memory: rows, the numbers of their nodes, and undo."""

from __future__ import annotations

import csv
import dataclasses
import html
import json
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from model.errors import GraphError, InputError, StaleEditError
from model.graph_records import (
    DuplicatePair,
    ExportKind,
    GraphStatistics,
    ImportPreview,
    ImportResult,
    RowProblem,
)
from model.records import (
    Edge,
    GraphView,
    Node,
    PictureId,
    Triplet,
    TripletDraft,
    TripletId,
    TripletPage,
)
from tests.fake_pictures import FakePictures

_State = tuple[dict[TripletId, Triplet], dict[str, int], int]
"""The rows and numbers beside an edit, and the edit's own number."""


class FakeGraph(FakePictures):
    """A node's number stays when it is renamed; a row's version grows with every change."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        super().__init__(folder)
        self.clock = clock
        self.rows: dict[TripletId, Triplet] = {}
        self.numbers: dict[str, int] = {}
        self.history: list[_State] = []
        self.undone: list[_State] = []
        self.apart: set[frozenset[int]] = set()
        self._next_id = 1
        self._next_node = 1
        self._edits = 0

    def add_triplet(self, draft: TripletDraft) -> Triplet:
        self._maybe_fail()
        self._check(draft)
        self._remember()
        return self._add(draft)

    def add_triplets(self, drafts: Sequence[TripletDraft]) -> Sequence[Triplet]:
        for draft in drafts:
            self._check(draft)
        edits = len(self.history)
        stored = [self.add_triplet(draft) for draft in drafts]
        del self.history[edits + 1 :]
        return stored

    def edit_triplet(self, triplet: TripletId, draft: TripletDraft, version: int) -> Triplet:
        self._maybe_fail()
        self._check(draft)
        old = self._row(triplet)
        if old.version != version:
            raise StaleEditError(
                f"“{old.subject} {old.relation} {old.object}” was changed meanwhile. Look at it "
                "again, then edit."
            )
        self._remember()
        changed = dataclasses.replace(old, version=version + 1, **dataclasses.asdict(draft))
        self.rows[triplet] = changed
        self._number(changed)
        return changed

    def triplet(self, triplet: TripletId) -> Triplet:
        return self._row(triplet)

    def delete_triplet(self, triplet: TripletId) -> None:
        self._row(triplet)
        self._remember()
        del self.rows[triplet]

    def last_edit(self) -> int:
        return self.history[-1][2] if self.history else 0

    def undo(self, expected: int | None = None) -> str:
        if expected is not None and self.history and self.last_edit() != expected:
            raise GraphError(
                "Something else was changed since. Undo it step by step in the Graph tab."
            )
        return self._travel(self.history, self.undone, "Undone", "There is nothing to undo.")

    def redo(self) -> str:
        return self._travel(self.undone, self.history, "Done again", "There is nothing to redo.")

    def triplets(
        self, query: str = "", *, limit: int = 50, offset: int = 0, order: str = "newest"
    ) -> TripletPage:
        words = query.lower()
        found = [
            row
            for row in self.rows.values()
            if any(words in text.lower() for text in (row.subject, row.relation, row.object))
        ]
        if order == "name":
            found.sort(key=lambda row: (row.subject, row.relation))
        elif order == "newest":
            found.reverse()
        return TripletPage(tuple(found[offset : offset + limit]), len(found))

    def graph(
        self,
        focus: str = "",
        *,
        hops: int = 2,
        limit: int = 300,
        relations: Collection[str] = (),
    ) -> GraphView:
        rows = list(self.rows.values())
        along = [row for row in rows if not relations or row.relation in relations]
        faces: dict[str, PictureId | None] = {}
        degrees: dict[str, int] = {}
        for row in rows:
            faces[row.subject] = faces.get(row.subject) or row.subject_picture
            faces[row.object] = faces.get(row.object) or row.object_picture
            for label in {row.subject, row.object}:
                degrees[label] = degrees.get(label, 0) + 1
        kept = {label for row in along for label in (row.subject, row.object)}
        if focus:
            kept = {label for label in faces if label.lower() == focus.lower()}
            for _ in range(hops):
                near = [r for r in along if r.subject in kept or r.object in kept]
                kept |= {r.subject for r in near} | {r.object for r in near}
        shown = [label for label in faces if label in kept][:limit]
        inside = set(shown)
        edges = [row for row in along if row.subject in inside and row.object in inside]
        return GraphView(
            nodes=tuple(
                Node(self.numbers[label], label, faces[label], degrees[label]) for label in shown
            ),
            edges=tuple(
                Edge(
                    r.id,
                    self.numbers[r.subject],
                    self.numbers[r.object],
                    r.relation,
                    r.relation_picture,
                )
                for r in edges
            ),
            total_nodes=len(faces),
            total_edges=len(rows),
            relations=tuple(sorted({row.relation for row in rows})),
        )

    def graph_statistics(self) -> GraphStatistics:
        home: dict[str, str] = {}

        def root(label: str) -> str:
            while home.setdefault(label, label) != label:
                label = home[label]
            return label

        for row in self.rows.values():
            home[root(row.subject)] = root(row.object)
        components = len({root(label) for label in list(home)})
        relations = len({row.relation for row in self.rows.values()})
        return GraphStatistics(
            len(home), len(self.rows), relations, components, len(self.duplicates())
        )

    def rename_node(self, node: int, label: str, seen: str) -> str:
        now, label = self._label(node), label.strip()
        if not label:
            raise InputError("The node has no label. Write one, then rename.")
        if now != seen:
            raise StaleEditError(f"“{seen}” is called “{now}” by now.")
        if label in self._labels():
            raise GraphError(f"There is a “{label}” already. Merge the two instead.")
        self._remember()
        self.numbers[label] = self.numbers.pop(now)
        self._rewrite({now: label})
        return f"Renamed “{now}” to “{label}”."

    def delete_node(self, node: int, seen: str) -> str:
        now = self._label(node)
        if now != seen:
            raise StaleEditError(f"“{seen}” is called “{now}” by now.")
        self._remember()
        gone = [row.id for row in self.rows.values() if now in (row.subject, row.object)]
        for triplet in gone:
            del self.rows[triplet]
        return f"Deleted “{now}” ({len(gone)} triplets)."

    def merge_nodes(self, keep: int, others: Sequence[int]) -> str:
        kept, gone = self._label(keep), [self._label(other) for other in others]
        if keep in others:
            raise GraphError("A node cannot be merged with itself. Choose another one.")
        self._remember()
        self._rewrite(dict.fromkeys(gone, kept))
        for label in gone:
            del self.numbers[label]
        return f"Merged “{'”, “'.join(gone)}” into “{kept}”."

    def split_node(self, node: int, triplets: Sequence[TripletId], label: str) -> str:
        old = self._label(node)
        if not triplets:
            raise GraphError("No fact is chosen. Tick those that belong to the new node.")
        if label in self._labels():
            raise GraphError(f"There is a “{label}” already. Choose another label.")
        self._remember()
        self._rewrite({old: label}, set(triplets))
        return f"Split “{label}” off “{old}” with {len(triplets)} of its facts."

    def duplicates(self, limit: int = 20) -> Sequence[DuplicatePair]:
        nodes = {node.label: node for node in self.graph(limit=10**9).nodes}
        alike: dict[str, list[str]] = {}
        for label in nodes:
            alike.setdefault(label.lower().replace("-", " ").rstrip("s"), []).append(label)
        pairs = [
            DuplicatePair(nodes[group[0]], nodes[other], "the same label but for its spelling", 0.9)
            for group in alike.values()
            for other in group[1:]
        ]
        return [p for p in pairs if frozenset((p.first.id, p.second.id)) not in self.apart][:limit]

    def refuse_duplicate(self, first: int, second: int) -> None:
        self._label(first), self._label(second)
        self.apart.add(frozenset((first, second)))

    def preview_import(self, source: Path) -> ImportPreview:
        drafts, problems = self._read(source)
        columns = ("subject", "relation", "object")
        rows = len(drafts) + len(problems)
        return ImportPreview(
            "csv", rows, len(drafts), columns, tuple(drafts[:5]), tuple(problems[:20])
        )

    def import_graph(self, source: Path, *, all_or_nothing: bool = False) -> ImportResult:
        drafts, problems = self._read(source)
        if problems and all_or_nothing:
            raise InputError(
                f"Row {problems[0].row}: {problems[0].words} Nothing was imported: mend the row."
            )
        self._remember()
        for draft in drafts:
            self._add(draft)
        return ImportResult(len(drafts), 0, len(problems), tuple(problems[:20]))

    def export_graph(self, kind: ExportKind) -> Path:
        self._maybe_fail()
        path = self.folder / f"graph.{kind}"
        rows = [(row.subject, row.relation, row.object) for row in self.rows.values()]
        if kind == "csv":
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("subject", "relation", "object"), *rows])
        else:
            lines = [html.escape(json.dumps(row)) if kind == "html" else str(row) for row in rows]
            path.write_text("\n".join(lines), encoding="utf-8")
        return path

    def _read(self, source: Path) -> tuple[list[TripletDraft], list[RowProblem]]:
        if source.suffix != ".csv":
            raise InputError(f"A {source.suffix or 'nameless'} file is no table of triplets.")
        drafts, problems = [], []
        with source.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.DictReader(file), start=1):
                words = [
                    (row.get(name) or "").strip() for name in ("subject", "relation", "object")
                ]
                if all(words):
                    drafts.append(TripletDraft(*words, source=f"file {source.name}"))
                else:
                    problems.append(RowProblem(number, "A label is missing."))
        return drafts, problems

    def _check(self, draft: TripletDraft) -> None:
        named = {"what": draft.subject, "action": draft.relation, "result": draft.object}
        for role, text in named.items():
            if not text.strip():
                raise InputError(f"The {role} has no label. Write one, then save.")

    def _add(self, draft: TripletDraft) -> Triplet:
        row = Triplet(
            id=TripletId(self._next_id),
            version=1,
            created_at=self.clock(),
            **dataclasses.asdict(draft),
        )
        self._next_id += 1
        self.rows[row.id] = row
        self._number(row)
        return row

    def _number(self, row: Triplet) -> None:
        for label in (row.subject, row.object):
            if label not in self.numbers:
                self.numbers[label] = self._next_node
                self._next_node += 1

    def _labels(self) -> set[str]:
        return {label for row in self.rows.values() for label in (row.subject, row.object)}

    def _label(self, node: int) -> str:
        for label, number in self.numbers.items():
            if number == node and label in self._labels():
                return label
        raise GraphError(f"Node {node} is no longer in the graph. Reload the page.")

    def _rewrite(self, names: dict[str, str], only: set[TripletId] | None = None) -> None:
        for row in list(self.rows.values()):
            subject, made = names.get(row.subject, row.subject), names.get(row.object, row.object)
            touched = (subject, made) != (row.subject, row.object)
            if touched and (only is None or row.id in only):
                self.rows[row.id] = dataclasses.replace(
                    row, subject=subject, object=made, version=row.version + 1
                )
                self._number(self.rows[row.id])

    def _row(self, triplet: TripletId) -> Triplet:
        if triplet not in self.rows:
            raise GraphError(f"Triplet {triplet} is no longer in the graph.")
        return self.rows[triplet]

    def _remember(self) -> None:
        self._edits += 1
        self.history.append((dict(self.rows), dict(self.numbers), self._edits))
        self.undone.clear()

    def _travel(self, back: list[_State], forth: list[_State], done: str, nothing: str) -> str:
        if not back:
            raise GraphError(nothing)
        rows, numbers, edit = back.pop()
        forth.append((dict(self.rows), dict(self.numbers), edit))
        before = len(self.rows)
        self.rows, self.numbers = rows, numbers
        return f"{done}: {before} → {len(self.rows)} triplets."
