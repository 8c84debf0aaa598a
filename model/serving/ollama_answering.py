"""One question of a client on its way through the engine, whichever protocol it came by."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from model.errors import EngineBusy
from model.records import AnswerStats
from model.serving.ollama_models import Served
from model.serving.ollama_options import Options
from model.serving.ollama_prompt import (
    Laid,
    Turn,
    cut,
    droppable,
    finished,
    lay_out,
    token_ids,
    without_oldest,
)
from model.serving.ollama_refusals import Refused, too_long
from model.serving.ollama_tokens import TokenLedger
from model.serving.room import OPEN_ANSWERS

if TYPE_CHECKING:
    from model.model import ImageTokenReasoningLLM, Prompt
    from model.serving.engine import Engine
    from model.serving.engine_answer import EngineAnswer

Result = TypeVar("Result")

LEAST_WINDOW = 16
LEAST_ROOM_SHARE = 4
"""One part in so many of what a student reads is kept free for an answer that may be long."""
SPARE_READERS = 40
READERS = OPEN_ANSWERS + SPARE_READERS
"""Each open answer holds a reader; with the spare ones others look up students, or are refused."""
_THREADS: RunVar[anyio.CapacityLimiter] = RunVar("ollama readers")
"""Waiting readers get threads of their own, so that they never hold those of the page."""


@dataclass(frozen=True)
class Wish:
    """What a client asks for. ``raw`` is a prompt as it is; else ``turns`` are laid out.

    With ``let_go`` the student need not stay in memory when the answer is over.
    """

    served: Served
    options: Options
    turns: tuple[Turn, ...] = ()
    raw: Laid | None = None
    context: tuple[int, ...] = ()
    think: bool | None = None
    schema: dict[str, Any] | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    truncate: bool = True
    let_go: bool = False

    @property
    def thinks(self) -> bool:
        """Whether the answer begins with a thought; students that can do so unless told not to.

        Raises: Refused if one cannot and shall.
        """
        able = self.served.bundle.config.thinks
        if self.think and not able:
            raise Refused(400, f'"{self.served.asked}" does not support thinking')
        return able if self.think is None else self.think

    def laid(self, dropped: int = 0) -> Laid:
        """The prompt without so many of its oldest turns."""
        if self.raw is not None:
            return self.raw
        kept = without_oldest(self.turns, dropped)
        config = self.served.bundle.config
        return lay_out(kept, config.chat, thinks=config.thinks, think=self.thinks)


@dataclass(frozen=True)
class Piece:
    """Text that is certain by now, of the thought or of the answer, and its tokens if wished."""

    text: str
    thought: bool = False
    logprobs: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class End:
    """How an answer ended: reason, counts of tokens, durations in nanoseconds."""

    done_reason: str
    prompt_tokens: int
    tokens: int
    total_ns: int
    load_ns: int
    prompt_ns: int
    answer_ns: int
    context: tuple[int, ...]
    logprobs: tuple[dict[str, Any], ...] = ()


@dataclass
class Asked:
    """An answer under way, with what is needed to tell about it."""

    wish: Wish
    engine: Engine
    answer: EngineAnswer
    started: float
    loaded: float
    when_over: Callable[[], None] | None = None
    ledger: TokenLedger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = TokenLedger(self.answer, self.engine.student)

    async def pieces(self) -> AsyncIterator[Piece | End]:
        """The answer as it comes; closing the iterator early stops the work on it.

        Raises: EngineBusy if the student was unloaded in the middle.
        """
        events, told = self.answer.events(), self.wish.logprobs
        stats: AnswerStats | None = None
        try:
            while True:
                event = await in_thread(lambda: next(events))
                if event.kind in ("thought", "token"):
                    entries = self.ledger.entries(event.text, event.kind == "thought")
                    yield Piece(event.text, event.kind == "thought", entries if told else ())
                elif event.kind == "error":
                    raise EngineBusy(event.text)
                elif event.kind == "stats":
                    stats = event.stats
                elif event.kind == "done":
                    assert stats is not None  # the engine tells them before the end
                    yield self._end(stats)
                    return
        finally:
            self.answer.cancel()
            if self.when_over is not None:  # it may wait for the engine, so not here
                threading.Thread(target=self.when_over, name="let-go", daemon=True).start()

    def _end(self, stats: AnswerStats) -> End:
        now = time.monotonic()
        rest = self.ledger.rest(stopped=stats.stopped_by == "stop")
        prompt_s = stats.first_token_s
        return End(
            done_reason="length" if stats.stopped_by == "length" else "stop",
            prompt_tokens=len(self.answer.prompt.ids),
            tokens=len(self.answer.ids),
            total_ns=_ns(now - self.started),
            load_ns=_ns(self.loaded - self.started),
            prompt_ns=_ns(prompt_s),
            answer_ns=_ns(now - self.loaded - prompt_s),
            context=self._context(),
            logprobs=rest if self.wish.logprobs else (),
        )

    def _context(self) -> tuple[int, ...]:
        """The exchange as ids that a next question may follow; pictures are forgotten."""
        student = self.engine.student
        said = [i for i in self.answer.ids if i not in student.end_ids]
        ids = [i for i in (*self.answer.prompt.ids[1:], *said) if i != student.image_id]
        return (*ids, *student.tokenizer.encode("<|im_end|>\n"))


def _ns(seconds: float) -> int:
    return max(int(seconds * 1e9), 1)


async def in_thread(work: Callable[[], Result]) -> Result:
    """Wait for something that blocks without holding up anybody else."""
    try:
        limiter = _THREADS.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(READERS)
        _THREADS.set(limiter)
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter)


def ask(wish: Wish, engine_of: Callable[[], Engine]) -> Asked:
    """Load the student, lay out the prompt and queue it; blocks until it is queued.

    Raises: Refused, InputError, ConfigError, EngineBusy, BundleError.
    """
    from model.serving.json_form import JsonForm

    started = time.monotonic()
    wish.thinks  # noqa: B018 - refuses before the student is loaded
    engine = engine_of()
    loaded, student = time.monotonic(), engine.student
    prompt, room = _fit(wish, student)
    form = None
    if wish.schema is not None:
        vocab_size = student.config.decoder.vocab_size
        form = JsonForm(wish.schema, student.tokenizer, vocab_size, sorted(student.end_ids))
    wanted = wish.options.sampling
    sampling = replace(wanted, max_tokens=min(wanted.max_tokens, room))
    answer = engine.ask(prompt, sampling, top_logprobs=wish.top_logprobs, constraint=form)
    return Asked(wish, engine, answer, started, loaded)


def _fit(wish: Wish, student: ImageTokenReasoningLLM) -> tuple[Prompt, int]:
    """The prompt, shortened if it must be and may be, and the tokens that are left to answer.

    The oldest turns go first, then the middle of a text. Raises: Refused.
    """
    reads = student.config.decoder.max_position_embeddings
    window = max(min(wish.options.num_ctx or reads, reads), LEAST_WINDOW)
    spare = min(wish.options.sampling.max_tokens, window // LEAST_ROOM_SHARE)
    most = window - spare if wish.truncate else window - 1

    def ids_without(dropped: int) -> tuple[int, ...]:
        return token_ids(student, wish.laid(dropped), wish.context)

    dropped = 0
    if wish.truncate:
        # every look costs a tokenisation, so the number of turns to drop is searched by halves
        turns = range(droppable(wish.turns))
        dropped = bisect_left(turns, True, key=lambda n: len(ids_without(n)) <= most)
    laid, ids = wish.laid(dropped), ids_without(dropped)
    if wish.truncate and not laid.pictures:
        ids = cut(ids, most)
    if len(ids) > most:
        raise too_long(len(ids), window)
    return finished(student, ids, laid), window - len(ids)
