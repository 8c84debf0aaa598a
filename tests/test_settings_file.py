"""Settings go to a file and come back; a file that is none changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.config import DistillConfig
from model.errors import ConfigError, InputError
from model.records import StudentId
from tests.fakes import FakeBackend
from webapp import settings_panel, trial_panel
from webapp.distill_form import form_config
from webapp.settings_file import KIND, form_values, read_settings, settings_text

FULL = DistillConfig(
    teacher="ollama",
    teacher_model="llama3.2:1b",
    prompt_source="own",
    own_prompts=("a\\b", "c", "d", "e"),
    own_answers=("one\ntwo",),
    prompts=4,
    steps=7,
    temperature=0.0,
    after_collecting="look",
    answer_filter="strict",
)


def write(path: Path, **changes: Any) -> Path:
    value = json.loads(settings_text(FULL))
    value["settings"] |= changes
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_settings_come_back_from_a_file_and_through_the_form(tmp_path: Path) -> None:
    read = read_settings(write(tmp_path / "a.json"))
    assert read == FULL
    again = form_config(tuple(form_values(read)))
    assert again == replace(FULL, own_answers=("one\ntwo", "", "", ""))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": "7"}, "steps in the file is '7'"),
        ({"steps": True}, "steps in the file is True"),
        ({"own_prompts": [1]}, "own prompts in the file"),
        ({"topic": None}, "topic in the file is None"),
        ({"steps": 0}, "smallest allowed value is 1"),
        ({"colour": "red"}, "Unknown setting colour"),
        ({"teacher": "nobody"}, "choose one of"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        read_settings(write(tmp_path / "a.json", **changes))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "no settings"),
        (json.dumps({"kind": "other", "settings": {}}).encode(), "no settings"),
        (json.dumps({"kind": KIND, "settings": 5}).encode(), "no settings"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_settings(tmp_path / "a.json")


def test_a_student_that_is_not_here_gives_way_to_the_shipped_one(tmp_path: Path) -> None:
    backend = FakeBackend(tmp_path)
    path = write(tmp_path / "a.json", student="from-elsewhere")
    error, *values = settings_panel.on_load(backend, str(path))
    assert error == ""
    assert form_config(tuple(values)).student == "shipped"


def test_the_settings_of_a_run_fill_the_form(tmp_path: Path) -> None:
    backend = FakeBackend(tmp_path)
    run = backend.start_run(replace(FULL, student=StudentId("shipped")))
    _, *values = settings_panel.on_use(backend, run)
    assert form_config(tuple(values)).steps == 7


def test_a_try_shows_what_was_found_and_nothing_becomes_markup(tmp_path: Path) -> None:
    backend = FakeBackend(tmp_path)
    hostile = "<img src=x>"
    backend.trial = replace(backend.trial, answer=hostile, prompt=hostile, advice=hostile)
    shown = trial_panel.on_try(backend, *form_values(FULL))
    assert backend.tried[0].teacher_model == "llama3.2:1b"
    assert "38 tok/s" in shown
    assert "about 4 min" in shown
    assert "Ready to start." in shown
    assert hostile not in shown
    wrong = form_values(FULL)
    wrong[2] = ""
    assert "No teacher model is chosen" in trial_panel.on_try(backend, *wrong)
