"""One update from votes in a process of its own: ``python -m model.jobs.vote_worker WORKSPACE ID``.

It learns on a copy, writes what was learned as a file, and says so in the update's row last of all:
killed at any moment before that, it has changed nothing and is simply done anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from model.bundles.adapter_file import apply_adapter, read_tensors, stacked, write_tensors
from model.bundles.bundle import packed_weights, read_bundle
from model.config import FeedbackConfig
from model.errors import BundleIncompatible, ReasonerError
from model.feedback_records import BeforeAfter, Update, UpdateFigures, UpdateId, Vote
from model.jobs.vote_jobs import be_modest, update_lock
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.learning.ewc import Anchor
from model.learning.guarded_update import FeedbackUpdate
from model.learning.rl_learning import learn_from_votes
from model.learning.vote_lessons import (
    Known,
    contested_answers,
    known_of,
    prompt_of,
    replay_lessons,
    replayed,
    voted_answers,
)
from model.model import ImageTokenReasoningLLM
from model.paths import SHIPPED_BUNDLE, adapters, database, pictures, students
from model.serving.settings_chooser import learn_settings
from model.serving.students import SHIPPED_SETTING, student_folder
from model.teachers.builtin import BuiltinTeacher

log = logging.getLogger(__name__)

BUDGET_S = 600.0
"""Longest time of an update, its canary questions included; nobody waits for it."""
KEPT = 5
"""Adapters that stay on disk: as many updates can be undone one by one."""
REMEMBERED = 64
"""Votes of earlier updates whose liked answers are learned again."""
ASKED_AGAIN = 4
"""Questions that are answered before and after."""
MOST_TRACES = 400


class _Learner:
    """A student on its way through one update, with the files that it stands on."""

    def __init__(self, workspace: Path, store: Store, update: Update) -> None:
        self.store, self.update = store, update
        self.pictures = Pictures(pictures(workspace))
        self.folder = adapters(workspace) / update.base[:12]
        shipped = Path(store.setting(SHIPPED_SETTING) or SHIPPED_BUNDLE)
        self.bundle = student_folder(students(workspace), shipped, update.student)
        if read_bundle(self.bundle).weights_hash != update.base:
            raise BundleIncompatible(
                f"{update.student} has other weights than those that were voted on. "
                "Vote on its answers, and it learns from them."
            )
        parent = store.active_update(update.base)
        self.parent = parent.id if parent else None
        self.earlier = self._read(f"{self.parent}.safetensors") if parent else {}

    def student(self, *more: dict[str, torch.Tensor]) -> ImageTokenReasoningLLM:
        """The student of the bundle with adapters; that of the update before if none is given."""
        student = ImageTokenReasoningLLM.load_from_bundle(self.bundle)
        for adapter in more or (self.earlier,):
            apply_adapter(student, adapter)
        return student

    def first(self) -> ImageTokenReasoningLLM:
        """The student before it learned from any vote."""
        return self.student({})

    def anchor(self, student: ImageTokenReasoningLLM) -> Anchor | None:
        """What earlier updates found important, around where the student is now."""
        if self.parent is None or not (self.folder / f"{self.parent}.fisher").exists():
            return None
        fisher = {n: t.float() for n, t in self._read(f"{self.parent}.fisher").items()}
        layers = dict(student.model.named_modules())
        weights = {name: layers[name].weight.detach().clone() for name in fisher}
        return Anchor(weights, fisher)

    def replay(self, student: ImageTokenReasoningLLM) -> tuple[dict[str, object], ...]:
        """The lessons to learn again; chosen the first time that this student learns."""
        base = self.update.base
        lessons = self.store.replay(base)
        if not lessons:
            found = replay_lessons(student, self.traces())
            self.store.save_replay(base, dict(enumerate(found)))
            lessons = tuple(found)
        return lessons

    def traces(self) -> tuple[tuple[str, str], ...]:
        """What teachers answered in words alone; the micro-world's own are drawn afresh."""
        return self.store.trace_texts(BuiltinTeacher.name, MOST_TRACES)

    def keep(self, learned: FeedbackUpdate, figures: UpdateFigures, votes: Sequence[Vote]) -> None:
        """Write what was learned, then say that it answers from now on, if its ground stands."""
        assert learned.adapter is not None
        name = f"{self.update.id}.safetensors"
        adapter = stacked(self.earlier, learned.adapter)
        write_tensors(self.folder / name, adapter, self.update.base)
        if learned.anchor is not None:
            fisher = {n: t.bfloat16() for n, t in learned.anchor.fisher.items()}
            write_tensors(self.folder / f"{self.update.id}.fisher", fisher, self.update.base)
        before, after = self.student(), self.student(self._read(name))
        kept = self.store.keep_update(
            self.update.id,
            self.parent,
            reason=learned.reason,
            adapter=f"{self.folder.name}/{name}",
            weights=hashlib.sha256(packed_weights(after.state_dict())).hexdigest(),
            figures=figures,
            samples=self._samples(before, after, votes),
            finished_at=time.time(),
        )
        if kept:
            self._let_go_of_old()
        else:
            self._remove_files(self.update.id)

    def _samples(
        self, before: ImageTokenReasoningLLM, after: ImageTokenReasoningLLM, votes: Sequence[Vote]
    ) -> tuple[BeforeAfter, ...]:
        found = []
        # the least liked are where something should have changed
        for vote in sorted(votes, key=lambda vote: vote.reward)[:ASKED_AGAIN]:
            given = self.store.given_answer(vote.answer)
            prompt = prompt_of(before, given, self.pictures)
            said = ["".join(each.pieces(prompt, given.settings)) for each in (before, after)]
            found.append(BeforeAfter(given.question, said[0], said[1]))
        return tuple(found)

    def _let_go_of_old(self) -> None:
        kept = [u for u in self.store.updates(self.update.base) if u.state == "kept" and u.adapter]
        for update in kept[KEPT:]:
            self.store.change_update(update.id, adapter="")
            self._remove_files(update.id)

    def _remove_files(self, update: UpdateId) -> None:
        for old in self.folder.glob(f"{update}.*"):
            old.unlink(missing_ok=True)

    def _read(self, name: str) -> dict[str, torch.Tensor]:
        return read_tensors(self.folder / name, self.update.base)


