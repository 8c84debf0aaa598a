"""Exports that cost nothing: the steps are prepared, the ZIP holds one line."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from model.config import ExportConfig
from model.errors import DeployConflict
from model.export_records import ExportPreview, ExportStep, ParityRow
from model.records import StudentId

ROWS = (
    ParityRow("the template", 0, "<|im_start|>", "<|im_start|>", 1, 1, None),
    ParityRow("What is this?", 1, "This is an egg.", "This is an egg.", 5, 5, 2.5e-4),
    ParityRow("What happened?", 3, "An egg was fried.", "A <b>hen</b>.", 5, 1, 0.5),
)


class FakeJob:
    """An export whose steps are all there already."""

    def __init__(self, steps: Sequence[ExportStep]) -> None:
        self.steps, self.cancelled = steps, False

    def events(self) -> Iterator[ExportStep]:
        yield from self.steps

    def cancel(self) -> None:
        self.cancelled = True


class FakeExports:
    """Fulfils ``webapp.export_backend.ExportBackend``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.text_only = ""
        self.on_server: set[str] = set()
        self.pushed: list[tuple[StudentId, ExportConfig, str, bool]] = []
        self.cancels = 0

    def cancel(self) -> None:
        self.cancels += 1

    def preview(self, student: StudentId, config: ExportConfig) -> ExportPreview:
        facts = min(14, config.fact_tokens // 8)
        return ExportPreview(config.name or "student", facts, 8 * facts, 14, self.text_only)

    def export(self, student: StudentId, config: ExportConfig) -> FakeJob:
        packed = self.folder / "student.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("student/Modelfile", "FROM ./model.gguf\n")
        steps = (
            ExportStep("step", "Writing the words", 0.3),
            ExportStep("file", "student.zip: 7.1 MB, 14 facts", 1.0, path=packed),
            ExportStep("done", share=1.0),
        )
        return FakeJob(steps)

    def push(
        self, student: StudentId, config: ExportConfig, address: str, *, overwrite: bool
    ) -> FakeJob:
        self.pushed.append((student, config, address, overwrite))
        name = config.name or "student"
        if name in self.on_server and not overwrite:
            words = str(DeployConflict(f"The server has a model “{name}” already."))
            return FakeJob([ExportStep("error", words)])
        self.on_server.add(name)
        rows = [ExportStep("row", "Comparing answers", 0.9, row=row) for row in ROWS]
        return FakeJob([*rows, ExportStep("step", f"ollama run {name}", 1.0), ExportStep("done")])
