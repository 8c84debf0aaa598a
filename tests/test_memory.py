"""Memory is estimated before the start, and a run that cannot fit is refused with numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from model.config import PRESETS, DecoderConfig, DistillConfig, StudentConfig
from model.errors import ConfigError
from model.learning.budget import estimate, memory_of, parameters, pretrained_shape
from model.learning.memory import (
    PROCESS_BYTES,
    Load,
    check_fits,
    free_bytes,
    lora_weights,
    training_bytes,
)
from tests.small import make_student


def test_the_estimate_is_the_sum_of_its_parts() -> None:
    decoder = DecoderConfig(100, 8, 16, 2, 2, 1)
    load = Load(weights=1000, learning=400, rows=2, length=10, learned=6)
    # a layer keeps 5·8 + 6·8 + 4·4 + 4·16 + 3·2·10 = 228 numbers for a token
    numbers = 4 * 400 + 600 + 20 * 2 * 228 + 4 * 6 * 100
    assert training_bytes(StudentConfig(decoder), load) == 4 * numbers + PROCESS_BYTES
    less = replace(load, save_memory=True)
    saved = 4 * 400 + 600 + 20 * (228 + 2 * 8) + 4 * 6 * 100
    assert training_bytes(StudentConfig(decoder), less) == 4 * saved + PROCESS_BYTES


def test_weights_are_counted_without_building_a_student() -> None:
    student = make_student()
    assert parameters(student.config) == pytest.approx(student.parameter_count, rel=0.02)
    assert parameters(pretrained_shape("")) == pytest.approx(135e6, rel=0.02)
    assert parameters(pretrained_shape("a/TinyLlama-1.1B-Chat")) == pytest.approx(1.1e9, rel=0.35)


def test_a_model_that_is_not_here_is_announced_with_its_size() -> None:
    config = DistillConfig(base="pretrained", decoder_source="a/SmolLM2-360M-Instruct")
    assert "about 0.7 GB are downloaded" in estimate(config, None).warnings[0]
    here = estimate(config, None, shape=pretrained_shape(""))
    assert not any("downloaded" in words for words in here.warnings)


def test_adapters_are_counted() -> None:
    from model.network.lora import DECODER_LAYERS, LoraLinear, add_lora

    student = make_student()
    add_lora(student.model, 3, DECODER_LAYERS)
    adapters = [m for m in student.model.modules() if isinstance(m, LoraLinear)]
    counted = sum(m.lora_a.numel() + m.lora_b.numel() for m in adapters)
    assert lora_weights(student.config, 3) == counted


def test_adapters_and_computing_twice_take_less() -> None:
    whole = DistillConfig(base="pretrained", decoder_lora_rank=0, prompts=100)
    shape = pretrained_shape("")
    adapted = replace(whole, decoder_lora_rank=16)
    thrifty = replace(adapted, save_memory=True)
    sizes = [memory_of(config, shape) for config in (whole, adapted, thrifty)]
    assert sizes[0] - sizes[1] > 1e9, "three copies of 134 million weights"
    assert sizes[1] > 1.5 * sizes[2]


def test_what_cannot_fit_is_refused_with_both_numbers() -> None:
    check_fits(1_000, 1_000)
    with pytest.raises(ConfigError, match=r"about 24\.0 GB .* but 8\.0 GB are free on the GPU"):
        check_fits(24_000_000_000, 8_000_000_000, "the GPU")


def test_a_container_s_limit_counts(tmp_path: Path) -> None:
    whole = free_bytes(tmp_path / "nothing")
    assert whole > 0
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("3000\n")
    assert free_bytes(tmp_path) == 2000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes(tmp_path) == pytest.approx(whole, rel=0.2)


def test_the_tiny_student_fits_anywhere() -> None:
    assert memory_of(DistillConfig(base="tiny"), PRESETS["tiny"]) < 2e9
