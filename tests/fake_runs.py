"""Distillation runs that cost nothing: a run is a row whose numbers follow from the clock."""

from __future__ import annotations

import dataclasses
import math
import uuid
from collections.abc import Callable, Sequence

from model.config import DistillConfig
from model.errors import RunError
from model.records import Budget, Metric, RunId, RunInfo, RunSample, StudentId


class FakeRuns:
    """Runs in memory. A run takes ``run_s`` seconds of ``clock`` from its start to its end."""

    def __init__(self, clock: Callable[[], float], run_s: float) -> None:
        self.clock = clock
        self.run_s = run_s
        self.rows: dict[RunId, RunInfo] = {}
        self._worked_s: dict[RunId, float] = {}
        self._seen_at: dict[RunId, float] = {}

    def start(self, config: DistillConfig) -> RunId:
        run = RunId(uuid.uuid4().hex[:8])
        name = config.name or config.topic or config.prompt_source
        self.rows[run] = RunInfo(
            id=run,
            name=name,
            state="running",
            config=config,
            created_at=self.clock(),
            steps=config.steps,
            prompts=config.prompts,
            stage="asking the teacher",
        )
        self._worked_s[run] = 0.0
        self._seen_at[run] = self.clock()
        return run

    def change(self, run: RunId, **values: object) -> RunInfo:
        """Set fields of a run's row, as its worker would."""
        self.rows[run] = dataclasses.replace(self.get(run), **values)  # type: ignore[arg-type]
        return self.rows[run]

    def get(self, run: RunId) -> RunInfo:
        if run not in self.rows:
            raise RunError(f"There is no run {run}; it was deleted. Choose another one.")
        row, now = self.rows[run], self.clock()
        if row.state == "running":
            self._worked_s[run] += now - self._seen_at[run]
            row = self._advanced(row, min(1.0, self._worked_s[run] / self.run_s))
            self.rows[run] = row
        self._seen_at[run] = now
        return row

    def _advanced(self, row: RunInfo, share: float) -> RunInfo:
        step = int(share * row.steps)
        done = share >= 1.0
        return dataclasses.replace(
            row,
            step=step,
            answers=min(row.prompts, int(share * 2 * row.prompts)),
            state="done" if done else "running",
            stage="finished" if done else ("training" if share > 0.1 else "asking the teacher"),
            finished_at=self.clock() if done else None,
            tokens_per_s=18_200.0,
            remaining_s=(1.0 - share) * self.run_s,
            train_loss=_loss(step, row.steps),
            validation_loss=_loss(step, row.steps) + 0.12,
            student=StudentId(f"from-{row.id}") if done else None,
        )

    def stop(self, run: RunId, keep: bool) -> RunInfo:
        self.get(run)
        return self.change(
            run,
            state="done" if keep else "cancelled",
            stage="stopped",
            finished_at=self.clock(),
            student=StudentId(f"from-{run}") if keep else None,
        )

    def metrics(self, run: RunId, points: int) -> Sequence[Metric]:
        row = self.get(run)
        stride = max(1, math.ceil(max(1, row.step) / points))
        found: list[Metric] = []
        for step in range(1, row.step + 1, stride):
            loss = _loss(step, row.steps)
            found.append(Metric(step, "train", loss + 0.1 * math.sin(step * 1.7), self.clock()))
            if step % (10 * stride) == 1:
                found.append(Metric(step, "validation", loss + 0.12, self.clock()))
        return found

    def samples(self, run: RunId, last: int) -> Sequence[RunSample]:
        row = self.get(run)
        wanted = range(row.step - row.step % 20, 0, -20)
        return [
            RunSample(
                step=step,
                prompt="What happens if I heat an egg?",
                teacher_answer="If you heat an egg, it becomes a fried egg.",
                student_answer="If you heat an egg, it becomes a fried egg."[: 8 + step // 4],
            )
            for step in list(wanted)[:last]
        ]


def _loss(step: int, steps: int) -> float:
    return 0.4 + 3.2 * math.exp(-4 * step / max(1, steps))


def fake_budget(config: DistillConfig) -> Budget:
    """Round figures that grow with the number of prompts."""
    tokens = config.prompts * config.max_answer_tokens // 2
    scratch = config.base != "continue"
    return Budget(
        answer_tokens=tokens,
        wanted_tokens=80_000_000 if scratch else 500_000,
        minutes=config.steps / 100,
        memory_mb=420.0,
        advice="It learns the style of the answers and this topic, not facts about the world.",
        warnings=("A student from scratch wants far more answers than these.",) if scratch else (),
    )
