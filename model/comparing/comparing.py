"""The comparisons of one workspace: started, followed, stopped, voted on, and carried away."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from model.compare_records import (
    LETTERS,
    Best,
    CompareConfig,
    CompareRow,
    Comparison,
    ComparisonHead,
    ComparisonId,
    Rating,
    ReportKind,
    SideId,
    SideInfo,
    Vote,
)
from model.comparing import document, elo, prompt_sets, report
from model.comparing.job import ComparisonJob
from model.comparing.sides import FindsSides
from model.errors import EngineBusy, InputError
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store

MOST_AT_ONCE = 2
CLOSING_S = 5.0
"""How long a comparison has to be stored when the workspace is closed."""


class Comparing:
    """Compares the sides of one workspace. Fulfils ``webapp.compare_backend.CompareBackend``."""

    def __init__(self, store: Store, pictures: Pictures, sides: FindsSides, folder: Path) -> None:
        """Files that a person carries away are written below ``folder``."""
        self._store, self._pictures, self._sides = store, pictures, sides
        self._folder = folder
        self._lock = threading.Lock()
        self._jobs: dict[ComparisonId, ComparisonJob] = {}
        self._writing = threading.Lock()
        """Held while a comparison is stored or deleted; ``start`` stores under ``_lock``."""
        self._deleted: set[ComparisonId] = set()

    def ten_prompts(self) -> tuple[str, ...]:
        """The prompts that every student can be asked."""
        return prompt_sets.ten_prompts()

    def read_prompts(self, path: Path) -> tuple[tuple[str, str], ...]:
        """The prompts of a file with their right answers, or empty ones. Raises: InputError."""
        return prompt_sets.read_prompts(path)

    def start(self, config: CompareConfig) -> ComparisonId:
        """Begin a comparison; it goes on whoever looks.

        Raises: InputError, BundleError, TeacherError, EngineBusy.
        """
        contestants = [
            self._sides.contestant(SideId(side), config.address) for side in config.sides
        ]
        judge = self._sides.judge(config.judge, config.address) if config.judge else None
        rows = tuple(
            CompareRow(task, (None,) * len(contestants))
            for task in prompt_sets.tasks_of(config, self._pictures)
        )
        infos = tuple(contestant.info for contestant in contestants)
        name = ComparisonId(uuid.uuid4().hex)
        comparison = Comparison(name, time.time(), config, infos, rows, stage="starting")
        with self._lock:
            self._jobs = {key: job for key, job in self._jobs.items() if job.now.state == "running"}
            if len(self._jobs) >= MOST_AT_ONCE:
                raise EngineBusy(
                    f"{len(self._jobs)} comparisons are under way already; the limit is "
                    f"{MOST_AT_ONCE}. Stop one, or wait."
                )
            self._keep(comparison)
            self._jobs[name] = ComparisonJob(comparison, contestants, self._keep, judge)
        return name

    def states(self, comparison: ComparisonId) -> Iterator[Comparison]:
        """The comparison as it goes on, or once as it is stored. Raises: InputError."""
        job = self._job(comparison)
        if job is None:
            yield self.get(comparison)
        else:
            yield from job.states()

    def get(self, comparison: ComparisonId) -> Comparison:
        """The comparison as it is now. Raises: InputError if there is none."""
        job = self._job(comparison)
        if job is not None:
            return job.now
        text = self._store.comparison(comparison)
        if text is None:
            raise InputError("This comparison is no longer there. Run it again.")
        found = document.from_text(text)
        return replace(found, state="interrupted") if found.state == "running" else found

    def stop(self, comparison: ComparisonId) -> None:
        """Stop within a moment; what was answered stays. Does nothing if it is over."""
        job = self._job(comparison)
        if job is not None:
            job.cancel()

    def close(self) -> None:
        """Stop everything that is under way; it is stored as far as it came."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.cancel()
        for job in jobs:
            job.wait(CLOSING_S)

    def all(self, limit: int = 30) -> Sequence[ComparisonHead]:
        """The comparisons, newest first."""
        return self._store.comparisons(limit)

    def delete(self, comparison: ComparisonId) -> None:
        """Remove a comparison; votes on it still count on the board."""
        self.stop(comparison)
        with self._writing:
            # its job stores a last state within a moment, or has one in hand
            self._deleted.add(comparison)
            self._store.delete_comparison(comparison)

    def vote(self, comparison: ComparisonId, row: int, best: Best) -> None:
        """Say which answer to a prompt is best. Raises: InputError if there is no such prompt."""
        found = self.get(comparison)
        letters = LETTERS[: len(found.sides)]
        if not 0 <= row < len(found.rows) or best not in (*letters, "tie", "bad"):
            raise InputError(
                f"There is no answer {best} to prompt {row + 1} of {len(found.rows)}. "
                "Reload the page."
            )
        names = tuple(rated_name(side) for side in found.sides)
        self._store.save_comparison_vote(comparison, Vote(row, best, names))

    def votes(self, comparison: ComparisonId) -> Sequence[Vote]:
        """The votes on a comparison."""
        return self._store.comparison_votes(comparison)

    def board(self) -> Sequence[Rating]:
        """The Elo board of all votes, best first."""
        return elo.board(self._store.comparison_votes())

    def report(self, comparison: Comparison) -> str:
        """Figures, differences and charts as HTML without scripts; empty if there are none."""
        return report.figures_html(comparison)

    def export(self, comparison: ComparisonId, kind: ReportKind) -> Path:
        """Write a comparison as a file and return its path. Raises: InputError."""
        found, votes = self.get(comparison), self.votes(comparison)
        writers = {
            "json": lambda: document.to_text(found, votes),
            "csv": lambda: report.table_text(found),
            "html": lambda: report.page_html(found, votes),
        }
        if kind not in writers:
            raise InputError(f"There is no export “{kind}”. Choose one of: {', '.join(writers)}.")
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"comparison-{comparison[:8]}.{kind}"
        path.write_text(writers[kind](), encoding="utf-8")
        return path

    def _job(self, comparison: ComparisonId) -> ComparisonJob | None:
        with self._lock:
            return self._jobs.get(comparison)

    def _keep(self, comparison: Comparison) -> None:
        names = [side.name for side in comparison.sides]
        if comparison.config.blind:
            names.sort()  # in the order of the letters they would tell who is who
        title = f"{' · '.join(names)}, {len(comparison.rows)}"
        head = ComparisonHead(
            comparison.id,
            comparison.created_at,
            f"{title} {'prompt' if len(comparison.rows) == 1 else 'prompts'}",
            comparison.state,
        )
        text = document.to_text(comparison)
        with self._writing:
            if comparison.id not in self._deleted:
                self._store.save_comparison(head, text)


def rated_name(side: SideInfo) -> str:
    """The name under which a side is rated: other weights are somebody else."""
    return f"{side.name} · {side.weights_hash[:6]}"
