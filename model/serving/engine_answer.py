"""One answer under way, between the engine that writes it and whoever reads it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch

from model.config import SampleConfig
from model.model import Prompt
from model.records import Event, Fact
from model.serving.event_queue import EventQueue, until_ended

StoppedBy = Literal["end", "length", "stop", "cancelled"]


class Constraint(Protocol):
    """A form that an answer must have; its thought is free. Belongs to one answer."""

    def allowed(self) -> torch.Tensor:
        """Which tokens may come next. Returns (V), boolean."""
        ...

    def took(self, index: int) -> bool:
        """Go on by the token that was drawn; True if nothing more can follow."""
        ...


@dataclass(eq=False)
class EngineAnswer:
    """One answer under way; fulfils ``records.Answer``.

    ``ids`` are the tokens drawn so far, the one that ended the answer included, and ``logprobs``
    what the student itself gave each of them, in nats, before temperature and the like. ``tops``
    holds the same for the ``top_logprobs`` likeliest tokens of every step, as (token, logprob).
    """

    prompt: Prompt
    sampling: SampleConfig
    facts: tuple[Fact, ...] = ()
    asked_at: float = field(default_factory=time.monotonic)
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top_logprobs: int = 0
    tops: list[tuple[tuple[int, float], ...]] = field(default_factory=list)
    constraint: Constraint | None = None
    _events: EventQueue = field(default_factory=EventQueue)
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def events(self) -> Iterator[Event]:
        """Yield events until ``done`` or ``error``."""
        return until_ended(self._events.get)

    def cancel(self) -> None:
        """Stop before the next decoding step."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._cancelled.is_set()

    def put(self, event: Event) -> None:
        """Hand an event to the reader; only the engine calls this."""
        self._events.put(event)
