"""What a worker says and hears: rows in the store, written in handfuls."""

from __future__ import annotations

import threading
import time
from typing import Any

from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.learning.knowledge_transfer import Progress, failed_words
from model.records import Metric, RunId, RunSample, Series, Signal
from model.teachers.base import Question

FLUSH_S = 0.5


class StoreRunLog:
    """Fulfils ``knowledge_transfer.RunLog``: curves, figures and samples go to the store.

    Points are kept back for up to half a second, so that a fast run does not wait for the disk.
    """

    def __init__(self, store: Store, pictures: Pictures, run: RunId) -> None:
        self._store, self._pictures, self._run = store, pictures, run
        self._points: list[Metric] = []
        self._fields: dict[str, Any] = {}
        self._flushed_at = 0.0
        self._told_to_end = False
        before = store.run(run)
        self._most_answers = before.answers
        self._failing = set(store.failures(run))
        self._left_out = set(store.keys_left_out(run))
        self._lock = threading.Lock()
        self.request: str | None = None

    def stage(self, words: str) -> None:
        """Say what is being done now."""
        self._fields["stage"] = words
        self.flush()

    def asked(self, prompts: int) -> None:
        """So many prompts are asked; a person may have dropped some that had their answers."""
        with self._lock:
            self._most_answers = min(self._most_answers, prompts)
            self._store.update_run(self._run, prompts=prompts, answers=self._most_answers)

    def collected(self, answers: int, failures: int) -> None:
        """Count the teacher's answers; called from the collector's threads.

        A resumed run looks its answers up again: the count does not fall meanwhile.
        """
        with self._lock:
            self._most_answers = max(self._most_answers, answers)
            self._store.update_run(
                self._run, answers=self._most_answers, failed_answers=len(self._failing)
            )

    def answered(self, key: str) -> None:
        """A prompt has its answer: forget why it had none before."""
        with self._lock:
            self._forget_failure(key)
            if key in self._left_out:
                self._left_out.discard(key)
                self._store.set_left_out(self._run, key, "")

    def left_out(self, key: str, reason: str) -> None:
        """A prompt has its answer, but nothing is learned from it."""
        with self._lock:
            self._forget_failure(key)
            self._left_out.add(key)
            self._store.set_left_out(self._run, key, reason)

    def _forget_failure(self, key: str) -> None:
        if key in self._failing:
            self._failing.discard(key)
            self._store.clear_failure(self._run, key)

    def failed(self, key: str, reason: str) -> None:
        """Write down why a prompt got no answer, and say so on the page."""
        with self._lock:
            self._failing.add(key)
            self._store.add_failure(self._run, key, reason)
            words = failed_words(len(self._failing), [reason])
            self._store.update_run(self._run, failed_answers=len(self._failing), message=words)

    def point(self, step: int, series: Series, value: float) -> None:
        """Add a point to a curve."""
        self._points.append(Metric(step, series, value, time.time()))

    def progress(self, progress: Progress) -> None:
        """Update the figures of the run."""
        self._fields.update(
            stage=progress.stage,
            step=progress.step,
            steps=progress.steps,
            tokens_per_s=progress.tokens_per_s,
            remaining_s=progress.remaining_s,
            train_loss=progress.train_loss,
            validation_loss=progress.validation_loss,
        )
        if time.monotonic() - self._flushed_at > FLUSH_S:
            self.flush()

    def sample(self, step: int, question: Question, taught: str, said: str) -> None:
        """Show what teacher and student say to the same question."""
        pictures = tuple(self._pictures.add(data) for data in question.pictures)
        self._store.add_samples(self._run, [RunSample(step, question.text, taught, said, pictures)])

    def signal(self) -> Signal:
        """Whether to go on, pause or stop; a wish once heard is remembered."""
        self.request = self.request or self._store.take_request(self._run)
        if self.request is None:
            return "pause" if self._told_to_end else "go"
        return "pause" if self.request == "pause" else "stop"

    def end_soon(self) -> None:
        """The system asks the process to end: save at the next step, as for a pause."""
        self._told_to_end = True

    def flush(self) -> None:
        """Write what was kept back."""
        points, self._points = self._points, []
        if points:
            self._store.add_metrics(self._run, points)
        self._store.update_run(self._run, heartbeat_at=time.time(), **self._fields)
        self._fields = {}
        self._flushed_at = time.monotonic()
