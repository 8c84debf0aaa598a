"""How many pieces a graph falls into, in whole-array steps instead of a walk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def count_components(heads_E: NDArray[np.int64], tails_E: NDArray[np.int64]) -> int:
    """The number of connected components among the nodes that the edges touch.

    Node numbers are not negative; memory grows with the largest of them.
    Source: hooking and pointer jumping (Shiloach and Vishkin 1982); every round at least halves
    the number of unfinished roots that have a larger neighbour, so there are few rounds.
    """
    if heads_E.size == 0:
        return 0
    size = int(max(heads_E.max(), tails_E.max())) + 1
    there_N = np.zeros(size, dtype=bool)
    there_N[heads_E] = there_N[tails_E] = True
    root_N = np.arange(size)
    while heads_E.size:
        heads_E, tails_E = root_N[heads_E], root_N[tails_E]
        open_E = heads_E != tails_E
        heads_E, tails_E = heads_E[open_E], tails_E[open_E]
        np.minimum.at(root_N, np.maximum(heads_E, tails_E), np.minimum(heads_E, tails_E))
        while not np.array_equal(above_N := root_N[root_N], root_N):
            root_N = above_N
    return int(np.count_nonzero(there_N & (root_N == np.arange(size))))
