"""Documents that a person uploaded, to be read for triplets."""

from __future__ import annotations

import codecs
from pathlib import Path

from model.errors import InputError

KINDS = (".txt", ".md", ".csv", ".tsv")
MOST_FILE_BYTES = 5_000_000
_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def is_document(file: Path) -> bool:
    """Whether a file is read as text, by its ending."""
    return file.suffix.lower() in KINDS


def read_document(file: Path) -> str:
    """The words of a document. Raises: InputError if it is too big, empty, or not text."""
    data = file.read_bytes()
    if len(data) > MOST_FILE_BYTES:
        raise InputError(
            f"“{file.name}” is {len(data) / 1e6:.1f} MB; the largest document that is read has "
            f"{MOST_FILE_BYTES / 1e6:.0f} MB. Split it and read a part."
        )
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as exc:
        raise InputError(
            f"“{file.name}” is not UTF-8 text (byte {exc.start:,}). Save it as UTF-8 text; from a "
            "PDF or an office document, copy the words and paste them."
        ) from exc
    if "\0" in text:
        raise InputError(f"“{file.name}” is not a text. Copy its words and paste them instead.")
    if not text.strip():
        raise InputError(f"“{file.name}” has no words in it. Choose another document.")
    return text
