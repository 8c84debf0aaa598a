"""Cuts a long text into overlapping pieces, at the ends of paragraphs and sentences."""

from __future__ import annotations

_BREAKS = ("\n\n", "\n", ". ", "! ", "? ", "; ", " ")
"""Where a piece may end, best first."""
LATEST = 3
"""A break is looked for in the last one of so many parts of a piece."""


def cut(text: str, letters: int, overlap: int) -> list[str]:
    """Pieces of at most ``letters`` letters; neighbours share at least their last whole words.

    A sentence of at most ``overlap`` letters stands whole in at least one piece.
    Raises: ValueError if a piece could not get ahead of its overlap.
    """
    if letters < 1 or not 0 <= overlap <= letters // 2:
        raise ValueError(f"pieces of {letters} letters cannot share {overlap}")
    pieces, start = [], 0
    while start < len(text):
        end = _end(text, start, letters)
        piece = text[start:end].strip()
        if piece:
            pieces.append(piece)
        if end == len(text):
            break
        start = _word_start(text, max(start + 1, end - overlap), end)
    return pieces


def _end(text: str, start: int, letters: int) -> int:
    """Where the piece that begins at ``start`` ends."""
    limit = start + letters
    if limit >= len(text):
        return len(text)
    earliest = limit - letters // LATEST
    for mark in _BREAKS:
        at = text.rfind(mark, earliest, limit)
        if at >= 0:
            return at + len(mark)
    return limit


def _word_start(text: str, at: int, limit: int) -> int:
    """The first beginning of a word from ``at`` on, at most ``limit``."""
    while at < limit and not text[at - 1].isspace():
        at += 1
    return at
