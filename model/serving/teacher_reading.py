"""A text or pictures read by a teacher, piece by piece, in the background.

A teacher's answer about a piece is kept the moment it is whole, so a reading that was stopped or
broke off goes on where it was when it is started again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from model.config import ReadingConfig
from model.errors import ReasonerError, TeacherError, TeacherReplyInvalid
from model.graph_records import Reading
from model.knowledge.store import Store
from model.knowledge.triplet_lines import same_key
from model.records import TripletDraft
from model.teachers import proposals
from model.teachers.base import Question
from model.teachers.server_teacher import ServerTeacher

MOST_PROPOSALS = 500
"""More are not listed: nobody looks through them one by one."""
MOST_NOTES = 20
TELL_EVERY_S = 1.0

Result = TypeVar("Result")


@dataclass(frozen=True)
class Piece:
    """One question for the teacher, and how its answer becomes drafts."""

    question: Question
    schema: dict[str, Any]
    read: Callable[[str], proposals.Found]


@dataclass
class TeacherReading:
    """Pieces read by a teacher one after the other; its answers are asked for once and kept."""

    pieces: list[Piece]
    config: ReadingConfig
    teacher: ServerTeacher
    store: Store
    _stop: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Stop before the next word of the teacher; the server is told by the closed connection."""
        self._stop.set()

    def steps(self) -> Iterator[Reading]:
        """A step after each piece, and each second; see ``ReadingJob``."""
        said = Reading(self.config.teacher_model, "reading", 0, len(self.pieces))
        drafts: dict[tuple[str, str, str], TripletDraft] = {}
        started = time.monotonic()
        try:
            yield said
            for number, piece in enumerate(self.pieces, start=1):
                asked = _in_background(partial(self._answer, piece))
                while not _waited(asked, TELL_EVERY_S) and not self._stop.is_set():
                    yield said
                if self._stop.is_set():
                    break
                said = replace(said, piece=number, notes=self._take(asked, number, said, drafts))
                spent_s = time.monotonic() - started
                left_s = spent_s / number * (len(self.pieces) - number)
                said = replace(said, drafts=tuple(drafts.values()), remaining_s=left_s)
                yield said
        except TeacherError as exc:
            yield replace(said, state="failed", message=str(exc), remaining_s=None)
            return
        finally:
            self._stop.set()
        stopped = said.piece < len(self.pieces)
        yield replace(said, state="stopped" if stopped else "done", remaining_s=None)

    def _take(
        self,
        asked: Future[tuple[str, str]],
        number: int,
        said: Reading,
        drafts: dict[tuple[str, str, str], TripletDraft],
    ) -> tuple[str, ...]:
        """Add what a piece gave; returns the notes with those about this piece.

        Raises: TeacherError for what the next piece would meet, too.
        """
        notes = list(said.notes)
        try:
            answer, trouble = asked.result()
        except TeacherReplyInvalid as exc:
            answer, trouble = "", str(exc)
        found = self.pieces[number - 1].read(answer)
        if answer and not trouble and not found.readable:
            trouble = "The teacher did not answer in the form that was asked for."
        if found.unusable:
            trouble = f"{trouble} {_entries(found.unusable)} had no usable words.".strip()
        for draft in found.drafts:
            known = drafts.get(same_key(draft))
            if known is None and len(drafts) >= MOST_PROPOSALS:
                trouble = too_many(1)
            elif known is None or draft.confidence > known.confidence:
                drafts[same_key(draft)] = draft
        if trouble and len(notes) < MOST_NOTES:
            where = f"Piece {number}: " if len(self.pieces) > 1 else ""
            notes.append(f"{where}{trouble}")
        return tuple(notes)

    def _answer(self, piece: Piece) -> tuple[str, str]:
        """The answer about a piece, from the store or from the teacher, and what was wrong with it.

        An answer that reached its longest length is cut off: it is used, but not kept.
        """
        longest = self.config.max_answer_tokens
        key = self.teacher.answer_key(
            piece.question, temperature=0, max_tokens=longest, seed=0, format=piece.schema
        )
        kept = None if self._stop.is_set() else self.store.trace(key)
        if kept is not None:
            return kept, ""
        stream = self.teacher.stream(
            piece.question, temperature=0, max_tokens=longest, seed=0, format=piece.schema
        )
        while not self._stop.is_set():
            try:
                next(stream)
            except StopIteration as end:
                answer = end.value
                break
        else:
            stream.close()
            return "", ""
        if answer.stopped_by == "length":
            return answer.text, (
                f"The answer was cut off after {answer.tokens:,} tokens; "
                "its complete triplets are listed."
            )
        if piece.read(answer.text).readable:
            self.store.save_trace(key, piece.question.text, answer.text, answer.model)
        return answer.text, ""


def _in_background(work: Callable[[], Result]) -> Future[Result]:
    """The result of ``work`` from a thread that nobody has to wait for, not even the exit."""
    promised: Future[Result] = Future()

    def run() -> None:
        try:
            promised.set_result(work())
        except ReasonerError as exc:
            promised.set_exception(exc)
        finally:
            promised.cancel()  # only after a mistake in code, which the thread reports itself

    threading.Thread(target=run, name="reading", daemon=True).start()
    return promised


def _waited(promised: Future[Result], seconds: float) -> bool:
    """Whether the result, or what went wrong, is there after so many seconds."""
    try:
        promised.exception(timeout=seconds)
    except NotYet:
        return False
    return True


def too_many(left: int) -> str:
    """Says that ``left`` triplets are not listed, and what to do instead."""
    more = "At least one more" if left == 1 else f"{left:,} more"
    return (
        f"{more} than {MOST_PROPOSALS} triplets were found; the first {MOST_PROPOSALS} are listed. "
        "Import a large table in the Graph tab instead."
    )


def _entries(number: int) -> str:
    return "1 proposal" if number == 1 else f"{number} proposals"
