"""What is measured of a student: prompts one by one, then at once; no half answer counts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from model.config import SampleConfig
from model.errors import BundleNotFound, InputError, ReasonerError
from model.knowledge.store import Store
from model.records import AnswerStats, Event, StudentId, StudentInfo, Turn
from model.serving.speed_test import Speeds, SpeedTest, spread, this_machine

INFO = StudentInfo(StudentId("mine"), "mine", "tiny", 1000, 4000, "ab" * 32, 0.0)


class Scripted:
    """An answer of so many tokens; it ends at once when it is cancelled."""

    def __init__(self, number: int, error: str = "") -> None:
        self.number, self.error = number, error
        self.stopped = threading.Event()

    def events(self) -> Iterator[Event]:
        if self.error:
            yield Event("error", self.error)
            return
        yield Event("token", "word")
        how = "cancelled" if self.stopped.is_set() else "end"
        stats = AnswerStats(10, 100.0 * self.number, 0.01 * self.number, "cd" * 32, "mine", how)
        yield Event("stats", stats=stats)
        yield Event("done")

    def cancel(self) -> None:
        self.stopped.set()


class Desk:
    """Whoever is asked; the n-th answer has a speed of 100 · n."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error = ""

    def __call__(
        self, turns: Sequence[Turn], settings: SampleConfig, student: StudentId
    ) -> Scripted:
        self.asked.append(turns[-1].text)
        return Scripted(len(self.asked), self.error)


def test_every_prompt_is_asked_one_by_one_and_then_all_at_once() -> None:
    desk = Desk()
    test = SpeedTest(desk, INFO, ("a", "b"), 2, SampleConfig())
    steps = [(step.done, step.of) for step in test.progress()]
    assert steps == [(0, 6), (1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]
    assert desk.asked == ["a", "a", "b", "a", "b", "a", "b"]
    report = test.report()
    assert report is not None
    assert report.whole
    # the first answer, which waits for the student, does not count: 200, 300, 400, 500
    assert report.one_by_one.tokens_per_s_p50 == 350
    assert report.one_by_one.tokens_per_s_slowest == 200
    assert (report.one_by_one.answers, report.one_by_one.tokens) == (4, 40)
    assert report.all_at_once is not None
    assert report.all_at_once.first_token_s_p50 == pytest.approx(0.065)
    assert report.weights_hash == "cd" * 32  # of the answer, not of the list


def test_a_stop_leaves_the_answer_under_way_out() -> None:
    test = SpeedTest(Desk(), INFO, ("a", "b"), 2, SampleConfig())
    steps = test.progress()
    assert test.report() is None
    for _ in range(3):
        next(steps)
    test.cancel()
    assert list(steps) == []
    report = test.report()
    assert report is not None
    assert report.one_by_one.answers == 1
    assert report.all_at_once is None
    assert not report.whole


def test_an_answer_that_breaks_off_is_told() -> None:
    desk = Desk()
    desk.error = "The answer was broken off. Ask again."
    with pytest.raises(ReasonerError, match="broken off"):
        list(SpeedTest(desk, INFO, ("a",), 1, SampleConfig()).progress())


def test_a_whole_report_comes_back_from_the_store_and_as_a_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    speeds = Speeds(store, Desk(), lambda: [INFO], lambda: ("a", "b"), tmp_path / "out")
    with pytest.raises(InputError, match="has not been measured"):
        speeds.export(INFO.id)
    stopped = speeds.start(INFO.id)
    steps = stopped.progress()
    for _ in range(3):
        next(steps)
    half = stopped.report()
    assert half is not None
    speeds.keep(half)
    assert speeds.report(INFO.id) is None
    test = speeds.start(INFO.id)
    list(test.progress())
    report = test.report()
    assert report is not None
    speeds.keep(report)
    assert speeds.report(INFO.id) == report
    written = speeds.export(INFO.id)
    assert written.name == "speed-cdcdcd.json"
    assert json.loads(written.read_text())["one_by_one"]["answers"] == 2
    store.close()


def test_who_is_not_there_and_what_makes_no_sense_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    speeds = Speeds(store, Desk(), lambda: [INFO], lambda: ("a",), tmp_path)
    with pytest.raises(BundleNotFound, match="no student “gone”"):
        speeds.start(StudentId("gone"))
    with pytest.raises(InputError, match="0 times"):
        speeds.start(INFO.id, repeats=0)
    store.close()


def test_the_middle_and_the_slow_end() -> None:
    firsts = [0.1, 0.2, 0.3, 0.4, 9.0]
    found = spread([AnswerStats(10, 100 * n, first, "", "") for n, first in enumerate(firsts)])
    assert (found.answers, found.tokens) == (5, 50)
    assert (found.tokens_per_s_p50, found.tokens_per_s_slowest) == (250, 100)
    assert (found.first_token_s_p50, found.first_token_s_p95) == (0.3, 9.0)
    assert spread([]).tokens_per_s_p50 == 0


def test_the_machine_is_named() -> None:
    machine = this_machine()
    assert machine.processor
    assert machine.cores >= 1
