"""Which models the test server has, and what goes wrong with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

STAMP = "2026-11-23T02:37:40.344020021Z"


@dataclass(frozen=True)
class Model:
    """One model of the server; the digest follows from the name and ``version``."""

    name: str
    capabilities: tuple[str, ...] = ("completion",)
    parameter_size: str = "1.2B"
    version: int = 1

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.name} {self.version}".encode()).hexdigest()

    def entry(self, *, capabilities: bool = True) -> dict[str, Any]:
        """The model as ``/api/tags`` lists it."""
        size = {"size": 1_321_098_329, "digest": self.digest, "details": self.details(more=True)}
        entry = {"name": self.name, "model": self.name, "modified_at": STAMP, **size}
        return {**entry, "capabilities": list(self.capabilities)} if capabilities else entry

    def details(self, *, more: bool = False) -> dict[str, Any]:
        family = "bert" if "embedding" in self.capabilities else "llama"
        details: dict[str, Any] = {
            "parent_model": "",
            "format": "gguf",
            "family": family,
            "families": [family],
            "parameter_size": self.parameter_size,
            "quantization_level": "Q8_0",
        }
        return {**details, "context_length": 2048, "embedding_length": 64} if more else details


DEFAULT_MODELS = (
    Model("llama3.2:1b"),
    Model("moondream:latest", ("completion", "vision"), "1.4B"),
    Model("all-minilm:latest", ("embedding",), "23M"),
)


@dataclass
class Faults:
    """What goes wrong, from the moment it is set; every field may change while the server runs."""

    first_byte_delay_s: float = 0.0
    token_delay_s: float = 0.0
    cut_after: int | None = None
    """The stream ends well-formed after so many tokens, but without ``done``."""
    drop_after: int | None = None
    """The connection breaks after so many tokens."""
    error_after: int | None = None
    """An error line instead of the next token."""
    busy_next: int = 0
    """So many chats and generates are refused with 503."""
    malformed_line: bool = False
    empty_answer: bool = False
    no_logprobs: bool = False
    """Wishes for logprobs are passed over, as by servers before 0.12.11 and cloud models."""
    merge_entries: bool = False
    """The second and third token come as one entry, as when they make up one character."""
    refuse: bool = False
    """Every connection is closed without a reply."""
    think_unknown: bool = False
    """Any ``think`` is refused with 400, as by models that cannot think."""
    tags_capabilities: bool = True
    show_capabilities: bool = True
    replies: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Status and body to give for a path, whatever is asked."""
