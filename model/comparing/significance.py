"""Intervals of figures, and whether two sides differ by more than chance; plain numbers in and out.

Everything is drawn with a fixed seed, so the same answers always give the same figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

ROUNDS = 2000
"""Resamplings of a bootstrap."""
_Z_95 = 1.959964
Floats = npt.NDArray[np.float64]


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share measured on ``n`` questions.

    Source: Wilson 1927, https://doi.org/10.2307/2276774.
    """
    if n <= 0:
        return 0.0, 1.0
    z2 = _Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    spread = _Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - spread), min(1.0, middle + spread)


def ratio_interval(
    parts: Sequence[float], wholes: Sequence[float], *, rounds: int = ROUNDS, seed: int = 0
) -> tuple[float, float, float]:
    """``sum(parts) / sum(wholes)`` with its 95 % bootstrap interval over the questions.

    With wholes of 1 this is a mean. Raises: ValueError if there is no question.
    """
    ratio, draws = _resampled(parts, wholes, rounds, seed)
    low, high = _percentiles(draws)
    return ratio, low, high


def paired_difference(
    first: tuple[Sequence[float], Sequence[float]],
    second: tuple[Sequence[float], Sequence[float]],
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> tuple[float, float, float, float]:
    """The difference of two ratios (second less first) on the same questions.

    Returns the difference, its 95 % interval, and the two-sided p of no difference: both sides
    are resampled by the same questions (paired bootstrap). Raises: ValueError without questions.
    """
    mine, mine_R = _resampled(*first, rounds, seed)
    theirs, theirs_R = _resampled(*second, rounds, seed)
    draws = theirs_R - mine_R
    low, high = _percentiles(draws)
    # one more on each side: no finite number of rounds shows that chance never does it
    below, above = np.sum(draws <= 0) + 1, np.sum(draws >= 0) + 1
    p = 2.0 * float(min(below, above)) / (rounds + 1)
    # n questions with a coin each fall all to one side this often: fewer prove no more
    p = min(1.0, max(p, 2.0 ** (1 - len(first[0]))))
    return theirs - mine, low, high, p


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> float:
    """The exact two-sided p that two sides are right equally often, asked the same questions.

    Only questions that just one of them has right tell anything. Source: McNemar 1947, with the
    binomial law in place of chi-square, because the counts are small.
    """
    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    n, least = only_first + only_second, min(only_first, only_second)
    tail: float = sum(math.comb(n, k) for k in range(least + 1)) / 2**n
    return min(1.0, 2 * tail)


def _resampled(
    parts: Sequence[float], wholes: Sequence[float], rounds: int, seed: int
) -> tuple[float, Floats]:
    parts_N, wholes_N = np.asarray(parts, float), np.asarray(wholes, float)
    if not len(parts_N) or len(parts_N) != len(wholes_N):
        raise ValueError(f"{len(parts_N)} parts and {len(wholes_N)} wholes make no ratio")
    picks_RN = np.random.default_rng(seed).integers(0, len(parts_N), (rounds, len(parts_N)))
    totals_R = wholes_N[picks_RN].sum(axis=1)
    # a draw of questions that say nothing counts as the ratio itself
    ratio = float(parts_N.sum() / max(wholes_N.sum(), 1e-12))
    draws_R = np.where(totals_R > 0, parts_N[picks_RN].sum(axis=1) / np.maximum(totals_R, 1e-12),
                       ratio)  # fmt: skip
    return ratio, draws_R


def _percentiles(draws_R: Floats) -> tuple[float, float]:
    low, high = np.percentile(draws_R, (2.5, 97.5))
    return float(low), float(high)
