"""The thread that owns a student and decodes everybody's open answers as one batch.

Nobody else touches the model: readers get a queue of events, a cancelled answer is dropped before
the next step, and other work on the model (embedding pictures, say) is handed in with ``run``.
New prompts are read piece by piece between the steps of those that are answered already.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import numpy as np
import torch

from model.config import SampleConfig
from model.errors import EngineBusy
from model.model import ImageTokenReasoningLLM, Prompt
from model.network.decoding import Steps
from model.network.text_generation import KVCache, Sampler
from model.network.text_tokenizer import TextStream
from model.records import AnswerStats, Event, Fact
from model.serving.engine_answer import Constraint, EngineAnswer, StoppedBy
from model.serving.prompt_reading import Keys, PromptReader, Reading
from model.serving.room import ROWS, WAITING

log = logging.getLogger(__name__)

Result = TypeVar("Result")
PIECE = 128
"""Tokens of a new prompt that are read between two steps of the others: some 30 ms."""


class _Row:
    """An answer while it holds a row of the cache."""

    def __init__(self, answer: EngineAnswer, student: ImageTokenReasoningLLM) -> None:
        self.answer = answer
        self.student = student
        thinking = answer.prompt.thinking
        self.sampler = Sampler(answer.sampling, student.banned_ids(thinking=thinking))
        self.text = TextStream(student.tokenizer, answer.sampling.stop, thinking=thinking)
        self.position = len(answer.prompt.ids)
        self.keys_S: Keys = np.zeros(0, np.int64)
        self.token = -1
        self.tokens = 0
        self.first_token_at = 0.0
        self.stopped_by: StoppedBy | None = None
        self.failed = False

    def take(self, scores_V: torch.Tensor) -> None:
        """Draw the next token from its scores and pass its text on."""
        constraint = None if self.text.thinking else self.answer.constraint
        self.token = self.sampler.next(scores_V, constraint.allowed() if constraint else None)
        self._note(scores_V)
        if self.token in self.student.end_ids:
            self.stopped_by = "end"
            return
        if self.token == self.student.end_of_thought:
            self.sampler.ban(self.student.banned_ids(thinking=False))
        self.tokens += 1
        if self.tokens == 1:
            self.first_token_at = time.monotonic()
        thinking = self.text.thinking
        self._say(self.text.push(self.token), thinking)
        if self.text.stopped:
            self.stopped_by = "stop"
        elif constraint is not None and constraint.took(self.token):
            self.stopped_by = "end"
        elif self.tokens >= self.answer.sampling.max_tokens:
            self.stopped_by = "length"

    def _note(self, scores_V: torch.Tensor) -> None:
        """Keep the token and what the student gave it, and the likeliest ones if asked for."""
        logprobs_V, answer = scores_V.float().log_softmax(-1), self.answer
        if answer.top_logprobs:
            values_K, tokens_K = logprobs_V.topk(min(answer.top_logprobs, len(logprobs_V)))
            answer.tops.append(tuple(zip(tokens_K.tolist(), values_K.tolist(), strict=True)))
        answer.logprobs.append(float(logprobs_V[self.token]))
        answer.ids.append(self.token)

    def close(self, student: str, weights_hash: str) -> None:
        """Pass on what is left, the figures, and the end."""
        now = time.monotonic()
        self._say(self.text.finish(), self.text.thinking)
        first = (self.first_token_at or now) - self.answer.asked_at
        busy = max(now - (self.first_token_at or now), 1e-6)
        stats = AnswerStats(
            tokens=self.tokens,
            tokens_per_s=(self.tokens - 1) / busy if self.tokens > 1 else 0.0,
            first_token_s=first,
            weights_hash=weights_hash,
            student=student,
            stopped_by=self.stopped_by or "end",
        )
        self.answer.put(Event("stats", stats=stats))
        self.answer.put(Event("done"))

    def _say(self, text: str, thinking: bool) -> None:
        if text:
            self.answer.put(Event("thought" if thinking else "token", text=text))


class Engine:
    """Answers for one student, several at a time, in the order in which they were asked."""

    def __init__(
        self,
        student: ImageTokenReasoningLLM,
        weights_hash: str,
        *,
        max_rows: int = ROWS,
        max_waiting: int = WAITING,
        int8: bool = False,
    ) -> None:
        """With ``int8`` answers are written with the decoder's weights in eight bits."""
        self.student = student.eval()
        self.weights_hash = weights_hash
        self._max_rows, self._max_waiting = max_rows, max_waiting
        decoder = student.config.decoder
        dtype = student.model.embed_tokens.weight.dtype
        # one row more than answers: there the next prompt is read while the others go on
        self._cache = KVCache(decoder, max_rows + 1, decoder.max_position_embeddings, dtype)
        self._reader = PromptReader(self.student, self._cache, max_rows)
        self._reading: tuple[_Row, Reading] | None = None
        self._step_rows = Steps(student.model, self._cache, int8=int8)
        self._wake = threading.Condition()
        self._waiting: deque[EngineAnswer] = deque()
        self._tasks: deque[tuple[Callable[[ImageTokenReasoningLLM], object], Future[object]]] = (
            deque()
        )
        self._rows: list[_Row] = []
        self._closed = self._at_work = False
        self._idle_since = time.monotonic()
        self._thread: threading.Thread | None = None

    def ask(
        self,
        prompt: Prompt,
        sampling: SampleConfig,
        facts: tuple[Fact, ...] = (),
        *,
        top_logprobs: int = 0,
        constraint: Constraint | None = None,
    ) -> EngineAnswer:
        """Queue a question; the facts are announced as ``source`` events before the answer.

        Raises: EngineBusy if too many answers are waiting already.
        """
        answer = EngineAnswer(
            prompt, sampling, facts, top_logprobs=top_logprobs, constraint=constraint
        )
        with self._wake:
            waiting = sum(not one.cancelled for one in self._waiting)
            if waiting >= self._max_waiting:
                raise EngineBusy(
                    f"{waiting} answers are waiting already; the limit is "
                    f"{self._max_waiting}. Try again in a few seconds."
                )
            self._waiting.append(answer)
            self._ensure_thread()
            self._wake.notify()
        return answer

    def run(self, work: Callable[[ImageTokenReasoningLLM], Result]) -> Future[Result]:
        """Do other work between two decoding steps; what it raises is the future's."""
        future: Future[Result] = Future()
        with self._wake:
            self._tasks.append((work, future))  # type: ignore[arg-type]
            self._ensure_thread()
            self._wake.notify()
        return future

    def idle(self) -> bool:
        """Whether nobody is being answered, once the step under way is done.

        Raises: EngineBusy if the engine is closed.
        """
        return self.run(lambda student: not (self._busy or self._waiting)).result()

    def expect(self) -> None:
        """Count as at work just now: somebody is about to ask."""
        with self._wake:
            self._idle_since = time.monotonic()

    def close_if_idle(self, for_s: float) -> bool:
        """Close if there was nothing to do for so many seconds; says whether it did.

        Unlike ``idle`` this waits for nothing.
        """
        with self._wake:
            busy = self._at_work or self._waiting or self._tasks
            if busy or time.monotonic() - self._idle_since < for_s:
                return False
            self._closed = True
            self._wake.notify()
        return True

    def close(self) -> None:
        """Cancel what is open and end the thread."""
        with self._wake:
            self._closed, thread = True, self._thread
            self._wake.notify()
        if thread is not None:
            thread.join(timeout=10)

    def _ensure_thread(self) -> None:
        if self._closed:
            raise EngineBusy("This student was just unloaded. Ask again.")
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
            self._thread.start()

    # ── the engine's own thread ─────────────────────────────────────────────────────────────────

    def _serve(self) -> None:
        try:
            while self._wait_for_work():
                self._do_tasks()
                self._admit()
                self._read()
                self._step()
        finally:
            self._abandon()

    def _wait_for_work(self) -> bool:
        with self._wake:
            while not (self._closed or self._waiting or self._tasks or self._busy):
                if self._at_work:
                    self._at_work, self._idle_since = False, time.monotonic()
                self._wake.wait()
            self._at_work = not self._closed
            return self._at_work

    def _do_tasks(self) -> None:
        while self._tasks:
            with self._wake:
                work, future = self._tasks.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work(self.student))
            except Exception as error:  # noqa: BLE001  whoever handed it in is told, nobody else
                future.set_exception(error)

    @property
    def _busy(self) -> bool:
        return bool(self._rows) or self._reading is not None

    def _admit(self) -> None:
        """Begin to read the next prompt, if there is room for its answer; end cancelled ones."""
        if not self._waiting:  # as in nearly every step
            return
        with self._wake:
            cancelled = [answer for answer in self._waiting if answer.cancelled]
            for answer in cancelled:
                self._waiting.remove(answer)
        for answer in cancelled:
            self._begin(answer)
        while self._reading is None and self._waiting and len(self._rows) < self._max_rows:
            with self._wake:
                answer = self._waiting.popleft()
            self._begin(answer)

    def _begin(self, answer: EngineAnswer) -> None:
        for fact in answer.facts:
            answer.put(Event("source", fact=fact))
        try:
            row = _Row(answer, self.student)
            if answer.cancelled:
                row.stopped_by = "cancelled"
                self._finish(row)
            else:
                self._reading = row, self._reader.begin(answer.prompt)
        except Exception:
            log.exception("an answer could not be begun")
            self._fail(answer)

    def _read(self) -> None:
        """Read a piece of a prompt, or all of it if nobody waits for a step meanwhile."""
        if self._reading is None:
            return
        row, reading = self._reading
        if row.answer.cancelled:
            row.stopped_by = "cancelled"
            self._reading = None
            self._finish(row)
            return
        try:
            scores_V = self._reader.advance(reading, PIECE if self._rows else None)
        except Exception:
            log.exception("a prompt could not be read")
            self._reading = None
            self._fail(row.answer)
            return
        if scores_V is not None:
            self._reading = None
            self._cache.move(self._max_rows, len(self._rows))
            row.keys_S = reading.keys_S
            self._rows.append(row)
            self._take(row, scores_V)
            self._drop_finished()

    def _step(self) -> None:
        for row in self._rows:
            if row.answer.cancelled:
                row.stopped_by = "cancelled"
        self._drop_finished()
        if not self._rows:
            return
        tokens = [row.token for row in self._rows]
        positions = [row.position for row in self._rows]
        scores_BV = self._step_rows(tokens, positions)
        for index, row in enumerate(self._rows):
            row.position += 1
            self._take(row, scores_BV[index])
        self._drop_finished()

    def _take(self, row: _Row, scores_V: torch.Tensor) -> None:
        """Draw a row's next token; what goes wrong there ends this answer and no other."""
        try:
            row.take(scores_V)
        except Exception:
            log.exception("a token could not be drawn")
            row.failed = True
            self._fail(row.answer)

    def _fail(self, answer: EngineAnswer) -> None:
        answer.put(Event("error", text="This answer failed; the log says why. Ask again."))

    def _drop_finished(self) -> None:
        """Close finished answers; the last row moves into each gap, so rows stay together."""
        index = 0
        while index < len(self._rows):
            row = self._rows[index]
            if row.stopped_by is None and not row.failed:
                index += 1
                continue
            if not row.failed:
                said = row.answer.ids[: row.position - len(row.answer.prompt.ids)]
                self._reader.keep(np.append(row.keys_S, np.array(said, np.int64)), index)
                self._finish(row)
            last = self._rows.pop()
            if index < len(self._rows):
                self._rows[index] = last
                self._cache.move(len(self._rows), index)

    def _finish(self, row: _Row) -> None:
        row.close(self.student.card.name, self.weights_hash)

    def _abandon(self) -> None:
        """The thread ends, by ``close`` or by a fault: nobody is left waiting for ever."""
        with self._wake:
            reading = [self._reading[0]] if self._reading else []
            answers = [*(row.answer for row in (*self._rows, *reading)), *self._waiting]
            tasks = list(self._tasks)
            self._rows.clear()
            self._reading = None
            self._waiting.clear()
            self._tasks.clear()
            self._at_work, self._idle_since = False, time.monotonic()
            self._thread = None  # whoever asks again right now is served by another one
        for answer in answers:
            answer.put(Event("error", text="The answer was broken off. Ask again."))
        for _, future in tasks:
            if future.set_running_or_notify_cancel():
                future.set_exception(EngineBusy("The student was just unloaded. Try again."))
