from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from model.config import DistillConfig
from model.errors import TeacherReplyInvalid
from model.knowledge.store import Store
from model.learning import collecting
from model.learning.curriculum import microworld_questions
from model.learning.knowledge_transfer import Distillation, Progress
from model.learning.taught_lessons import lesson_from
from model.learning.training import FitResult, Signal
from model.model import ImageTokenReasoningLLM
from model.teachers.base import Question, TeacherAnswer
from model.teachers.builtin import BuiltinTeacher
from tests.small import make_student
from tests.test_collecting import ScriptedTeacher

CONFIG = DistillConfig(prompts=24, steps=12, batch_size=4, learning_rate=3e-3, concurrency=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "workspace.db")
    yield store
    store.close()


@dataclass
class Notes:
    """A run's log in memory; ``when`` decides about going on at each step."""

    when: Callable[[int], Signal] = lambda step: "go"
    points: list[tuple[int, str, float]] = field(default_factory=list)
    samples: list[tuple[int, str, str, str]] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    last: Progress | None = None

    def stage(self, words: str) -> None:
        self.stages.append(words)

    def collected(self, answers: int, failures: int) -> None:
        pass

    def answered(self, key: str) -> None:
        pass

    def left_out(self, key: str, reason: str) -> None: ...

    def failed(self, key: str, reason: str) -> None:
        self.failures.append(reason)

    def point(self, step: int, series: str, value: float) -> None:
        self.points.append((step, series, value))

    def progress(self, progress: Progress) -> None:
        self.last = progress

    def sample(self, step: int, question: Question, taught: str, said: str) -> None:
        self.samples.append((step, question.text, taught, said))

    def signal(self) -> Signal:
        return self.when(self.last.step if self.last else 0)

    def curve(self, series: str) -> list[float]:
        return [value for _, name, value in self.points if name == series]


def _run(
    store: Store,
    checkpoint: Path,
    notes: Notes,
    config: DistillConfig = CONFIG,
    questions: list[Question] | None = None,
    teacher: ScriptedTeacher | None = None,
) -> tuple[FitResult, ImageTokenReasoningLLM]:
    student = make_student(seed=5)
    asked = questions or microworld_questions(config.prompts, config.seed)
    run = Distillation(student, teacher or BuiltinTeacher(), asked, config, store, notes)
    return run.run(checkpoint), student


def test_the_loss_falls_and_samples_show_teacher_and_student(store: Store, tmp_path: Path) -> None:
    notes = Notes()
    config = replace(CONFIG, steps=40)
    result, _ = _run(store, tmp_path / "c.pt", notes, config)
    assert result == FitResult("done", 40)
    train = notes.curve("train")
    assert len(train) == 40
    assert sum(train[-5:]) < 0.7 * sum(train[:5])
    validation = notes.curve("validation")
    assert validation[-1] < validation[0]
    assert all(taught for _, _, taught, _ in notes.samples)
    assert notes.last is not None
    assert notes.last.step == notes.last.steps == 40


@pytest.mark.parametrize("signal", ["pause", "stop"])
def test_a_resumed_run_is_the_run_that_was_not_stopped(
    store: Store, tmp_path: Path, signal: Signal
) -> None:
    whole, first, second = Notes(), Notes(lambda step: signal if step == 5 else "go"), Notes()
    _run(store, tmp_path / "whole.pt", whole)
    halted, _ = _run(store, tmp_path / "parts.pt", first)
    assert halted.ended == {"pause": "paused", "stop": "stopped"}[signal]
    done, _ = _run(store, tmp_path / "parts.pt", second)
    assert done == FitResult("done", 12)
    together = first.curve("train") + second.curve("train")
    assert together == pytest.approx(whole.curve("train"), abs=1e-5)


def test_failed_questions_are_passed_over(store: Store, tmp_path: Path, no_pauses: None) -> None:
    def script(text: str, attempt: int) -> str:
        if text.endswith(("1", "3")):
            raise TeacherReplyInvalid("empty")
        return f"{text} is fine"

    notes = Notes()
    questions = [Question(f"word {n}") for n in range(10)]
    teacher = ScriptedTeacher(script)
    result, _ = _run(store, tmp_path / "c.pt", notes, questions=questions, teacher=teacher)
    assert result.ended == "done"


def test_a_run_with_no_usable_answer_fails_with_words(
    store: Store, tmp_path: Path, no_pauses: None
) -> None:
    def script(text: str, attempt: int) -> str:
        raise TeacherReplyInvalid("the answer was empty")

    questions = [Question(f"word {n}") for n in range(5)]
    with pytest.raises(TeacherReplyInvalid, match=r"None of the 4 prompts .* was empty"):
        _run(
            store,
            tmp_path / "c.pt",
            Notes(),
            questions=questions,
            teacher=ScriptedTeacher(script),
        )


def test_stopping_while_the_teacher_is_silent_ends_the_run(store: Store, tmp_path: Path) -> None:
    hold = threading.Event()

    def script(text: str, attempt: int) -> str:
        hold.wait(20)
        return "late"

    def told(step: int) -> Signal:
        hold.set()
        return "stop"

    notes = Notes(told)
    result, _ = _run(store, tmp_path / "c.pt", notes, teacher=ScriptedTeacher(script))
    assert result == FitResult("stopped", 0)


def test_stopping_a_resumed_run_before_its_first_step_keeps_what_was_learned(
    store: Store, tmp_path: Path
) -> None:
    """“Stop and keep” right after *Resume* once threw the learned steps away."""
    notes = Notes(lambda step: "pause" if step == 5 else "go")
    _, learned = _run(store, tmp_path / "c.pt", notes)

    class SlowStore(Store):
        def trace(self, key: str) -> str | None:
            hold.wait(20)
            return super().trace(key)

    hold = threading.Event()

    def told(step: int) -> Signal:
        hold.set()
        return "stop"

    slow = SlowStore(tmp_path / "workspace.db")
    result, kept = _run(slow, tmp_path / "c.pt", Notes(told))
    slow.close()
    assert result == FitResult("stopped", 5)
    for mine, theirs in zip(kept.parameters(), learned.parameters(), strict=True):
        assert mine.equal(theirs)


def test_a_drawn_question_keeps_its_roles_and_facts() -> None:
    question = next(
        q for q in microworld_questions(60, 0) if q.spec.endswith("everyday-predict-fact")
    )
    lesson = lesson_from(question, TeacherAnswer("an answer"))
    assert lesson.facts
    assert lesson.answer == "an answer"


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "FIRST_PAUSE_S", 0.0)
