"""Trying a teacher, looking through a run's prompts, and asking again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from model.config import DistillConfig
from model.errors import InputError, RunError
from model.jobs.run_prompts import RunPrompts
from model.records import RunId
from model.teachers.builtin import BuiltinTeacher
from model.workspace import Workspace
from tests.ollama_server import OllamaServer
from tests.ollama_setup import Faults

OWN = DistillConfig(
    prompt_source="own", own_prompts=tuple(f"Why does egg {n} float?" for n in range(4))
)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path / "workspace")
    yield workspace
    workspace.close()


def collected(workspace: Workspace, config: DistillConfig = OWN) -> RunId:
    """A run whose answers to all prompts but the last are there."""
    store = workspace._store
    run = store.create_run(config, config.title, state="collected").id
    RunPrompts(store, workspace._pictures, run, BuiltinTeacher())
    keys = {n: f"key-{n}-{run}" for n in range(4)}
    store.set_prompt_keys(run, keys)
    for n in range(3):
        store.save_trace(keys[n], "asked", f"answer {n}", "test")
    store.add_failure(run, keys[3], "The teacher went away.")
    return run


def test_a_teacher_that_is_there_is_tried_with_one_question(workspace: Workspace) -> None:
    with OllamaServer() as server:
        config = DistillConfig(
            teacher="ollama", teacher_model="llama3.2:1b", address=server.url,
            prompt_source="topic", topic="bread", prompts=100, base="tiny",
        )  # fmt: skip
        trial = workspace.try_teacher(config)
        assert len(server.chats()) == 1
    found = {check.name: check for check in trial.checks}
    assert trial.ready
    assert found["has the model"].words == "llama3.2:1b (1.2B · Q8_0)"
    assert found["sees pictures"].ok is None
    assert found["gives logprobs"].words == "yes; it found its words 60% likely"
    assert "tokens in" in found["answers"].words
    assert trial.prompt == "Explain bread in two sentences."
    assert trial.answer
    assert trial.tokens_per_s > 0
    assert trial.answer_tokens == 100 * len(server_tokens(trial.answer))
    assert trial.minutes > 0
    assert "style of the answers" in trial.advice


def server_tokens(text: str) -> list[str]:
    from tests.ollama_words import split_tokens

    return split_tokens(text)


@pytest.mark.parametrize(
    ("faults", "model", "name", "words"),
    [
        (Faults(refuse=True), "llama3.2:1b", "reachable", "broke off"),
        (Faults(), "nobody", "has the model", "The server has no “nobody”; it has llama3.2:1b"),
        (Faults(), "all-minilm", "has the model", "cannot chat"),
        (Faults(empty_answer=True), "llama3.2:1b", "answers", "empty: 0 letters"),
        (Faults(cut_after=1), "llama3.2:1b", "answers", "cut off"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_raised(
    workspace: Workspace, faults: Faults, model: str, name: str, words: str
) -> None:
    with OllamaServer(faults=faults) as server:
        config = replace(OWN, teacher="ollama", teacher_model=model, address=server.url)
        trial = workspace.try_teacher(config)
    assert not trial.ready
    bad = [check for check in trial.checks if check.ok is False]
    assert [check.name for check in bad] == [name]
    assert words in bad[0].words


def test_no_logprobs_speak_against_nothing(workspace: Workspace) -> None:
    with OllamaServer(faults=Faults(no_logprobs=True)) as server:
        config = replace(OWN, teacher="ollama", teacher_model="llama3.2:1b", address=server.url)
        trial = workspace.try_teacher(config)
    assert trial.ready
    assert any("learns from its words alone" in check.words for check in trial.checks)


def test_the_built_in_teacher_and_none_can_be_tried(workspace: Workspace) -> None:
    assert workspace.try_teacher(DistillConfig()).answer
    graph = workspace.try_teacher(DistillConfig(prompt_source="graph"))
    assert graph.ready
    assert graph.prompt
    pairs = replace(OWN, teacher="none", own_answers=("a", "b", "c", "d"))
    assert workspace.try_teacher(pairs).ready


def test_prompts_can_be_edited_and_dropped_while_they_wait(workspace: Workspace) -> None:
    run = collected(workspace)
    page = workspace.prompts(run)
    assert [item.state for item in page.items] == ["answered"] * 3 + ["failed"]
    same = workspace.edit_prompt(run, 0, "Why does egg 0 float?", "answer 0")
    assert not same.given, "nothing was changed"
    own = workspace.edit_prompt(run, 0, "Why does  egg 0 float?", " Air. ")
    assert (own.answer, own.given, own.draft.text) == ("Air.", True, "Why does egg 0 float?")
    back = workspace.edit_prompt(run, 0, "Why does egg 0 float?", "")
    assert (back.answer, back.given) == ("answer 0", False), "the teacher's again"
    asked = workspace.edit_prompt(run, 1, "Why does it sink?", "answer 1")
    assert (asked.state, asked.answer) == ("waiting", ""), "another prompt has another answer"
    mended = workspace.edit_prompt(run, 3, "Why does egg 3 float?", "It is old.")
    assert mended.state == "answered"
    assert workspace.drop_prompt(run, 2, True).state == "dropped"
    assert workspace.drop_prompt(run, 2, False).state == "answered"


@pytest.mark.parametrize(
    ("text", "answer", "words"),
    [
        (" ", "a", "The prompt is empty"),
        ("x" * 1001, "a", "1,001 letters; at most 1,000"),
        ("x", "a" * 8001, "8,001 letters; at most 8,000"),
    ],
)
def test_words_that_cannot_be_used_are_refused(
    workspace: Workspace, text: str, answer: str, words: str
) -> None:
    run = collected(workspace)
    with pytest.raises(InputError, match=words):
        workspace.edit_prompt(run, 0, text, answer)
    with pytest.raises(RunError, match="no prompt number 100"):
        workspace.edit_prompt(run, 99, "a", "b")


def test_the_words_of_a_drawn_prompt_stay_but_its_answer_may_change(workspace: Workspace) -> None:
    run = collected(workspace, DistillConfig(prompts=4))
    row = workspace.prompts(run).items[0]
    with pytest.raises(InputError, match="its words stay"):
        workspace.edit_prompt(run, 0, "Other words?", "a")
    assert workspace.edit_prompt(run, 0, row.draft.text, "My answer.").given
    shown = [item.draft.pictures for item in workspace.prompts(run).items]
    assert any(shown)
    assert all(workspace.picture_path(picture).exists() for row in shown for picture in row)


def test_what_is_learned_already_is_changed_in_a_copy(workspace: Workspace) -> None:
    run = collected(workspace)
    workspace.drop_prompt(run, 1, True)
    workspace.edit_prompt(run, 0, "Why does egg 0 float?", "Air.")
    workspace._store.update_run(run, state="done")
    with pytest.raises(RunError, match="Change and train again"):
        workspace.drop_prompt(run, 2, True)
    copy = workspace.reopen_run(run)
    info = workspace.run(copy)
    assert (info.state, info.collected, info.prompts) == ("collected", True, 4)
    assert info.config.after_collecting == "look"
    states = [item.state for item in workspace.prompts(copy).items]
    assert states == ["answered", "dropped", "answered", "waiting"]
    assert workspace.prompts(copy).items[0].answer == "Air."
    workspace.drop_prompt(copy, 2, True)
    assert workspace.prompts(run).items[2].state == "answered", "the first run stays as it was"


def test_failed_prompts_are_asked_again_in_the_run_or_in_a_copy(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumed: list[RunId] = []
    monkeypatch.setattr(workspace._jobs, "resume", resumed.append)
    run = collected(workspace)
    assert workspace.retry_failed(run) == run
    assert not workspace.run(run).collected, "its worker collects again"
    workspace._store.update_run(run, state="done")
    copy = workspace.retry_failed(run)
    assert copy != run
    assert resumed == [run, copy]
    workspace.edit_prompt(copy, 3, "Why does egg 3 float?", "It is old.")
    workspace._store.update_run(copy, state="done")
    with pytest.raises(RunError, match="nothing to ask"):
        workspace.retry_failed(copy)


def test_a_run_has_a_note(workspace: Workspace) -> None:
    run = collected(workspace)
    workspace.note_run(run, " too many steps \n")
    assert workspace.run(run).note == "too many steps"
