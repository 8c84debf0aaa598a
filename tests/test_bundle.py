from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.bundles.bundle import CONFIG, OUR_KEY, TOKENIZER, WEIGHTS, bundle_info, read_bundle
from model.errors import BundleError, BundleIncompatible, BundleNotFound
from model.model import ImageTokenReasoningLLM
from model.paths import SHIPPED_BUNDLE
from model.records import StudentId


@pytest.fixture
def bundle(tiny_student: ImageTokenReasoningLLM, tmp_path: Path) -> Path:
    tiny_student.save(tmp_path / "bundle")
    return tmp_path / "bundle"


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    values = json.loads((path / CONFIG).read_text())
    change(values)
    (path / CONFIG).write_text(json.dumps(values))


def test_info_is_read_without_the_weights(bundle: Path) -> None:
    info = bundle_info(bundle, StudentId("me"))
    assert info.id == "me"
    assert info.parameters == sum(
        p.numel() for p in ImageTokenReasoningLLM.load_from_bundle(bundle).parameters()
    )
    assert info.size_bytes == sum(file.stat().st_size for file in bundle.iterdir())
    assert len(info.weights_hash) == 64


def test_saving_again_replaces_the_whole_bundle(
    bundle: Path, tiny_student: ImageTokenReasoningLLM
) -> None:
    (bundle / "stray.txt").write_text("from before")
    tiny_student.save(bundle)
    assert sorted(p.name for p in bundle.iterdir()) == [
        "card.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert not list(bundle.parent.glob(".bundle*"))


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, TOKENIZER])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleNotFound, match=name):
        read_bundle(bundle)


def test_truncated_weights_are_refused(bundle: Path) -> None:
    data = (bundle / WEIGHTS).read_bytes()
    (bundle / WEIGHTS).write_bytes(data[: len(data) // 2])
    with pytest.raises(BundleIncompatible, match="cannot be read"):
        ImageTokenReasoningLLM.load_from_bundle(bundle)


def test_weights_of_another_shape_are_named_with_both_shapes(bundle: Path) -> None:
    _edit(bundle, lambda v: v["image_token_reasoning"]["decoder"].update(intermediate_size=96))
    with pytest.raises(BundleIncompatible, match=r"\(48, 80\) instead of \(48, 96\)"):
        ImageTokenReasoningLLM.load_from_bundle(bundle)


def test_a_bundle_of_a_newer_format_says_so(bundle: Path) -> None:
    _edit(bundle, lambda values: values[OUR_KEY].update(format=99))
    with pytest.raises(BundleIncompatible, match="format 99"):
        read_bundle(bundle)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', "\xff\xfe"])
def test_a_config_that_is_none_is_refused_in_words(bundle: Path, text: str) -> None:
    (bundle / CONFIG).write_text(text, encoding="latin-1")
    with pytest.raises(BundleError, match=r"config\.json is not a student"):
        read_bundle(bundle)


def test_the_shipped_student_is_small_and_tiny() -> None:
    info = bundle_info(SHIPPED_BUNDLE, StudentId("shipped"))
    assert info.preset == "tiny"
    assert info.size_bytes <= 10_000_000
    assert 4.5e6 < info.parameters < 5.5e6
    card = (SHIPPED_BUNDLE / "card.md").read_text(encoding="utf-8")
    assert info.weights_hash in card
