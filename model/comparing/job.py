"""A comparison under way: one worker for every side, one thread that puts together what they say.

A slow side does not hold up the others. Readers get the newest state and may come, go and come
back; the comparison goes on without them.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from model.compare_records import (
    LETTERS,
    CompareRow,
    Comparison,
    ComparisonState,
    SideAnswer,
)
from model.comparing.contestants import Contestant
from model.comparing.judge import Judge, judged
from model.comparing.measuring import differences, measures
from model.comparing.scoring import score
from model.errors import ReasonerError
from model.records import Answer, Event

log = logging.getLogger(__name__)

KEEP_EVERY_S = 2.0
"""How often an unfinished comparison is stored."""
_WAIT_S = 0.05
_News = tuple[int, int, SideAnswer]
"""Side, row, and its answer so far."""


def folded(events: Iterable[Event]) -> Iterator[SideAnswer]:
    """The answer after every event; the last one is finished."""
    answer = SideAnswer()
    for event in events:
        if event.kind == "token":
            answer = replace(answer, text=answer.text + event.text)
        elif event.kind == "thought":
            answer = replace(answer, thought=answer.thought + event.text)
        elif event.kind == "source" and event.fact is not None:
            answer = replace(answer, facts=(*answer.facts, event.fact.line))
        elif event.kind == "stats" and event.stats is not None:
            stats = event.stats
            answer = replace(
                answer,
                weights_hash=stats.weights_hash,
                tokens=stats.tokens,
                tokens_per_s=stats.tokens_per_s,
                first_token_s=stats.first_token_s,
                stopped_by=stats.stopped_by,
            )
        elif event.kind == "error":
            answer = replace(answer, error=event.text or "The answer broke off. Run it again.")
        yield replace(answer, finished=event.kind in ("done", "error"))


class ComparisonJob:
    """Answers, scores, judges and measures; ``keep`` is given the state now and then."""

    def __init__(
        self,
        comparison: Comparison,
        contestants: Sequence[Contestant],
        keep: Callable[[Comparison], None],
        judge: Judge | None = None,
    ) -> None:
        self._now, self._contestants, self._judge = comparison, contestants, judge
        self._keep, self._kept_at = keep, float("-inf")
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._open: dict[int, Answer] = {}
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="comparison", daemon=True)
        self._thread.start()

    @property
    def now(self) -> Comparison:
        """The newest state."""
        with self._changed:
            return self._now

    def states(self) -> Iterator[Comparison]:
        """The newest state whenever there is one that was not yet seen; ends with the last."""
        seen: Comparison | None = None
        while seen is None or seen.state == "running":
            with self._changed:
                while self._now is seen:
                    self._changed.wait()
                seen = self._now
            yield seen

    def cancel(self) -> None:
        """Stop within a moment; what was answered is measured and kept."""
        self._stopped.set()
        with self._changed:
            answers = list(self._open.values())
        for answer in answers:
            answer.cancel()

    def wait(self, limit_s: float) -> None:
        """Wait until it is over and stored, at most so long."""
        self._thread.join(limit_s)

    # ── the comparison's own thread ─────────────────────────────────────────────────────────────

    def _run(self) -> None:
        state: ComparisonState = "failed"
        message = "The comparison failed; the log says why. Run it again."
        try:
            self._answer()
            self._finish()
            stopped = self._stopped.is_set()
            state, message = ("stopped", "") if stopped else ("done", self._now.message)
        except ReasonerError as error:
            message = str(error)
        finally:
            self.cancel()  # after a fault, sides may still be at work
            seconds = time.monotonic() - self._started
            last = replace(self.now, state=state, stage="", message=message, seconds=seconds)
            try:
                self._keep(last)
            except ReasonerError as error:
                last = replace(last, message=f"It could not be stored: {error}")
            finally:
                self._publish(last)  # whatever happens, nobody waits for ever

    def _answer(self) -> None:
        """Collect what the sides say until all have ended, or somebody stops it."""
        news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        workers = [
            threading.Thread(
                target=self._work, args=(side, news), name=f"side-{LETTERS[side]}", daemon=True
            )
            for side in range(len(self._contestants))
        ]
        for worker in workers:
            worker.start()
        while True:
            # asked before the queue is emptied, so that nothing said last is missed
            over = not any(worker.is_alive() for worker in workers)
            self._take(list(_waiting(news)))
            # a teacher that is silent cannot be stopped; nobody waits for it
            if over or (self._stopped.is_set() and not self._open_students()):
                return

    def _open_students(self) -> bool:
        """Whether a student still answers: it stops within a step, and its answer is kept."""
        with self._changed:
            sides = list(self._open)
        return any(self._contestants[side].info.kind == "student" for side in sides)

    def _take(self, news: Sequence[_News]) -> None:
        if not news:
            return
        rows = list(self._now.rows)
        for side, number, answer in news:
            answers = list(rows[number].answers)
            answers[side] = answer
            rows[number] = replace(rows[number], answers=tuple(answers))
        self._tell(rows=tuple(rows), stage="answering")

    def _work(self, side: int, news: queue.SimpleQueue[_News]) -> None:
        """One side's own thread: its answers, one after the other."""
        contestant = self._contestants[side]
        for number, row in enumerate(self._now.rows):
            if self._stopped.is_set():
                return
            try:
                answer = contestant.answer(row.task, self._now.config.sampling)
                with self._changed:
                    self._open[side] = answer
                if self._stopped.is_set():
                    answer.cancel()
                for said in folded(answer.events()):
                    news.put((side, number, said))
            except ReasonerError as error:
                news.put((side, number, SideAnswer(error=str(error), finished=True)))
            finally:
                with self._changed:
                    self._open.pop(side, None)

    def _finish(self) -> None:
        """Scores, losses, verdicts and figures of what was answered."""
        rows = self._scored(self._now.rows)
        self._tell(rows=rows, stage="measuring", reference=self._reference())
        rows = self._with_losses(rows)
        verdicts, fault = self._now.verdicts, self._now.message
        if self._judge is not None and not self._stopped.is_set():
            verdicts, fault = judged(
                self._judge,
                rows,
                lambda done, of: self._tell(stage=f"judging, {done} of {of}"),
                self._stopped.is_set,
            )
        sides = len(self._contestants)
        self._tell(
            rows=rows,
            verdicts=verdicts,
            message=fault,
            measures=measures(rows, sides, verdicts),
            differences=differences(rows, sides),
        )

    def _teacher(self) -> int | None:
        """The first side that is a teacher."""
        kinds = [contestant.info.kind for contestant in self._contestants]
        return next((side for side, kind in enumerate(kinds) if kind != "student"), None)

    def _reference(self) -> str:
        known = sum(bool(row.task.answer) for row in self._now.rows)
        teacher = self._teacher()
        if known:
            return f"the right answers, known for {known} of {len(self._now.rows)} prompts"
        if teacher is None:
            return ""
        return f"the answers of {LETTERS[teacher]}, {self._contestants[teacher].info.name}"

    def _scored(self, rows: Sequence[CompareRow]) -> tuple[CompareRow, ...]:
        teacher, found = self._teacher(), list[CompareRow]()
        for row in rows:
            theirs = row.answers[teacher] if teacher is not None else None
            said = theirs.text if theirs is not None and theirs.counts else None
            reference = row.task.answer or said or ""
            answers = tuple(
                answer
                if answer is None or not answer.counts
                else replace(answer, scores=score(
                    answer.text,
                    row.task.answer,
                    # nobody is scored against what they said themselves
                    row.task.answer or ("" if side == teacher else reference),
                    None if side == teacher else said,
                    row.task.spec,
                ))
                for side, answer in enumerate(row.answers)
            )  # fmt: skip
            found.append(replace(row, answers=answers, reference=reference))
        return tuple(found)

    def _with_losses(self, rows: Sequence[CompareRow]) -> tuple[CompareRow, ...]:
        """The cost of the references, for the sides that tell it."""
        known = [number for number, row in enumerate(rows) if row.reference]
        grown = list(rows)
        for side, contestant in enumerate(self._contestants):
            asked = [n for n in known if (a := grown[n].answers[side]) and a.counts]
            tasks, texts = [grown[n].task for n in asked], [grown[n].reference for n in asked]
            for number, loss in zip(asked, contestant.losses(tasks, texts) or (), strict=False):
                if loss is None:  # measured without it, as without an answer that does not count
                    continue
                answers = list(grown[number].answers)
                answer = answers[side]
                assert answer is not None
                nats = loss.nats if math.isfinite(loss.nats) else None  # JSON knows no infinity
                scores = replace(answer.scores, nats=nats, reference_tokens=loss.tokens)
                answers[side] = replace(answer, scores=scores)
                grown[number] = replace(grown[number], answers=tuple(answers))
        return tuple(grown)

    # ── telling ─────────────────────────────────────────────────────────────────────────────────

    def _tell(self, **changes: object) -> None:
        """Put changes into the newest state; store it if that was some time ago."""
        now = time.monotonic()
        state = replace(self._now, seconds=now - self._started, **changes)  # type: ignore[arg-type]
        if now - self._kept_at >= KEEP_EVERY_S:
            self._keep(state)
            self._kept_at = now
        self._publish(state)

    def _publish(self, state: Comparison) -> None:
        with self._changed:
            self._now = state
            self._changed.notify_all()


def _waiting(news: queue.SimpleQueue[_News]) -> Iterator[_News]:
    """All news that are there; waits a moment for the first."""
    try:
        yield news.get(timeout=_WAIT_S)
        while True:
            yield news.get_nowait()
    except queue.Empty:
        return
