"""What the Compare tab may ask for; a part of ``webapp/backend.py``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from model.compare_records import (
    Best,
    CompareConfig,
    Comparison,
    ComparisonHead,
    ComparisonId,
    Rating,
    ReportKind,
    Vote,
)


class CompareBackend(Protocol):
    """The comparisons of one visitor."""

    def ten_prompts(self) -> tuple[str, ...]: ...

    def read_prompts(self, path: Path) -> tuple[tuple[str, str], ...]:
        """The prompts of a file with their right answers, or empty ones."""
        ...

    def start(self, config: CompareConfig) -> ComparisonId:
        """Begin a comparison; it goes on whoever looks."""
        ...

    def states(self, comparison: ComparisonId) -> Iterator[Comparison]:
        """The comparison as it goes on, the last time when it is over."""
        ...

    def get(self, comparison: ComparisonId) -> Comparison: ...

    def stop(self, comparison: ComparisonId) -> None: ...

    def all(self, limit: int = 30) -> Sequence[ComparisonHead]:
        """The comparisons, newest first."""
        ...

    def delete(self, comparison: ComparisonId) -> None: ...

    def vote(self, comparison: ComparisonId, row: int, best: Best) -> None: ...

    def votes(self, comparison: ComparisonId) -> Sequence[Vote]: ...

    def board(self) -> Sequence[Rating]:
        """The Elo board of all votes, best first."""
        ...

    def report(self, comparison: Comparison) -> str:
        """Figures, differences and charts as trusted HTML; empty if there are none."""
        ...

    def export(self, comparison: ComparisonId, kind: ReportKind) -> Path: ...
