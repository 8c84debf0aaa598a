"""Prompts that a person typed or uploaded, one per line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from model.errors import InputError

MOST_PROMPTS = 10_000
MOST_FILE_BYTES = 5_000_000
_HEADERS = {"prompt", "prompts", "question", "text", "instruction"}


def own_prompts(text: str | None) -> tuple[str, ...]:
    """The lines of a text as prompts, without empty and repeated ones."""
    lines = (line.strip() for line in (text or "").splitlines())
    return tuple(dict.fromkeys(line for line in lines if line))


def read_prompts(file: Path) -> list[str]:
    """The prompts in a .txt or .csv file. Raises: InputError if it cannot be read or is too big."""
    size = file.stat().st_size
    if size > MOST_FILE_BYTES:
        raise InputError(
            f"The file is {size / 1e6:.1f} MB; the largest allowed is "
            f"{MOST_FILE_BYTES / 1e6:.0f} MB. Split it and add a part."
        )
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InputError("The file is not UTF-8 text. Save it as UTF-8 and add it again.") from exc
    if file.suffix.lower() == ".csv":
        text = "\n".join(_first_column(text))
    prompts = list(own_prompts(text))
    if not prompts:
        raise InputError("There are 0 prompts in the file. Write one prompt per line.")
    if len(prompts) > MOST_PROMPTS:
        raise InputError(
            f"The file has {len(prompts):,} prompts; at most {MOST_PROMPTS:,} fit in a run."
        )
    return prompts


def _first_column(text: str) -> list[str]:
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
    except csv.Error as exc:
        raise InputError(f"The table cannot be read: {exc}. Save it as plain CSV.") from exc
    cells = [" ".join(row[0].split()) for row in rows]
    return cells[1:] if cells and cells[0].lower() in _HEADERS else cells
