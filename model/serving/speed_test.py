"""How fast a student answers on this machine: the prompts one by one, then all at once.

The script ``benchmark_model`` and the page measure with this, through the same door as the chat.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from model.config import SampleConfig
from model.errors import BundleNotFound, InputError, ReasonerError
from model.knowledge.store import Store
from model.records import Answer, AnswerStats, StudentId, StudentInfo, Turn
from model.speed_records import (
    AnswerSpeeds,
    Machine,
    SpeedProgress,
    SpeedReport,
    TogetherSpeed,
)

Ask = Callable[[Sequence[Turn], SampleConfig, StudentId], Answer]
"""Whoever answers the last of some turns with one student."""
_SETTING = "speed"


class SpeedTest:
    """One measurement: go through ``progress`` to its end, then read ``report``."""

    def __init__(
        self,
        ask: Ask,
        student: StudentInfo,
        prompts: Sequence[str],
        repeats: int,
        settings: SampleConfig,
    ) -> None:
        if repeats < 1:
            raise InputError(f"Each prompt is asked {repeats} times; the fewest is 1.")
        self._ask, self._student, self._prompts = ask, student, tuple(prompts)
        self._repeats, self._settings = repeats, settings
        self._stopped = threading.Event()
        self._open: tuple[Answer, ...] = ()
        self._first: AnswerStats | None = None
        self._first_s = 0.0
        self._one_by_one: list[AnswerStats] = []
        self._together: TogetherSpeed | None = None
        self._machine = this_machine()

    def cancel(self) -> None:
        """Stop within a moment; the report tells what was measured until then."""
        self._stopped.set()
        for answer in self._open:
            answer.cancel()

    def progress(self) -> Iterator[SpeedProgress]:
        """Measure, and tell before every question how far it is.

        Raises: ReasonerError if the student cannot be loaded, or an answer breaks off.
        """
        asked = self._prompts * self._repeats
        steps = len(asked) + 2
        yield SpeedProgress(0, steps, "loading the student")
        started = time.monotonic()
        self._first = self._read(self._prompts[:1])[0]
        self._first_s = time.monotonic() - started
        for number, prompt in enumerate(asked, start=1):
            if self._stopped.is_set():
                return
            yield SpeedProgress(number, steps, "one by one")
            said = self._read([prompt])[0]
            if not self._stopped.is_set():
                self._one_by_one.append(said)
        if self._stopped.is_set():
            return
        yield SpeedProgress(steps - 1, steps, "all at once")
        started = time.monotonic()
        together = self._read(self._prompts)
        if not self._stopped.is_set():
            self._together = _together(together, time.monotonic() - started)
            yield SpeedProgress(steps, steps, "done")

    def report(self) -> SpeedReport | None:
        """What was measured until now; None before the first answer."""
        if self._first is None or not self._one_by_one:
            return None
        return SpeedReport(
            student=self._student.id,
            name=self._student.name,
            weights_hash=self._first.weights_hash,
            parameters=self._student.parameters,
            size_bytes=self._student.size_bytes,
            load_and_first_answer_s=round(self._first_s, 3),
            prompts=len(self._prompts),
            repeats=self._repeats,
            one_by_one=spread(self._one_by_one),
            all_at_once=self._together,
            peak_memory_mb=round(_peak_bytes() / 1e6),
            machine=self._machine,
            measured_at=time.time(),
            whole=self._together is not None,
        )

    def _read(self, prompts: Sequence[str]) -> list[AnswerStats]:
        """Ask at once, and read every answer to its end."""
        answers = tuple(
            self._ask([Turn("user", prompt)], self._settings, self._student.id)
            for prompt in prompts
        )
        self._open = answers
        try:
            if self._stopped.is_set():  # the wish came between asking and noting
                self.cancel()
            return [_figures(answer) for answer in answers]
        finally:
            for answer in answers:
                answer.cancel()
            self._open = ()


class Speeds:
    """Measures the students of one workspace, and keeps the last whole report of each."""

    def __init__(
        self,
        store: Store,
        ask: Ask,
        students: Callable[[], Sequence[StudentInfo]],
        prompts: Callable[[], Sequence[str]],
        folder: Path,
    ) -> None:
        """Files to take along are written to ``folder``."""
        self._store, self._ask, self._students = store, ask, students
        self._prompts, self._folder = prompts, folder

    def start(
        self, student: StudentId, repeats: int = 1, max_tokens: int = SampleConfig.max_tokens
    ) -> SpeedTest:
        """Prepare a measurement. Raises: BundleNotFound, InputError."""
        info = next((info for info in self._students() if info.id == student), None)
        if info is None:
            raise BundleNotFound(f"There is no student “{student}” any more. Choose another one.")
        settings = SampleConfig(max_tokens=max_tokens)
        return SpeedTest(self._ask, info, self._prompts(), repeats, settings)

    def keep(self, report: SpeedReport) -> None:
        """Show this report from now on, if it is a whole one."""
        if report.whole:
            self._store.set_setting(f"{_SETTING} {report.student}", json.dumps(asdict(report)))

    def report(self, student: StudentId) -> SpeedReport | None:
        """The last whole report of a student, if there is one."""
        text = self._store.setting(f"{_SETTING} {student}")
        return _from_json(text) if text else None

    def export(self, student: StudentId) -> Path:
        """Write the last whole report of a student as JSON. Raises: InputError without one."""
        report = self.report(student)
        if report is None:
            raise InputError("This student has not been measured here yet. Measure it first.")
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"speed-{report.weights_hash[:6]}.json"
        path.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
        return path


def spread(answers: Sequence[AnswerStats]) -> AnswerSpeeds:
    """Middle and slow end of speed and first token over answers; zeros without any."""
    firsts = sorted(each.first_token_s for each in answers)
    speeds = sorted(each.tokens_per_s for each in answers if each.tokens_per_s)
    slow = firsts[min(len(firsts) - 1, int(0.95 * len(firsts)))] if firsts else 0.0
    return AnswerSpeeds(
        answers=len(answers),
        tokens=sum(each.tokens for each in answers),
        tokens_per_s_p50=round(_middle(speeds), 1),
        tokens_per_s_slowest=round(speeds[0], 1) if speeds else 0.0,
        first_token_s_p50=round(_middle(firsts), 4),
        first_token_s_p95=round(slow, 4),
    )


def this_machine() -> Machine:
    """The processor as the system names it, its cores, and how busy they are."""
    text, where = "", Path("/proc/cpuinfo")
    if where.exists():
        text = where.read_text(encoding="utf-8", errors="replace")
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    name = names[0] if names else platform.processor() or platform.machine()
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else 0.0
    return Machine(name, os.cpu_count() or 1, load, platform.python_version())


def _figures(answer: Answer) -> AnswerStats:
    """Read an answer to its end. Raises: ReasonerError if it breaks off."""
    stats: AnswerStats | None = None
    for event in answer.events():
        if event.kind == "error":
            raise ReasonerError(event.text)
        stats = event.stats or stats
    assert stats is not None, "every whole answer has its figures"
    return stats


def _together(answers: Sequence[AnswerStats], seconds: float) -> TogetherSpeed:
    seconds = max(seconds, 1e-6)
    return TogetherSpeed(
        seconds=round(seconds, 3),
        tokens_per_s=round(sum(each.tokens for each in answers) / seconds, 1),
        answers_per_s=round(len(answers) / seconds, 2),
        first_token_s_p50=round(_middle([each.first_token_s for each in answers]), 4),
    )


def _from_json(text: str) -> SpeedReport:
    values = json.loads(text)
    together = values.pop("all_at_once")
    return SpeedReport(
        **values
        | {
            "one_by_one": AnswerSpeeds(**values["one_by_one"]),
            "all_at_once": TogetherSpeed(**together) if together else None,
            "machine": Machine(**values["machine"]),
        }
    )


def _middle(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0


def _peak_bytes() -> int:
    """The most memory that the process held, 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    # Linux counts in kilobytes, macOS in bytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
