"""Everything that a workspace remembers, behind one door: each method is one transaction.

The SQL lives in the ``*_rows`` modules next to this one; here it is decided what belongs into one
transaction. When a method that writes has returned, its change survives ``kill -9``. All methods
may be called from any thread and from several processes, and raise a ReasonerError when the disk
is full, the file is damaged, or somebody else holds it for too long.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from model.compare_records import ComparisonHead, ComparisonId, Vote
from model.config import DistillConfig
from model.knowledge import chat_rows, compare_rows, run_rows
from model.knowledge.prompt_store import PromptStore
from model.knowledge.vote_store import VoteStore
from model.records import Chat, ChatId, Metric, RunId, RunInfo, RunSample, RunState, Turn


class Store(VoteStore, PromptStore):
    """The memory of one workspace, in one SQLite file: the graph, votes, runs, answers and chats.

    Raises: ReasonerError if the file cannot be opened, is damaged or comes from a newer version.
    """

    # ── runs ────────────────────────────────────────────────────────────────────────────────────

    def create_run(self, config: DistillConfig, name: str, state: RunState = "queued") -> RunInfo:
        """A new run; one that is not queued is not started."""
        with self._database.write() as db:
            return run_rows.create(db, config, name, state)

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

    def clear_failure(self, run: RunId, key: str) -> None:
        """Forget why a prompt got no answer: it has one now."""
        with self._database.write() as db:
            run_rows.clear_failure(db, run, key)

    def failures(self, run: RunId) -> dict[str, str]:
        """Why prompts got no answer, by the key of the prompt."""
        with self._database.read() as db:
            return run_rows.failures(db, run)

    # ── the teachers' answers ───────────────────────────────────────────────────────────────────

    def save_trace(
        self, key: str, question: str, answer: str, model: str, details: bytes | None = None
    ) -> None:
        """Keep a teacher's answer under its hash; the first one stays, unless details come."""
        with self._database.write() as db:
            if details is None:
                chat_rows.save_trace(db, key, question, answer, model)
            else:
                chat_rows.replace_trace(db, key, question, answer, model, details)

    def trace_details(self, key: str) -> bytes | None:
        """What is kept with the answer under a hash, or ``None``."""
        with self._database.read() as db:
            return chat_rows.trace_details(db, key)

    def trace(self, key: str) -> str | None:
        """The answer that is kept under a hash, or ``None``."""
        return self.traces([key]).get(key)

    def traces(self, keys: Sequence[str]) -> dict[str, str]:
        """The answers that are there, by key, in the order of ``keys``."""
        with self._database.read() as db:
            return chat_rows.traces(db, keys)

    def trace_texts(self, besides: str, most: int) -> tuple[tuple[str, str], ...]:
        """The oldest questions with their answers, of all teachers but the one named."""
        with self._database.read() as db:
            return chat_rows.texts(db, besides, most)

    # ── comparisons ─────────────────────────────────────────────────────────────────────────────

    def save_comparison(self, head: ComparisonHead, document: str) -> None:
        """Keep a comparison as it is now."""
        with self._database.write() as db:
            compare_rows.save(db, head, document)

    def comparison(self, comparison: ComparisonId) -> str | None:
        """The document of a comparison, or ``None``."""
        with self._database.read() as db:
            return compare_rows.document(db, comparison)

    def comparisons(self, limit: int = 50) -> tuple[ComparisonHead, ...]:
        """The comparisons, newest first."""
        with self._database.read() as db:
            return compare_rows.every(db, limit)

    def delete_comparison(self, comparison: ComparisonId) -> None:
        """Remove a comparison; the votes on it stay."""
        with self._database.write() as db:
            compare_rows.delete(db, comparison)

    def save_comparison_vote(self, comparison: ComparisonId, vote: Vote) -> None:
        """Keep a vote on one prompt of a comparison; a second one replaces the first."""
        with self._database.write() as db:
            compare_rows.save_vote(db, comparison, vote)

    def comparison_votes(self, comparison: ComparisonId | None = None) -> tuple[Vote, ...]:
        """The votes on a comparison, or on all, oldest first."""
        with self._database.read() as db:
            return compare_rows.votes(db, comparison)

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

    def chat(self, chat: ChatId) -> Chat:
        """A conversation with its turns; empty if nobody has written to it."""
        with self._database.read() as db:
            return chat_rows.get(db, chat)

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
