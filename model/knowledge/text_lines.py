"""The lines of a text file that nobody has checked: any length, any bytes, bounded memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO

LONGEST_LINE = 1_000_000
"""Characters of a line that are read; what follows in the same line is passed over."""


def lines_of(file: IO[bytes]) -> Iterator[str]:
    """The lines with their ends. A byte-order mark is left out; UTF-16 is known by it.

    Bytes that are not UTF-8 come as half surrogate pairs, which ``is_text`` finds.
    """
    buffered = io.BufferedReader(file)  # type: ignore[type-var]
    wide = buffered.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff")
    encoding, errors = ("utf-16", "replace") if wide else ("utf-8-sig", "surrogateescape")
    text = io.TextIOWrapper(buffered, encoding=encoding, errors=errors, newline="")
    while line := text.readline(LONGEST_LINE):
        cut = not line.endswith(("\n", "\r"))
        yield line
        while cut and (rest := text.readline(LONGEST_LINE)):
            cut = not rest.endswith(("\n", "\r"))


def is_text(line: str) -> bool:
    """Whether a line was valid in its encoding."""
    return line.isascii() or not any("\ud800" <= each <= "\udfff" for each in line)
