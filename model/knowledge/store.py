"""Everything that a workspace remembers, behind one door: each method is one transaction.

The SQL lives in the ``*_rows`` modules next to this one; here it is decided what belongs into one
transaction. When a method that writes has returned, its change survives ``kill -9``. All methods
may be called from any thread and from several processes, and raise a ReasonerError when the disk
is full, the file is damaged, or somebody else holds it for too long.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from model.config import DistillConfig
from model.knowledge import chat_rows, edit_rows, graph_rows, run_rows, triplet_rows
from model.knowledge.database import BUSY_S, Connection, Database
from model.knowledge.labels import clean_draft
from model.knowledge.triplet_rows import Change, words_of
from model.records import (
    Chat,
    ChatId,
    GraphView,
    Metric,
    Node,
    PictureId,
    RunId,
    RunInfo,
    RunSample,
    Triplet,
    TripletDraft,
    TripletId,
    TripletPage,
    Turn,
)


class Store:
    """The memory of one workspace, in one SQLite file.

    Raises: ReasonerError if the file cannot be opened, is damaged or comes from a newer version.
    """

    def __init__(self, path: Path, *, busy_s: float = BUSY_S) -> None:
        self._database = Database(path, busy_s=busy_s)

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        self._database.close()

    # ── triplets ────────────────────────────────────────────────────────────────────────────────

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
        with self._database.write() as db:
            version = edit_rows.tick(db)
            changes = [triplet_rows.add(db, draft, version) for draft in cleaned]
            merged = _merged(changes)
            edit_rows.record(db, _added_words(merged), merged)
            return tuple(_present(change.after) for change in changes)

    def edit_triplet(self, triplet: TripletId, draft: TripletDraft, version: int) -> Triplet:
        """Replace a triplet that is still the ``version`` that the person saw.

        Raises: StaleEditError with the newer words; GraphError if it is gone or would become the
        twin of another one; InputError as ``add_triplet``.
        """
        cleaned = clean_draft(draft)
        with self._database.write() as db:
            tick = edit_rows.tick(db)
            change = triplet_rows.edit(db, triplet, cleaned, version, tick)
            words = f"changed {words_of(_present(change.before))} to {words_of(cleaned)}."
            edit_rows.record(db, words, [change])
            return _present(change.after)

    def delete_triplet(self, triplet: TripletId) -> None:
        """Delete a triplet, and the nodes that nothing else touches. Raises: GraphError."""
        with self._database.write() as db:
            known = triplet_rows.get(db, triplet)
            triplet_rows.remove(db, triplet)
            edit_rows.record(db, f"deleted {words_of(known)}.", [Change(known, None)])

    def undo(self) -> str:
        """Take the last edit of the graph back; says in words which. Raises: GraphError."""
        with self._database.write() as db:
            return edit_rows.undo(db)

    def redo(self) -> str:
        """Make the edit again that was undone last; says in words which. Raises: GraphError."""
        with self._database.write() as db:
            return edit_rows.redo(db)

    def triplet(self, triplet: TripletId) -> Triplet:
        """One triplet. Raises: GraphError if it is not there."""
        with self._database.read() as db:
            return triplet_rows.get(db, triplet)

    def triplets(
        self, query: str = "", *, limit: int = 50, offset: int = 0, order: str = "newest"
    ) -> TripletPage:
        """Triplets in which every word of ``query`` occurs; newest, oldest or name first."""
        with self._database.read() as db:
            return triplet_rows.page(db, query, limit, offset, order)

    def facts_about(self, labels: Sequence[str], limit: int = 50) -> tuple[Triplet, ...]:
        """Triplets whose subject or object is one of the labels; those that join two are first."""
        with self._database.read() as db:
            return triplet_rows.about(db, labels, limit)

    # ── the graph ───────────────────────────────────────────────────────────────────────────────

    def graph(self, focus: str = "", *, hops: int = 2, limit: int = 300) -> GraphView:
        """At most ``limit`` nodes around a label (of all, if empty), most connected first."""
        with self._database.read() as db:
            return graph_rows.view(db, focus, hops, limit)

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

    # ── runs ────────────────────────────────────────────────────────────────────────────────────

    def create_run(self, config: DistillConfig, name: str) -> RunInfo:
        """A new queued run."""
        with self._database.write() as db:
            return run_rows.create(db, config, name)

    def run(self, run: RunId) -> RunInfo:
        """One run. Raises: RunError if it is not there."""
        with self._database.read() as db:
            return run_rows.get(db, run)

    def runs(self) -> tuple[RunInfo, ...]:
        """All runs, newest first."""
        with self._database.read() as db:
            return run_rows.every(db)

    def update_run(self, run: RunId, /, **fields: Any) -> None:
        """Write fields of a run: those of ``run_rows.FIELDS``.

        Raises: RunError if there is no such run; ValueError if a field may not be written.
        """
        with self._database.write() as db:
            run_rows.update(db, run, fields, ())

    def move_run(self, run: RunId, states: Collection[str], /, **fields: Any) -> bool:
        """Write fields of a run if it is still in one of the states; returns whether it was.

        Raises: as ``update_run``.
        """
        with self._database.write() as db:
            return run_rows.update(db, run, fields, states)

    def request_run(self, run: RunId, request: str | None) -> None:
        """Leave a wish for the worker: pause, stop-keep or stop-drop; ``None`` takes it back."""
        with self._database.write() as db:
            run_rows.set_request(db, run, request)

    def run_request(self, run: RunId) -> str | None:
        """The wish that waits for the worker, left where it is."""
        with self._database.read() as db:
            return run_rows.get_request(db, run)

    def take_request(self, run: RunId) -> str | None:
        """The wish that waits for the worker, handed out once."""
        if self.run_request(run) is None:  # asked at every step: do not lock for nothing
            return None
        with self._database.write() as db:
            request = run_rows.get_request(db, run)
            run_rows.set_request(db, run, None)
            return request

    def run_process(self, run: RunId) -> tuple[int | None, float | None]:
        """The process number of the run's worker, and when it was started."""
        with self._database.read() as db:
            return run_rows.get_process(db, run)

    def delete_run(self, run: RunId) -> None:
        """Remove a run with its curves, samples and failures; the teacher's answers stay."""
        with self._database.write() as db:
            run_rows.delete(db, run)

    def add_metrics(self, run: RunId, metrics: Iterable[Metric]) -> None:
        """Append points to the curves of a run."""
        with self._database.write() as db:
            run_rows.add_metrics(db, run, metrics)

    def metrics(self, run: RunId, points: int | None = None) -> tuple[Metric, ...]:
        """The curves of a run; with ``points`` (4 or more), at most so many per series.

        Thinning keeps the first and the last point, and the lowest and highest of equal stretches.
        """
        with self._database.read() as db:
            return run_rows.metrics(db, run, points)

    def add_samples(self, run: RunId, samples: Iterable[RunSample]) -> None:
        """Append what teacher and student said to the same prompts."""
        with self._database.write() as db:
            run_rows.add_samples(db, run, samples)

    def samples(self, run: RunId, last: int = 8) -> tuple[RunSample, ...]:
        """The last samples of a run, newest first."""
        with self._database.read() as db:
            return run_rows.samples(db, run, last)

    def add_failure(self, run: RunId, key: str, reason: str) -> None:
        """Remember why a prompt got no answer; the last reason counts."""
        with self._database.write() as db:
            run_rows.add_failure(db, run, key, reason)

    def failures(self, run: RunId) -> dict[str, str]:
        """Why prompts got no answer, by the key of the prompt."""
        with self._database.read() as db:
            return run_rows.failures(db, run)

    # ── the teachers' answers ───────────────────────────────────────────────────────────────────

    def save_trace(self, key: str, question: str, answer: str, model: str) -> None:
        """Keep a teacher's answer under its hash; the first one stays."""
        with self._database.write() as db:
            chat_rows.save_trace(db, key, question, answer, model)

    def trace(self, key: str) -> str | None:
        """The answer that is kept under a hash, or ``None``."""
        return self.traces([key]).get(key)

    def traces(self, keys: Sequence[str]) -> dict[str, str]:
        """The answers that are there, by key, in the order of ``keys``."""
        with self._database.read() as db:
            return chat_rows.traces(db, keys)

    # ── chats and settings ──────────────────────────────────────────────────────────────────────

    def latest_chat(self) -> Chat:
        """The conversation that was written to last, or a new empty one."""
        with self._database.write() as db:
            return chat_rows.latest(db) or chat_rows.create(db)

    def new_chat(self) -> Chat:
        """A new empty conversation; if the latest one is still empty, that one."""
        with self._database.write() as db:
            latest = chat_rows.latest(db)
            return latest if latest and not latest.turns else chat_rows.create(db)

    def save_chat(self, chat: ChatId, turns: Sequence[Turn]) -> None:
        """Replace the turns of a conversation."""
        with self._database.write() as db:
            chat_rows.save(db, chat, turns)

    def chats(self, limit: int = 50) -> tuple[Chat, ...]:
        """The conversations, last written to first."""
        with self._database.read() as db:
            return chat_rows.every(db, limit)

    def setting(self, key: str) -> str | None:
        """A small value by its name, or ``None``."""
        with self._database.read() as db:
            return chat_rows.setting(db, key)

    def set_setting(self, key: str, value: str) -> None:
        """Keep a small value under a name."""
        with self._database.write() as db:
            chat_rows.set_setting(db, key, value)

    # ── those who keep the graph in memory ──────────────────────────────────────────────────────

    def snapshot(self) -> AbstractContextManager[Connection]:
        """One state of the graph for several functions of the ``*_rows`` modules."""
        return self._database.read()


def _present(triplet: Triplet | None) -> Triplet:
    assert triplet is not None
    return triplet


def _merged(changes: Sequence[Change]) -> list[Change]:
    # A list may name the same triplet twice; undo must go back to before the first of them.
    merged: dict[TripletId, Change] = {}
    for change in changes:
        after = _present(change.after)
        first = merged.get(after.id, change)
        merged[after.id] = Change(first.before, after)
    return list(merged.values())


def _added_words(changes: Sequence[Change]) -> str:
    fresh = sum(change.before is None for change in changes)
    if len(changes) > 1:
        return f"added {fresh:,} and updated {len(changes) - fresh:,} triplets."
    verb = "added" if fresh else "updated"
    return "".join(f"{verb} {words_of(_present(change.after))}." for change in changes)
