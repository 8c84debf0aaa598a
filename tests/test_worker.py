"""Runs in genuine worker processes: paused, killed, resumed, failed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from model.config import DistillConfig
from model.learning.curriculum import microworld_questions
from model.model import ImageTokenReasoningLLM
from model.records import OPEN_STATES, RunId, RunInfo
from model.workspace import Workspace
from tests.ollama_server import OllamaServer

pytestmark = pytest.mark.slow
LIMIT_S = 240.0
TINY = DistillConfig(base="tiny", prompts=16, steps=14, batch_size=2, max_answer_tokens=24)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path / "workspace")
    yield workspace
    for run in workspace.runs():
        pid, _ = workspace._store.run_process(run.id)
        if run.state == "running" and pid:
            os.kill(pid, signal.SIGKILL)
    workspace.close()


def _wait(workspace: Workspace, run: RunId, until: Callable[[RunInfo], bool], what: str) -> RunInfo:
    deadline = time.monotonic() + LIMIT_S
    while not until(info := workspace.run(run)):
        ended = info.state not in OPEN_STATES
        assert not ended, f"{info.state}: {info.message}\n{workspace.run_log(run)}"
        assert time.monotonic() < deadline, f"still not {what}: {info}"
    return info


def _steps(workspace: Workspace, run: RunId) -> list[int]:
    return [point.step for point in workspace.metrics(run) if point.series == "train"]


def test_a_run_survives_pause_and_kill_and_makes_a_student(workspace: Workspace) -> None:
    run = workspace.start_run(TINY)
    _wait(workspace, run, lambda info: info.step >= 2, "at step 2")
    workspace.pause_run(run)
    paused = _wait(workspace, run, lambda info: info.state == "paused", "paused")
    assert 2 <= paused.step < 14

    workspace.resume_run(run)
    running = _wait(workspace, run, lambda info: info.step > paused.step, "going on")
    pid, _ = workspace._store.run_process(run)
    assert pid
    os.kill(pid, signal.SIGKILL)
    killed = _wait(workspace, run, lambda info: info.state == "interrupted", "interrupted")
    assert "Resume goes on" in killed.message
    assert killed.step >= running.step

    workspace.resume_run(run)
    done = _wait(workspace, run, lambda info: info.state == "done", "done")
    assert done.step == 14
    assert sorted(set(_steps(workspace, run))) == list(range(1, 15)), "no step is missing"
    assert done.answers == 16
    assert done.student is not None
    assert workspace.samples(run)[0].teacher_answer
    learned = ImageTokenReasoningLLM.load_from_bundle(workspace.folder / "students" / done.student)
    assert learned.card.teacher == "built-in micro-world oracle"
    assert done.student in [info.id for info in workspace.students()]


def test_stop_and_keep_keeps_and_discard_does_not(workspace: Workspace) -> None:
    first, second = workspace.start_run(TINY), workspace.start_run(TINY)
    assert workspace.run(second).state == "queued", "one run at a time"
    _wait(workspace, first, lambda info: info.step >= 1, "at step 1")
    workspace.stop_run(first, keep=True)
    kept = _wait(workspace, first, lambda info: info.state == "done", "kept")
    assert kept.student is not None
    assert kept.step < 14
    _wait(workspace, second, lambda info: info.step >= 1, "started after the first")
    workspace.stop_run(second, keep=False)
    deadline = time.monotonic() + LIMIT_S
    while workspace.run(second).state != "cancelled":
        assert time.monotonic() < deadline
    assert workspace.run(second).student is None
    assert len(workspace.students()) == 2
    workspace.delete_run(second)
    assert [run.id for run in workspace.runs()] == [first]


def test_a_topic_is_learned_from_an_ollama_server_and_asked_once(workspace: Workspace) -> None:
    config = DistillConfig(
        teacher="ollama",
        teacher_model="llama3.2:1b",
        prompt_source="topic",
        topic="bread baking",
        base="tiny",
        prompts=10,
        steps=3,
        batch_size=3,  # all eight lessons are needed, so that all ten answers are waited for
        max_answer_tokens=24,
    )
    with OllamaServer() as server:
        config = replace(config, address=server.url)
        run = workspace.start_run(config)
        done = _wait(workspace, run, lambda info: info.state == "done", "done")
        assert done.prompts == done.answers == 10
        again = replace(config, prompt_source="own", topic="", own_prompts=_prompts(workspace, run))
        asked = len(server.chats())
        second = workspace.start_run(again)
        _wait(workspace, second, lambda info: info.state == "done", "done again")
        assert len(server.chats()) == asked, "every answer was kept"


def _prompts(workspace: Workspace, run: RunId) -> tuple[str, ...]:
    return tuple(each.draft.text for each in workspace._store.kept_prompts(run))


def test_a_teacher_that_is_not_there_fails_the_run_in_words(workspace: Workspace) -> None:
    config = DistillConfig(
        teacher="ollama",
        teacher_model="nobody",
        address="http://127.0.0.1:9",
        prompt_source="own",
        own_prompts=tuple(f"question {n}" for n in range(8)),
        base="tiny",
        steps=2,
    )
    run = workspace.start_run(config)
    deadline = time.monotonic() + LIMIT_S
    while workspace.run(run).state in ("queued", "running"):
        assert time.monotonic() < deadline
    failed = workspace.run(run)
    assert failed.state == "failed"
    assert "127.0.0.1:9" in failed.message


def test_questions_are_the_same_each_time() -> None:
    assert microworld_questions(20, 3) == microworld_questions(20, 3)


def test_answers_wait_to_be_looked_through_and_what_was_changed_is_learned(
    workspace: Workspace,
) -> None:
    config = replace(
        TINY,
        teacher="none",
        prompt_source="own",
        own_prompts=tuple(f"What is thing {n}?" for n in range(8)),
        own_answers=tuple(f"It is number {n}." for n in range(8)),
        prompts=8,
        steps=2,
        after_collecting="look",
    )
    run = workspace.start_run(config)
    waiting = _wait(workspace, run, lambda info: info.state == "collected", "collected")
    assert waiting.message.startswith("8 answers can be learned")
    assert not _steps(workspace, run), "nothing is trained before somebody looked"
    workspace.drop_prompt(run, 3, True)
    workspace.edit_prompt(run, 0, "What is thing 0?", "It is nothing.")
    workspace.resume_run(run)
    done = _wait(workspace, run, lambda info: info.state == "done", "done")
    assert (done.prompts, done.answers) == (7, 7)
    assert done.student is not None
    learned = ImageTokenReasoningLLM.load_from_bundle(workspace.folder / "students" / done.student)
    assert learned.card.teacher == "own answers"
    assert {sample.teacher_answer for sample in workspace.samples(run)} <= {
        "It is nothing.",
        *(f"It is number {n}." for n in range(1, 8)),
    }
