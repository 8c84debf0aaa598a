"""The graph goes in and out as files: CSV, JSON Lines, GraphML, a ZIP with pictures, a page.

An import reads its file row by row and never holds it whole. A row that can not become a triplet
is reported with its number; the good rows are stored together, as one edit for undo.
"""

from __future__ import annotations

import functools
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from model.errors import InputError, ReasonerError
from model.graph_records import ExportKind, ImportPreview, ImportResult, RowProblem
from model.knowledge.columns import ReadRow
from model.knowledge.graph_page import graph_page
from model.knowledge.graph_store import GraphStore
from model.knowledge.graphml import read_graphml, write_graphml
from model.knowledge.json_lines import read_json_lines, write_json_lines
from model.knowledge.picture_zip import PictureZip, write_zip
from model.knowledge.pictures import Pictures, decode
from model.knowledge.tables import read_table, write_table
from model.records import PictureId, TripletDraft

ImportKind = Literal["csv", "jsonl", "graphml", "zip"]
MOST_PROBLEMS = 100
"""Rows whose problem is told; all are counted."""
SAMPLE = 5
DRAWN = 300
"""Nodes of an exported page: more of them take minutes to lay out."""
_ENDINGS: dict[str, ImportKind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".graphml": "graphml",
    ".xml": "graphml",
    ".zip": "zip",
}


def kind_of(path: Path) -> ImportKind:
    """What a file is: by its ending, else by its first bytes.

    Raises: InputError if it cannot be read or is empty.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read ({error.strerror or error}). Choose the file again."
        ) from error
    if not head:
        raise InputError(f"{path.name} is empty (0 bytes). Choose a file with triplets.")
    if path.suffix.lower() in _ENDINGS:
        return _ENDINGS[path.suffix.lower()]
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:4]
    if start == b"PK\x03\x04":
        return "zip"
    if start.startswith(b"<"):
        return "graphml"
    return "jsonl" if start.startswith((b"{", b"[")) else "csv"


# ── in ──────────────────────────────────────────────────────────────────────────────────────────


class _Reading:
    """The rows of a file, counted as they pass by."""

    def __init__(self, path: Path, pictures: Pictures, *, keep: bool) -> None:
        """With ``keep`` the pictures of a ZIP are stored, else they are only looked at."""
        self.path, self.kind = path, kind_of(path)
        self._pictures, self._keep = pictures, keep
        self._files = ExitStack()
        self.rows = self.bad = 0
        self.problems: list[RowProblem] = []
        with ExitStack() as files:
            self.columns, self._read = self._open(files)
            self._files = files.pop_all()

    def _open(self, files: ExitStack) -> tuple[tuple[str, ...], Iterator[ReadRow]]:
        name = self.path.name
        known = functools.lru_cache(10_000)(self._known)
        if self.kind == "graphml":
            return read_graphml(self.path, name, known)
        if self.kind == "zip":
            archive = PictureZip(self.path)
            files.callback(archive.close)
            file = files.enter_context(archive.opened())

            def packed(picture: str) -> PictureId | None:
                return archive.picture(picture, self._look)

            lines = archive.table.lower().endswith((".jsonl", ".ndjson"))
            return (read_json_lines if lines else read_table)(file, name, packed)
        file = files.enter_context(self.path.open("rb"))
        return (read_json_lines if self.kind == "jsonl" else read_table)(file, name, known)

    def _known(self, picture: str) -> PictureId | None:
        self._pictures.path(PictureId(picture))
        return PictureId(picture)

    def _look(self, data: bytes) -> PictureId | None:
        if self._keep:
            return self._pictures.add(data)
        decode(data)
        return None

    def good(self) -> Iterator[TripletDraft]:
        """The drafts of the good rows; the others are counted, and the first of them noted."""
        with self._files:
            for row, draft in self._read:
                self.rows += 1
                if not isinstance(draft, str):
                    yield draft
                    continue
                self.bad += 1
                if len(self.problems) < MOST_PROBLEMS:
                    self.problems.append(RowProblem(row, draft))


def preview(path: Path, pictures: Pictures) -> ImportPreview:
    """Read a whole file without storing anything.

    Raises: InputError if it is no file of triplets, or damaged.
    """
    reading = _Reading(path, pictures, keep=False)
    sample: list[TripletDraft] = []
    for draft in reading.good():
        if len(sample) < SAMPLE:
            sample.append(draft)
    return ImportPreview(
        reading.kind,
        reading.rows,
        reading.rows - reading.bad,
        reading.columns,
        tuple(sample),
        tuple(reading.problems),
    )


def import_file(
    store: GraphStore, pictures: Pictures, path: Path, *, all_or_nothing: bool
) -> ImportResult:
    """Store the good rows of a file, as one edit for undo.

    Raises: InputError if the file is damaged, or if ``all_or_nothing`` and one row is bad; then
    nothing is stored.
    """
    if all_or_nothing:
        seen = preview(path, pictures)
        if seen.problems:
            first = seen.problems[0]
            raise InputError(
                f"{seen.rows - seen.good:,} of {seen.rows:,} rows cannot be stored; the first is "
                f"row {first.row}: {first.words} Nothing was stored. Correct the rows, or import "
                "the good ones only."
            )
    reading = _Reading(path, pictures, keep=True)
    added, updated = store.take_in(reading.good(), path.name)
    return ImportResult(added, updated, reading.bad, tuple(reading.problems))


# ── out ─────────────────────────────────────────────────────────────────────────────────────────


def export(store: GraphStore, pictures: Pictures, kind: ExportKind, folder: Path) -> Path:
    """Write the whole graph (a page: its most connected nodes) to ``folder``; returns the file.

    The file appears under its name once it is whole.

    Raises: ReasonerError if the disk does not take it.
    """
    writers: dict[str, Callable[[Path], None]] = {
        "csv": lambda path: write_table(path, store.every_triplet()),
        "jsonl": lambda path: write_json_lines(path, store.every_triplet()),
        "graphml": lambda path: write_graphml(path, store.labels(), store.every_triplet()),
        "zip": lambda path: write_zip(path, store.every_triplet(), pictures),
        "html": lambda path: _write_page(path, store, pictures),
    }
    target = folder / f"graph.{kind}"
    unfinished = folder / f".{uuid.uuid4().hex}.{kind}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writers[kind](unfinished)
        os.replace(unfinished, target)
    except OSError as error:
        raise ReasonerError(
            f"The graph could not be written to {folder} ({error.strerror or error}): 0 files were "
            "exported. Free some space and export again."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def _write_page(path: Path, store: GraphStore, pictures: Pictures) -> None:
    path.write_text(graph_page(store.graph(limit=DRAWN), pictures.thumbnail), encoding="utf-8")
