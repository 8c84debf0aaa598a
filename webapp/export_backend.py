"""What the export panel may ask for; ``Backend.exports()`` hands it out."""

from __future__ import annotations

from typing import Protocol

from model.config import ExportConfig
from model.export_records import ExportJob, ExportPreview
from model.records import StudentId


class ExportBackend(Protocol):
    """Writes students for Ollama, and puts them there."""

    def preview(self, student: StudentId, config: ExportConfig) -> ExportPreview:
        """What an export would hold, told before the click."""
        ...

    def export(self, student: StudentId, config: ExportConfig) -> ExportJob:
        """Write the folder and pack it; the step ``file`` names the ZIP."""
        ...

    def push(
        self, student: StudentId, config: ExportConfig, address: str, *, overwrite: bool
    ) -> ExportJob:
        """Write the folder, send it to an Ollama server, compare what the two say."""
        ...

    def cancel(self) -> None:
        """Stop every export of this workspace that is under way."""
        ...
