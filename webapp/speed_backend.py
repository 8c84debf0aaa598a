"""What the measuring of speed may ask for; ``Backend.speeds()`` hands it out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from model.records import StudentId
from model.speed_records import SpeedProgress, SpeedReport


class SpeedRun(Protocol):
    """One measurement under way."""

    def progress(self) -> Iterator[SpeedProgress]:
        """Measure, and tell before every question how far it is."""
        ...

    def cancel(self) -> None:
        """Stop within a moment."""
        ...

    def report(self) -> SpeedReport | None:
        """What was measured until now; None before the first answer."""
        ...


class SpeedBackend(Protocol):
    """How fast students answer on this machine."""

    def start(self, student: StudentId) -> SpeedRun:
        """Prepare a measurement of a student."""
        ...

    def keep(self, report: SpeedReport) -> None:
        """Show this report from now on, if it is a whole one."""
        ...

    def report(self, student: StudentId) -> SpeedReport | None:
        """The last whole report of a student, if there is one."""
        ...

    def export(self, student: StudentId) -> Path:
        """The last whole report of a student as a JSON file."""
        ...
