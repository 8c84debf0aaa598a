"""Newline-delimited JSON, put together from whatever pieces the network delivers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

LONGEST_LINE = 8 * 2**20
"""Bytes; a server that never ends a line must not fill the memory."""


class MalformedLine(ValueError):
    """A line that is not a JSON object; ``str`` shows how it starts."""


def read_lines(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON objects of a byte stream, each as soon as its line is complete.

    Lines, and the bytes of one letter, may be split between chunks; empty lines are skipped; the
    last line may lack its newline. Raises: MalformedLine.
    """
    yield from (parse_object(line) for line in whole_lines(chunks) if line.strip())


def whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a byte stream, each as soon as it is complete. Raises: MalformedLine."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        if b"\n" in chunk:
            *complete, rest = bytes(waiting).split(b"\n")
            waiting = bytearray(rest)
            yield from complete
        if len(waiting) > LONGEST_LINE:
            raise MalformedLine(f"a line of more than {LONGEST_LINE // 2**20} MB")
    yield bytes(waiting)


def parse_object(text: bytes) -> dict[str, Any]:
    """One JSON object. Raises: MalformedLine if it is not UTF-8, not JSON or not an object."""
    try:
        value = json.loads(text.decode())
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise MalformedLine(repr(text[:60].decode(errors="replace")))
    return value
