"""Who answers in a comparison: a student of the workspace, or a teacher.

Importing this file imports no torch. A student is asked drawn questions with the facts that they
bring along; prompts that a person typed it answers as in the chat, with facts of the graph.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from model.compare_records import CompareTask, SideInfo
from model.config import SampleConfig
from model.errors import InputError, ReasonerError
from model.knowledge.pictures import Pictures, decode
from model.records import Answer, AnswerStats, Event, Fact, StudentId, TripletId, Turn
from model.serving.asking import Asking
from model.serving.students import Students
from model.teachers.base import Question, Streams, Teacher, TeacherAnswer

if TYPE_CHECKING:
    from model.learning.examples import Lesson
    from model.serving.engine import Engine

_TOGETHER = 8
"""References whose loss is computed in one step, so that answers are not held up long."""
_PICTURES = "The pictures show, in this order:"
_FACTS = "These facts hold, whatever else you know (thing | action | result):"


@dataclass(frozen=True)
class Loss:
    """What a side gives a text, in nats, over so many of its own tokens."""

    nats: float
    tokens: int


class Contestant(Protocol):
    """One side of a comparison."""

    @property
    def info(self) -> SideInfo:
        """Who it is."""
        ...

    def answer(self, task: CompareTask, sampling: SampleConfig) -> Answer:
        """Begin to answer. Raises: ReasonerError."""
        ...

    def losses(
        self, tasks: Sequence[CompareTask], texts: Sequence[str]
    ) -> list[Loss | None] | None:
        """What it gives these texts as answers; None if it does not tell, as a whole or of a text
        for which it has no room. Raises: ReasonerError."""
        ...


class StudentSide:
    """A student of the workspace."""

    def __init__(
        self, info: SideInfo, asking: Asking, students: Students, pictures: Pictures
    ) -> None:
        self._info, self._asking = info, asking
        self._students, self._pictures = students, pictures

    @property
    def info(self) -> SideInfo:
        """Who it is."""
        return self._info

    def answer(self, task: CompareTask, sampling: SampleConfig) -> Answer:
        """Begin to answer, in the engine's batch with everybody else."""
        student = StudentId(self._info.id)
        if not task.spec:
            turn = Turn("user", task.prompt, task.pictures, task.roles)
            return self._asking.answer([turn], sampling, student)
        engine = self._students.engine(student)
        # the student is in memory from here on, so its network may be imported
        from model.learning.answering import prompt_of

        lesson = self._lesson(task, task.answer, thinks=sampling.think)
        prompt = prompt_of(engine.student, lesson, sampling.max_tokens)
        return engine.ask(prompt, sampling, tuple(given_fact(line) for line in task.facts))

    def losses(self, tasks: Sequence[CompareTask], texts: Sequence[str]) -> list[Loss | None]:
        """The cost of these texts as answers, without a thought before them.

        None stands for a text that does not fit the student's window together with its question.
        """
        engine = self._students.engine(StudentId(self._info.id))
        lessons = [
            self._lesson(task, text, thinks=False) for task, text in zip(tasks, texts, strict=True)
        ]
        found: list[Loss | None] = []
        for start in range(0, len(lessons), _TOGETHER):
            found += _losses_of(engine, lessons[start : start + _TOGETHER])
        return found

    def _lesson(self, task: CompareTask, text: str, *, thinks: bool) -> Lesson:
        from model.learning.examples import Lesson

        images = tuple(decode(self._pictures.path(picture)) for picture in task.pictures)
        thought = "" if thinks else None
        return Lesson(task.prompt, text, images, task.roles, task.facts, thought)


class TeacherSide:
    """A model on a server, or the built-in oracle. It sees no facts but the given ones."""

    def __init__(self, info: SideInfo, teacher: Teacher, pictures: Pictures) -> None:
        self._info, self._teacher, self._pictures = info, teacher, pictures

    @property
    def info(self) -> SideInfo:
        """Who it is."""
        return self._info

    def answer(self, task: CompareTask, sampling: SampleConfig) -> Answer:
        """Begin to answer; the teacher is asked by whoever reads the events."""
        facts = tuple(given_fact(line) for line in task.facts)
        shown = [f"{_PICTURES} {', '.join(task.roles)}."] if task.roles else []
        system = "\n".join([*shown, *([_FACTS, *task.facts] if facts else [])])
        pictures = tuple(self._pictures.path(picture).read_bytes() for picture in task.pictures)
        question = Question(task.prompt, pictures, system, task.spec)
        return TeacherTalk(self._info, self._teacher, question, sampling, facts)

    def losses(self, tasks: Sequence[CompareTask], texts: Sequence[str]) -> None:
        """No server tells what its model gives a text that it did not write itself."""


