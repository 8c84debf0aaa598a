"""What the settings policy sees of a question: its words, pictures, facts, and recent rewards."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from zlib import crc32

WORDS = 24
"""Places that the words of a question are hashed to."""
FEATURES = WORDS + 6
_WORD = re.compile(r"\w+")


def context_features(
    question: str,
    *,
    pictures: int = 0,
    facts: int = 0,
    longest_path: int = 0,
    triplets: int = 0,
    recent_rewards: Sequence[float] = (),
) -> tuple[float, ...]:
    """``FEATURES`` numbers of about unit size for a question.

    ``facts`` found for it on ways of at most ``longest_path`` hops, in a graph of ``triplets``;
    ``recent_rewards`` are those of the last answers in [-1, 1].
    Source: signed feature hashing, Weinberger et al. 2009.
    """
    words_W = [0.0] * WORDS
    for word in _WORD.findall(question.lower()):
        hashed = crc32(word.encode())
        words_W[hashed % WORDS] += 1.0 if hashed & 0x80000000 else -1.0
    length = math.sqrt(sum(value * value for value in words_W)) or 1.0
    mean = sum(recent_rewards) / len(recent_rewards) if recent_rewards else 0.0
    return (
        *(value / length for value in words_W),
        1.0,
        min(pictures, 3) / 3,
        min(facts, 8) / 8,
        min(longest_path, 3) / 3,
        math.log1p(triplets) / 14,
        mean,
    )
