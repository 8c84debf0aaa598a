"""Prompts of runs in memory, for the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from model.config import DistillConfig
from model.errors import InputError, RunError
from model.learning.prompt_file import read_prompt_file
from model.prompt_records import (
    PROMPT_STATES,
    OwnPrompt,
    PromptDraft,
    PromptPage,
    RunPrompt,
    TeacherCheck,
    Trial,
)
from model.records import RunId
from tests.fake_runs import FakeRuns


class FakePrompts:
    """Every run has twelve prompts: nine answered, one each failed, left out and waiting."""

    fakes: FakeRuns

    def __init__(self) -> None:
        self.listed: dict[RunId, list[RunPrompt]] = {}
        self.tried: list[DistillConfig] = []
        self.trial = Trial(
            (TeacherCheck("reachable", True, "Here."), TeacherCheck("sees pictures", None, "no")),
            prompt="Why?", answer="So.", tokens_per_s=38.0, answer_tokens=1200, minutes=4.0,
            advice="It learns the style.",
        )  # fmt: skip

    def read_prompts(self, file: Path) -> Sequence[OwnPrompt]:
        return read_prompt_file(file)

    def try_teacher(self, config: DistillConfig) -> Trial:
        self.tried.append(config)
        return self.trial

    def prompts(
        self, run: RunId, state: str = "", query: str = "", *, limit: int = 20, offset: int = 0
    ) -> PromptPage:
        rows = self._rows(run)
        found = [
            each
            for each in rows
            if state in ("", each.state) and query in each.draft.text + each.answer
        ]
        counts = {name: sum(each.state == name for each in rows) for name in PROMPT_STATES}
        return PromptPage(tuple(found[offset : offset + limit]), len(found), counts)

    def edit_prompt(self, run: RunId, n: int, text: str, answer: str) -> RunPrompt:
        if not text:
            raise InputError("The prompt is empty. Write one, or drop it.")
        draft = dataclasses.replace(self._rows(run)[n].draft, text=text)
        return self._put(run, n, draft=draft, answer=answer, given=True, state="answered")

    def drop_prompt(self, run: RunId, n: int, dropped: bool) -> RunPrompt:
        return self._put(run, n, state="dropped" if dropped else "answered")

    def retry_failed(self, run: RunId) -> RunId:
        self.fakes.change(run, failed_answers=0)
        return run

    def reopen_run(self, run: RunId) -> RunId:
        copy = self.fakes.start(self.fakes.get(run).config)
        self.fakes.change(copy, state="collected")
        return copy

    def note_run(self, run: RunId, note: str) -> None:
        self.fakes.change(run, note=note)

    def _rows(self, run: RunId) -> list[RunPrompt]:
        self.fakes.get(run)
        rows = self.listed.setdefault(run, [])
        while len(rows) < 12:
            n = len(rows)
            draft = PromptDraft(f"Why is egg {n} round?", origin="eggs")
            rows.append(RunPrompt(n, draft, "answered", f"Because of hen {n}."))
            if n == 11:
                rows[9] = dataclasses.replace(rows[9], state="failed", answer="", reason="Away.")
                rows[10] = dataclasses.replace(rows[10], state="left out", reason="a refusal")
                rows[11] = dataclasses.replace(rows[11], state="waiting", answer="")
        return rows

    def _put(self, run: RunId, n: int, **changes: object) -> RunPrompt:
        rows = self._rows(run)
        if not 0 <= n < len(rows):
            raise RunError(f"The run has no prompt number {n + 1}.")
        rows[n] = dataclasses.replace(rows[n], **changes)  # type: ignore[arg-type]
        return rows[n]