def figures_of(learned: FeedbackUpdate, asked: Known) -> UpdateFigures:
    """An update's figures as the record that is kept; ``asked`` is what was compared."""
    names = {item.name for item in dataclasses.fields(UpdateFigures)}
    told = dataclasses.asdict(learned.figures)
    known = {name: value for name, value in told.items() if name in names}
    size = {"canary_questions": len(asked.canary), "canary_left_out": asked.left_out}
    return UpdateFigures(**known, **size)


def work(workspace: Path, update: Update, store: Store) -> None:
    """Learn from the update's votes; its row says how it ended. Raises: ReasonerError."""
    learner = _Learner(workspace, store, update)
    student = learner.student()
    votes = store.votes_of(update.id)
    told = voted_answers(student, votes, store.given_answer, learner.pictures)
    earlier = store.learned_votes(update.base, REMEMBERED)
    liked = [vote for vote in earlier if vote.reward > 0]
    remembered = voted_answers(student, liked, store.given_answer, learner.pictures)
    changed = contested_answers([*earlier, *votes], store.given_answer)
    known = known_of(student, learner.traces(), changed)
    learned = learn_from_votes(
        student,
        told,
        replayed(student, learner.replay(student), remembered, known.about),
        learner.anchor(student),
        FeedbackConfig(),
        canary=known.canary,
        deadline_s=BUDGET_S,
        cancelled=lambda: store.update(update.id).state != "running",
        first=learner.first if learner.parent else None,
    )
    log.info("%s %s", "kept." if learned.kept else "refused.", learned.reason)
    figures = figures_of(learned, known)
    learn_settings(store, update.base)
    if learned.kept:
        learner.keep(learned, figures, votes)
        return
    ended = {"reason": learned.reason, "figures": figures, "finished_at": time.time()}
    store.change_update(update.id, ("running",), state="refused", **ended)


def run_in_this_process(workspace: Path, number: UpdateId) -> Update:
    """Hold the lock, do the update, and write down how it ended."""
    store = Store(database(workspace))
    with update_lock(workspace):
        update = store.update(number)
        if update.state not in ("queued", "running"):
            return update
        now = {"state": "running", "pid": os.getpid(), "started_at": time.time()}
        store.change_update(number, ("queued", "running"), **now)
        try:
            work(workspace, update, store)
        except ReasonerError as error:
            log.warning("the update failed: %s", error)
            ended = {"reason": str(error), "finished_at": time.time()}
            store.fail_update(number, ("running",), **ended)
    return store.update(number)


def main() -> None:
    """Entry point of the child process."""
    workspace, number = Path(sys.argv[1]), UpdateId(int(sys.argv[2]))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    be_modest()
    # leave a core to the page, which answers in the meantime
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    update = run_in_this_process(workspace, number)
    log.info("update %d is %s. %s", number, update.state, update.reason)


if __name__ == "__main__":
    main()
