"""The command line says in few words what a run is to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.config import DistillConfig
from model.errors import ConfigError
from model.scripts.create_pretrained_model import USUAL_TOPIC, config_of, parse_options


def config(monkeypatch: pytest.MonkeyPatch, *words: str) -> DistillConfig:
    monkeypatch.setattr("sys.argv", ["create_pretrained_model", *words])
    options, read = parse_options()
    assert config_of(options) == read
    return read


def test_no_option_is_the_default_config(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config(monkeypatch) == DistillConfig()


def test_the_name_of_a_model_is_a_teacher_on_the_ollama_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = config(monkeypatch, "--teacher", "llama3.2:1b", "--prompts", "50", "--device", "cpu")
    assert (read.teacher, read.teacher_model) == ("ollama", "llama3.2:1b")
    assert (read.prompt_source, read.topic, read.prompts) == ("topic", USUAL_TOPIC, 50)
    read = config(monkeypatch, "--teacher", "llama3.2:1b", "--topic", "bread")
    assert read.topic == "bread"


def test_a_file_of_pairs_needs_no_teacher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt,answer\nthree,3\nfour,4\n", encoding="utf-8")
    read = config(
        monkeypatch, "--teacher", "none", "--own-file", str(tmp_path / "a.csv"),
        "--own-prompts", "one", "--own-answers", "1",
    )  # fmt: skip
    assert (read.own_prompts, read.own_answers) == (("one", "three", "four"), ("1", "3", "4"))
    assert (read.prompt_source, read.prompts) == ("own", 4)


def test_answers_of_a_file_stay_with_their_prompts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("three\t3\n", encoding="utf-8")
    words = ("--own-file", str(tmp_path / "a.txt"), "--own-prompts", "one")
    assert config(monkeypatch, *words).own_answers == ("", "3")
    with pytest.raises(ConfigError, match="1 of 2 prompts have no answer"):
        config(monkeypatch, "--teacher", "none", *words)


def test_a_graph_is_asked_about_where_it_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    read = config(monkeypatch, "--teacher", "llama3.2:1b", "--prompt-source", "graph")
    assert (read.prompt_source, read.topic) == ("graph", "")
