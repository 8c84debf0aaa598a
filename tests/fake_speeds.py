"""Measurements that take no time: the figures are prepared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from model.errors import BundleNotFound, InputError
from model.records import StudentId
from model.speed_records import AnswerSpeeds, Machine, SpeedProgress, SpeedReport, TogetherSpeed

REPORT = SpeedReport(
    student="shipped",
    name="student",
    weights_hash="c3a1ed" + 58 * "0",
    parameters=4_900_000,
    size_bytes=10_000_000,
    load_and_first_answer_s=1.5,
    prompts=10,
    repeats=1,
    one_by_one=AnswerSpeeds(10, 320, 1299.4, 870.2, 0.012, 0.48),
    all_at_once=TogetherSpeed(0.25, 2954.1, 40.0, 0.031),
    peak_memory_mb=612,
    machine=Machine("A <quick> processor", 2, 1.5, "3.12.1"),
    measured_at=1_764_000_000.0,
    whole=True,
)


class FakeSpeedRun:
    """Two questions; stopped before the second one it has half of a report."""

    def __init__(self) -> None:
        self.cancelled = False

    def progress(self) -> Iterator[SpeedProgress]:
        yield SpeedProgress(1, 2, "one by one")
        if not self.cancelled:
            yield SpeedProgress(2, 2, "done")

    def cancel(self) -> None:
        self.cancelled = True

    def report(self) -> SpeedReport:
        return replace(REPORT, whole=False, all_at_once=None) if self.cancelled else REPORT


class FakeSpeeds:
    """Fulfils ``webapp.speed_backend.SpeedBackend``."""

    def __init__(self, folder: Path) -> None:
        self.reports: dict[str, SpeedReport] = {}
        self.missing = False
        self._folder = folder

    def start(self, student: StudentId) -> FakeSpeedRun:
        if self.missing:
            raise BundleNotFound(f"There is no student “{student}” any more.")
        return FakeSpeedRun()

    def keep(self, report: SpeedReport) -> None:
        if report.whole:
            self.reports[report.student] = report

    def report(self, student: StudentId) -> SpeedReport | None:
        return self.reports.get(student)

    def export(self, student: StudentId) -> Path:
        if student not in self.reports:
            raise InputError("This student has not been measured here yet. Measure it first.")
        path = self._folder / "speed-c3a1ed.json"
        path.write_text("{}")
        return path
