"""Tables of triplets as CSV: comma, semicolon, tab or bar, with a heading or without."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from model.errors import InputError
from model.knowledge.columns import EXPORTED, LABELS, FindPicture, ReadRow, draft_of, fields_of
from model.knowledge.text_lines import is_text, lines_of
from model.records import Triplet

DELIMITERS = "\t;,|"
_SAMPLE = 20
"""Lines that tell the delimiter."""
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""A spreadsheet would compute a cell that begins so (OWASP: CSV injection)."""
_QUOTED_FORMULA = re.compile(r"'+[=+\-@\t\r]")


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


def read_table(
    file: IO[bytes], name: str, picture: FindPicture
) -> tuple[tuple[str, ...], Iterator[ReadRow]]:
    """The names of the columns and the rows; the heading counts as row 1, if there is one.

    Raises: InputError if what, action and result cannot be told.
    """
    lines = lines_of(file)
    head = list(itertools.islice(lines, _SAMPLE))
    if not any(line.strip() for line in head):
        raise InputError(f"{name} is empty (0 rows). Choose a table with what, action and result.")
    if "\0" in head[0]:
        raise InputError(
            f"{name} is not a text table: it has NUL bytes in its first line. Save it as CSV "
            "(UTF-8) and choose that."
        )
    records = _records(itertools.chain(head, lines), _delimiter(head))
    first = next(((row, cells) for row, cells in records if not isinstance(cells, str)), None)
    if first is None:
        raise InputError(f"{name} has 0 readable rows. Save it as CSV (UTF-8) and choose that.")
    names, fields, has_heading = _heading(first[1], name)
    kept = records if has_heading else itertools.chain([first], records)
    return names, (_row(row, cells, fields, name, picture) for row, cells in kept)


def _delimiter(head: Sequence[str]) -> str:
    def fit(delimiter: str) -> tuple[int, int]:
        widths = Counter(
            len(cells)
            for _, cells in _records(iter(head), delimiter)
            if not isinstance(cells, str) and len(cells) >= len(LABELS)
        )
        width, rows = widths.most_common(1)[0] if widths else (0, 0)
        return rows, -width

    return max(DELIMITERS, key=fit)


def _records(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each row with its number; in words, if it cannot be taken apart. Empty rows are left out."""
    reader = csv.reader(lines, delimiter=delimiter)
    for row in itertools.count(1):
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            limit = csv.field_size_limit()
            why = f"a cell is longer than {limit:,} characters" if "limit" in str(error) else error
            yield row, f"The row cannot be read ({why}). Look for a missing quote, or shorten it."
            continue
        if any(cell.strip() for cell in cells):
            yield row, cells


def _heading(
    cells: Sequence[str], name: str
) -> tuple[tuple[str, ...], tuple[str | None, ...], bool]:
    fields = fields_of(cells)
    missing = [label for label in LABELS if label not in fields]
    if not missing:
        return tuple(cells), fields, True
    if len(cells) == len(LABELS):
        return LABELS, LABELS, False
    raise InputError(
        f"{name} has {len(cells)} columns ({', '.join(cells)[:100]}), and {len(missing)} of the "
        f"3 that are needed cannot be told: {', '.join(missing)}. Give the table 3 columns, or "
        "name them in the first row: subject, relation, object."
    )


def _row(
    row: int,
    cells: list[str] | str,
    fields: Sequence[str | None],
    name: str,
    picture: FindPicture,
) -> ReadRow:
    if isinstance(cells, str):
        return row, cells
    while len(cells) > len(fields) and not cells[-1].strip():
        cells.pop()  # spreadsheets leave empty cells at the end
    if len(cells) != len(fields):
        return row, f"The row has {len(cells)} cells instead of {len(fields)}. Correct it."
    if not all(map(is_text, cells)):
        return row, "The row has bytes that are not UTF-8 text. Save the table as CSV (UTF-8)."
    values = {field: _unquoted(cell) for field, cell in zip(fields, cells, strict=True) if field}
    try:
        return row, draft_of(values, name, row, picture)
    except InputError as error:
        return row, str(error)


def _unquoted(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and _QUOTED_FORMULA.match(cell) else cell


# ── writing ─────────────────────────────────────────────────────────────────────────────────────


def write_table(path: Path, triplets: Iterable[Triplet], picture_name: str = "{id}") -> None:
    """Write triplets as CSV that spreadsheets open without computing anything.

    A cell that begins like a formula gets an apostrophe in front, which ``read_table`` takes away.
    """
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(EXPORTED)
        for triplet in triplets:
            writer.writerow(
                _cell(getattr(triplet, field), field, picture_name) for field in EXPORTED
            )


def _cell(value: str | float | None, field: str, picture_name: str) -> str:
    if value is None:
        return ""
    if field.endswith("_picture"):
        return picture_name.format(id=value)
    text = str(value)
    return f"'{text}" if _FORMULA.match(text) else text
