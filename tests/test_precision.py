"""A workspace answers in the precision that was chosen, and remembers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from model.config import SampleConfig
from model.errors import ConfigError
from model.network.decoding import plain_step
from model.network.fused_step import FusedStep
from model.network.text_generation import KVCache
from model.precision_records import PrecisionFigures
from model.records import Turn
from model.serving import precision
from model.serving.precision import measured, rounded, speeds_in_turns
from model.serving.students import SHIPPED
from model.workspace import Workspace

pytest.importorskip("numba")


@pytest.fixture(scope="module")
def shipped(tiny_student: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shipped") / "student"
    tiny_student.save(path)
    return path


def workspace(folder: Path, shipped: Path) -> Workspace:
    made = Workspace(folder, shipped=shipped)
    made._store.set_setting("examples", "none")  # the everyday world's pictures take seconds
    return made


def test_the_choice_is_kept_and_answers_say_it(shipped: Path, tmp_path: Path) -> None:
    first = workspace(tmp_path, shipped)
    assert first.precisions().current == "full"
    first.precisions().use("int8")
    assert first.student().precision == "int8"
    first.close()
    again = workspace(tmp_path, shipped)
    assert again.precisions().current == "int8"
    answer = again.answer([Turn("user", "Who are you?")], SampleConfig(max_tokens=3))
    (stats,) = [event.stats for event in answer.events() if event.stats]
    assert stats.student == f"{again.students()[0].name}, int8"
    again.precisions().use("full")
    answer = again.answer([Turn("user", "Who are you?")], SampleConfig(max_tokens=3))
    (stats,) = [event.stats for event in answer.events() if event.stats]
    assert stats.student == again.students()[0].name
    again.close()


def test_an_unknown_precision_is_refused(shipped: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="full or int8"):
        workspace(tmp_path, shipped).precisions().use("int2")


def test_without_compiled_steps_the_choice_is_refused(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    made = workspace(tmp_path, shipped)
    with pytest.raises(ConfigError, match="Numba is not installed"):
        made.precisions().use("int8")
    assert made.precisions().current == "full"


def test_figures_are_kept_by_the_weights(shipped: Path, tmp_path: Path) -> None:
    made = workspace(tmp_path, shipped)
    assert made.precisions().report(SHIPPED) is None
    report = made.precisions().measure(SHIPPED)
    assert report.int8.weight_bytes < 0.4 * report.full.weight_bytes
    assert report.int8.loss == pytest.approx(report.full.loss, rel=0.02)
    assert made.precisions().report(SHIPPED) == report


def test_the_loss_is_that_of_the_numbers_that_eight_bits_leave(tiny_student: Any) -> None:
    """Two roads: compiled steps on whole numbers, and plain ones on the same numbers widened."""
    small = rounded(tiny_student)
    cache, other = (KVCache(small.model.config, 1, 8, torch.float32) for _ in range(2))
    compiled = FusedStep(small.model, cache, int8=True)
    for position, index in enumerate((5, 17, 3)):
        ours = compiled([index], [position])
        theirs = plain_step(small.model, [index], [position], other)
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_rates_are_medians_of_rounds_taken_in_turns() -> None:
    order: list[str] = []

    def rate(name: str, values: list[float]) -> Any:
        def next_one() -> float:
            order.append(name)
            return values.pop(0)

        return next_one

    ends = speeds_in_turns([rate("a", [9.0, 3, 1, 2]), rate("b", [9.0, 30, 20, 10])], rounds=3)
    assert ends == [2, 20]
    assert order == ["a", "b"] * 4


def test_a_bundle_is_measured_without_touching_it(shipped: Path) -> None:
    before = {file.name: file.read_bytes() for file in shipped.iterdir()}
    report = measured(shipped, held_out=2, rounds=1)
    assert isinstance(report.int8, PrecisionFigures)
    assert report.full.tokens_per_s > 0
    assert {file.name: file.read_bytes() for file in shipped.iterdir()} == before
    assert precision.HELD_OUT > 2
