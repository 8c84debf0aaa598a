"""The collector of a run: what is asked, with which settings, and which answers are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from model.config import DistillConfig
from model.errors import TeacherReplyInvalid
from model.learning.answer_filter import fault_of
from model.learning.collecting import AskSettings, Collector, Listener, TraceStore
from model.records import Signal
from model.teachers.base import MOST_LOGPROBS, Question, Teacher, TeacherAnswer
from model.teachers.given import GIVEN

LAST_ANSWERS_S = 5.0
"""How long the end of a run waits for answers that are still being given."""
WITHOUT_LOGPROBS = ("builtin", GIVEN)
"""Names of teachers that never give log-probabilities."""


class CollectingLog(Protocol):
    """Who is told how the collecting goes, and asked to go on; a run's log fulfils it."""

    def collected(self, answers: int, failures: int) -> None:
        """Count the teacher's answers."""
        ...

    def answered(self, key: str) -> None:
        """A prompt has its answer."""
        ...

    def failed(self, key: str, reason: str) -> None:
        """A prompt got no answer, and why."""
        ...

    def left_out(self, key: str, reason: str) -> None:
        """A prompt's answer is not learned from, and why."""
        ...

    def signal(self) -> Signal:
        """Whether to go on, pause or stop."""
        ...


def wants_logprobs(config: DistillConfig, teacher: Teacher) -> bool:
    """Whether a run asks its teacher for log-probabilities."""
    return config.learn_from != "text" and teacher.name not in WITHOUT_LOGPROBS


def ask_settings(config: DistillConfig, teacher: Teacher) -> AskSettings:
    """How a run asks its teacher."""
    return AskSettings(
        config.temperature,
        config.max_answer_tokens,
        config.seed,
        MOST_LOGPROBS if wants_logprobs(config, teacher) else 0,
    )


def collector_of(
    config: DistillConfig,
    teacher: Teacher,
    questions: Sequence[Question],
    store: TraceStore,
    log_to: CollectingLog,
) -> Collector:
    """A collector that asks as the run's settings say; it is not started."""

    def fault(question: Question, answer: TeacherAnswer) -> str:
        # drawn examples have the oracle's answers, and a person knows what they wrote
        known = question.spec or answer.model == GIVEN
        # a graph may speak another language than the words around it
        asked = " ".join((question.text, *question.facts))
        return "" if known else fault_of(asked, answer, config)

    return Collector(
        teacher,
        questions,
        store,
        ask_settings(config, teacher),
        concurrency=config.concurrency,
        listener=Listener(log_to.collected, log_to.answered, log_to.failed, log_to.left_out),
        fault_of=fault,
    )


def collect_all(
    config: DistillConfig,
    teacher: Teacher,
    questions: Sequence[Question],
    store: TraceStore,
    log_to: CollectingLog,
) -> Literal["done", "paused", "stopped"]:
    """Ask everything and train nothing; the answers are in the store.

    Raises: ReasonerError if the teacher is lost, or gave no answer at all.
    """
    collector = collector_of(config, teacher, questions, store, log_to)
    signal: Signal = "go"

    def keep_waiting() -> bool:
        nonlocal signal
        signal = log_to.signal()
        return signal == "go"

    collector.start()
    try:
        for number in range(len(questions)):
            collector.answer(number, keep_waiting)
            if signal != "go":
                return "paused" if signal == "pause" else "stopped"
    finally:
        collector.stop(wait_s=LAST_ANSWERS_S)
    answers, _ = collector.counts
    if not answers:
        raise TeacherReplyInvalid(
            f"None of the {len(questions)} prompts got an answer. {' '.join(collector.reasons[:2])}"
        )
    return "done"
