"""A teacher's answers as a student's lessons: laid out as tokens, with the law on them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from zlib import crc32

from PIL import Image

from model.learning.alignment import Aligner, Guidance
from model.learning.collecting import Collector
from model.learning.examples import Lesson, encode_lesson, thought_ids
from model.learning.recipe import lesson_of
from model.learning.transfer_loss import GuidedLesson
from model.microworld.oracle import from_spec
from model.model import ImageTokenReasoningLLM
from model.teachers.base import Question, TeacherAnswer

KEPT = 512
"""Lessons that are kept laid out; pictures make them large."""


def lesson_from(question: Question, answer: TeacherAnswer) -> Lesson:
    """A teacher's answer as a lesson; drawn questions keep their roles and facts.

    About half of them, always the same, are learned with their thought by a student that thinks.
    """
    finished = answer.stopped_by != "length"
    if question.spec:
        think = crc32(question.spec.encode()) % 2 == 0
        lesson = lesson_of(from_spec(question.spec), think=think)
        return replace(lesson, answer=answer.text, finished=finished)
    images = tuple(Image.open(io.BytesIO(data)).convert("RGB") for data in question.pictures)
    return Lesson(
        question.text, answer.text, images, question.roles, question.facts, finished=finished
    )


class TaughtLessons:
    """The lessons of a run by the number of their question; each waits for its answer.

    Without an ``aligner`` log-probabilities are not looked at. ``interrupted`` is asked after each
    wait for an answer, and may raise.
    """

    def __init__(
        self,
        student: ImageTokenReasoningLLM,
        questions: Sequence[Question],
        collector: Collector,
        aligner: Aligner | None,
        *,
        keep_waiting: Callable[[], bool],
        interrupted: Callable[[], None],
    ) -> None:
        self._student, self._questions, self._collector = student, questions, collector
        self._aligner = aligner
        self._keep_waiting, self._interrupted = keep_waiting, interrupted
        self._guided: dict[int, bool] = {}
        self.lesson = lru_cache(maxsize=KEPT)(self._lesson)

    @property
    def with_logprobs(self) -> int:
        """How many of the lessons so far have laws."""
        return sum(self._guided.values())

    @property
    def without_logprobs(self) -> int:
        """How many of the lessons so far have none."""
        return len(self._guided) - self.with_logprobs

    def _lesson(self, index: int) -> GuidedLesson | None:
        """The lesson of a question, or ``None`` if it got no answer.

        Raises: ReasonerError once the teacher is gone and the answer will not come.
        """
        answer = self._collector.answer(index, self._keep_waiting)
        self._interrupted()
        if answer is None:
            return None
        lesson = lesson_from(self._questions[index], answer)
        encoded = encode_lesson(self._student, lesson)
        guidance = self._guidance(answer)
        if self._aligner:
            self._guided[index] = guidance is not None
        return GuidedLesson(encoded, guidance, len(thought_ids(self._student, lesson)))

    def _guidance(self, answer: TeacherAnswer) -> Guidance | None:
        if self._aligner is None or not answer.logprobs:
            return None
        guidance = self._aligner.align(answer.text, answer.logprobs)
        return guidance if guidance.guided or guidance.runs else None
