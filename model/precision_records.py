"""The plain records of how finely a student's weights are kept while it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["full", "int8"]
PRECISIONS: tuple[Precision, ...] = ("full", "int8")


@dataclass(frozen=True)
class PrecisionFigures:
    """What a student takes and gives in one precision."""

    weight_bytes: int
    tokens_per_s: float
    """Of one greedy answer at a time, reading the question left out; a median."""
    loss: float
    """Mean cross-entropy on held-out micro-world answers, in nats per token."""


@dataclass(frozen=True)
class PrecisionReport:
    """The same weights in full and in eight bits, measured in turns on this machine."""

    weights_hash: str
    matrices: int
    """How many matrices are large enough to be kept in eight bits."""
    full: PrecisionFigures
    int8: PrecisionFigures
