"""Which of many pictures look alike, without comparing each with every other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 0.985
"""Cosine of two embeddings from which on a person is asked whether both show the same thing."""
TABLES = 8
"""Times the pictures are sorted into buckets; two that are alike must meet once."""
BUCKET = 64
"""About so many pictures lie in a bucket."""
MOST_IN_BUCKET = 512
"""A fuller bucket is cut in pieces, so no step is quadratic in the number of pictures."""


def look_alikes(
    embeddings_NE: NDArray[np.float32], threshold: float = THRESHOLD, *, seed: int = 0
) -> dict[tuple[int, int], float]:
    """Pairs of rows with at least this cosine: each row with its nearest one that was met.

    Rows are normalised. Two pictures at a cosine of .985 fall into the same one of 2⁸ buckets with
    probability .61, so of the eight tables they miss each other in all with probability 5·10⁻⁴.

    Source: random hyperplanes (Charikar 2002), exact cosines within a bucket.
    """
    count, width = embeddings_NE.shape
    bits = max(0, int(np.ceil(np.log2(max(1, count / BUCKET)))))
    chance = np.random.default_rng(seed)
    best_N = np.full(count, -1.0, dtype=np.float32)
    partner_N = np.full(count, -1, dtype=np.int64)
    for _ in range(TABLES if bits else 1):
        planes_EB = chance.standard_normal((width, bits)).astype(np.float32)
        codes_N = (embeddings_NE @ planes_EB > 0) @ (1 << np.arange(bits, dtype=np.int64))
        order_N = np.lexsort((chance.permutation(count), codes_N))
        starts = np.flatnonzero(np.diff(codes_N[order_N], prepend=-1))
        for bucket_K in np.split(order_N, starts[1:]):
            for start in range(0, len(bucket_K), MOST_IN_BUCKET):
                _meet(embeddings_NE, bucket_K[start : start + MOST_IN_BUCKET], best_N, partner_N)
    pairs: dict[tuple[int, int], float] = {}
    for row in np.flatnonzero(best_N >= threshold):
        other = int(partner_N[row])
        pairs[min(int(row), other), max(int(row), other)] = float(best_N[row])
    return pairs


def _meet(
    embeddings_NE: NDArray[np.float32],
    bucket_K: NDArray[np.int64],
    best_N: NDArray[np.float32],
    partner_N: NDArray[np.int64],
) -> None:
    if len(bucket_K) < 2:
        return
    scores_KK = embeddings_NE[bucket_K] @ embeddings_NE[bucket_K].T
    np.fill_diagonal(scores_KK, -1.0)
    nearest_K = scores_KK.argmax(axis=1)
    top_K = scores_KK[np.arange(len(bucket_K)), nearest_K]
    better_K = top_K > best_N[bucket_K]
    rows = bucket_K[better_K]
    best_N[rows], partner_N[rows] = top_K[better_K], bucket_K[nearest_K[better_K]]
