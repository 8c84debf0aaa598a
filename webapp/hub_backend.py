"""What the Hugging Face panel may ask for; ``Backend.hub()`` hands it out."""

from __future__ import annotations

from typing import Protocol

from model.export_records import ExportJob
from model.records import StudentId


class HubBackend(Protocol):
    """Takes students to the Hugging Face Hub, and back."""

    def why_not(self) -> str:
        """Why nothing can be pushed from here, in one sentence; empty if it can."""
        ...

    def push(
        self, student: StudentId, repo: str, *, private: bool, again: bool, licence: str
    ) -> ExportJob:
        """Send a student with its card; ``again`` adds to what is there already."""
        ...

    def pull(self, repo: str, revision: str = "") -> ExportJob:
        """Fetch a student and add it to the workspace's."""
        ...

    def cancel(self) -> None:
        """Stop every transfer of this workspace that is under way."""
        ...
