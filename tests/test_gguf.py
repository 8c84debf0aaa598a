"""A student as GGUF: the names and rows of llama.cpp, numbers packed as it packs them, and back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFReader

from model.bundles.gguf import (
    Identity,
    halves_from_pairs,
    pairs_from_halves,
    write_text_gguf,
)
from model.bundles.gguf_numbers import kind_of, pack, unpack
from model.bundles.gguf_vision import (
    lite_name,
    siglip_tensors,
    why_text_only,
    write_vision_gguf,
)
from model.bundles.gguf_vocabulary import (
    CONTROL,
    NORMAL,
    UNUSED,
    USER_DEFINED,
    read_vocabulary,
    tokenizer_json,
)
from model.config import VisionConfig
from model.errors import BundleIncompatible
from model.model import ImageTokenReasoningLLM
from model.network.backbones import PretrainedTower
from model.network.lora import LoraLinear
from model.network.text_tokenizer import SPECIAL_TOKENS, TextTokenizer, simple_tokenizer
from model.network.vision_encoder import VisionTower

WHO = Identity("tiny", "ab" * 32, "MIT", "its parent")
TEXTS = (
    "What is this?",
    "naïve 日本 12 34\n\n x",
    "<|im_start|>user\n<think>…</think>",
    "👩‍👧 \t a",
)


@pytest.fixture(scope="module")
def folder(tiny_student: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf")
    write_text_gguf(tiny_student, path / "model.gguf", "f32", WHO)
    write_vision_gguf(tiny_student, path / "mmproj.gguf", "f32", WHO)
    return path


def fields(path: Path) -> dict[str, Any]:
    return {name: field.contents() for name, field in GGUFReader(path).fields.items()}


# ── rows, numbers, tokens ───────────────────────────────────────────────────────────────────────


def test_halves_become_neighbours_within_each_head() -> None:
    rows = np.arange(8, dtype=np.float32)[:, None]  # two heads of width 4
    assert pairs_from_halves(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert np.array_equal(halves_from_pairs(pairs_from_halves(rows, 2), 2), rows)


def test_turning_pairs_of_moved_rows_is_turning_halves() -> None:
    """Two roads: rotary positions by halves as we do, by neighbours as llama.cpp does."""
    rng = np.random.default_rng(0)
    x, angles = rng.normal(size=6), rng.normal(size=3)
    cos, sin = np.cos(angles), np.sin(angles)
    halves = np.concatenate([x[:3] * cos - x[3:] * sin, x[3:] * cos + x[:3] * sin])
    moved = pairs_from_halves(x[:, None], 1)[:, 0]
    even, odd = moved[0::2], moved[1::2]
    pairs = np.stack([even * cos - odd * sin, odd * cos + even * sin], axis=1).reshape(-1)
    assert np.allclose(halves_from_pairs(pairs[:, None], 1)[:, 0], halves)


@pytest.mark.parametrize(
    ("width", "precision", "sensitive", "kind"),
    [
        (256, "q4_K", False, Kind.Q4_K),
        (256, "q4_K", True, Kind.Q8_0),
        (416, "q4_K", False, Kind.Q8_0),
        (48, "q4_K", False, Kind.F16),
        (416, "q8_0", False, Kind.Q8_0),
        (688, "q8_0", False, Kind.F16),
        (688, "f32", False, Kind.F32),
    ],
)
def test_a_width_that_a_packing_does_not_allow_gets_a_finer_one(
    width: int, precision: str, sensitive: bool, kind: Kind
) -> None:
    assert kind_of(width, precision, sensitive=sensitive) == kind


def test_q4_k_gives_back_weights_that_lie_on_its_steps() -> None:
    """Runs of scale · 0…15 with whole scales up to 63: the unit is 1, so nothing is rounded."""
    steps = np.tile(np.arange(16, dtype=np.float32), 2)
    runs = np.stack([scale * steps for scale in (63, 1, 2, 3, 10, 20, 40, 50)]).reshape(1, 256)
    assert np.array_equal(unpack(pack(runs, Kind.Q4_K), Kind.Q4_K), runs)
    assert np.array_equal(unpack(pack(-runs, Kind.Q4_K), Kind.Q4_K), -runs)
    flat = np.zeros((2, 512), dtype=np.float32)
    assert np.array_equal(unpack(pack(flat, Kind.Q4_K), Kind.Q4_K), flat)


@pytest.mark.parametrize(("kind", "most"), [(Kind.F16, 1e-3), (Kind.Q8_0, 0.02), (Kind.Q4_K, 0.3)])
def test_packing_loses_no_more_than_its_step(kind: Kind, most: float) -> None:
    weights = np.random.default_rng(1).normal(size=(7, 512)).astype(np.float32)
    packed = pack(weights, kind)
    assert np.abs(unpack(packed, kind) - weights).max() < most


def test_q4_k_takes_144_bytes_for_256_weights() -> None:
    assert pack(np.ones((3, 512), dtype=np.float32), Kind.Q4_K).shape == (3, 288)


def test_the_vocabulary_names_kinds_and_fills_up(tiny_student: Any) -> None:
    text = tiny_student.tokenizer.to_json()
    found = read_vocabulary(text, 430)
    assert found.pre == "qwen2"
    assert found.tokens[:2] == ("<s>", "</s>")
    by_token = dict(zip(found.tokens, found.kinds, strict=True))
    assert by_token["<|im_end|>"] == CONTROL
    assert by_token["</think>"] == USER_DEFINED
    assert by_token["a"] == NORMAL
    assert by_token["<unused_429>"] == UNUSED
    assert len(set(found.tokens)) == 430


@pytest.mark.parametrize("make", [lambda student: student.tokenizer, lambda _: simple_tokenizer()])
def test_a_tokenizer_comes_back_with_the_same_ids(tiny_student: Any, make: Any) -> None:
    tokenizer: TextTokenizer = make(tiny_student)
    found = read_vocabulary(tokenizer.to_json(), len(tokenizer) + 3)
    assert found.merges, "llama.cpp refuses a tokenizer without merges"
    again = TextTokenizer.from_json(tokenizer_json(found))
    assert [again.encode(text) for text in TEXTS] == [tokenizer.encode(text) for text in TEXTS]
    assert [again.id(token) for token in SPECIAL_TOKENS] == list(range(13))


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        ({"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}, "gpt-2"),
        (
            {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Digits", "individual_digits": True},
                    {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
                ],
            },
            "smollm",
        ),
    ],
)
def test_other_known_splits_are_named(tiny_student: Any, steps: Any, name: str) -> None:
    values = json.loads(tiny_student.tokenizer.to_json())
    values["pre_tokenizer"] = steps
    assert read_vocabulary(json.dumps(values), 420).pre == name


@pytest.mark.parametrize(
    "change",
    [
        {"pre_tokenizer": None},
        {"pre_tokenizer": {"type": "Whitespace"}},
        {"normalizer": {"type": "Lowercase"}},
    ],
)
def test_a_split_without_a_name_is_refused(tiny_student: Any, change: Any) -> None:
    values = json.loads(tiny_student.tokenizer.to_json()) | change
    with pytest.raises(BundleIncompatible, match="app's own tokenizer"):
        read_vocabulary(json.dumps(values), 420)


# ── the files ───────────────────────────────────────────────────────────────────────────────────


def test_the_text_model_says_what_llama_cpp_asks_for(folder: Path, tiny_student: Any) -> None:
    said = fields(folder / "model.gguf")
    expected = {
        "general.architecture": "llama",
        "general.type": "model",
        "general.name": "tiny",
        "general.license": "MIT",
        "general.base_model.0.name": "its parent",
        "general.file_type": 0,
        "llama.context_length": 512,
        "llama.embedding_length": 48,
        "llama.feed_forward_length": 80,
        "llama.block_count": 2,
        "llama.attention.head_count": 6,
        "llama.attention.head_count_kv": 2,
        "llama.rope.dimension_count": 8,
        "llama.vocab_size": 420,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 1,
        "tokenizer.ggml.eot_token_id": 5,
        "tokenizer.ggml.padding_token_id": 2,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": False,
        "image_token_reasoning.weights_sha256": "ab" * 32,
    }
    assert {key: said.get(key) for key in expected} == expected
    assert "<|im_start|>assistant" in said["tokenizer.chat_template"]
    names = {tensor.name for tensor in GGUFReader(folder / "model.gguf").tensors}
    assert {"token_embd.weight", "output_norm.weight", "blk.1.ffn_down.weight"} <= names
    assert "output.weight" not in names
    assert len(names) == 2 + 9 * 2


def test_the_eyes_say_what_llama_cpp_asks_for(folder: Path) -> None:
    said = fields(folder / "mmproj.gguf")
    expected = {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "clip.has_vision_encoder": True,
        "clip.projector_type": "mlp",
        "clip.use_gelu": True,
        "clip.vision.image_size": 32,
        "clip.vision.patch_size": 16,
        "clip.vision.embedding_length": 24,
        "clip.vision.feed_forward_length": 40,
        "clip.vision.block_count": 1,
        "clip.vision.attention.head_count": 3,
        "clip.vision.projection_dim": 48,
        "clip.vision.feature_layer": [1],
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }
    assert {key: said.get(key) for key in expected} == expected
    names = {tensor.name for tensor in GGUFReader(folder / "mmproj.gguf").tensors}
    assert {"v.patch_embd.weight", "v.post_ln.bias", "mm.0.weight", "mm.2.bias"} <= names
    assert "v.class_embd" not in names


def test_a_student_comes_back_from_f32_bit_for_bit(folder: Path, tiny_student: Any) -> None:
    again = ImageTokenReasoningLLM.load_from_bundle(folder)
    assert again.config == tiny_student.config
    assert again.card == tiny_student.card
    ours, theirs = tiny_student.state_dict(), again.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_packed_weights_come_back_as_what_llama_cpp_computes_with(
    tiny_student: Any, tmp_path: Path
) -> None:
    write_text_gguf(tiny_student, tmp_path / "model.gguf", "q8_0", WHO)
    again = ImageTokenReasoningLLM.load_from_bundle(tmp_path / "model.gguf")
    ours, theirs = tiny_student.state_dict(), again.state_dict()
    name = "model.layers.0.mlp.down_proj.weight"  # rows of 80: f16
    assert torch.equal(theirs[name], ours[name].half().float())
    assert not again.picture_heads


def test_words_alone_come_back_with_new_eyes(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "words.gguf").write_bytes((folder / "model.gguf").read_bytes())
    again = ImageTokenReasoningLLM.load_from_bundle(tmp_path / "words.gguf")
    assert again.config.vision == VisionConfig()
    assert "words only" in again.card.origin


def test_every_tensor_of_the_eyes_has_its_place(folder: Path, tiny_student: Any) -> None:
    names = {lite_name(tensor.name) for tensor in GGUFReader(folder / "mmproj.gguf").tensors}
    ours = {name for name in tiny_student.state_dict() if not name.startswith("model.")}
    assert names == ours


@pytest.mark.parametrize("size", [0, 3, 100, 5000])
def test_a_file_that_was_cut_off_is_refused(folder: Path, tmp_path: Path, size: int) -> None:
    (tmp_path / "model.gguf").write_bytes((folder / "model.gguf").read_bytes()[:size])
    with pytest.raises(BundleIncompatible, match="not a whole GGUF file"):
        ImageTokenReasoningLLM.load_from_bundle(tmp_path)


def test_a_file_of_another_program_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other.gguf").write_bytes((folder / "mmproj.gguf").read_bytes())
    with pytest.raises(BundleIncompatible, match="not exported by this app"):
        ImageTokenReasoningLLM.load_from_bundle(tmp_path / "other.gguf")


def test_adapters_are_folded_in(tiny_student: Any, tmp_path: Path) -> None:
    import copy

    adapted = copy.deepcopy(tiny_student)
    attention = adapted.model.layers[0].self_attn
    attention.v_proj = LoraLinear(attention.v_proj, rank=2)
    torch.nn.init.normal_(attention.v_proj.lora_b)
    made = adapted.export_ollama_bundle(tmp_path / "out", precision="f32", fact_tokens=0)
    again = ImageTokenReasoningLLM.load_from_bundle(made.path)
    ids_BS = torch.tensor([[0, 4, 40, 50]])
    with torch.inference_mode():
        wanted = adapted(ids_BS, torch.zeros(0, 3, 32, 32))
        found = again(ids_BS, torch.zeros(0, 3, 32, 32))
    assert torch.allclose(wanted, found, atol=1e-5)
    assert isinstance(attention.v_proj, LoraLinear), "the student itself is left alone"


SIGLIP = {"backbone": "siglip", "hidden_act": "gelu_pytorch_tanh"}


# ── which eyes may leave ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"backbone": "resnet"}, "ResNet"),
        ({"backbone": "clip"}, "class token"),
        (SIGLIP, ""),
        (SIGLIP | {"image_size": 224, "tokens_per_side": 7}, "pool 196 patches to 49"),
        (SIGLIP | {"hidden_act": "gelu"}, "compute gelu"),
        (SIGLIP | {"intermediate_size": 200}, "200 wide inside"),
    ],
)
def test_eyes_that_stay_behind_say_why(change: dict[str, Any], words: str) -> None:
    why = why_text_only(replace(VisionConfig(), **change))
    assert words in why
    assert bool(why) == bool(words)


def test_siglips_last_norm_as_a_block_gives_the_same_patches() -> None:
    """Two roads: the pretrained tower, and its exported tensors in a plain ViT, a block longer."""
    config = VisionConfig(
        image_size=32,
        hidden_size=24,
        intermediate_size=56,
        num_hidden_layers=2,
        num_attention_heads=3,
        **SIGLIP,  # type: ignore[arg-type]
    )
    torch.manual_seed(0)
    tower = PretrainedTower(config).eval()
    for parameter in tower.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    plain = VisionTower(replace(config, backbone="lite", num_hidden_layers=3))
    tensors = {
        lite_name(name).removeprefix("vision_tower."): torch.from_numpy(values)
        for name, values in siglip_tensors(tower, config)
    }
    plain.load_state_dict(tensors)
    pixels_NCHW = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.inference_mode():
        assert torch.allclose(plain(pixels_NCHW), tower(pixels_NCHW), atol=2e-4)
