"""The part of a workspace that is about what runs ask: trying, looking through, asking again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from model.config import DistillConfig
from model.errors import ConfigError, InputError, RunError
from model.jobs.jobs import Jobs
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.learning.curriculum import LONGEST_OWN, drawn_question, microworld_questions
from model.learning.graph_prompts import facts_system, graph_prompts
from model.learning.prompt_file import LONGEST_ANSWER, read_prompt_file
from model.learning.trial import try_teacher
from model.prompt_records import OwnPrompt, PromptPage, RunPrompt, TeacherCheck, Trial
from model.records import Budget, RunId
from model.teachers.base import Question
from model.teachers.builtin import BuiltinTeacher
from model.teachers.servers import teacher_at

TRY_LIMIT_S = 120.0
"""A server may have to load the model first."""
LONGEST_NOTE = 2000


class PromptWorkspace:
    """The prompts of runs. Fulfils ``PromptBackend``; ``Workspace`` opens the parts."""

    _store: Store
    _pictures: Pictures
    _jobs: Jobs

    def _settled(self, config: DistillConfig) -> DistillConfig:
        raise NotImplementedError

    def _ensure_examples(self) -> None:
        raise NotImplementedError

    def _estimate(
        self,
        config: DistillConfig,
        answer: int | None = None,
        teacher_tokens_per_s: float | None = None,
    ) -> Budget:
        raise NotImplementedError

    # ── before a run ────────────────────────────────────────────────────────────────────────────

    def read_prompts(self, file: Path) -> Sequence[OwnPrompt]:
        """The prompts of a file, with their answers if it has some. Raises: InputError."""
        return read_prompt_file(file)

    def try_teacher(self, config: DistillConfig) -> Trial:
        """Ask the teacher of a run one question; takes as long as its answer.

        Raises: InputError if there is no prompt that could be tried; BundleError.
        """
        config = self._settled(config)
        if config.teacher == "none":
            check = TeacherCheck("reachable", None, "No teacher is asked: the answers are given.")
            trial = Trial((check,))
        else:
            teacher = (
                BuiltinTeacher()
                if config.teacher == "builtin"
                else teacher_at(config.teacher_model, config.address, read_timeout_s=TRY_LIMIT_S)
            )
            trial = try_teacher(config, teacher, self._first_question(config))
        budget = self._estimate(config, trial.answer_tokens or None, trial.tokens_per_s or None)
        return replace(
            trial,
            answer_tokens=budget.answer_tokens,
            minutes=budget.minutes,
            advice=budget.advice,
        )

    def _first_question(self, config: DistillConfig) -> Question:
        if config.prompt_source == "microworld":
            return microworld_questions(1, config.seed)[0]
        if config.prompt_source == "own":
            return Question(config.own_prompts[0], system=config.system_prompt)
        if config.prompt_source == "topic":
            return Question(
                f"Explain {config.topic.strip()} in two sentences.", system=config.system_prompt
            )
        self._ensure_examples()
        draft = graph_prompts(
            self._store.triplets(limit=20).items,
            lambda label: self._store.facts_about([label]),
            1,
            seed=config.seed,
            with_pictures=False,
        ).drafts[0]
        system = facts_system(draft.facts, config.system_prompt)
        return Question(draft.text, system=system, facts=draft.facts)

    # ── looking through ─────────────────────────────────────────────────────────────────────────

    def prompts(
        self, run: RunId, state: str = "", query: str = "", *, limit: int = 20, offset: int = 0
    ) -> PromptPage:
        """Prompts of a run with what became of them. Raises: RunError."""
        self._store.run(run)
        page = self._store.prompt_page(run, state, query, limit=limit, offset=offset)
        return replace(page, items=tuple(self._with_pictures(item) for item in page.items))

    def edit_prompt(self, run: RunId, n: int, text: str, answer: str) -> RunPrompt:
        """Give a prompt other words, or an answer of one's own; empty takes the teacher's.

        Raises: RunError if the run's answers do not wait to be looked through; InputError if the
        words cannot be used.
        """
        self._check_open(run)
        row = self._store.prompt(run, n)
        words, told = " ".join(text.split()), answer.strip()
        for what, length, most in (
            ("prompt", len(words), LONGEST_OWN),
            ("answer", len(told), LONGEST_ANSWER),
        ):
            if length > most:
                raise InputError(f"The {what} has {length:,} letters; at most {most:,} fit in.")
        if not words:
            raise InputError("The prompt is empty. Write one, or drop it.")
        if row.draft.spec and words != row.draft.text:
            raise InputError(
                "A drawn prompt belongs to its picture, so its words stay. Change its answer, or "
                "drop it."
            )
        own = row.draft.answer if told == row.answer else told or None
        self._store.rewrite_prompt(run, n, words, own)
        return self._with_pictures(self._store.prompt(run, n))

    def drop_prompt(self, run: RunId, n: int, dropped: bool) -> RunPrompt:
        """Leave a prompt out of the training, or take it back in. Raises: RunError."""
        self._check_open(run)
        self._store.drop_prompt(run, n, dropped)
        return self._with_pictures(self._store.prompt(run, n))

    def _check_open(self, run: RunId) -> None:
        info = self._store.run(run)
        if info.state != "collected":
            raise RunError(
                f"“{info.name}” is {info.state}: its prompts are learned as they are. Press "
                "“Change and train again” to work on a copy."
            )

    def _with_pictures(self, row: RunPrompt) -> RunPrompt:
        """A drawn prompt with its pictures, which are drawn again from its name."""
        if not row.draft.spec:
            return row
        drawn = drawn_question(row.draft.spec).pictures
        pictures = tuple(self._pictures.add(data) for data in drawn)
        return replace(row, draft=replace(row.draft, pictures=pictures))

    # ── again ───────────────────────────────────────────────────────────────────────────────────

    def retry_failed(self, run: RunId) -> RunId:
        """Ask the failed prompts of a run again, in it, or in a copy if it has ended.

        Returns the run that asks. Raises: RunError if no prompt failed, or the run is under way.
        """
        info = self._store.run(run)
        if info.state in ("running", "queued"):
            raise RunError(f"“{info.name}” is {info.state}. Pause it, or wait for its end.")
        counts = self._store.prompt_page(run, limit=0).counts
        if not counts["failed"] + counts["waiting"]:
            raise RunError(f"Every prompt of “{info.name}” has an answer; there is nothing to ask.")
        if info.state in ("done", "cancelled"):
            run = self._copy(info.config, run)
        self._store.update_run(run, collected=False)
        self._jobs.resume(run)
        return run

    def reopen_run(self, run: RunId) -> RunId:
        """A copy of a run whose prompts can be changed and then trained again. Raises: RunError."""
        info = self._store.run(run)
        if not self._store.prompt_page(run, limit=0).counts["answered"]:
            raise RunError(f"“{info.name}” has 0 answers that could be looked through.")
        return self._copy(info.config, run)

    def _copy(self, config: DistillConfig, run: RunId) -> RunId:
        config = replace(config, after_collecting="look")
        copy = self._store.create_run(config, config.title, state="collected").id
        self._store.copy_prompts(run, copy)
        counts = self._store.prompt_page(copy, limit=0).counts
        words = f"A copy with {counts['answered']} answers. Change what you like, then train."
        self._store.update_run(
            copy,
            stage="collected",
            collected=True,
            message=words,
            prompts=sum(counts.values()),
            answers=counts["answered"],
        )
        return copy

    def note_run(self, run: RunId, note: str) -> None:
        """Keep what a person wrote about a run. Raises: RunError, ConfigError if it is too long."""
        if len(note) > LONGEST_NOTE:
            raise ConfigError(f"The note has {len(note):,} letters; at most {LONGEST_NOTE:,} fit.")
        self._store.update_run(run, note=note.strip())
