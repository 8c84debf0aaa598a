from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from model.errors import (
    ReasonerError,
    TeacherError,
    TeacherModelMissing,
    TeacherReplyInvalid,
    TeacherTimeout,
    TeacherUnavailable,
)
from model.knowledge.store import Store
from model.learning import collecting
from model.learning.collecting import AskSettings, Collector, Listener
from model.records import TeacherStatus
from model.teachers.base import Question, TeacherAnswer

HOW = AskSettings(temperature=0.0, max_tokens=20, seed=1)
QUESTIONS = [Question(f"question {n}") for n in range(12)]


class ScriptedTeacher:
    """Answers through the front door; a script may raise for a question's first tries."""

    name = "scripted"

    def __init__(self, script: Callable[[str, int], str] | None = None) -> None:
        self.script = script or (lambda text, attempt: f"answer to {text}")
        self.asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def status(self) -> TeacherStatus:
        return TeacherStatus(True, "here")

    def answer(
        self,
        question: Question,
        *,
        temperature: float = 0.7,
        max_tokens: int = 256,
        seed: int = 0,
        format: dict[str, Any] | None = None,
        top_logprobs: int = 0,
    ) -> TeacherAnswer:
        with self._lock:
            self.asked[question.text] += 1
            attempt = self.asked[question.text]
        return TeacherAnswer(self.script(question.text, attempt))

    def answer_key(
        self, question: Question, *, temperature: float, max_tokens: int, seed: int
    ) -> str:
        return f"{question.text}|{temperature}|{max_tokens}|{seed}"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "FIRST_PAUSE_S", 0.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "workspace.db")
    yield store
    store.close()


def _collect(teacher: ScriptedTeacher, store: Store, concurrency: int = 3) -> list[str | None]:
    collector = Collector(teacher, QUESTIONS, store, HOW, concurrency=concurrency)
    collector.start()
    answers = [collector.answer(n, lambda: True) for n in range(len(QUESTIONS))]
    collector.stop(wait_s=20)
    return [answer and answer.text for answer in answers]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_answers_come_in_the_order_of_the_questions(store: Store, concurrency: int) -> None:
    answers = _collect(ScriptedTeacher(), store, concurrency)
    assert answers == [f"answer to question {n}" for n in range(12)]


def test_a_second_run_asks_nothing(store: Store) -> None:
    _collect(ScriptedTeacher(), store)
    again = ScriptedTeacher()
    assert _collect(again, store) == [f"answer to question {n}" for n in range(12)]
    assert not again.asked


@pytest.mark.parametrize("fault", [TeacherUnavailable, TeacherTimeout, TeacherReplyInvalid])
def test_a_passing_fault_is_tried_again(store: Store, fault: type[TeacherError]) -> None:
    def script(text: str, attempt: int) -> str:
        if text == "question 3" and attempt < 3:
            raise fault("not now")
        return "fine"

    teacher = ScriptedTeacher(script)
    assert _collect(teacher, store) == ["fine"] * 12
    assert teacher.asked["question 3"] == 3


def test_a_question_that_never_works_is_left_out_with_its_reason(store: Store) -> None:
    def script(text: str, attempt: int) -> str:
        if text == "question 5":
            raise TeacherReplyInvalid("the answer was empty")
        return "fine"

    counted: list[tuple[int, int]] = []
    failed: list[tuple[str, str]] = []
    collector = Collector(
        ScriptedTeacher(script),
        QUESTIONS,
        store,
        HOW,
        concurrency=2,
        listener=Listener(
            counted=lambda good, bad: counted.append((good, bad)),
            failed=lambda key, reason: failed.append((key, reason)),
        ),
    )
    collector.start()
    answers = [collector.answer(n, lambda: True) for n in range(12)]
    collector.stop(wait_s=20)
    assert answers[5] is None
    assert [answer.text for answer in answers if answer] == ["fine"] * 11
    assert collector.counts == (11, 1)
    assert collector.reasons == ["the answer was empty"]
    assert failed == [("question 5|0.0|20|1", "the answer was empty")]
    assert (11, 1) in counted


@pytest.mark.parametrize("fault", [TeacherModelMissing, TeacherError])
def test_a_teacher_without_the_model_is_not_asked_again_and_again(
    store: Store, fault: type[TeacherError]
) -> None:
    def script(text: str, attempt: int) -> str:
        raise fault("no such model")

    teacher = ScriptedTeacher(script)
    collector = Collector(teacher, QUESTIONS, store, HOW, concurrency=2)
    collector.start()
    with pytest.raises(fault, match="no such model"):
        collector.answer(11, lambda: True)
    assert sum(teacher.asked.values()) <= 2


def test_a_teacher_that_is_gone_ends_the_waiting_and_keeps_what_was_said(store: Store) -> None:
    def script(text: str, attempt: int) -> str:
        if int(text.split()[1]) >= 4:
            raise TeacherUnavailable("connection refused")
        return "fine"

    collector = Collector(ScriptedTeacher(script), QUESTIONS, store, HOW, concurrency=1)
    collector.start()
    with pytest.raises(TeacherUnavailable, match="connection refused"):
        collector.answer(11, lambda: True)
    assert collector.counts[0] == 4
    kept = ScriptedTeacher()
    _collect(kept, store)
    assert not {f"question {n}" for n in range(4)} & set(kept.asked)


def test_waiting_ends_when_nobody_waits_any_more(store: Store) -> None:
    hold = threading.Event()

    def script(text: str, attempt: int) -> str:
        hold.wait(20)
        return "late"

    collector = Collector(ScriptedTeacher(script), QUESTIONS, store, HOW, concurrency=1)
    collector.start()
    assert collector.answer(0, lambda: False) is None
    hold.set()
    collector.stop(wait_s=20)


def test_a_full_disk_ends_the_run_with_its_words(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*values: object) -> None:
        raise ReasonerError("The disk is full: 0 MB are free.")

    monkeypatch.setattr(store, "save_trace", full)
    collector = Collector(ScriptedTeacher(), QUESTIONS, store, HOW, concurrency=2)
    collector.start()
    with pytest.raises(ReasonerError, match="0 MB are free"):
        collector.answer(3, lambda: True)
    collector.stop(wait_s=20)
