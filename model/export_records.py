"""The plain records of a student that leaves the app: no torch, no files, no HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol


@dataclass(frozen=True)
class ExportPreview:
    """What an export would hold, told before the click."""

    name: str
    """What the model would be called in Ollama."""
    facts: int
    fact_tokens: int
    total_facts: int
    text_only: str
    """Why the eyes stay behind, in one sentence; empty if they come along."""


@dataclass(frozen=True)
class ParityRow:
    """One prompt, answered by the server and by the app from the same weights."""

    prompt: str
    pictures: int
    ours: str
    theirs: str
    tokens: int
    """Tokens that the app wrote."""
    same_tokens: int
    """Of these, how many from the first on the server wrote, too."""
    gap: float | None
    """Largest difference of their log-probabilities in nats; None if the server gave none."""


@dataclass(frozen=True)
class ExportStep:
    """One step of an export under way; ``share`` is what is done of all, from 0 to 1."""

    kind: Literal["step", "row", "file", "done", "error"]
    words: str = ""
    share: float = 0.0
    row: ParityRow | None = None
    path: Path | None = None


class ExportJob(Protocol):
    """An export under way. Reading it does not own it; anyone may call ``cancel``."""

    def events(self) -> Iterator[ExportStep]:
        """Yield steps until ``done`` or ``error``."""
        ...

    def cancel(self) -> None:
        """Stop before the next file, block of bytes or prompt."""
        ...
