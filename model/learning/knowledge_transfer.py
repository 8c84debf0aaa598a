"""Distillation: the student learns from a teacher's answers while these are still being given.

Answers to held-out questions are collected first and measure the student; the others are learned
in the order of the questions in the first pass, shuffled by the seed in every later one. Which
lessons a step holds depends on nothing else, so a resumed run repeats no step and skips none.
"""

from __future__ import annotations

import io
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from zlib import crc32

import torch
from PIL import Image

from model.config import DistillConfig, SampleConfig, TrainConfig
from model.errors import TeacherReplyInvalid
from model.learning.collecting import AskSettings, Collector, TraceStore
from model.learning.examples import (
    Batch,
    EncodedLesson,
    Lesson,
    answer_loss,
    collate,
    encode_lesson,
)
from model.learning.recipe import lesson_of
from model.learning.training import FitResult, Signal, StepReport, fit, load_checkpoint
from model.microworld.oracle import from_spec
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import Message
from model.network.text_tokenizer import PAD
from model.teachers.base import Question, Teacher

log = logging.getLogger(__name__)

HELD_OUT_EVERY = 8
MOST_HELD_OUT = 24
SAMPLE_TOKENS = 48
LAST_ANSWERS_S = 5.0
"""How long the end of a run waits for answers that are still being given."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands, as its row shows it."""

    stage: str
    step: int
    steps: int
    tokens_per_s: float
    remaining_s: float | None
    train_loss: float | None
    validation_loss: float | None


class RunLog(Protocol):
    """Where a run writes what happens, and hears what it shall do; the worker fulfils it."""

    def stage(self, words: str) -> None:
        """Say what is being done now."""
        ...

    def collected(self, answers: int, failures: int) -> None:
        """Count the teacher's answers."""
        ...

    def point(self, step: int, series: str, value: float) -> None:
        """Add a point to a curve."""
        ...

    def progress(self, progress: Progress) -> None:
        """Update the figures of the run."""
        ...

    def sample(self, step: int, question: Question, taught: str, said: str) -> None:
        """Show what teacher and student say to the same question."""
        ...

    def signal(self) -> Signal:
        """Whether to go on, pause or stop."""
        ...


def split(count: int) -> tuple[list[int], list[int]]:
    """Which questions are held out and which are learned, by number."""
    held_out = list(range(0, count, HELD_OUT_EVERY))[:MOST_HELD_OUT] if count > 1 else []
    kept = set(held_out)
    return held_out, [index for index in range(count) if index not in kept]


def lesson_from(question: Question, answer: str) -> Lesson:
    """A teacher's answer as a lesson; drawn questions keep their roles and facts.

    About half of them, always the same, are learned with their thought by a student that thinks.
    """
    if question.spec:
        think = crc32(question.spec.encode()) % 2 == 0
        return replace(lesson_of(from_spec(question.spec), think=think), answer=answer)
    images = tuple(Image.open(io.BytesIO(data)).convert("RGB") for data in question.pictures)
    return Lesson(question.text, answer, images)


