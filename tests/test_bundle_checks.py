from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from model.bundles.bundle import CONFIG, OUR_KEY, TOKENIZER, WEIGHTS
from model.learning.bundle_checks import check_bundle
from model.learning.evaluation import evaluate_student
from model.microworld.splits import world_hash
from model.model import ImageTokenReasoningLLM
from model.scripts.test_pretrained import main as run_script

QUESTIONS = 4


@pytest.fixture
def bundle(tiny_student: ImageTokenReasoningLLM, tmp_path: Path) -> Path:
    path = tmp_path / "bundle"
    tiny_student.save(path)
    return path


def results(path: Path) -> dict[str, str]:
    return {check.name: check.result for check in check_bundle(path, QUESTIONS)}


def with_card(path: Path, **values: object) -> None:
    config = json.loads((path / CONFIG).read_text())
    config[OUR_KEY]["card"] |= values
    (path / CONFIG).write_text(json.dumps(config))


def test_a_whole_bundle_keeps_every_promise(bundle: Path) -> None:
    found = results(bundle)
    assert found.pop("figures") == "skipped"
    assert set(found) == {"files", "hash", "shapes", "numbers", "tokenizer", "generation"}
    assert set(found.values()) == {"ok"}


def test_weights_that_were_changed_are_noticed(bundle: Path) -> None:
    weights = load_file(bundle / WEIGHTS)
    name = sorted(weights)[0]
    weights[name] = weights[name] * 2
    save_file(weights, bundle / WEIGHTS, metadata={"format": "pt"})
    found = results(bundle)
    assert (found["hash"], found["shapes"]) == ("failed", "ok")


def test_weights_that_are_no_numbers_are_noticed(bundle: Path) -> None:
    weights = load_file(bundle / WEIGHTS)
    name = "model.norm.weight"
    weights[name] = weights[name] * float("nan")
    save_file(weights, bundle / WEIGHTS, metadata={"format": "pt"})
    assert results(bundle)["numbers"] == "failed"


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, TOKENIZER])
def test_a_missing_file_ends_the_checks(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    assert results(bundle) == {"files": "failed"}


def test_a_truncated_file_is_told_not_raised(bundle: Path) -> None:
    data = (bundle / WEIGHTS).read_bytes()
    (bundle / WEIGHTS).write_bytes(data[: len(data) // 2])
    assert results(bundle) == {"files": "ok", "hash": "failed", "shapes": "failed"}


def test_figures_that_are_still_true_are_told_from_false_ones(bundle: Path) -> None:
    student = ImageTokenReasoningLLM.load_from_bundle(bundle)
    measured = evaluate_student(student, "validation", QUESTIONS)
    figures = {"validation exact": measured.exact, "validation loss": measured.loss}
    with_card(bundle, origin=f"test, micro-world {world_hash()}", figures=figures)
    found = results(bundle)
    assert (found["validation exact"], found["validation loss"]) == ("ok", "ok")
    false = {"validation exact": 0.99, "validation loss": measured.loss * 2}
    with_card(bundle, figures=false)
    found = results(bundle)
    assert (found["validation exact"], found["validation loss"]) == ("failed", "failed")


def test_figures_of_another_world_are_not_measured(bundle: Path) -> None:
    with_card(bundle, origin="test, micro-world 0123456789ab", figures={"validation exact": 0.9})
    (figures,) = [check for check in check_bundle(bundle, QUESTIONS) if check.name == "figures"]
    assert figures.result == "skipped"
    assert "0123456789ab" in figures.words


def test_the_script_says_by_its_exit_code_whether_all_holds(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_script([str(bundle), "--out", str(tmp_path / "a.json")]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values == json.loads((tmp_path / "a.json").read_text())
    assert values["ok"] is True
    shutil.rmtree(bundle)
    assert run_script([str(bundle)]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
