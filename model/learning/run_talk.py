"""What a run says while it goes on, and what it hears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from model.learning.run_collector import CollectingLog
from model.records import Series
from model.teachers.base import Question


@dataclass(frozen=True)
class Progress:
    """Where a run stands, as its row shows it."""

    stage: str
    step: int
    steps: int
    tokens_per_s: float
    remaining_s: float | None
    train_loss: float | None
    validation_loss: float | None


class RunLog(CollectingLog, Protocol):
    """Where a run writes what happens, and hears what it shall do; the worker fulfils it."""

    def stage(self, words: str) -> None:
        """Say what is being done now."""
        ...

    def point(self, step: int, series: Series, value: float) -> None:
        """Add a point to a curve."""
        ...

    def progress(self, progress: Progress) -> None:
        """Update the figures of the run."""
        ...

    def sample(self, step: int, question: Question, taught: str, said: str) -> None:
        """Show what teacher and student say to the same question."""
        ...
