"""Distillation: the student learns from a teacher's answers while these are still being given.

Answers to held-out questions are collected first and measure the student; the others are learned
as ``lesson_order`` says. Which lessons a step holds depends on nothing else, so a resumed run
repeats no step and skips none. Where the teacher gives log-probabilities they are learned, too.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from model.config import DistillConfig, SampleConfig, TrainConfig
from model.errors import TeacherReplyInvalid
from model.learning.alignment import Aligner, same_vocabulary
from model.learning.best import Best
from model.learning.collecting import TraceStore
from model.learning.devices import Share, SharedBatches, announce, await_word
from model.learning.examples import Lesson, answer_loss, collate
from model.learning.lesson_order import LessonOrder, split
from model.learning.run_collector import LAST_ANSWERS_S, collector_of, wants_logprobs
from model.learning.run_talk import Progress as Progress
from model.learning.run_talk import RunLog as RunLog
from model.learning.taught_lessons import TaughtLessons, lesson_from
from model.learning.training import FitResult, StepReport, fit, load_checkpoint
from model.learning.transfer_loss import (
    GuidedBatch,
    GuidedLesson,
    LossParts,
    TransferLoss,
    collate_guided,
)
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import Message
from model.network.text_tokenizer import PAD
from model.records import Series, Signal
from model.teachers.base import Question, Teacher, TellsVocabulary

log = logging.getLogger(__name__)

SAMPLE_TOKENS = 48
TEACHER_SPEED_EVERY_S = 2.0
"""Over so long the teacher's speed is taken: its answers come in lumps."""


@dataclass(frozen=True)
class _Curves:
    """Under which names a student's losses are drawn."""

    train: Series
    validation: Series


_WITH = _Curves("train", "validation")
_ALONE = _Curves("train, text alone", "validation, text alone")


def failed_words(failures: int, reasons: Sequence[str]) -> str:
    """How many prompts got no answer, why, and what can be done about it."""
    prompts = "1 prompt" if failures == 1 else f"{failures} prompts"
    return (
        f"{prompts} got no answer: {' '.join(reasons[:2])} Start a run with the same settings to "
        "ask only for what is missing."
    )


