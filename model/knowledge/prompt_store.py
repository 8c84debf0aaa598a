"""The part of the store that keeps what runs ask; see ``store.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from model.knowledge import prompt_rows
from model.knowledge.database import Database
from model.prompt_records import PromptDraft, PromptPage, RunPrompt
from model.records import RunId


class PromptStore:
    """The prompts of runs, each method one transaction."""

    _database: Database

    def add_prompts(self, run: RunId, drafts: Sequence[PromptDraft]) -> None:
        """Write down what a run asks, all of it or nothing."""
        with self._database.write() as db:
            prompt_rows.add(db, run, drafts)

    def kept_prompts(self, run: RunId) -> tuple[RunPrompt, ...]:
        """Every prompt of a run that was not dropped, in the order of asking."""
        with self._database.read() as db:
            return prompt_rows.kept(db, run)

    def prompt_page(
        self, run: RunId, state: str = "", query: str = "", *, limit: int = 20, offset: int = 0
    ) -> PromptPage:
        """Prompts of one state (empty: of any) whose words contain a query."""
        with self._database.read() as db:
            return prompt_rows.page(db, run, state, query, limit, offset)

    def prompt(self, run: RunId, n: int) -> RunPrompt:
        """One prompt of a run. Raises: RunError if there is none of this number."""
        with self._database.read() as db:
            return prompt_rows.one(db, run, n)

    def rewrite_prompt(self, run: RunId, n: int, text: str, answer: str | None) -> None:
        """Give a prompt other words and an answer, ``None`` for the teacher's. Raises: RunError."""
        with self._database.write() as db:
            prompt_rows.rewrite(db, run, n, text, answer)

    def drop_prompt(self, run: RunId, n: int, dropped: bool) -> None:
        """Leave a prompt out of the training, or take it back in. Raises: RunError."""
        with self._database.write() as db:
            prompt_rows.drop(db, run, n, dropped)

    def set_prompt_keys(self, run: RunId, keys: Mapping[int, str]) -> None:
        """Under which keys the answers are kept, by the prompt's number."""
        with self._database.write() as db:
            prompt_rows.set_keys(db, run, keys)

    def set_left_out(self, run: RunId, key: str, reason: str) -> None:
        """Why the answer under a key is not learned from; an empty reason takes one back."""
        with self._database.write() as db:
            prompt_rows.set_left_out(db, run, key, reason)

    def keys_left_out(self, run: RunId) -> frozenset[str]:
        """The keys of the answers that are left out."""
        with self._database.read() as db:
            return prompt_rows.keys_left_out(db, run)

    def left_out(self, run: RunId) -> dict[str, int]:
        """How many answers are left out, by reason."""
        with self._database.read() as db:
            return prompt_rows.left_out(db, run)

    def copy_prompts(self, source: RunId, target: RunId) -> None:
        """Let another run ask the same, with everything that a person changed."""
        with self._database.write() as db:
            prompt_rows.copy(db, source, target)
