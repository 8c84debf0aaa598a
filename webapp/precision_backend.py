"""What the choice of a precision may ask for; ``Backend.precisions()`` hands it out."""

from __future__ import annotations

from typing import Protocol

from model.precision_records import Precision, PrecisionReport
from model.records import StudentId


class PrecisionBackend(Protocol):
    """In which precision students answer, and what that costs and brings."""

    @property
    def current(self) -> Precision:
        """How students are loaded from now on."""
        ...

    def use(self, precision: str) -> None:
        """Let students answer in this precision; they are loaded anew."""
        ...

    def report(self, student: StudentId) -> PrecisionReport | None:
        """What was measured of a student on this machine, if anything."""
        ...

    def measure(self, student: StudentId) -> PrecisionReport:
        """Measure a student in both precisions; takes seconds."""
        ...
