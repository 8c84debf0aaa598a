"""What the panel of other servers may ask for; ``Backend.sources()`` hands it out."""

from __future__ import annotations

from typing import Protocol

from model.records import StudentId


class SourceBackend(Protocol):
    """Models on servers that answer in a student's place."""

    def add(self, address: str, model: str) -> StudentId:
        """Add a model of a server to the list of students; returns its id there."""
        ...
