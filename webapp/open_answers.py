"""Answers under way, by token: how *Stop*, which is another event, finds what it must stop."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Stoppable(Protocol):
    """An answer or a reading under way."""

    def cancel(self) -> None:
        """Stop within a moment."""
        ...


class OpenAnswers:
    """Hands out a token for a piece of work and keeps the answers that belong to it.

    A session's state holds the token only. Tokens cannot be guessed, and an unknown one is
    simply no longer open. Safe to use from any thread.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: dict[str, list[Stoppable]] = {}
        self._stopped: set[str] = set()

    @contextmanager
    def work(self) -> Iterator[str]:
        """A token that is open inside the ``with``; leaving cancels every answer of it."""
        token = uuid.uuid4().hex
        with self._changed:
            self._open[token] = []
        try:
            yield token
        finally:
            self.cancel(token)
            with self._changed:
                del self._open[token]
                self._stopped.discard(token)
                self._changed.notify_all()

    def attach(self, token: str, answer: Stoppable) -> None:
        """Let ``answer`` belong to the token; it is cancelled at once if that was stopped."""
        with self._changed:
            late = token not in self._open or token in self._stopped
            if not late:
                self._open[token].append(answer)
        if late:
            answer.cancel()

    def cancel(self, token: str) -> None:
        """Stop the work and all its answers; does nothing if it is no longer open."""
        with self._changed:
            if token not in self._open:
                return
            self._stopped.add(token)
            answers = list(self._open[token])
        for answer in answers:
            answer.cancel()

    @property
    def count(self) -> int:
        """How many pieces of work are open, whoever asked for them."""
        return len(self._open)

    def is_open(self, token: str) -> bool:
        """Whether the work of this token still goes on."""
        with self._changed:
            return token in self._open

    def is_stopped(self, token: str) -> bool:
        """Whether somebody asked for this work to stop, or it is over."""
        with self._changed:
            return token in self._stopped or token not in self._open

    def wait_closed(self, token: str, limit_s: float = 2.0) -> bool:
        """Wait until the work is over, at most ``limit_s`` seconds; says whether it is."""
        deadline = time.monotonic() + limit_s
        with self._changed:
            while token in self._open:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return False
                self._changed.wait(left_s)
            return True
