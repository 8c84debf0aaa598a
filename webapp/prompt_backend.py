"""What the page may ask about what runs ask; a part of ``webapp/backend.py``'s page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from model.config import DistillConfig
from model.prompt_records import OwnPrompt, PromptPage, RunPrompt, Trial
from model.records import RunId


class PromptBackend(Protocol):
    """The prompts of one visitor's runs."""

    def read_prompts(self, file: Path) -> Sequence[OwnPrompt]:
        """The prompts of a file, with their answers if it has some."""
        ...

    def try_teacher(self, config: DistillConfig) -> Trial:
        """Ask the teacher one question of the run; takes as long as its answer."""
        ...

    def prompts(
        self, run: RunId, state: str = "", query: str = "", *, limit: int = 20, offset: int = 0
    ) -> PromptPage:
        """Prompts of a run in a state (empty: any) whose words contain a query."""
        ...

    def edit_prompt(self, run: RunId, n: int, text: str, answer: str) -> RunPrompt:
        """Other words, or an answer of one's own; an empty one takes the teacher's."""
        ...

    def drop_prompt(self, run: RunId, n: int, dropped: bool) -> RunPrompt: ...

    def retry_failed(self, run: RunId) -> RunId:
        """Ask failed prompts again, in the run or in a copy; returns which one asks."""
        ...

    def reopen_run(self, run: RunId) -> RunId:
        """A copy of a run whose prompts can be changed and then trained again."""
        ...

    def note_run(self, run: RunId, note: str) -> None: ...
