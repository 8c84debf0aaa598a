"""What a run asks: made when it starts, kept as rows, and read from there when it goes on."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from model.config import DistillConfig
from model.errors import InputError
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.learning.collecting import WORTH_A_RETRY
from model.learning.curriculum import (
    PromptSet,
    drawn_question,
    microworld_questions,
    own_prompts,
    topic_prompts,
)
from model.learning.graph_prompts import facts_system, graph_prompts
from model.learning.run_collector import ask_settings
from model.prompt_records import PromptDraft, RunPrompt
from model.records import RunId
from model.teachers.base import Question, Teacher
from model.teachers.given import GivenAnswers, known_as
from model.teachers.remembering import remembering

log = logging.getLogger(__name__)

YOURS = "yours"
FACTS_AROUND = 40
"""Triplets around a label from which facts beside the needed ones are drawn."""
Drafts = tuple[tuple[PromptDraft, ...], tuple[str, ...]]


class RunPrompts:
    """The prompts of one run as questions, and the teacher that also knows the given answers.

    ``earlier`` is where a run of an earlier version wrote its prompts down.

    Raises: ReasonerError, as the making of prompts does.
    """

    def __init__(
        self,
        store: Store,
        pictures: Pictures,
        run: RunId,
        teacher: Teacher | None,
        earlier: Path | None = None,
    ) -> None:
        self._store, self._pictures, self._run, self._earlier = store, pictures, run, earlier
        self._config = store.run(run).config
        rows = store.kept_prompts(run) or self._made(teacher)
        if not rows:
            raise InputError("Every prompt was dropped. Take some back in, or start another run.")
        self.questions = [self._question(row.draft) for row in rows]
        given = {
            known_as(question): row.answer
            for question, row in zip(self.questions, rows, strict=True)
            if row.given
        }
        self.teacher = _answering(given, teacher)
        self._write_keys(rows)

    def _made(self, teacher: Teacher | None) -> tuple[RunPrompt, ...]:
        if self._store.prompt_page(self._run, limit=0).counts["dropped"]:
            return ()
        drafts, notes = self._drafts(teacher)
        for note in notes:
            log.info("%s", note)
        self._store.add_prompts(self._run, drafts)
        self._store.update_run(self._run, prompt_notes=json.dumps(notes))
        return self._store.kept_prompts(self._run)

    def _drafts(self, teacher: Teacher | None) -> Drafts:
        config = self._config
        if self._earlier is not None and self._earlier.exists():
            texts = json.loads(self._earlier.read_text(encoding="utf-8"))
            return tuple(PromptDraft(text) for text in texts), ()
        if config.prompt_source == "microworld":
            return _drawn(config), ()
        if config.prompt_source == "own":
            return _own(config)
        if config.prompt_source == "graph":
            return self._from_graph(teacher)
        assert teacher is not None, "a topic has no answers, so it has a teacher"
        asked = remembering(teacher, self._store)
        made = _patiently(
            lambda: topic_prompts(
                asked, config.topic, config.prompts, seed=config.seed, method=config.prompt_method
            )
        )
        origins = (*made.origins, *[""] * (len(made.prompts) - len(made.origins)))
        pairs = zip(made.prompts, origins, strict=True)
        return tuple(PromptDraft(text, origin=origin) for text, origin in pairs), made.notes

    def _from_graph(self, teacher: Teacher | None) -> Drafts:
        """Prompts from the graph; it answers them itself unless there is a model to ask."""
        config = self._config
        model = teacher if config.teacher == "ollama" else None
        made = graph_prompts(
            self._store.every_triplet(),
            lambda label: self._store.facts_about([label], FACTS_AROUND),
            config.prompts,
            seed=config.seed,
            with_pictures=model is None or sees_pictures(model, config.teacher_model),
        )
        if model is None:
            return made.drafts, made.notes
        return tuple(replace(draft, answer=None) for draft in made.drafts), made.notes

    def _question(self, draft: PromptDraft) -> Question:
        if draft.spec:
            return replace(drawn_question(draft.spec), text=draft.text)
        return Question(
            draft.text,
            tuple(self._pictures.path(picture).read_bytes() for picture in draft.pictures),
            system=facts_system(draft.facts, self._config.system_prompt),
            roles=draft.roles,
            facts=draft.facts,
        )

    def _write_keys(self, rows: tuple[RunPrompt, ...]) -> None:
        """Tie each prompt to the answer that is kept or will be, so that a person can look."""
        # a server that is away would be asked for its digest once per prompt
        if not self.teacher.status().reachable:
            return
        how = ask_settings(self._config, self.teacher)
        keys = {
            row.n: self.teacher.answer_key(
                question, temperature=how.temperature, max_tokens=how.max_tokens, seed=how.seed
            )
            for question, row in zip(self.questions, rows, strict=True)
        }
        self._store.set_prompt_keys(self._run, keys)


def sees_pictures(teacher: Teacher, model: str) -> bool:
    """Whether a teacher's model says that it sees pictures."""
    wanted = {model, f"{model}:latest"}
    return any(each.name in wanted and each.sees_pictures for each in teacher.status().models)


def _answering(given: dict[str, str], teacher: Teacher | None) -> Teacher:
    return GivenAnswers(given, teacher) if given or teacher is None else teacher


def _drawn(config: DistillConfig) -> tuple[PromptDraft, ...]:
    questions = microworld_questions(config.prompts, config.seed)
    return tuple(PromptDraft(each.text, spec=each.spec, origin="drawn") for each in questions)


def _own(config: DistillConfig) -> Drafts:
    answers = dict(zip(config.own_prompts, config.own_answers, strict=False))
    made = own_prompts(config.own_prompts)
    told = {text.lstrip("\ufeff").strip(): answer.strip() for text, answer in answers.items()}
    drafts = tuple(
        PromptDraft(text, origin=YOURS, answer=told.get(text) or None) for text in made.prompts
    )
    return drafts, made.notes


def _patiently(ask: Callable[[], PromptSet]) -> PromptSet:
    """Ask again, with growing pauses, while the teacher is only busy or slow."""
    for pause_s in (1.0, 4.0, 16.0):
        try:
            return ask()
        except WORTH_A_RETRY as error:
            log.warning("no prompts yet, asking again in %.0f s: %s", pause_s, error)
            time.sleep(pause_s)
    return ask()