class TeacherTalk:
    """A teacher's answer under way; fulfils ``records.Answer``."""

    def __init__(
        self,
        info: SideInfo,
        teacher: Teacher,
        question: Question,
        sampling: SampleConfig,
        facts: tuple[Fact, ...],
    ) -> None:
        self._info, self._teacher, self._question = info, teacher, question
        self._sampling, self._facts = sampling, facts
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop before the next piece, which closes the connection."""
        self._cancelled.set()

    def events(self) -> Iterator[Event]:
        """Facts, pieces, figures, the end; what the teacher refuses comes as an error."""
        yield from (Event("source", fact=fact) for fact in self._facts)
        started, first_at, pieces = time.monotonic(), 0.0, 0
        stream = self._stream()
        try:
            while True:
                try:
                    piece = next(stream)
                except StopIteration as end:
                    yield self._stats(end.value, started, first_at)
                    break
                first_at, pieces = first_at or time.monotonic(), pieces + 1
                yield Event("token", text=piece)
                if self._cancelled.is_set():
                    broken = TeacherAnswer("", "cancelled", pieces)
                    yield self._stats(broken, started, first_at)
                    break
        except ReasonerError as error:
            yield Event("error", text=str(error))
            return
        finally:
            stream.close()
        yield Event("done")

    def _stream(self) -> Generator[str, None, TeacherAnswer]:
        wanted = self._sampling
        settings = {
            "temperature": wanted.temperature,
            "max_tokens": wanted.max_tokens,
            "seed": wanted.seed,
        }
        if isinstance(self._teacher, Streams):
            return (yield from self._teacher.stream(self._question, **settings))  # type: ignore[arg-type]
        answer = self._teacher.answer(self._question, **settings)  # type: ignore[arg-type]
        yield answer.text
        return answer

    def _stats(self, answer: TeacherAnswer, started: float, first_at: float) -> Event:
        now = time.monotonic()
        first_at = first_at or now
        stopped_by = answer.stopped_by if answer.stopped_by in ("length", "cancelled") else "end"
        stats = AnswerStats(
            tokens=answer.tokens,
            tokens_per_s=self._speed(answer.tokens, now - first_at),
            first_token_s=0.0 if self._info.kind == "builtin" else first_at - started,
            weights_hash=self._info.weights_hash,
            student=self._info.name,
            stopped_by=stopped_by,  # type: ignore[arg-type]
        )
        return Event("stats", stats=stats)

    def _speed(self, tokens: int, busy_s: float) -> float:
        """Tokens per second after the first; 0 for the oracle, which writes no tokens."""
        if self._info.kind == "builtin":
            return 0.0
        return max(tokens - 1, 0) / max(busy_s, 1e-6)


def _losses_of(engine: Engine, lessons: Sequence[Lesson]) -> list[Loss | None]:
    """What the lessons' answers cost in one step, or one by one if there is no room for all."""
    from model.learning.answering import answer_nats

    try:
        nats_N, tokens_N = engine.run(partial(answer_nats, lessons=lessons)).result()
    except InputError:
        if len(lessons) == 1:
            return [None]
        return [loss for lesson in lessons for loss in _losses_of(engine, [lesson])]
    pairs = zip(nats_N.tolist(), tokens_N.tolist(), strict=True)
    return [Loss(nats, int(tokens)) for nats, tokens in pairs]


def given_fact(line: str) -> Fact:
    """A fact that came with the question; it is not in the graph and so has no number."""
    subject, relation, object_ = (part.strip() for part in line.split("|", 2))
    return Fact(TripletId(0), subject, relation, object_, 1.0)
