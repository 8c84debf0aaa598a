"""The list of a run's prompts shows, finds, edits and drops; a made-up click changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from model.config import DistillConfig
from model.errors import InputError
from model.records import RunId
from tests.fakes import FakeBackend
from webapp import prompt_browser as browser


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(tmp_path)


@pytest.fixture
def run(backend: FakeBackend) -> RunId:
    run = backend.start_run(DistillConfig())
    backend.fakes.change(run, state="collected")
    return run


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def rows(value: dict[str, Any]) -> list[tuple[int, str]]:
    return [(row["n"], row["state"]) for row in value["rows"]]


def test_a_page_is_listed_with_the_number_in_each_state(backend: FakeBackend, run: RunId) -> None:
    value, offset = browser.on_list(backend, run, browser.ALL, "")
    assert offset == 0
    assert [n for n, _ in rows(value)] == list(range(10))
    assert dict(value["counts"]) == {
        "waiting": 1, "answered": 9, "failed": 1, "left out": 1, "dropped": 0,
    }  # fmt: skip
    assert value["editable"] is True
    more, offset = browser.on_page(backend, event(by=1), run, browser.ALL, "", 0)
    assert (rows(more), offset) == ([(10, "left out"), (11, "waiting")], 10)
    assert browser.on_page(backend, event(by=-1), run, browser.ALL, "", 5)[1] == 0
    assert browser.on_page(backend, event(by=10**9), run, browser.ALL, "", 10)[1] == 0


def test_states_and_words_are_found_and_reasons_shown(backend: FakeBackend, run: RunId) -> None:
    failed, _ = browser.on_list(backend, run, "failed", "")
    assert failed["rows"][0]["reason"] == "Away."
    assert rows(browser.on_list(backend, run, "", "hen 7")[0]) == [(7, "answered")]
    assert len(rows(browser.on_list(backend, run, "nonsense", "")[0])) == 10


def test_an_edit_and_a_drop_reach_the_run(backend: FakeBackend, run: RunId) -> None:
    asked = (run, browser.ALL, "", 0)
    save = event(run=run, n=2, text="Why?", answer="So.")
    value, _ = browser.on_save(backend, save, *asked)
    assert value["rows"][2]["text"] == "Why?"
    assert value["rows"][2]["given"] is True
    value, _ = browser.on_drop(backend, event(run=run, n=3, dropped=True), *asked)
    assert rows(value)[3] == (3, "dropped")
    value, _ = browser.on_drop(backend, event(run=run, n=3, dropped=False), *asked)
    assert rows(value)[3] == (3, "answered")
    with pytest.raises(InputError, match="prompt is empty"):
        browser.on_save(backend, event(run=run, n=2, text="", answer=""), *asked)


@pytest.mark.parametrize(
    "data",
    [
        {"n": 1},
        {"run": "other", "n": 1},
        {"n": "1"},
        {"n": True},
        {},
    ],
)
def test_a_click_that_is_not_about_the_listed_run_is_refused(
    backend: FakeBackend, run: RunId, data: dict[str, Any]
) -> None:
    data = {"run": run, **data} if data.get("run") != "other" and len(data) < 2 else data
    if data == {"run": run, "n": 1}:
        data["n"] = 1.5
    with pytest.raises(InputError, match="another run"):
        browser.on_drop(backend, event(**data), run, "", "", 0)
    assert backend.prompts(run).counts["dropped"] == 0


def test_only_collected_prompts_can_be_edited_and_no_run_lists_nothing(
    backend: FakeBackend, run: RunId
) -> None:
    backend.fakes.change(run, state="done")
    assert browser.on_list(backend, run, "", "")[0]["editable"] is False
    empty, _ = browser.on_list(backend, None, "", "")
    assert (empty["run"], empty["rows"]) == ("", [])
