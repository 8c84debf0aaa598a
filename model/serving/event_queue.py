"""The way of an answer's events from the engine to its reader, who is not woken for every token.

Waking a thread takes Python's lock from the engine, and sixteen answers at once would do it
thousands of times a second. So words wake a waiting reader at most every ``GAP_S``, and everything
else does at once. Words that did not wake it come along with the next event, which follows within
a step; a slow student's every token wakes its reader.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from model.records import Event

GAP_S = 0.025
_WORDS = ("token", "thought")


class EventQueue:
    """Events in the order in which they were put; one thread puts, another one gets."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._events: deque[Event] = deque()
        self._woken_at = float("-inf")
        self.wakes = 0
        """How often the reader was called."""

    def put(self, event: Event) -> None:
        """Add an event, and call the reader if that is due."""
        now = self._clock()
        with self._changed:
            self._events.append(event)
            if event.kind not in _WORDS or now - self._woken_at >= GAP_S:
                self._woken_at = now
                self.wakes += 1
                self._changed.notify()

    def get(self) -> Event:
        """The next event, waiting until the reader is called if there is none."""
        with self._changed:
            while not self._events:
                self._changed.wait()
            return self._events.popleft()


def until_ended(get: Callable[[], Event]) -> Iterator[Event]:
    """What ``get`` hands out until an answer is ``done`` or has an ``error``, that included."""
    while True:
        event = get()
        yield event
        if event.kind in ("done", "error"):
            return
