"""Values that hold as long as nobody edits the graph, such as counts and search results."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Value = TypeVar("Value")
MOST = 32
"""Values that are kept; the longest unused goes first."""


class TickCache:
    """Keeps what was computed at a tick of the graph's clock; any thread may ask."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, Hashable], Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, tick: int, key: Hashable, compute: Callable[[], Value]) -> Value:
        """The value of a key at this tick; computed, without a lock, if it is not known."""
        with self._lock:
            if (tick, key) in self._kept:
                self._kept.move_to_end((tick, key))
                known: Value = self._kept[tick, key]
                return known
        value = compute()
        with self._lock:
            self._kept[tick, key] = value
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return value
