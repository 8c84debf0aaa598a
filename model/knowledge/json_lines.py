"""Triplets as JSON Lines: an object or a list of three on every line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from model.errors import InputError
from model.knowledge.columns import EXPORTED, LABELS, FindPicture, ReadRow, draft_of, fields_of
from model.knowledge.text_lines import LONGEST_LINE, is_text, lines_of
from model.records import Triplet


def read_json_lines(
    file: IO[bytes], name: str, picture: FindPicture
) -> tuple[tuple[str, ...], Iterator[ReadRow]]:
    """The columns that a line may name, and the rows; a row is a line of the file."""
    return EXPORTED, _rows(file, name, picture)


def _rows(file: IO[bytes], name: str, picture: FindPicture) -> Iterator[ReadRow]:
    for row, line in enumerate(lines_of(file), start=1):
        if not line.strip():
            continue
        try:
            yield row, draft_of(_values(line), name, row, picture)
        except InputError as error:
            yield row, str(error)


def _values(line: str) -> dict[str, str]:
    if len(line) >= LONGEST_LINE:
        raise InputError(f"The line is longer than {LONGEST_LINE:,} characters. Shorten it.")
    if not is_text(line):
        raise InputError("The line has bytes that are not UTF-8 text. Save the file as UTF-8.")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"The line is not JSON ({str(error)[:80]}). Write one object or one list of 3 a line."
        ) from None
    if isinstance(found, list) and len(found) == len(LABELS):
        found = dict(zip(LABELS, found, strict=True))
    if not isinstance(found, dict):
        raise InputError(
            "The line is neither an object nor a list of 3. Write "
            '{"subject": …, "relation": …, "object": …} or [subject, relation, object].'
        )
    fields = fields_of(list(found))
    return {
        field: _text(field, value)
        for field, value in zip(fields, found.values(), strict=True)
        if field is not None and value is not None
    }


def _text(field: str, value: Any) -> str:
    if isinstance(value, (str, int, float)):
        return str(value)
    raise InputError(f"The {field} is a {type(value).__name__}; it must be text or a number.")


def write_json_lines(path: Path, triplets: Iterable[Triplet]) -> None:
    """Write one object a line, with the columns of the table."""
    with path.open("w", encoding="utf-8") as file:
        for triplet in triplets:
            values = dataclasses.asdict(triplet)
            row = {field: values[field] for field in EXPORTED if values[field] is not None}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
