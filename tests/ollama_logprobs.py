"""Log-probabilities of the test server's answers, in the protocol's shape, and what spoils them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

BROKEN = "\ufffd"
ALTERNATIVES = (" the", " a", ",", " and", ".")


def entry(token: str, logprob: float, top: Iterable[tuple[str, float]]) -> dict[str, Any]:
    """One entry of ``logprobs``; ``top`` holds texts, which may be equal, likeliest first."""
    listed = [_pair(word, value) for word, value in top]
    return _pair(token, logprob) | ({"top_logprobs": listed} if listed else {})


def plain_entries(tokens: Sequence[str], top: int) -> list[dict[str, Any]]:
    """A law of 0.6 for the token written, 0.3 shared among some others, 0.1 for nobody."""
    share = math.log(0.3 / len(ALTERNATIVES))
    entries = []
    for token in tokens:
        law = {token: math.log(0.6), **{word: share for word in ALTERNATIVES if word != token}}
        entries.append(entry(token, math.log(0.6), list(law.items())[:top]))
    return entries


def merged(entries: Sequence[Mapping[str, Any]], at: int) -> list[dict[str, Any]]:
    """What a server tells when it held entry ``at`` back: one entry with the next one's law.

    The law is that of a piece of a character, which is told as U+FFFD.
    """
    held, last = entries[at], entries[at + 1]
    law = [(BROKEN, last["logprob"]), (" x", last["logprob"] - 1)]
    both = entry(held["token"] + last["token"], last["logprob"], law)
    return [*map(dict, entries[:at]), both, *map(dict, entries[at + 2 :])]


def _pair(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}
