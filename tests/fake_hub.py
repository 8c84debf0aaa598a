"""A Hub that costs nothing: the steps are prepared."""

from __future__ import annotations

from model.errors import ConfigError
from model.export_records import ExportStep
from model.records import StudentId
from tests.fake_exports import FakeJob


class FakeHub:
    """Fulfils ``webapp.hub_backend.HubBackend``."""

    def __init__(self) -> None:
        self.missing = ""
        self.pushed: list[tuple[StudentId, str, bool, bool, str]] = []
        self.pulled: list[tuple[str, str]] = []
        self.cancels = 0

    def why_not(self) -> str:
        return self.missing

    def push(
        self, student: StudentId, repo: str, *, private: bool, again: bool, licence: str
    ) -> FakeJob:
        if not repo:
            raise ConfigError("No repository is named. Write it as owner/name.")
        self.pushed.append((student, repo, private, again, licence))
        if self.missing:
            return FakeJob([ExportStep("error", self.missing)])
        return FakeJob(
            [ExportStep("step", f"{repo} is on the Hub (private)", 1.0), ExportStep("done")]
        )

    def pull(self, repo: str, revision: str = "") -> FakeJob:
        self.pulled.append((repo, revision))
        steps = ("Fetching model.safetensors: 1.0 MB", "egg is among your students (me/egg).")
        return FakeJob([*(ExportStep("step", words, 0.5) for words in steps), ExportStep("done")])

    def cancel(self) -> None:
        self.cancels += 1
