"""Whole runs against a teacher that gives log-probabilities, or does not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.config import DistillConfig
from model.errors import TeacherReplyInvalid
from model.jobs.run_log import StoreRunLog
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.learning import collecting
from model.learning.knowledge_transfer import Distillation
from model.learning.training import FitResult
from model.model import ImageTokenReasoningLLM
from model.records import Metric, RunId
from model.teachers.base import Question
from model.teachers.ollama import OllamaTeacher
from tests.ollama_logprobs import plain_entries
from tests.ollama_server import OllamaServer
from tests.ollama_words import plain_answer, split_tokens
from tests.small import make_student
from tests.test_knowledge_transfer import Notes

VERBS = ("heat", "wash", "cut", "dry", "paint", "fold", "cool", "polish")
QUESTIONS = [Question(f"How do I {verb} the {thing}?") for thing in ("egg", "leaf", "shirt")
             for verb in VERBS]  # fmt: skip
CONFIG = DistillConfig(
    teacher="ollama",
    teacher_model="llama3.2:1b",
    prompt_source="topic",
    topic="things",
    prompts=24,
    steps=10,
    batch_size=4,
    learning_rate=3e-3,
    temperature=0.0,
)
STUDENT = make_student(seed=5)


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
    with OllamaServer() as running:
        yield running


def learner() -> ImageTokenReasoningLLM:
    student = ImageTokenReasoningLLM(STUDENT.config, STUDENT.tokenizer)
    student.load_state_dict(STUDENT.state_dict())
    return student


def distil(
    server: OllamaServer,
    store: Store,
    checkpoint: Path,
    notes: Notes,
    config: DistillConfig = CONFIG,
) -> tuple[FitResult, Distillation]:
    teacher = OllamaTeacher(config.teacher_model, server.url, read_timeout_s=10)
    run = Distillation(learner(), teacher, QUESTIONS, config, store, notes)
    return run.run(checkpoint), run


def test_logprobs_are_learned_beside_the_text(
    server: OllamaServer, store: Store, tmp_path: Path
) -> None:
    notes = Notes()
    result, run = distil(server, store, tmp_path / "c.pt", notes, replace(CONFIG, steps=30))
    assert result == FitResult("done", 30)
    assert run.note == ""
    for series in ("train", "cross-entropy", "logprobs", "validation"):
        curve = notes.curve(series)
        assert curve[-1] < curve[0], series
    assert server.chats()[0]["top_logprobs"] == 20


def test_a_second_run_asks_nothing(server: OllamaServer, store: Store, tmp_path: Path) -> None:
    first, second = Notes(), Notes()
    distil(server, store, tmp_path / "a.pt", first)
    asked = len(server.chats())
    distil(server, store, tmp_path / "b.pt", second)
    assert len(server.chats()) == asked == 24
    assert second.curve("train") == pytest.approx(first.curve("train"), abs=1e-5)


def test_without_logprobs_it_learns_the_text_and_says_so(
    server: OllamaServer, store: Store, tmp_path: Path
) -> None:
    server.faults.no_logprobs = True
    notes, text = Notes(), Notes()
    result, run = distil(server, store, tmp_path / "a.pt", notes)
    assert result.ended == "done"
    assert run.note == "Learned from text alone: the teacher gave no logprobs."
    assert "training on text alone: the teacher gives no logprobs" in notes.stages
    assert notes.last is not None
    assert "text alone" in notes.last.stage
    distil(server, store, tmp_path / "b.pt", text, replace(CONFIG, learn_from="text"))
    assert notes.curve("train") == pytest.approx(text.curve("train"), abs=1e-5)


def test_some_answers_without_logprobs_are_counted(
    server: OllamaServer, store: Store, tmp_path: Path
) -> None:
    def speak(messages: Sequence[Any], body: dict[str, Any]) -> list[dict[str, Any]]:
        server.faults.no_logprobs = "leaf" in messages[-1]["content"]
        return plain_entries(split_tokens(plain_answer(messages)), 20)

    server.speak = speak
    config = replace(CONFIG, concurrency=1)
    _, run = distil(server, store, tmp_path / "c.pt", Notes(), config)
    assert run.note.startswith("8 of 24 answers came without logprobs")


def test_merged_entries_cost_their_place_and_not_the_answer(
    server: OllamaServer, store: Store, tmp_path: Path
) -> None:
    server.faults.merge_entries = True
    result, run = distil(server, store, tmp_path / "c.pt", Notes())
    assert (result.ended, run.note) == ("done", "")


def test_measuring_trains_a_twin_on_text_alone_with_the_same_answers(
    server: OllamaServer, store: Store, tmp_path: Path
) -> None:
    both, text, told = Notes(), Notes(), Notes()
    measure = replace(CONFIG, learn_from="measure")
    result, run = distil(server, store, tmp_path / "a.pt", both, measure)
    assert result == FitResult("done", 20)
    assert run.steps == 20
    assert both.last is not None
    assert (both.last.step, both.last.steps) == (20, 20)
    distil(server, store, tmp_path / "b.pt", text, replace(CONFIG, learn_from="text"))
    distil(server, store, tmp_path / "d.pt", told, CONFIG)
    assert len(server.chats()) == 24
    assert both.curve("train, text alone") == pytest.approx(text.curve("train"), abs=1e-5)
    assert both.curve("train") == pytest.approx(told.curve("train"), abs=1e-5)
    alone, held = both.curve("validation, text alone")[-1], both.curve("validation")[-1]
    assert f"Logprobs brought {alone - held:+.3f} nats" in run.note


def test_a_twin_that_was_paused_goes_on_and_the_student_is_trained_once(
    server: OllamaServer, store: Store, tmp_path: Path
) -> None:
    whole, second = Notes(), Notes()
    first = Notes(lambda step: "pause" if step == 14 else "go")
    measure = replace(CONFIG, learn_from="measure")
    _, expected = distil(server, store, tmp_path / "whole.pt", whole, measure)
    assert expected.note.startswith("Logprobs brought")
    paused, _ = distil(server, store, tmp_path / "c.pt", first, measure)
    assert paused == FitResult("paused", 14)
    done, run = distil(server, store, tmp_path / "c.pt", second, measure)
    assert done == FitResult("done", 20)
    assert second.curve("train") == []
    assert run.note == expected.note
    series = "train, text alone"
    together = first.curve(series) + second.curve(series)
    assert together == pytest.approx(whole.curve(series), abs=1e-5)


def test_nothing_is_measured_where_there_are_no_logprobs(
    server: OllamaServer, store: Store, tmp_path: Path
) -> None:
    server.faults.no_logprobs = True
    notes = Notes()
    result, run = distil(
        server, store, tmp_path / "c.pt", notes, replace(CONFIG, learn_from="measure")
    )
    assert result == FitResult("done", 10)
    assert notes.curve("train, text alone") == []
    assert "gave no logprobs" in run.note


def test_a_teacher_with_the_students_own_tokens_is_recognised(
    server: OllamaServer, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vocabulary = json.loads(STUDENT.tokenizer.to_json())["model"]["vocab"]
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    facts = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": tokens}
    server.faults.replies["/api/show"] = (200, json.dumps({"model_info": facts}).encode())
    with caplog.at_level("INFO"):
        distil(server, store, tmp_path / "c.pt", Notes())
    assert "have the same" in caplog.text


def test_prompts_without_an_answer_are_named_with_their_reason_and_asked_for_again(
    server: OllamaServer, store: Store, tmp_path: Path
) -> None:
    server.answer = lambda messages: (
        "" if "cut the leaf" in messages[-1]["content"] else plain_answer(messages)
    )
    notes = Notes()
    result, run = distil(server, store, tmp_path / "a.pt", notes)
    assert result.ended == "done"
    assert run.note.startswith("1 prompt got no answer: The answer of “llama3.2:1b” is empty")
    assert "Start a run with the same settings to ask only for what is missing." in run.note
    assert len(notes.failures) == 1
    server.answer = None
    asked = len(server.chats())
    _, again = distil(server, store, tmp_path / "b.pt", Notes())
    assert len(server.chats()) == asked + 1
    assert again.note == ""


def test_a_run_with_no_usable_row_fails_with_words(
    server: OllamaServer, store: Store, tmp_path: Path
) -> None:
    server.faults.empty_answer = True
    with pytest.raises(TeacherReplyInvalid, match="is empty: 0 letters"):
        distil(server, store, tmp_path / "c.pt", Notes())


def test_a_run_keeps_the_reasons_of_its_failures_until_they_are_mended(
    store: Store, tmp_path: Path
) -> None:
    run = store.create_run(CONFIG, "things").id
    pictures = Pictures(tmp_path / "pictures")
    log = StoreRunLog(store, pictures, run)
    log.failed("k1", "the answer was empty")
    log.failed("k2", "the answer was empty")
    log.collected(5, 2)
    assert store.failures(run) == {"k1": "the answer was empty", "k2": "the answer was empty"}
    assert store.run(run).failed_answers == 2
    assert "2 prompts got no answer: the answer was empty" in store.run(run).message
    again = StoreRunLog(store, pictures, run)
    again.answered("k1")
    again.answered("other")
    again.collected(3, 0)
    assert store.failures(RunId(run)) == {"k2": "the answer was empty"}
    assert (store.run(run).answers, store.run(run).failed_answers) == (5, 1)


def test_the_new_curves_are_kept_by_their_names(store: Store) -> None:
    run = store.create_run(CONFIG, "things").id
    store.add_metrics(run, [Metric(1, "validation, text alone", 2.0, 0.0)])
    assert [point.series for point in store.metrics(run)] == ["validation, text alone"]
