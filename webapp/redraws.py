"""When something that grows on the page is drawn again."""

from __future__ import annotations

import time
from collections.abc import Callable

YIELD_EVERY_S = 0.09
"""Shortest time between two redraws of one answer, from the end of the one to the next."""
REDRAWS_PER_S = 30
"""Redraws of all open answers together: the server makes them beside the engine, on its cores."""
LONGEST_PAUSE_S = 2.0


def pause_s(answers: int) -> float:
    """Time between two redraws of one answer while so many are open; all share one budget."""
    return min(max(YIELD_EVERY_S, answers / REDRAWS_PER_S), LONGEST_PAUSE_S)


class Redraws:
    """Says whether the next redraw is due: the first at once, then one in ``every_s()`` seconds.

    Call ``drawn`` when the page has taken a redraw: a server that lags behind is not asked for
    the next one at once. Whoever draws shows the last state in any case, due or not.
    """

    def __init__(
        self,
        every_s: Callable[[], float] = lambda: YIELD_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._every_s, self._clock = every_s, clock
        self._drawn_at = float("-inf")

    def due(self) -> bool:
        """Whether it is time."""
        return self._clock() - self._drawn_at >= self._every_s()

    def drawn(self) -> None:
        """The page has taken a redraw just now."""
        self._drawn_at = self._clock()
