"""Precisions that cost nothing: the figures are prepared."""

from __future__ import annotations

from model.errors import ConfigError
from model.precision_records import Precision, PrecisionFigures, PrecisionReport
from model.records import StudentId

REPORT = PrecisionReport(
    "ebe824" + 58 * "0",
    PrecisionFigures(540_000_000, 9.8, 2.3456),
    PrecisionFigures(190_000_000, 24.6, 2.3511),
)


class FakePrecisions:
    """Fulfils ``webapp.precision_backend.PrecisionBackend``."""

    def __init__(self) -> None:
        self.current: Precision = "full"
        self.works = True
        self.reports: dict[StudentId, PrecisionReport] = {}

    def use(self, precision: str) -> None:
        if precision == "int8" and not self.works:
            raise ConfigError("int8 needs an x86 processor.")
        self.current = "int8" if precision == "int8" else "full"

    def report(self, student: StudentId) -> PrecisionReport | None:
        return self.reports.get(student)

    def measure(self, student: StudentId) -> PrecisionReport:
        self.reports[student] = REPORT
        return REPORT
