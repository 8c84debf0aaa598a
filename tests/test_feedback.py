"""Votes through the workspace: kept at once, learned in a process, undone to the very same text."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from model.bundles.adapter_file import apply_adapter, read_tensors, stacked, write_tensors
from model.bundles.bundle import read_bundle
from model.comparing.significance import wilson
from model.config import FeedbackConfig, SampleConfig
from model.errors import BundleIncompatible, InputError
from model.feedback_records import AnswerId, UpdateId
from model.jobs import vote_worker
from model.jobs.vote_jobs import Learners, VoteJobs
from model.jobs.vote_worker import run_in_this_process
from model.knowledge.store import Store
from model.learning import vote_lessons
from model.learning.vote_lessons import typed_tokens
from model.model import ImageTokenReasoningLLM
from model.records import AnswerStats, StudentId, Turn
from model.serving.feedback import reward_rates
from model.serving.students import EnginePool
from model.workspace import Workspace
from tests.small import make_student

SETTINGS = SampleConfig(temperature=1.0, seed=3, max_tokens=6, use_graph=False, think=False)


@pytest.fixture
def workspace(
    tmp_path: Path, tiny_student: ImageTokenReasoningLLM, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    monkeypatch.setattr(vote_lessons, "CANARY_QUESTIONS", 3)
    monkeypatch.setattr(vote_lessons, "REPLAYED_EACH", 1)
    monkeypatch.setattr(vote_worker, "FeedbackConfig", partial(FeedbackConfig, steps=8))
    tiny_student.save(tmp_path / "student")
    pool = EnginePool()
    opened = Workspace(
        tmp_path / "w", shipped=tmp_path / "student", pool=pool, learners=Learners(most=0)
    )
    yield opened
    pool.close()
    opened.close()


def ask(workspace: Workspace, question: str, settings: SampleConfig = SETTINGS) -> Turn:
    events = list(workspace.answer([Turn("user", question)], settings).events())
    assert events[-1].kind == "done"
    stats = next(event.stats for event in events if event.stats)
    text = "".join(event.text for event in events if event.kind == "token")
    return Turn("assistant", text, stats=stats)


def answer_id(turn: Turn) -> AnswerId:
    assert isinstance(turn.stats, AnswerStats)
    assert turn.stats.answer
    return AnswerId(turn.stats.answer)


def vote_on(workspace: Workspace, count: int = 8, reward: float = 1.0) -> list[Turn]:
    said = [ask(workspace, f"What is number {n}?") for n in range(count)]
    for turn in said:
        workspace.feedback().vote(answer_id(turn), reward)
    return said


def learn(workspace: Workspace) -> Any:
    update = workspace.feedback().status().updates[0]
    assert update.state == "queued"
    return run_in_this_process(workspace.folder, update.id)


# ── votes ───────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_is_kept_with_what_a_vote_needs(workspace: Workspace) -> None:
    said = ask(workspace, "What is this?")
    given = Store(workspace.folder / "workspace.db").given_answer(answer_id(said))
    assert given.said.text == said.text
    assert given.question.text == "What is this?"
    assert len(given.tokens) == len(given.logprobs) > 0
    assert all(value <= 0 for value in given.logprobs)
    assert given.settings == SETTINGS
    assert given.weights == given.base == workspace.students()[0].weights_hash


def test_an_answer_of_a_named_student_is_not_kept(workspace: Workspace) -> None:
    answer = workspace.answer([Turn("user", "Who?")], SETTINGS, StudentId("shipped"))
    assert all(not event.stats.answer for event in answer.events() if event.stats)


def test_a_cancelled_answer_is_not_kept(workspace: Workspace) -> None:
    answer = workspace.answer([Turn("user", "Who?")], SETTINGS)
    answer.cancel()
    assert all(not event.stats.answer for event in answer.events() if event.stats)


def test_votes_show_at_their_answers_and_can_be_taken_back(workspace: Workspace) -> None:
    feedback, said = workspace.feedback(), answer_id(ask(workspace, "What is this?"))
    feedback.vote(said, -1.0)
    assert feedback.marks([said])[said].reward == -1.0
    assert feedback.status().new_votes == 1
    assert feedback.take_back(said) is False
    assert feedback.marks([said])[said].reward == 0.0
    assert feedback.status().new_votes == 0


def test_a_better_answer_takes_the_place_of_a_thumb(workspace: Workspace) -> None:
    feedback, said = workspace.feedback(), answer_id(ask(workspace, "What is this?"))
    feedback.vote(said, -1.0)
    feedback.better(said, "  An egg. ")
    assert feedback.marks([said])[said].better == "An egg."
    assert feedback.status().new_votes == 1
    for words, complaint in (("  ", "empty"), ("x" * 3000, "3,000 letters")):
        with pytest.raises(InputError, match=complaint):
            feedback.better(said, words)


def test_one_of_two_answers_is_kept(workspace: Workspace) -> None:
    first = ask(workspace, "What is this?")
    second = ask(workspace, "What is this?", SampleConfig(temperature=1.0, seed=9, max_tokens=6))
    feedback = workspace.feedback()
    kept = feedback.prefer(answer_id(first), answer_id(second))
    assert (kept.text, kept.stats) == (first.text, first.stats)


@pytest.mark.parametrize("reward", [0.0, 0.5, float("nan"), 7.0])
def test_a_thumb_is_up_or_down(workspace: Workspace, reward: float) -> None:
    with pytest.raises(InputError, match="1 or -1"):
        workspace.feedback().vote(answer_id(ask(workspace, "What?")), reward)


def test_a_vote_on_nothing_is_refused(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="no longer kept"):
        workspace.feedback().vote(AnswerId("nobody"), 1.0)


def test_the_built_in_teacher_judges_what_it_knows_and_says_what_it_does_not(
    workspace: Workspace,
) -> None:
    feedback = workspace.feedback()
    known = answer_id(ask(workspace, "What happens if I heat an egg?"))
    assert feedback.judge(known, "builtin").reward == -1.0, "random weights do not know it"
    unknown = answer_id(ask(workspace, "Who wrote Hamlet?"))
    with pytest.raises(InputError, match="micro-world only"):
        feedback.judge(unknown, "builtin")


# ── learning ────────────────────────────────────────────────────────────────────────────────────


def test_seven_votes_wait_and_the_eighth_starts_an_update(workspace: Workspace) -> None:
    vote_on(workspace, 7)
    status = workspace.feedback().status()
    assert (status.new_votes, status.needed, status.learning) == (7, 8, False)
    workspace.feedback().vote(answer_id(ask(workspace, "One more?")), -1.0)
    assert workspace.feedback().status().learning


def test_an_update_changes_the_answers_and_undo_brings_the_very_text_back(
    workspace: Workspace,
) -> None:
    before = vote_on(workspace, reward=-1.0)
    update = learn(workspace)
    assert update.state == "kept", update.reason
    assert update.figures.steps > 0
    assert update.figures.canary_questions == 3
    assert [sample.before for sample in update.samples] == [turn.text for turn in before[:4]]

    after = [ask(workspace, f"What is number {n}?") for n in range(8)]
    assert [turn.text for turn in after] != [turn.text for turn in before]
    assert [sample.after for sample in update.samples] == [turn.text for turn in after[:4]]
    assert after[0].stats is not None
    assert after[0].stats.weights_hash == update.weights
    status = workspace.student()
    assert status.info is not None
    assert status.info.weights_hash == update.weights

    workspace.feedback().undo(update.id)
    undone = [ask(workspace, f"What is number {n}?") for n in range(8)]
    assert [turn.text for turn in undone] == [turn.text for turn in before]
    assert undone[0].stats is not None
    assert undone[0].stats.weights_hash == update.base
    with pytest.raises(InputError, match="was kept"):
        workspace.feedback().undo(update.id)


def test_a_restart_keeps_votes_replay_adapter_and_chart(
    workspace: Workspace, tmp_path: Path
) -> None:
    vote_on(workspace)
    learn(workspace)
    said, status = ask(workspace, "What is number 3?"), workspace.feedback().status()
    pool = EnginePool()
    again = Workspace(
        tmp_path / "w", shipped=tmp_path / "student", pool=pool, learners=Learners(most=0)
    )
    assert again.feedback().status() == status
    assert status.rates[0].rate == 1.0
    fresh = ask(again, "What is number 3?")
    assert (fresh.text, fresh.stats and fresh.stats.weights_hash) == (
        said.text,
        said.stats and said.stats.weights_hash,
    )
    pool.close()
    again.close()


def test_a_second_update_builds_on_the_first_and_undo_returns_to_it(workspace: Workspace) -> None:
    vote_on(workspace)
    first = learn(workspace)
    middle = ask(workspace, "What is number 3?")
    for n in range(8):
        workspace.feedback().vote(answer_id(ask(workspace, f"Who is number {n}?")), -1.0)
    second = learn(workspace)
    assert (second.parent, second.state) == (first.id, "kept")
    assert ask(workspace, "What is number 3?").stats.weights_hash == second.weights  # type: ignore[union-attr]
    workspace.feedback().undo(second.id)
    again = ask(workspace, "What is number 3?")
    assert again.text == middle.text
    assert again.stats is not None
    assert again.stats.weights_hash == first.weights


def test_what_was_undone_does_not_come_back_with_an_update_that_ran_meanwhile(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    vote_on(workspace)
    first = learn(workspace)
    for n in range(8):
        workspace.feedback().vote(answer_id(ask(workspace, f"Who is number {n}?")), -1.0)
    learn_from_votes = vote_worker.learn_from_votes

    def undone_meanwhile(*parts: Any, **settings: Any) -> Any:
        learned = learn_from_votes(*parts, **settings)
        assert learned.kept
        workspace.feedback().undo(first.id)
        return learned

    monkeypatch.setattr(vote_worker, "learn_from_votes", undone_meanwhile)
    second = learn(workspace)
    assert (second.state, second.adapter) == ("failed", "")
    folder = workspace.folder / "adapters"
    assert not [path for path in folder.rglob(f"{second.id}.*") if path.is_file()]
    said = ask(workspace, "What is number 3?")
    assert said.stats is not None
    assert said.stats.weights_hash == first.base
    third = workspace.feedback().status().updates[0]
    assert (third.state, third.parent, third.votes) == ("queued", None, 8)


def test_what_votes_taught_can_be_kept_as_a_student(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="not taught"):
        workspace.feedback().keep_as_student()
    vote_on(workspace)
    update = learn(workspace)
    kept = workspace.feedback().keep_as_student("my egg school")
    info = {each.id: each for each in workspace.students()}[kept]
    assert (info.name, info.parent) == ("my egg school", "shipped")
    assert info.weights_hash == update.weights


def test_a_worker_that_dies_is_started_anew_and_then_given_up(
    workspace: Workspace, tmp_path: Path
) -> None:
    vote_on(workspace)
    store, learners = Store(tmp_path / "w" / "workspace.db"), Learners()
    dies = VoteJobs(store, tmp_path / "w", learners, 8, lambda update: ["false"])
    base = store.unfinished_updates()[0].base
    deadline = time.monotonic() + 60
    while store.unfinished_updates() and time.monotonic() < deadline:
        dies.tick(StudentId("shipped"), base)
    update = store.updates(base)[0]
    assert (update.state, update.tries) == ("failed", 3)
    assert len(store.new_votes(base)) == 8, "the votes are not lost"
    store.close()


def test_another_student_in_the_same_folder_does_not_learn_from_these_votes(
    workspace: Workspace, tmp_path: Path
) -> None:
    vote_on(workspace)
    update = workspace.feedback().status().updates[0]
    make_student(seed=5).save(tmp_path / "student")
    ended = run_in_this_process(workspace.folder, update.id)
    assert ended.state == "failed"
    assert "other weights" in ended.reason


# ── adapters ────────────────────────────────────────────────────────────────────────────────────


def test_two_adapters_in_one_add_up_to_both() -> None:
    one = {"x.lora_a": torch.ones(1, 8), "x.lora_b": torch.full((8, 1), 2.0)}
    two = {"x.lora_a": torch.full((1, 8), 3.0), "x.lora_b": torch.ones(8, 1)}
    both = stacked(one, two)
    assert both["x.lora_a"].shape == (2, 8)
    assert torch.equal(both["x.lora_b"] @ both["x.lora_a"], torch.full((8, 8), 5.0))
    whole = stacked(stacked(both, both), one)
    assert list(whole) == ["x.whole"], "four ranks of eight are no smaller than the whole"
    assert torch.equal(whole["x.whole"], torch.full((8, 8), 12.0))


def test_a_damaged_or_foreign_adapter_is_refused(
    tmp_path: Path, tiny_student: ImageTokenReasoningLLM
) -> None:
    path = tmp_path / "1.safetensors"
    write_tensors(path, {"layers.0.nothing.lora_a": torch.ones(1, 2)}, "b0")
    with pytest.raises(BundleIncompatible, match="learned by the weights b0"):
        read_tensors(path, "b1")
    with pytest.raises(BundleIncompatible, match="does not fit"):
        apply_adapter(tiny_student, read_tensors(path, "b0"))
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(BundleIncompatible, match="cannot be read"):
        read_tensors(path, "b0")


def test_a_lost_adapter_leaves_the_student_as_its_bundle(workspace: Workspace) -> None:
    vote_on(workspace)
    update = learn(workspace)
    (workspace.folder / "adapters" / update.adapter).unlink()
    status = workspace.student()
    assert status.info is not None
    assert status.info.weights_hash == update.base


def test_a_typed_answer_stands_after_the_thought_that_was_thought(
    workspace: Workspace, tiny_student: ImageTokenReasoningLLM
) -> None:
    store = Store(workspace.folder / "workspace.db")
    given = store.given_answer(answer_id(ask(workspace, "What?")))
    end = tiny_student.end_of_thought
    words = tuple(tiny_student.tokenizer.encode("An egg."))
    assert typed_tokens(tiny_student, given, "An egg.")[:-1] == words
    thinking = replace(given, thinking=True, tokens=(5, 6, end, 7))
    assert typed_tokens(tiny_student, thinking, "An egg.")[:-1] == (5, 6, end, *words)
    cut = replace(given, thinking=True, tokens=(5, 6))
    assert typed_tokens(tiny_student, cut, "An egg.")[:-1] == (end, *words)
    store.close()


# ── figures ─────────────────────────────────────────────────────────────────────────────────────


def test_rates_are_told_for_each_update_in_turn() -> None:
    first, new = UpdateId(1), None
    points = reward_rates([(1.0, first), (-1.0, first), (1.0, new), (1.0, new)])
    assert [(point.votes, point.rate) for point in points] == [(2, 0.5), (4, 1.0)]
    assert wilson(5 / 10, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_bundle_is_never_written_to(workspace: Workspace, tmp_path: Path) -> None:
    before = {p.name: p.read_bytes() for p in (tmp_path / "student").iterdir()}
    vote_on(workspace)
    learn(workspace)
    assert {p.name: p.read_bytes() for p in (tmp_path / "student").iterdir()} == before
    assert read_bundle(tmp_path / "student").weights_hash
