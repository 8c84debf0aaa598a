"""What a person runs from a shell works in the app's workspace and says how it went."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from model.model import ImageTokenReasoningLLM
from model.scripts import benchmark_model, compare_models, console, interactive_demo
from tests.json_schema import faults
from tests.test_comparing import SCHEMA


@pytest.fixture(scope="module")
def folder(tiny_student: ImageTokenReasoningLLM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    tiny_student.save(folder / "student")
    return folder


@pytest.fixture
def place(folder: Path) -> list[str]:
    return ["--workspace", str(folder / "workspace"), "--shipped", str(folder / "student")]


def test_compare_models_writes_what_the_schema_says(
    place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / f"r.{kind}" for kind in ("json", "csv", "html")]
    targets = [word for path in files for word in (f"--{path.suffix[1:]}", str(path))]
    targets[0] = "--out"
    asked = ["shipped", "builtin", "--prompt", "What happens if I heat an egg?"]
    assert compare_models.main([*asked, "--max-tokens", "5", *targets, *place]) == 0
    document = json.loads(files[0].read_text(encoding="utf-8"))
    assert faults(document, SCHEMA) == []
    assert [side["kind"] for side in document["sides"]] == ["student", "builtin"]
    assert all(path.stat().st_size for path in files)
    told = capsys.readouterr()
    assert told.out == ""
    assert "ROUGE-L" in told.err


def test_compare_models_says_what_is_wrong(
    place: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare_models.main(["shipped", "nobody", *place]) == 1
    assert "0 students are called “nobody”. Choose one of: shipped" in capsys.readouterr().err
    assert compare_models.main(["shipped", *place]) == 1
    assert "1 sides are chosen" in capsys.readouterr().err


class Pressed:
    """Ctrl-C was pressed at once."""

    asked = True


def test_ctrl_c_keeps_what_was_answered(
    place: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_models, "Interrupt", Pressed)
    out = tmp_path / "r.json"
    asked = ["shipped", "builtin", "--set", "ten", "--out", str(out)]
    assert compare_models.main([*asked, *place]) == 130
    document = json.loads(out.read_text(encoding="utf-8"))
    assert faults(document, SCHEMA) == []
    assert document["state"] == "stopped"


def test_benchmark_model_prints_its_figures_as_json(
    place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "speed.json"
    options = ["--repeats", "1", "--max-tokens", "3", "--out", str(out)]
    assert benchmark_model.main([*options, *place]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures == json.loads(out.read_text())
    assert (figures["prompts"], figures["one_by_one"]["answers"]) == (10, 10)
    assert figures["all_at_once"]["answers_per_s"] > 0
    assert benchmark_model.main(["nobody", *place]) == 1
    assert benchmark_model.main(["--repeats", "0", *place]) == 1


def talk(monkeypatch: pytest.MonkeyPatch, lines: Sequence[str], *options: str) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return interactive_demo.main(options)


def test_the_demo_answers_and_knows_its_commands(
    place: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = "assets/examples/egg-heat-what.png"
    lines = [
        "tokens 4",
        "temp 0.5",
        "seed 3",
        "stream off",
        "triplet lamp | polish | mirror",
        "graph lamp",
        "What happens if I polish a lamp?",
        "graph off",
        "What happens if I polish a lamp?",
        f"triplet {picture} {picture} {picture}",
        "ask image this",
        "info",
        "help",
        "",
        "quit",
        "never asked",
    ]
    assert talk(monkeypatch, lines, *place) == 0
    said = capsys.readouterr().out
    assert "saved: lamp | polish | mirror" in said
    assert "1 of 1 triplets" in said
    assert said.count("fact: lamp | polish | mirror") == 1
    assert said.count("tok/s") == 3
    assert "3 pictures go with the next questions" in said
    assert "max tokens: 4" in said
    assert "temperature: 0.5" in said
    assert "how daring" in said


def test_the_demo_as_json_has_a_line_for_every_answer(
    place: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["tokens 3", "Who are you?", "What is this?"]
    assert talk(monkeypatch, lines, "--json", *place) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["question"] for row in rows] == lines[1:]
    assert all(row["weights_hash"] and row["tokens"] <= 3 for row in rows)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("temp hot", "“hot” is not a number"),
        ("temp 9", "temperature is 9"),
        ("tokens 0", "max tokens is 0"),
        ("stream maybe", "neither on nor off"),
        ("image nowhere.png", "cannot be read"),
        ("triplet a | b", "There are 2 parts"),
        ("triplet a b", "three pictures"),
        ("ask", "There is no question"),
    ],
)
def test_a_line_that_cannot_be_done_is_told_and_the_demo_goes_on(
    place: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    words: str,
) -> None:
    assert talk(monkeypatch, [line, "stream on"], *place) == 1
    told = capsys.readouterr()
    assert words in told.err
    assert "stream on" in told.out


def test_the_demo_completes_commands_files_and_things(place: list[str]) -> None:
    options = interactive_demo._parser().parse_args(place)
    with console.OpenWorkspace(options) as workspace:
        student = workspace.students()[0]
        demo = interactive_demo.Demo(workspace, student, as_json=False)
        assert demo.completenames("t") == ["temp", "tokens", "triplet"]
        line = "image assets/examples/egg-heat-w"
        (found,) = demo.complete_image("w", line, len(line) - 1, len(line))
        assert found == "what.png"
        assert "fried egg" in demo.complete_graph("fried")


@pytest.mark.parametrize("script", [compare_models, benchmark_model, interactive_demo])
def test_every_script_explains_itself(script: object, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        script.main(["--help"])  # type: ignore[attr-defined]
    assert end.value.code == 0
    assert "--workspace" in capsys.readouterr().out
