"""The folder for stock servers of Llamas: the decoder alone, the same logits, the same prompt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from model.bundles.hf_writing import write_text_folder
from model.errors import BundleNotFound
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import Message, layout
from model.scripts.write_text_folder import main
from tests.tiny_checkpoints import CHECKPOINTS


@pytest.fixture(scope="module")
def folder(tiny_student: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text")
    tiny_student.save(path / "student")
    weights = write_text_folder(path / "student", path / "served")
    assert weights == sum(p.numel() for p in tiny_student.model.parameters())
    return path / "served"


def test_only_the_decoder_is_written(folder: Path) -> None:
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert all(name.startswith("model.") for name in file.keys())  # noqa: SIM118 - no dict
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert "image_token_reasoning" not in config


def test_transformers_reads_it_without_a_word_and_says_the_same(
    folder: Path, tiny_student: Any
) -> None:
    transformers = pytest.importorskip("transformers")
    model, report = transformers.LlamaForCausalLM.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    assert not report["unexpected_keys"]
    ids = torch.tensor([[3, 7, 11, 30, 31]])
    with torch.inference_mode():
        ours = tiny_student(ids, torch.zeros(0, 3, 32, 32))
        theirs = model(ids).logits
    torch.testing.assert_close(theirs, ours, rtol=2e-2, atol=2e-2)


def test_the_chat_template_lays_out_what_the_student_learned(
    folder: Path, tiny_student: Any
) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    turns = [Message("system", "Facts:\na | b | c"), Message("user", "What is this?")]
    asked = [{"role": turn.speaker, "content": turn.text} for turn in turns]
    text = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert ids == layout(tiny_student.tokenizer, turns, 4)


@pytest.mark.parametrize(
    ("name", "first", "end"),
    [
        ("smollm", None, "<|im_end|>"),
        ("llama-3", "<|begin_of_text|>", "<|eot_id|>"),
        ("tiny-llama", None, "</s>"),
        ("qwen-3", None, "<|endoftext|>"),
    ],
)
def test_a_student_on_a_pretrained_base_says_the_same_in_its_own_layout(
    name: str, first: str | None, end: str, tmp_path: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    CHECKPOINTS[name](tmp_path / "base")
    ImageTokenReasoningLLM.load_from_bundle(tmp_path / "base").save(tmp_path / "student")
    write_text_folder(tmp_path / "student", tmp_path / "served")
    student = ImageTokenReasoningLLM.load_from_bundle(tmp_path / "student").eval()
    asked = [("system", "Be brief."), ("user", "the egg"), ("assistant", "a"), ("user", "the hat")]

    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "served")
    assert (tokenizer.bos_token, tokenizer.eos_token) == (first, end)
    ids = tokenizer.apply_chat_template(
        [{"role": role, "content": text} for role, text in asked],
        add_generation_prompt=True,
        return_dict=False,
    )
    assert tuple(ids) == student.prompt([Message(role, text) for role, text in asked]).ids

    model, report = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "served", dtype=torch.float32, output_loading_info=True
    )
    assert not report["unexpected_keys"]
    assert not report["missing_keys"]
    side = student.config.vision.image_size
    with torch.inference_mode():
        ours = student(torch.tensor([ids]), torch.zeros(0, 3, side, side))
        theirs = model.eval()(torch.tensor([ids])).logits
    torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=2e-4)


def test_the_script_says_how_it_is_served(
    tiny_student: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_student.save(tmp_path / "student")
    main([str(tmp_path / "student"), str(tmp_path / "out")])
    assert f"vllm serve {tmp_path / 'out'} --max-model-len 512" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="no student"):
        main([str(tmp_path / "nothing"), str(tmp_path / "out")])


def test_a_folder_without_a_student_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound):
        write_text_folder(tmp_path, tmp_path / "out")
