"""Triplets with their pictures as one ZIP: a table, and the files that it names.

Nothing is unpacked to disk, so a name in the archive can not lead out of a folder.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from model.errors import InputError
from model.knowledge.pictures import MAX_BYTES, Pictures
from model.knowledge.tables import write_table
from model.records import PictureId, Triplet

MOST_FILES = 100_000
MOST_TABLE_BYTES = 2_000_000_000
"""Of the unpacked table."""
TABLES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
"""What the reader raises on archives that are cut off, encrypted or of an unknown kind."""


class PictureZip:
    """An opened archive: its one table, and its pictures by their names.

    Raises: InputError if it is no archive, too large, or does not hold exactly one table.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGED as error:
            raise InputError(
                f"{path.name} is not a whole ZIP file ({error}). Pack it again."
            ) from error
        members = [each for each in self._zip.infolist() if not each.is_dir()]
        if len(members) > MOST_FILES:
            raise InputError(
                f"{path.name} holds {len(members):,} files; the limit is {MOST_FILES:,}. "
                "Split it into several archives."
            )
        self._members = {
            each.filename.replace("\\", "/"): each
            for each in members
            if not any(part.startswith((".", "__MACOSX")) for part in each.filename.split("/"))
        }
        self.table = self._find_table(path.name)
        self._known: dict[str, PictureId | str | None] = {}

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def _find_table(self, name: str) -> str:
        tables = [each for each in self._members if each.lower().endswith(TABLES)]
        wanted = [each for each in tables if PurePosixPath(each).stem == "triplets"] or tables
        if len(wanted) != 1:
            raise InputError(
                f"{name} holds {len(wanted)} tables ({', '.join(TABLES)}); it needs exactly 1. Add "
                "a table triplets.csv that names the pictures."
            )
        size = self._members[wanted[0]].file_size
        if size > MOST_TABLE_BYTES:
            raise InputError(
                f"The table {wanted[0][:60]} is {size / 1e6:,.0f} MB unpacked; the limit is "
                f"{MOST_TABLE_BYTES / 1e6:,.0f} MB. Split it."
            )
        return wanted[0]

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The table's bytes. Raises: InputError if the archive is damaged."""
        try:
            with self._zip.open(self._members[self.table]) as file:
                yield file
        except _DAMAGED as error:
            raise InputError(
                f"The table {self.table[:60]} in the ZIP file is damaged or encrypted ({error}). "
                "Pack it again without a password."
            ) from error

    def picture(self, name: str, keep: Callable[[bytes], PictureId | None]) -> PictureId | None:
        """The picture that the table calls ``name``, looked at once. Raises: InputError."""
        if name not in self._known:
            try:
                self._known[name] = keep(self._read(name))
            except InputError as error:
                self._known[name] = str(error)
        known = self._known[name]
        if known is not None and " " in known:  # words, not the id of a picture
            raise InputError(f"Picture {name[:60]}: {known}")
        return None if known is None else PictureId(known)

    def _read(self, name: str) -> bytes:
        plain = name.strip().replace("\\", "/").removeprefix("./")
        beside = str(PurePosixPath(self.table).parent / plain)
        member = self._members.get(beside) or self._members.get(plain)
        if member is None:
            raise InputError("there is no such file in the ZIP. Add it, or correct the table.")
        if member.file_size > MAX_BYTES:
            raise InputError(
                f"the file is {member.file_size / 1e6:,.0f} MB unpacked; the limit is "
                f"{MAX_BYTES / 1e6:.0f} MB. Make it smaller."
            )
        try:
            return self._zip.read(member)
        except _DAMAGED as error:
            raise InputError(
                f"the file is damaged or encrypted ({error}). Pack it again."
            ) from error


def write_zip(path: Path, triplets: Iterable[Triplet], pictures: Pictures) -> None:
    """Write a table and the pictures that it names; a picture that is gone is left out."""
    table, used = path.with_name(f"{path.name}.csv"), dict[PictureId, None]()

    def noted() -> Iterator[Triplet]:
        for triplet in triplets:
            used.update(dict.fromkeys(each for each in triplet.pictures if each is not None))
            yield triplet

    try:
        write_table(table, noted(), "pictures/{id}.png")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(table, "triplets.csv")
            for picture in used:
                try:
                    source = pictures.path(picture)
                except InputError:
                    continue
                archive.write(source, f"pictures/{picture}.png", zipfile.ZIP_STORED)
    finally:
        table.unlink(missing_ok=True)
