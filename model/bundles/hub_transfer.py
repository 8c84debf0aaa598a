"""Students of one workspace on their way to the Hugging Face Hub, and back.

Importing this file imports neither torch nor the Hub's library.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from model import paths
from model.bundles.bundle import read_bundle
from model.bundles.exporting import STOPPED, ExportWork
from model.errors import ConfigError
from model.export_records import ExportJob, ExportStep
from model.records import StudentId
from model.serving.students import Students

STOPPED_PUSH = (
    "Stopped; the student was not sent. If its repository is new, it stays there empty: push again "
    "to fill it, or delete it on the Hub."
)


class HubTransfer:
    """Pushes and pulls the students of one workspace; each is a thread with a queue of steps."""

    def __init__(self, folder: Path, students: Students, *, allowed: bool) -> None:
        """Pulled students lie below ``folder``; a shared app lends its token to nobody."""
        self._folder, self._students, self._allowed = folder, students, allowed
        self._open: set[ExportWork] = set()

    def why_not(self) -> str:
        """Why nothing can be pushed from here, in one sentence; empty if it can."""
        if not self._allowed:
            return "A shared app sends nothing to the Hub and fetches nothing from it."
        if not paths.hub_token():
            return (
                "Pushing needs a token with write access: set HF_TOKEN and start the app again. "
                "Public students can be loaded without one."
            )
        return ""

    def push(
        self, student: StudentId, repo: str, *, private: bool, again: bool, licence: str
    ) -> ExportJob:
        """Send a student with its card. Raises: ConfigError, BundleError at once."""
        self._check(repo)
        path = self._students.path(student)
        read_bundle(path)

        def work(job: ExportWork) -> None:
            from model.bundles.hub import Hub

            hub = Hub(paths.hub_token(), paths.hub_endpoint())
            place = hub.push(
                path,
                repo.strip(),
                private=private,
                again=again,
                licence=licence.strip(),
                on_step=lambda words, share: job.put(ExportStep("step", words, share * 0.99)),
            )
            seen = "private" if private else "public"
            # it is there, whoever pressed stop meanwhile
            job.tell(ExportStep("step", f"{place.repo} is on the Hub ({seen}): {place.url}", 1.0))

        return self._started(work, STOPPED_PUSH)

    def pull(self, repo: str, revision: str = "") -> ExportJob:
        """Fetch a student and add it to the workspace's. Raises: ConfigError at once."""
        self._check(repo)

        def work(job: ExportWork) -> None:
            from model.bundles.hub import Hub, folder_name

            hub = Hub(paths.hub_token(), paths.hub_endpoint())
            folder = self._free(folder_name(repo.strip()))
            place = hub.pull(
                repo.strip(),
                folder,
                revision=revision.strip(),
                on_step=lambda words, share: job.put(ExportStep("step", words, share)),
            )
            name = read_bundle(folder).card.name
            words = f"{name} is among your students ({place.repo} at {place.commit[:7]})."
            job.tell(ExportStep("step", words, 1.0))  # nor is this taken back

        return self._started(work)

    def cancel(self) -> None:
        """Stop every transfer of this workspace that is under way."""
        for job in list(self._open):
            job.cancel()

    def _check(self, repo: str) -> None:
        if not self._allowed:
            raise ConfigError(self.why_not())
        if not repo.strip():
            raise ConfigError("No repository is named. Write it as owner/name.")

    def _free(self, name: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        taken = {path.name for path in self._folder.iterdir()}
        names = [name, *(f"{name}-{number}" for number in range(2, len(taken) + 3))]
        return self._folder / next(free for free in names if free not in taken)

    def _started(self, work: Callable[[ExportWork], None], stopped: str = STOPPED) -> ExportJob:
        def tracked(job: ExportWork) -> None:
            self._open.add(job)
            try:
                work(job)
            except RuntimeError:
                job.check()  # a stop reaches us wrapped into the library's own error
                raise
            finally:
                self._open.discard(job)

        return ExportWork(tracked, stopped)
