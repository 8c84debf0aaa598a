"""Which bytes of an answer each of the teacher's tokens wrote, and which can be relied on.

A server tells tokens as text. A character that several tokens make up arrives as one entry with
the law of the last of them, broken pieces arrive mended or not at all, and text that a stop word
held back is trimmed. So entries are found by their text, never by their number, and an entry is
*clean* only if its law is that of its text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from model.teachers.base import TokenLogprob

BROKEN = "\ufffd"
SAME = 2e-4
"""Nats within which two log-probabilities are the same: the store rounds to 1e-4."""
AHEAD = 64
"""Bytes within which a lost entry's successor is looked for."""
MOST_STARTS = 16
"""Places at which the answer of a teacher that thought first is tried to begin."""


@dataclass(frozen=True)
class Entry:
    """A teacher's token over the bytes ``start`` to ``end`` of the answer.

    ``law`` holds what the teacher could have written there, by its bytes, with its probability;
    ``tail`` is the probability of everything else. Both are empty unless the entry is clean.
    ``start`` of the first one is negative when the answer was stripped of space in front.
    """

    start: int
    end: int
    text: bytes
    logprob: float
    law: dict[bytes, float]
    tail: float

    @property
    def clean(self) -> bool:
        """Whether the law is that of the text."""
        return bool(self.law)


def anchor(text: str, entries: Sequence[TokenLogprob]) -> list[Entry]:
    """The entries that could be found in an answer, in order; gaps lie between some of them.

    The entries may tell a thought before the answer, and may miss some of its tokens.
    """
    answer = text.encode()
    pieces = [entry.token.encode() for entry in entries]
    whole = b"".join(pieces)
    at = whole.rfind(answer) if answer else -1
    placed = _placed_from(pieces, -at) if at >= 0 else _searched(answer, pieces)
    return [
        _entry(start, entries[index])
        for index, start in placed
        if start + len(pieces[index]) > 0 and start < len(answer) and pieces[index]
    ]


def _placed_from(pieces: Sequence[bytes], start: int) -> list[tuple[int, int]]:
    """(number, start) of pieces that lie one after the other."""
    placed = []
    for index, piece in enumerate(pieces):
        placed.append((index, start))
        start += len(piece)
    return placed


def _searched(answer: bytes, pieces: Sequence[bytes]) -> list[tuple[int, int]]:
    """The placement that explains most bytes, from the beginning or after a thought."""
    starts = [
        index
        for index, piece in enumerate(pieces)
        if piece.strip() and answer.startswith(piece.lstrip())
    ]
    tried = [_walk(answer, pieces, first) for first in {0, *starts[-MOST_STARTS:]}]
    return max(tried, key=lambda placed: (_covered(pieces, placed), placed))


def _covered(pieces: Sequence[bytes], placed: Sequence[tuple[int, int]]) -> int:
    """Bytes of the answer that have a piece; space in front of it does not count."""
    return sum(len(pieces[number]) + min(0, start) for number, start in placed)


def _walk(answer: bytes, pieces: Sequence[bytes], first: int) -> list[tuple[int, int]]:
    """Place the pieces from ``first`` on; where they do not fit, look for the next two ahead."""
    placed: list[tuple[int, int]] = []
    at = 0
    for index in range(first, len(pieces)):
        piece = pieces[index]
        if not placed:  # the space before an answer is not part of it
            at = -(len(piece) - len(piece.lstrip()))
        if not piece or BROKEN.encode() in piece:
            continue
        fits = answer[max(at, 0) : at + len(piece)] == piece[max(-at, 0) :]
        if not fits:
            follower = pieces[index + 1] if index + 1 < len(pieces) else b""
            found = answer.find(piece + follower, max(at, 0), at + AHEAD + len(piece + follower))
            if found < 0:
                continue
            at = found
        placed.append((index, at))
        at += len(piece)
    return placed


def _entry(start: int, told: TokenLogprob) -> Entry:
    text = told.token.encode()
    law, tail = _law(told) if _is_clean(told) else ({}, 1.0)
    return Entry(start, start + len(text), text, told.logprob, law, tail)


def _is_clean(told: TokenLogprob) -> bool:
    """Whether the log-probabilities belong to the entry's own text.

    An entry that was put together tells those of its last token: then the list has another text
    with its log-probability, or none. A token drawn from outside the list is less likely than all
    in it; letters beyond ASCII may have been put together all the same.
    """
    if BROKEN in told.token or not told.top:
        return False
    twins = [word for word, logprob in told.top if abs(logprob - told.logprob) < SAME]
    if twins:
        return told.token in twins
    outside = told.logprob < min(logprob for _, logprob in told.top)
    return outside and told.token.isascii()


def _law(told: TokenLogprob) -> tuple[dict[bytes, float], float]:
    """What can be written here by its bytes; control tokens and broken pieces go to the tail."""
    law: dict[bytes, float] = {}
    for word, logprob in told.top:
        if word and BROKEN not in word:
            key = word.encode()
            law[key] = law.get(key, 0.0) + math.exp(logprob)
    law.setdefault(told.token.encode(), math.exp(told.logprob))
    return law, max(1.0 - sum(law.values()), 1e-6)
