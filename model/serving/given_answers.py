"""Answers that are kept with their tokens once they are complete, so that a vote can teach."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from model.feedback_records import AnswerId, GivenAnswer
from model.knowledge.store import Store
from model.records import AnswerStats, Event, StudentId, Turn

if TYPE_CHECKING:
    from model.serving.engine_answer import EngineAnswer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """Who gives an answer to what: the student, the hash of its bundle, and chosen settings.

    ``why`` says in words which settings were chosen and why; empty if the person set them.
    """

    question: Turn
    student: StudentId
    base: str
    chosen: Mapping[str, Any] = field(default_factory=dict)
    propensity: float = 1.0
    why: str = ""


class RecordedAnswer:
    """An answer under way that is stored before its figures are told; fulfils ``Answer``."""

    def __init__(self, answer: EngineAnswer, origin: Origin, store: Store) -> None:
        self._answer, self._origin, self._store = answer, origin, store

    def cancel(self) -> None:
        """Stop before the next decoding step."""
        self._answer.cancel()

    def events(self) -> Iterator[Event]:
        """The answer's events; its figures name the id under which it is kept."""
        text, thought = "", ""
        for event in self._answer.events():
            if event.kind == "token":
                text += event.text
            elif event.kind == "thought":
                thought += event.text
            elif event.stats is not None:
                said = Turn("assistant", text, facts=self._answer.facts, thought=thought.strip())
                event = replace(event, stats=self._kept(said, event.stats))
            yield event

    def _kept(self, said: Turn, stats: AnswerStats) -> AnswerStats:
        stats = replace(stats, chosen=self._origin.why)
        # half an answer is nobody's opinion; nor is one without a word
        if stats.stopped_by == "cancelled" or not said.text:
            return stats
        name = AnswerId(uuid.uuid4().hex)
        stats = replace(stats, answer=name)
        answer, origin = self._answer, self._origin
        self._store.save_answer(
            GivenAnswer(
                id=name,
                question=origin.question,
                said=replace(said, stats=stats),
                prompt=answer.prompt.without_graph.ids,  # lessons have the facts in words alone
                thinking=answer.prompt.thinking,
                tokens=tuple(answer.ids),
                logprobs=tuple(answer.logprobs),
                settings=answer.sampling,
                student=origin.student,
                base=origin.base,
                weights=stats.weights_hash,
                chosen=origin.chosen,
                propensity=origin.propensity,
                created_at=time.time(),
            )
        )
        return stats
