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
    """Bytes of the decoder's weights, which are all read for every token."""
    tokens_per_s: float
    """Of one answer at a time, the reading of the question left out; a median."""
    loss: float
    """Mean cross-entropy on held-out micro-world answers, in nats per token."""


@dataclass(frozen=True)
class PrecisionReport:
    """The same weights in full and in eight bits, measured in turns on this machine."""

    weights_hash: str
    full: PrecisionFigures
    int8: PrecisionFigures