def training_config(config: DistillConfig) -> TrainConfig:
    """How a run trains."""
    return TrainConfig(
        steps=config.steps,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        seed=config.seed,
        validate_every=max(1, min(20, config.steps // 10)),
        precision="bfloat16" if config.base == "pretrained" else "float32",
    )


def transfer_loss(config: DistillConfig, *, with_laws: bool) -> TransferLoss:
    """What a run learns by; without laws from the text alone."""
    return TransferLoss(
        kd_weight=config.logprob_weight if with_laws else 0.0,
        skew=config.skew,
        run_weight=config.border_weight if with_laws else 0.0,
    )


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
        self._order = LessonOrder(len(learned), config.steps, config.batch_size, config.seed)
        self._wants_logprobs = wants_logprobs(config, teacher)
        # without its weights as they are now the twin could not begin where the student began
        twin = self._wants_logprobs and config.learn_from == "measure"
        self._twin = copy.deepcopy(student) if twin else None
        self._validation: dict[Series, float] = {}
        self._signal: Signal = "go"
        self._speed = 0.0
        self._early = ""
        self._told = (0, time.monotonic())
        self._collector = collector_of(config, teacher, self._questions, store, log_to)
        self._lessons = TaughtLessons(
            student,
            self._questions,
            self._collector,
            self._aligner(teacher) if self._wants_logprobs else None,
            keep_waiting=self._keep_waiting,
            interrupted=self._raise_if_interrupted,
        )

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run; measuring trains twice."""
        return self.config.steps * (2 if self._twin else 1)

    def run(self, checkpoint: Path) -> FitResult:
        """Collect and train until done, paused or stopped.

        Raises: TeacherError if the teacher is lost, or gave no usable answer at all.
        """
        self._collector.start()
        try:
            taught = self._fit(self.student, _WITH, checkpoint)
            if taught.ended != "done" or self._twin is None:
                return taught
            if _WITH.validation not in self._validation:  # all of its steps were taken before
                self._validate(self.student, taught.step, _WITH)
            if not self._lessons.with_logprobs:
                return taught
            beside = checkpoint.with_name(f"{checkpoint.stem}-text-alone{checkpoint.suffix}")
            alone = self._fit(self._twin, _ALONE, beside)
            return FitResult(alone.ended, taught.step + alone.step)
        finally:
            self._collector.stop(wait_s=LAST_ANSWERS_S)

    @property
    def note(self) -> str:
        """What a person should know about how the student was taught; often nothing."""
        notes = [self._early] if self._early else []
        with_them, without = self._lessons.with_logprobs, self._lessons.without_logprobs
        if self._wants_logprobs and not with_them:
            notes.append("Learned from text alone: the teacher gave no logprobs.")
        elif without:
            notes.append(
                f"{without} of {with_them + without} answers came without logprobs and were "
                "learned from their text."
            )
        told, alone = (self._validation.get(each.validation) for each in (_WITH, _ALONE))
        if told is not None and alone is not None:
            notes.append(
                f"Logprobs brought {alone - told:+.3f} nats: held-out loss {told:.3f} with them, "
                f"{alone:.3f} from text alone."
            )
        _, failures = self._collector.counts
        if failures:
            notes.append(failed_words(failures, self._collector.reasons))
        return " ".join(notes)

    def _aligner(self, teacher: Teacher) -> Aligner:
        tokens = teacher.vocabulary().tokens if isinstance(teacher, TellsVocabulary) else ()
        same = same_vocabulary(self.student.tokenizer, tokens)
        if same:
            log.info("teacher and student have the same %d tokens", len(tokens))
        return Aligner(self.student.tokenizer, same_tokens=same)

    def _fit(self, student: ImageTokenReasoningLLM, curves: _Curves, checkpoint: Path) -> FitResult:
        training = training_config(self.config)
        loss = transfer_loss(self.config, with_laws=curves is _WITH)
        beside = checkpoint.with_name(f"{checkpoint.stem}-best{checkpoint.suffix}")
        best = Best(beside, self.config.patience * training.validate_every)
        student.model.save_memory = self.config.save_memory
        try:
            self.log.stage("collecting the first answers")
            self._check_usable()
            self.log.stage(self._stage(curves))
            announce(curves.train)
            ended = fit(
                student,
                SharedBatches(self.batch, self.shares),
                loss,
                training,
                lambda report: self._on_step(student, report, training, curves, loss.parts, best),
                checkpoint,
            )
        except _Interrupted:
            # what was learned before lies in the checkpoint, and may be wanted now
            step = load_checkpoint(checkpoint, student)
            ended = FitResult("paused" if self._signal == "pause" else "stopped", step)
        return self._with_best(student, ended, best, training, curves)

    def _with_best(
        self,
        student: ImageTokenReasoningLLM,
        ended: FitResult,
        best: Best,
        training: TrainConfig,
        curves: _Curves,
    ) -> FitResult:
        """The end of a training, at which the student gets the best weights it had."""
        if ended.ended == "paused" or not best.put_back(student):
            return ended
        self._validation[curves.validation] = best.loss
        if ended.ended == "stopped" and self._signal == "go" and best.no_more_to_gain(ended.step):
            self._early = (
                f"Ended early at step {ended.step} of {training.steps}: the held-out loss was "
                f"lowest at step {best.step}."
            )
            return FitResult("done", ended.step)
        return ended

    # ── which lessons a step holds ──────────────────────────────────────────────────────────────

    def batch(self, step: int) -> GuidedBatch:
        """The lessons of a step; waits for their answers.

        In the place of a question without an answer the next one is learned.
        """
        return self._collate(self._lessons_of(step))

    def shares(self, step: int, count: int) -> list[Share]:
        """The same lessons cut into shares; those with more answer tokens weigh more."""
        lessons = self._lessons_of(step)
        # a process without a lesson learns the first one, which then counts nothing
        parts = [self._collate(lessons[number::count] or lessons[:1]) for number in range(count)]
        learned = [part.learned if n < len(lessons) else 0 for n, part in enumerate(parts)]
        weights = [tokens * count / sum(learned) for tokens in learned]
        return list(zip(parts, weights, strict=True))

    def _collate(self, lessons: Sequence[GuidedLesson]) -> GuidedBatch:
        pad = self.student.tokenizer.id(PAD)
        return collate_guided(lessons, pad, packed=self.config.packing)

    def _lessons_of(self, step: int) -> list[GuidedLesson]:
        lessons: dict[int, GuidedLesson] = {}
        for wanted in self._order.step(step):
            for number in (*range(wanted, self._learned), *range(wanted)):
                lesson = None if number in lessons else self._lesson(number)
                if lesson is not None:
                    lessons[number] = lesson
                if number in lessons:
                    break
        return list(lessons.values())

    def _lesson(self, number: int) -> GuidedLesson | None:
        return self._lessons.lesson(self._held_out + number)

    def _keep_waiting(self) -> bool:
        self._signal = self.log.signal()
        return self._signal == "go"

    def _raise_if_interrupted(self) -> None:
        if self._signal != "go":
            raise _Interrupted

    def _check_usable(self) -> None:
        if any(self._lesson(number) is not None for number in range(self._learned)):
            return
        raise TeacherReplyInvalid(
            f"None of the {self._learned} prompts got a usable answer, so there is nothing to "
            f"learn. {' '.join(self._collector.reasons[:2])}"
        )

    # ── what is shown on the way ────────────────────────────────────────────────────────────────

    def _stage(self, curves: _Curves) -> str:
        if curves is _ALONE:
            return "training a twin on text alone, to compare"
        if self._wants_logprobs and not self._lessons.with_logprobs:
            return "training on text alone: the teacher gives no logprobs"
        return "training"

    def _on_step(
        self,
        student: ImageTokenReasoningLLM,
        report: StepReport,
        training: TrainConfig,
        curves: _Curves,
        parts: LossParts,
        best: Best,
    ) -> Signal:
        self.log.point(report.step, curves.train, report.loss)
        if curves is _WITH and self._lessons.with_logprobs:
            self.log.point(report.step, "cross-entropy", parts.text)
            self.log.point(report.step, "logprobs", parts.logprobs)
        speed = report.tokens / max(report.seconds, 1e-6)
        self._speed = speed if not self._speed else 0.9 * self._speed + 0.1 * speed
        last = report.step == training.steps
        if report.step == 1 or report.step % training.validate_every == 0 or last:
            self._validate(student, report.step, curves)
            best.hear(student, report.step, self._validation.get(curves.validation, math.inf))
        if curves is _WITH:
            self._draw_speeds(report)
        step = report.step + (training.steps if curves is _ALONE else 0)
        left = (self.steps - step) * report.tokens / max(self._speed, 1e-6)
        loss, held = report.loss, self._validation.get(curves.validation)
        stage = self._stage(curves)
        self.log.progress(Progress(stage, step, self.steps, self._speed, left, loss, held))
        self._signal = self.log.signal()
        early = self._signal == "go" and best.no_more_to_gain(report.step)
        return "stop" if early else self._signal

    def _draw_speeds(self, report: StepReport) -> None:
        """The learning rate and both sides' speeds, beside the loss."""
        self.log.point(report.step, "learning rate", report.learning_rate)
        self.log.point(report.step, "student tokens/s", self._speed)
        told, now = self._collector.told_tokens, time.monotonic()
        seconds = now - self._told[1]
        if seconds >= TEACHER_SPEED_EVERY_S:
            rate = (told - self._told[0]) / seconds
            if rate:  # a teacher that has nothing left to say is not slow
                self.log.point(report.step, "teacher tokens/s", rate)
            self._told = (told, now)

    @torch.inference_mode()
    def _validate(self, student: ImageTokenReasoningLLM, step: int, curves: _Curves) -> None:
        """Measure the held-out answers that are there by their text, and show one of them."""
        there = {n: each for n in range(self._held_out) if (each := self._lessons.lesson(n))}
        if not there:
            return
        student.eval()
        losses = []
        encoded = [each.lesson for each in there.values()]
        for start in range(0, len(encoded), self.config.batch_size):
            lessons = encoded[start : start + self.config.batch_size]
            batch = collate(lessons, student.tokenizer.id(PAD)).to(student.device)
            losses.append((float(answer_loss(student, batch)), batch.learned))
        total = sum(tokens for _, tokens in losses)
        mean = sum(loss * tokens for loss, tokens in losses) / total
        self._validation[curves.validation] = mean
        self.log.point(step, curves.validation, mean)
        if curves is _WITH:
            self._show(list(there)[(step // 20) % len(there)], step)
        student.train()

    def _show(self, index: int, step: int) -> None:
        """What teacher and student say to a held-out question."""
        question, taught = self._questions[index], self._collector.answer(index, lambda: False)
        if taught is not None:
            said = self._say(lesson_from(question, taught))
            self.log.sample(step, question, taught.text, said)

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


def follow(student: ImageTokenReasoningLLM, config: DistillConfig, checkpoint: Path) -> None:
    """Train along with the first process, which has the lessons, until it says that is all."""
    training, loss = training_config(config), transfer_loss(config, with_laws=True)
    student.model.save_memory = config.save_memory
    while await_word() == _WITH.train:
        fit(student, _nothing, loss, training, lambda report: "go", checkpoint)


def _nothing(step: int) -> GuidedBatch:
    raise ValueError(f"only the first process has the lessons of step {step}")


class _Interrupted(Exception):
    """Somebody asked to pause or stop while the run waited for the teacher."""
