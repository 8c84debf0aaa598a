"""Whatever the server does, a run recovers or ends in words, and every good answer is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from model.errors import (
    ReasonerError,
    TeacherModelMissing,
    TeacherReplyInvalid,
    TeacherTimeout,
    TeacherUnavailable,
)
from model.knowledge.store import Store
from model.learning import collecting
from model.learning.collecting import AskSettings, Collector
from model.teachers.base import Question, TeacherAnswer
from model.teachers.ollama import OllamaTeacher
from tests.ollama_server import OllamaServer
from tests.ollama_setup import DEFAULT_MODELS, Faults, Model

HOW = AskSettings(temperature=0.0, max_tokens=40, seed=1, top_logprobs=20)
QUESTIONS = [Question(f"How do I cook dish number {n} well?") for n in range(8)]
THINKER = Model("qwen3:0.6b", ("completion", "thinking"))


class MendedTeacher(OllamaTeacher):
    """Calls ``mend`` before its n-th question."""

    def __init__(self, server: OllamaServer, mend_at: int, mend: Callable[[], None]) -> None:
        super().__init__("llama3.2:1b", server.url, read_timeout_s=0.3)
        self.questions, self._mend_at, self._mend = 0, mend_at, mend

    def answer(self, question: Question, **how: Any) -> TeacherAnswer:
        self.questions += 1
        if self.questions == self._mend_at:
            self._mend()
        return super().answer(question, **how)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "FIRST_PAUSE_S", 0.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "workspace.db")
    yield store
    store.close()


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer([THINKER, *DEFAULT_MODELS]) as running:
        yield running


def collect(
    teacher: OllamaTeacher, store: Store, concurrency: int = 1
) -> tuple[list[TeacherAnswer | None], Collector, ReasonerError | None]:
    collector = Collector(teacher, QUESTIONS, store, HOW, concurrency=concurrency)
    collector.start()
    answers, end = [], None
    for number in range(len(QUESTIONS)):
        try:
            answers.append(collector.answer(number, lambda: True))
        except ReasonerError as error:
            end = error
            break
    collector.stop(wait_s=20)
    return answers, collector, end


def kept(store: Store, server: OllamaServer) -> int:
    """How many answers a healthy server need not give again."""
    asked = len(server.chats())
    server.faults = Faults()
    collect(OllamaTeacher("llama3.2:1b", server.url), store)
    return len(QUESTIONS) - (len(server.chats()) - asked)


@pytest.mark.parametrize(
    "faults",
    [
        Faults(refuse=True),
        Faults(first_byte_delay_s=20.0),
        Faults(cut_after=2),
        Faults(drop_after=2),
        Faults(error_after=2),
        Faults(busy_next=10**6),
        Faults(malformed_line=True),
        Faults(empty_answer=True),
    ],
    ids=["refused", "slow", "cut", "dropped", "error", "busy", "malformed", "empty"],
)
def test_a_fault_that_passes_costs_no_answer(
    server: OllamaServer, store: Store, faults: Faults
) -> None:
    def mend() -> None:
        server.faults = Faults()

    server.faults = faults
    answers, collector, end = collect(MendedTeacher(server, 4, mend), store)
    assert end is None
    assert all(answer and answer.text and answer.logprobs for answer in answers)
    assert collector.counts == (8, 0)


@pytest.mark.parametrize(
    ("faults", "kind", "words"),
    [
        (Faults(refuse=True), TeacherUnavailable, "broke off"),
        (Faults(first_byte_delay_s=20.0), TeacherTimeout, "sent nothing for 0.3 s"),
        (Faults(cut_after=2), TeacherReplyInvalid, "cut off after"),
        (Faults(drop_after=2), TeacherUnavailable, "broke off"),
        (Faults(error_after=2), TeacherReplyInvalid, "unexpectedly stopped"),
        (Faults(busy_next=10**6), TeacherUnavailable, r"busy \(503\)"),
        (Faults(malformed_line=True), TeacherReplyInvalid, "malformed line"),
        (Faults(empty_answer=True), TeacherReplyInvalid, "is empty: 0 letters"),
    ],
    ids=["refused", "slow", "cut", "dropped", "error", "busy", "malformed", "empty"],
)
def test_a_fault_that_stays_ends_in_words_and_what_was_said_is_kept(
    server: OllamaServer, store: Store, faults: Faults, kind: type[ReasonerError], words: str
) -> None:
    def spoil() -> None:
        server.faults = faults

    answers, collector, end = collect(MendedTeacher(server, 4, spoil), store)
    assert [bool(answer) for answer in answers[:3]] == [True] * 3
    reasons = [*collector.reasons, *([str(end)] if end else [])]
    assert end is None or isinstance(end, kind)
    assert any(re.search(words, reason) for reason in reasons)
    assert kept(store, server) == 3


def test_a_model_that_is_deleted_in_the_middle_ends_the_run_at_once(
    server: OllamaServer, store: Store
) -> None:
    teacher = MendedTeacher(server, 4, server.models.clear)
    answers, _, end = collect(teacher, store)
    assert len(answers) == 3
    assert isinstance(end, TeacherModelMissing)
    assert "ollama pull llama3.2:1b" in str(end)
    assert teacher.questions == 4
    server.models = list(DEFAULT_MODELS)
    assert kept(store, server) == 3


def test_a_thinking_model_is_told_not_to_and_its_answers_have_logprobs(
    server: OllamaServer, store: Store
) -> None:
    answers, _, _ = collect(OllamaTeacher("qwen3:0.6b", server.url), store)
    assert all(body["think"] is False for body in server.chats())
    assert all(answer and answer.logprobs for answer in answers)


@pytest.mark.parametrize("faults", [Faults(no_logprobs=True), Faults(merge_entries=True)])
def test_missing_and_merged_entries_cost_no_text(
    server: OllamaServer, store: Store, faults: Faults
) -> None:
    healthy, _, _ = collect(OllamaTeacher("qwen3:0.6b", server.url), store)
    server.faults = faults
    spoiled, _, _ = collect(OllamaTeacher("llama3.2:1b", server.url), store)
    assert [a and a.text for a in spoiled] == [a and a.text for a in healthy]


def test_a_server_without_logprobs_is_not_asked_for_them_twice(
    server: OllamaServer, store: Store
) -> None:
    server.faults.no_logprobs = True
    collect(OllamaTeacher("llama3.2:1b", server.url), store)
    assert kept(store, server) == 8


def test_answers_of_before_are_asked_again_only_for_their_logprobs(
    server: OllamaServer, store: Store
) -> None:
    teacher = OllamaTeacher("llama3.2:1b", server.url)
    text_only = AskSettings(HOW.temperature, HOW.max_tokens, HOW.seed)
    for settings, asked, told in ((text_only, 8, False), (HOW, 16, True), (text_only, 16, True)):
        collector = Collector(teacher, QUESTIONS, store, settings, concurrency=2)
        collector.start()
        answers = [collector.answer(n, lambda: True) for n in range(8)]
        assert len(server.chats()) == asked
        assert all(answer and bool(answer.logprobs) is told for answer in answers)


def test_many_requests_at_once_lose_and_repeat_nothing(server: OllamaServer, store: Store) -> None:
    server.faults.busy_next = 5
    server.answer = lambda messages: f"An answer to: {messages[-1]['content']}"
    answers, collector, _ = collect(OllamaTeacher("llama3.2:1b", server.url), store, concurrency=8)
    assert collector.counts == (8, 0)
    assert len({answer.text for answer in answers if answer}) == 8
    assert len(server.chats()) == 8 + 5
