"""Records of what is done to the graph as a whole: counted, brought in, carried out, cleaned up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from model.records import Node, TripletDraft


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
