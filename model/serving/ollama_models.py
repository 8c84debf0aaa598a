"""The students of a workspace under names that Ollama's clients can ask for."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from model.bundles.bundle import Bundle, read_bundle
from model.errors import BundleError
from model.records import StudentInfo
from model.serving.ollama_body import FOR_EVER_S
from model.serving.ollama_refusals import Refused
from model.serving.students import Students

KEEP_ALIVE_S = 300.0
BYTES_PER_WEIGHT = 4
"""A loaded student computes in float32."""
_REGISTRY = "registry.ollama.ai/library/"
_NAME = re.compile(r"(?:[\w.:-]+/){0,2}[A-Za-z0-9_][\w.-]{0,79}(?::[A-Za-z0-9_][\w.-]{0,79})?")


@dataclass(frozen=True)
class Served:
    """A student as a client sees it: ``asked`` is the name that it used, ``name`` the full one."""

    asked: str
    name: str
    info: StudentInfo
    bundle: Bundle

    @property
    def capabilities(self) -> list[str]:
        """What it can do, by Ollama's words."""
        thinks = ["thinking"] if self.bundle.config.thinks else []
        return ["completion", "vision", *thinks, "embedding"]


@dataclass
class ServedStudents:
    """Finds students by name and remembers how long clients wish to keep them in memory."""

    students: Students
    until: dict[str, float] = field(default_factory=dict)
    """Times (s) by full names."""

    def all(self) -> Sequence[Served]:
        """Every student, the shipped one first."""
        return [self._served(info, "") for info in self.students.all()]

    def find(self, asked: str, *, unknown: str = "model '{asked}' not found") -> Served:
        """The student of a name, with or without ``:latest``; upper and lower case are one.

        Raises: Refused 404 in the words of ``unknown``, or 400 for a name that cannot be one.
        """
        if asked and not _NAME.fullmatch(asked):
            raise Refused(400, "invalid model name")
        plain, _, tag = asked.removeprefix(_REGISTRY).removeprefix("library/").partition(":")
        if tag in ("", "latest"):
            for info in self.students.all():
                if plain.lower() == str(info.id).lower():
                    return self._served(info, asked)
        full = asked if ":" in asked else f"{asked}:latest"
        raise Refused(404, unknown.format(asked=asked, full=full))

    def _served(self, info: StudentInfo, asked: str) -> Served:
        name = f"{info.id}:latest"
        return Served(asked or name, name, info, read_bundle(self.students.path(info.id)))

    # ── memory ──────────────────────────────────────────────────────────────────────────────────

    def keep(self, served: Served, seconds: float | None) -> None:
        """Note for how long a client wishes to keep a student loaded; None is the usual time.

        0 lets it go, unless somebody is being answered with it or the page answers with it.
        """
        if seconds == 0:
            self.until.pop(served.name, None)
            self.students.unload(served.info.id)
        else:
            self.until[served.name] = time.time() + (KEEP_ALIVE_S if seconds is None else seconds)

    def loaded(self) -> Sequence[tuple[Served, float]]:
        """The students in memory, each with the time (s) until which it is wished for."""
        found = []
        for served in self.all():
            try:
                here = self.students.is_loaded(served.info.id)
            except BundleError:
                continue  # deleted since it was listed
            if here:
                until = self.until.get(served.name, time.time() + KEEP_ALIVE_S)
                found.append((served, until))
        return found


def timestamp(seconds: float) -> str:
    """A time as Ollama writes it; one that never comes is the end of the calendar."""
    if seconds > time.time() + FOR_EVER_S / 2:
        return "9999-12-31T23:59:59Z"
    when = datetime.fromtimestamp(seconds, timezone.utc)
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")


def human_number(count: int) -> str:
    """5401856 → ``5.40M``, as Ollama tells a size in weights."""
    if count >= 1e9:
        return f"{count / 1e9:.1f}B"
    if count >= 1e6:
        return f"{count / 1e6:.2f}M"
    return f"{count / 1e3:.0f}K" if count >= 1e3 else str(count)


def details(served: Served) -> dict[str, Any]:
    """What lists say about a model. The format is the bundle's, not GGUF."""
    return {
        "parent_model": served.info.parent or "",
        "format": "safetensors",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": human_number(served.info.parameters),
        "quantization_level": "F16",
    }


def tag_entry(served: Served) -> dict[str, Any]:
    """A student in ``/api/tags``; its digest is the hash of its weights."""
    decoder = served.bundle.config.decoder
    return {
        "name": served.name,
        "model": served.name,
        "modified_at": timestamp(served.info.created_at),
        "size": served.info.size_bytes,
        "digest": served.info.weights_hash,
        "details": {
            **details(served),
            "context_length": decoder.max_position_embeddings,
            "embedding_length": decoder.hidden_size,
        },
        "capabilities": served.capabilities,
    }


def loaded_entry(served: Served, until: float) -> dict[str, Any]:
    """A student in ``/api/ps``."""
    return {
        "name": served.name,
        "model": served.name,
        "size": served.info.parameters * BYTES_PER_WEIGHT,
        "digest": served.info.weights_hash,
        "details": details(served),
        "expires_at": timestamp(until),
        "size_vram": 0,
        "context_length": served.bundle.config.decoder.max_position_embeddings,
    }
