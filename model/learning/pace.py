"""How many requests a teacher gets at a time, and when it is left alone for a while.

Both are plain bookkeeping: they are told what happened and say what may be done, and know neither
threads nor clocks.
"""

from __future__ import annotations

import random

MOST = 8
"""Requests under way at the most; a server with one slot lets the others wait in silence."""
SLOWER = 1.7
"""Growth of the time per token beyond which more requests at once bring no more tokens."""
DRIFT = 1.002
"""The best time seen is forgotten slowly, with every answer: a server may get busier."""
BLEND = 0.3
"""Weight of a new time in the running mean."""


class Pace:
    """Additive increase, multiplicative decrease of the requests under way, between 1 and ``most``.

    Every answer adds a bit, so that a full round of them adds one. A refusal halves the number, and
    so do answers that come much slower than the best ones did. A ticket belongs to each request:
    those sent before the last decrease say nothing about the number after it.

    Source: Chiu and Jain 1989; latency as the sign of a queue is TCP Vegas' (Brakmo 1994).
    """

    def __init__(self, most: int = MOST, start: int = 1) -> None:
        self._most = max(1, most)
        self._limit = float(min(max(1, start), self._most))
        self._round = 0
        self._best_s: float | None = None
        self._mean_s: float | None = None

    @property
    def limit(self) -> int:
        """Requests that may be under way now."""
        return int(self._limit)

    @property
    def ticket(self) -> int:
        """To be kept with a request and handed back with its end."""
        return self._round

    def answered(self, ticket: int, seconds: float, tokens: int) -> None:
        """A request brought an answer of so many tokens after so many seconds."""
        pace_s = seconds / max(tokens, 1)
        self._best_s = pace_s if self._best_s is None else min(self._best_s * DRIFT, pace_s)
        if ticket != self._round:
            return
        before = self._mean_s
        self._mean_s = pace_s if before is None else (1 - BLEND) * before + BLEND * pace_s
        if self.limit > 1 and self._mean_s > SLOWER * self._best_s:
            self._decrease()
        else:
            self._limit = min(float(self._most), self._limit + 1 / self._limit)

    def refused(self, ticket: int) -> None:
        """A request was turned away, or the teacher was silent for too long."""
        if ticket == self._round:
            self._decrease()

    def _decrease(self) -> None:
        self._limit = max(1.0, self._limit / 2)
        self._round += 1
        self._mean_s = None


class Breaker:
    """Leaves a teacher alone that failed several times in a row, longer each time, then gives up.

    Pauses double from ``first_s`` to ``longest_s`` and vary by a quarter, so that clients do not
    come back in step. A teacher that never answered is given up after fewer of them: then its
    address is wrong more likely than it is away.
    """

    def __init__(
        self,
        *,
        after: int = 3,
        give_up_after: int = 7,
        give_up_unseen_after: int = 5,
        first_s: float = 2.0,
        longest_s: float = 60.0,
        seed: int = 0,
    ) -> None:
        self._after = after
        self._give_up_after, self._give_up_unseen_after = give_up_after, give_up_unseen_after
        self._seen = False
        self._first_s, self._longest_s = first_s, longest_s
        self._failures = self._pauses = 0
        self._random = random.Random(seed)

    @property
    def is_open(self) -> bool:
        """Whether the teacher counts as away; one request at a time finds out if it is back."""
        return self._pauses > 0

    @property
    def gave_up(self) -> bool:
        """Whether there is no use in waiting any longer."""
        return self._pauses >= (self._give_up_after if self._seen else self._give_up_unseen_after)

    def answered(self) -> None:
        """The teacher is there."""
        self._seen = True
        self._failures = self._pauses = 0

    def failed(self) -> float:
        """The teacher did not answer; returns for how many seconds to leave it alone, often 0."""
        self._failures += 1
        if not self.is_open and self._failures < self._after:
            return 0.0
        self._pauses += 1
        pause_s = min(self._longest_s, self._first_s * 2 ** (self._pauses - 1))
        return float(pause_s * self._random.uniform(0.75, 1.25))
