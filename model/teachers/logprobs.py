"""Log-probabilities as a server sends them and as the store keeps them."""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

from model.teachers.base import TeacherAnswer, TokenLogprob

DIGITS = 4
"""Decimals that are kept of a log-probability; a server's own values move by 1e-6."""

ROUNDING = 1e-3
"""How far above 0 a log-probability may lie for its rounding."""


def read_logprobs(value: Any) -> list[TokenLogprob]:
    """The entries of one line of a stream; what is malformed is left out, never an error."""
    entries = value if isinstance(value, list) else []
    return [entry for each in entries if (entry := _read_entry(each)) is not None]


def _read_entry(value: Any) -> TokenLogprob | None:
    sampled = _read_pair(value)
    if sampled is None:
        return None
    listed = value.get("top_logprobs")
    pairs = [_read_pair(each) for each in (listed if isinstance(listed, list) else [])]
    return TokenLogprob(*sampled, tuple(pair for pair in pairs if pair is not None))


def _read_pair(value: Any) -> tuple[str, float] | None:
    """Text and log-probability; ``bytes`` is not read: it repeats the text, mended or not."""
    if not isinstance(value, dict):
        return None
    token, logprob = value.get("token"), value.get("logprob")
    if not isinstance(token, str) or not isinstance(logprob, (int, float)):
        return None
    if not math.isfinite(logprob) or logprob > ROUNDING:
        return None
    # half a surrogate pair, which JSON can spell, is a broken character like any other
    sound = token.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return sound, min(0.0, float(logprob))


def pack(answer: TeacherAnswer, *, asked: bool) -> bytes:
    """Everything about an answer but its text, for the store.

    ``asked`` tells whether log-probabilities were asked for: then there is no use in asking again.
    About 200 bytes for a token with 20 alternatives.
    """
    entries = [
        [each.token, round(each.logprob, DIGITS), *(_flat(pair) for pair in each.top)]
        for each in answer.logprobs
    ]
    value = {
        "stopped_by": answer.stopped_by,
        "tokens": answer.tokens,
        "duration_s": answer.duration_s,
        "model": answer.model,
        "asked": asked,
        "logprobs": entries,
    }
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode())


def _flat(pair: tuple[str, float]) -> list[str | float]:
    return [pair[0], round(pair[1], DIGITS)]


def unpack(text: str, packed: bytes) -> tuple[TeacherAnswer, bool]:
    """The counterpart of ``pack``: the answer, and whether log-probabilities were asked for."""
    value = json.loads(zlib.decompress(packed))
    entries = tuple(
        TokenLogprob(token, logprob, tuple((word, chance) for word, chance in top))
        for token, logprob, *top in value["logprobs"]
    )
    answer = TeacherAnswer(
        text,
        stopped_by=value["stopped_by"],
        tokens=value["tokens"],
        duration_s=value["duration_s"],
        model=value["model"],
        logprobs=entries,
    )
    return answer, bool(value["asked"])