class Distillation:
    """One run of knowledge transfer, from questions to a taught student."""

    def __init__(
        self,
        student: ImageTokenReasoningLLM,
        teacher: Teacher,
        questions: Sequence[Question],
        config: DistillConfig,
        store: TraceStore,
        log_to: RunLog,
    ) -> None:
        self.student, self.config, self.log = student, config, log_to
        held_out, learned = split(len(questions))
        self._questions = [questions[index] for index in (*held_out, *learned)]
        self._held_out, self._learned = len(held_out), len(learned)
        self._validation_loss: float | None = None
        self._signal: Signal = "go"
        self._speed = 0.0
        settings = AskSettings(config.temperature, config.max_answer_tokens, config.seed)
        self._collector = Collector(
            teacher,
            self._questions,
            store,
            settings,
            concurrency=config.concurrency,
            on_change=log_to.collected,
        )
        self._encoded = lru_cache(maxsize=512)(self._encode)

    def run(self, checkpoint: Path) -> FitResult:
        """Collect and train until done, paused or stopped.

        Raises: TeacherError if the teacher is lost, or gave no usable answer at all.
        """
        config = self.config
        training = TrainConfig(
            steps=config.steps,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            seed=config.seed,
            validate_every=max(1, min(20, config.steps // 10)),
        )
        self._collector.start()
        try:
            self.log.stage("collecting the first answers")
            self._check_usable()
            self.log.stage("training")
            return fit(
                self.student,
                self.batch,
                answer_loss,
                training,
                lambda report: self._on_step(report, training),
                checkpoint,
            )
        except _Interrupted:
            # what was learned before lies in the checkpoint, and may be wanted now
            step = load_checkpoint(checkpoint, self.student)
            return FitResult("paused" if self._signal == "pause" else "stopped", step)
        finally:
            self._collector.stop(wait_s=LAST_ANSWERS_S)

    # ── which lessons a step holds ──────────────────────────────────────────────────────────────

    def batch(self, step: int) -> Batch:
        """The lessons of a step; waits for their answers."""
        size, count = self.config.batch_size, self._learned
        lessons: list[EncodedLesson] = []
        position = step * size
        while len(lessons) < size:
            turn, offset = divmod(position, count)
            lesson = self._encoded(self._held_out + _order(count, turn, self.config.seed)[offset])
            position += 1
            if lesson is not None:
                lessons.append(lesson)
            elif position >= (step + 1) * size and lessons:
                break
        return collate(lessons, self.student.tokenizer.id(PAD))

    def _encode(self, index: int) -> EncodedLesson | None:
        answer = self._collector.answer(index, self._keep_waiting)
        if self._signal != "go":
            raise _Interrupted
        if answer is None:
            return None
        return encode_lesson(self.student, lesson_from(self._questions[index], answer))

    def _keep_waiting(self) -> bool:
        self._signal = self.log.signal()
        return self._signal == "go"

    def _check_usable(self) -> None:
        for index in range(self._held_out, len(self._questions)):
            if self._encoded(index) is not None:
                return
        raise TeacherReplyInvalid(
            f"None of the {self._learned} prompts got a usable answer, so there is nothing to "
            f"learn. {' '.join(self._collector.reasons[:2])}"
        )

    # ── what is shown on the way ────────────────────────────────────────────────────────────────

    def _on_step(self, report: StepReport, training: TrainConfig) -> Signal:
        self.log.point(report.step, "train", report.loss)
        speed = report.tokens / max(report.seconds, 1e-6)
        self._speed = speed if not self._speed else 0.9 * self._speed + 0.1 * speed
        last = report.step == training.steps
        if report.step == 1 or report.step % training.validate_every == 0 or last:
            self._validate(report.step)
        left = (training.steps - report.step) * report.tokens / max(self._speed, 1e-6)
        self.log.progress(
            Progress(
                "training",
                report.step,
                training.steps,
                self._speed,
                left,
                report.loss,
                self._validation_loss,
            )
        )
        return self.log.signal()

    @torch.inference_mode()
    def _validate(self, step: int) -> None:
        """Measure the held-out answers that are there, and show one of them."""
        there = [n for n in range(self._held_out) if self._encoded(n) is not None]
        if not there:
            return
        self.student.eval()
        losses = []
        for start in range(0, len(there), self.config.batch_size):
            lessons = [self._encoded(n) for n in there[start : start + self.config.batch_size]]
            batch = collate([x for x in lessons if x is not None], self.student.tokenizer.id(PAD))
            losses.append((float(answer_loss(self.student, batch)), batch.learned))
        total = sum(tokens for _, tokens in losses)
        self._validation_loss = sum(loss * tokens for loss, tokens in losses) / total
        self.log.point(step, "validation", self._validation_loss)
        shown = there[(step // 20) % len(there)]
        question = self._questions[shown]
        taught = self._collector.answer(shown, lambda: False) or ""
        lesson = lesson_from(question, taught)
        said = self._say(lesson)
        self.log.sample(step, question, taught, said)
        self.student.train()

    def _say(self, lesson: Lesson) -> str:
        sampling = SampleConfig(max_tokens=SAMPLE_TOKENS)
        message = Message("user", lesson.question, len(lesson.images), lesson.roles)
        student = self.student
        prompt = student.prompt(
            [message],
            lesson.images,
            lesson.facts,
            room=SAMPLE_TOKENS,
            think=lesson.thought is not None,
        )
        return "".join(student.pieces(prompt, sampling))


class _Interrupted(Exception):
    """Somebody asked to pause or stop while the run waited for the teacher."""


@lru_cache(maxsize=8)
def _order(count: int, turn: int, seed: int) -> tuple[int, ...]:
    """The order of the lessons in one pass: as asked in the first, shuffled in the others."""
    order = list(range(count))
    if turn:
        random.Random(f"{seed}/{turn}").shuffle(order)
    return tuple(order)
