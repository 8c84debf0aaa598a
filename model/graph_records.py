"""Records of what is done to the graph as a whole: counted, read, brought in, cleaned up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from model.records import Node, PictureId, TripletDraft


@dataclass(frozen=True)
class GraphStatistics:
    """How large the graph is; ``duplicates`` counts the pairs that are proposed for merging."""

    nodes: int
    edges: int
    relations: int
    components: int
    duplicates: int


@dataclass(frozen=True)
class DuplicatePair:
    """Two nodes that may be the same thing; ``score`` (0–1) says how alike, ``why`` in words."""

    first: Node
    second: Node
    why: str
    score: float


@dataclass(frozen=True)
class RowProblem:
    """Why a row of an imported file cannot become a triplet; rows count from 1."""

    row: int
    words: str


@dataclass(frozen=True)
class ImportPreview:
    """What an import would do: nothing is stored yet. ``problems`` holds the first of them."""

    kind: Literal["csv", "jsonl", "graphml", "zip"]
    rows: int
    good: int
    columns: tuple[str, ...]
    sample: tuple[TripletDraft, ...]
    problems: tuple[RowProblem, ...]


@dataclass(frozen=True)
class ImportResult:
    """What an import did; the rows of ``problems`` (the first of them) were left out."""

    added: int
    updated: int
    left_out: int
    problems: tuple[RowProblem, ...]


ExportKind = Literal["csv", "jsonl", "graphml", "zip", "html"]


@dataclass(frozen=True)
class ReadingMatter:
    """What is to be read for triplets: words, or pictures; ``name`` says where they are from."""

    text: str = ""
    pictures: tuple[PictureId, ...] = ()
    name: str = "pasted text"


@dataclass(frozen=True)
class Reading:
    """How far a reading has come; ``drafts`` are all triplets found so far, none of them stored.

    ``reader`` is the teacher's model, or empty for the rules. A picture counts as a piece.
    """

    reader: str
    state: Literal["reading", "done", "stopped", "failed"]
    piece: int
    pieces: int
    drafts: tuple[TripletDraft, ...] = ()
    notes: tuple[str, ...] = ()
    message: str = ""
    remaining_s: float | None = None


class ReadingJob(Protocol):
    """A reading under way; closing ``steps`` early stops it, too."""

    def steps(self) -> Iterator[Reading]:
        """Yield at least once a second; the last step is done, stopped or failed."""
        ...

    def cancel(self) -> None:
        """Let the reading stop within a moment; what was found stays."""
        ...
