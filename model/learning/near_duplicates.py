"""Finds texts that say nearly the same as one before, without comparing all with all."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import numpy.typing as npt

SHINGLE = 5
"""Letters of a shingle."""
HASHES, BANDS = 64, 16
"""A pair of Jaccard 0.75 shares a band of four hashes with chance 0.998, one of 0.3 with 0.12."""
MOST_COMPARED = 40
"""Texts of a bucket that are looked at, so that even a hostile list takes linear time."""
_PRIME = 4_294_967_311
"""The smallest prime above 2³²: products wrap around it many times, or all minima would be one."""
_drawn = np.random.default_rng(20260829)
_FACTOR_H = _drawn.integers(1, 1 << 31, HASHES, dtype=np.uint64)
_SHIFT_H = _drawn.integers(0, 1 << 32, HASHES, dtype=np.uint64)


class NearDuplicates:
    """Texts so far, in buckets of MinHash bands; the candidates of a bucket are compared exactly.

    ``threshold`` is the Jaccard similarity of letter shingles from which two texts count as one.

    Source: Broder 1997 (MinHash); Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4.
    """

    def __init__(self, threshold: float = 0.75) -> None:
        self._threshold = threshold
        self._texts: list[str] = []
        self._shingles: list[frozenset[int]] = []
        self._buckets: dict[tuple[int, bytes], list[int]] = {}

    def twin(self, text: str) -> str | None:
        """A text that was added before and says nearly the same, or ``None``."""
        shingles = _shingles(text)
        for bucket in _bands(shingles):
            for index in self._buckets.get(bucket, ())[:MOST_COMPARED]:
                other = self._shingles[index]
                shared = len(shingles & other)
                if shared >= self._threshold * (len(shingles) + len(other) - shared):
                    return self._texts[index]
        return None

    def add(self, text: str) -> None:
        """Remember a text."""
        shingles = _shingles(text)
        for bucket in _bands(shingles):
            self._buckets.setdefault(bucket, []).append(len(self._texts))
        self._texts.append(text)
        self._shingles.append(shingles)


def _shingles(text: str) -> frozenset[int]:
    """Hashes of all runs of five letters, blanks and case evened out."""
    even = " ".join(text.casefold().split())
    ends = range(max(1, len(even) - SHINGLE + 1))
    return frozenset(crc32(even[at : at + SHINGLE].encode()) for at in ends)


def _bands(shingles: frozenset[int]) -> list[tuple[int, bytes]]:
    values_1N: npt.NDArray[np.uint64] = np.fromiter(shingles, np.uint64, len(shingles))[None]
    hashes_HN = (_FACTOR_H[:, None] * values_1N + _SHIFT_H[:, None]) % np.uint64(_PRIME)
    signature_H = hashes_HN.min(axis=1)
    rows = HASHES // BANDS
    return [(band, signature_H[band * rows : (band + 1) * rows].tobytes()) for band in range(BANDS)]
