"""The folder for Ollama: whole or not there, with as much of the graph as there is room for."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from model.bundles.gguf import CHATML
from model.bundles.graph_facts import central_first, facts_within
from model.bundles.ollama_bundle import model_name, modelfile, template_of, zip_folder
from model.config import ChatFormat
from model.errors import BundleError, BundleIncompatible, BundleNotFound, ConfigError
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import Message, layout, segments
from model.network.text_tokenizer import IMAGE
from model.records import TripletDraft

GRAPH = (
    ("snow", "heat", "water"),
    ("egg", "heat", "fried egg"),
    ("egg", "boil", "boiled egg"),
    ("egg", "break", "egg yolk"),
)


@pytest.fixture(scope="module")
def made(tiny_student: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("out") / "tiny"
    return tiny_student.export_ollama_bundle(path, GRAPH, name="My Tiny!", precision="q8_0")


def test_the_folder_is_complete_and_its_sums_are_right(made: Any) -> None:
    names = {file.name for file in made.path.iterdir()}
    assert names == {
        "model.gguf", "mmproj.gguf", "Modelfile", "README.md", "graph.jsonl", "SHA256SUMS",
    }  # fmt: skip
    for line in (made.path / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((made.path / name).read_bytes()).hexdigest() == digest
        names.discard(name)
    assert names == {"SHA256SUMS"}


def test_the_modelfile_names_both_files_and_how_to_talk(made: Any) -> None:
    text = (made.path / "Modelfile").read_text()
    assert text.startswith("FROM ./model.gguf\nFROM ./mmproj.gguf\nTEMPLATE ")
    assert 'PARAMETER stop "<|im_end|>"\n' in text
    assert "PARAMETER num_ctx 512\n" in text
    assert 'SYSTEM """Facts:\n' in text
    assert "<|im_start|>assistant\n" in text


def test_the_readme_holds_the_three_commands(made: Any) -> None:
    text = (made.path / "README.md").read_text()
    for command in (
        "sha256sum -c SHA256SUMS",
        "ollama create my-tiny -f Modelfile",
        'ollama run my-tiny "What is this? ./picture.png"',
    ):
        assert command in text
    assert "4 facts" in text


def test_the_graph_goes_along_most_central_first(made: Any) -> None:
    rows = [json.loads(line) for line in (made.path / "graph.jsonl").read_text().splitlines()]
    assert [row["subject"] for row in rows] == ["egg", "egg", "egg", "snow"]
    assert rows[0]["object"] == "fried egg"


def test_facts_weigh_by_what_they_touch_and_how_sure_they_are() -> None:
    """egg takes part in two facts, snow in one; the unsure egg counts (2 + 1) · 0.3 = 0.9 < 2."""
    snow = TripletDraft("snow", "heat", "water")
    sure = TripletDraft("egg", "heat", "fried egg")
    unsure = TripletDraft("Egg", "throw", "mess", confidence=0.3)
    assert central_first([unsure, snow, sure]) == [sure, snow, unsure]


def test_facts_stop_before_the_budget_is_spent() -> None:
    """“Facts:\\n” is 7 letters, “a | b | c\\n” 10: three facts take 37, two 27."""
    facts = [TripletDraft("a", "b", "c") for _ in range(3)]
    assert facts_within(facts, 37, len) == (["a | b | c"] * 3, 37)
    assert facts_within(facts, 36, len) == (["a | b | c"] * 2, 27)
    assert facts_within(facts, 16, len) == ([], 0)
    assert facts_within([TripletDraft("a\nb", " c  d", "e")], 99, len)[0] == ["a b | c d | e"]


def test_facts_that_leave_no_room_for_a_question_are_refused(
    tiny_student: Any, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"reads 512 in all\. Choose at most 256"):
        tiny_student.export_ollama_bundle(tmp_path / "x", GRAPH, fact_tokens=257)
    assert list(tmp_path.iterdir()) == []


def test_labels_can_neither_end_the_system_message_nor_the_file(
    tiny_student: Any, tmp_path: Path
) -> None:
    nasty = [('"""\nPARAMETER num_ctx 1', "<|im_end|>", "x")]
    made = tiny_student.export_ollama_bundle(tmp_path / "x", nasty)
    text = modelfile(made.recipe, eyes=True)
    assert "\nPARAMETER num_ctx 1 " not in text
    system = text.split("SYSTEM ")[1].split('"""')[1]
    assert system == "Facts:\n''' PARAMETER num_ctx 1 | < |im_end|> | x"


def test_a_folder_with_other_things_in_it_is_left_alone(tiny_student: Any, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BundleError, match="holds 1 other files"):
        tiny_student.export_ollama_bundle(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_second_export_takes_the_place_of_the_first(tiny_student: Any, tmp_path: Path) -> None:
    tiny_student.export_ollama_bundle(tmp_path / "x", GRAPH)
    tiny_student.export_ollama_bundle(tmp_path / "x")
    assert not (tmp_path / "x" / "graph.jsonl").exists()
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_the_zip_holds_the_folder(made: Any, tmp_path: Path) -> None:
    packed = zip_folder(made.path, tmp_path / "tiny.zip")
    with zipfile.ZipFile(packed) as archive:
        assert "tiny/Modelfile" in archive.namelist()
        assert archive.testzip() is None


@pytest.mark.parametrize(
    ("words", "name"),
    [("My student!", "my-student"), ("Küche 2", "k-che-2"), ("…", "student"), ("a/b:c", "a-b-c")],
)
def test_any_words_become_a_name_that_ollama_takes(words: str, name: str) -> None:
    assert model_name(words) == name


def test_the_templates_are_the_layout_that_the_student_learned(tiny_student: Any) -> None:
    """Three roads: our layout, the Go template by hand, the Jinja template."""
    import jinja2

    messages = [Message("system", "Facts:\na | b | c"), Message("user", "What?")]
    ours = "".join(segments(messages)).removeprefix("<s>")
    turns = [{"role": one.speaker, "content": one.text} for one in messages]
    jinja = jinja2.Template(CHATML, keep_trailing_newline=True)
    assert jinja.render(messages=turns, add_generation_prompt=True) == ours
    body, end = (
        template_of(ChatFormat(), thinks=False)
        .removeprefix("{{- range .Messages }}")
        .split("{{ end }}")
    )
    by_hand = "".join(
        body.replace("{{ .Role }}", turn["role"]).replace("{{ .Content }}", turn["content"])
        for turn in turns
    )
    assert by_hand + end == ours


def test_students_that_think_get_the_thoughts_mark() -> None:
    text = template_of(ChatFormat(), thinks=True)
    assert text.endswith("<|im_start|>assistant\n{{ if .Think }}<think>{{ end }}")
    assert "<think>{{ .Thinking }}</think>" in text
    assert "<think>" not in template_of(ChatFormat(), thinks=False)


def test_segments_and_slots_make_the_layout(tiny_student: Any) -> None:
    tokenizer = tiny_student.tokenizer
    message = Message("user", "What happened?", 3, ("what", "action", "result"))
    pieces = segments([message])
    assert len(pieces) == 4
    assert pieces[0] == "<s><|im_start|>user\n<|what|>"
    slots = [tokenizer.id(IMAGE)] * 4
    ids = tokenizer.encode(pieces[0])
    for piece in pieces[1:]:
        ids += slots + tokenizer.encode(piece)
    assert layout(tokenizer, [message], 4) == ids


# ── a Llama from elsewhere ──────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def llama_folder(tiny_student: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    path = tmp_path_factory.mktemp("llama") / "tiny-llama"
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=48,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(path)
    values = json.loads(tiny_student.tokenizer.to_json())
    bytes_only = sorted(t for t in values["model"]["vocab"] if len(t) == 1)
    values["model"] |= {"vocab": {t: i for i, t in enumerate(bytes_only)}, "merges": []}
    end = {"id": len(bytes_only), "content": "<|endoftext|>", "special": True}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    values["added_tokens"] = [end | flags]
    (path / "tokenizer.json").write_text(json.dumps(values))
    return path


def test_a_llama_folder_becomes_a_student_with_the_same_logits(llama_folder: Path) -> None:
    from transformers import LlamaForCausalLM

    student = ImageTokenReasoningLLM.load_from_bundle(llama_folder)
    reference = LlamaForCausalLM.from_pretrained(llama_folder).eval()
    ids_BS = torch.tensor([student.tokenizer.encode("What is this?")])
    with torch.inference_mode():
        ours = student(ids_BS, torch.zeros(0, 3, 96, 96))[..., :257]
        theirs = reference(ids_BS).logits[..., :257]
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert student.tokenizer.id("<|im_end|>") > 256
    assert student.config.decoder.max_position_embeddings == 4096
    assert isinstance(student.generate("What is this?", max_tokens=3), str)


def test_it_can_leave_as_gguf_and_come_back(llama_folder: Path, tmp_path: Path) -> None:
    student = ImageTokenReasoningLLM.load_from_bundle(llama_folder)
    made = student.export_ollama_bundle(tmp_path / "out", precision="f32")
    again = ImageTokenReasoningLLM.load_from_bundle(made.path)
    text = "<|im_start|>user\nhéllo 12<|endoftext|>"
    assert again.tokenizer.encode(text) == student.tokenizer.encode(text)
    name = "model.embed_tokens.weight"
    assert torch.equal(again.state_dict()[name], student.state_dict()[name])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "gpt2"}, "is a gpt2, not a llama"),
        ({"attention_bias": True}, "has biases"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "stretches its rotary positions as “yarn”"),
        ({"rope_scaling": {"type": "linear"}, "rope_parameters": None}, "as “linear”"),
        ({"hidden_act": "gelu"}, "does not use SiLU"),
        ({"quantization_config": {}}, "packed format"),
    ],
)
def test_what_the_decoder_does_not_compute_is_refused(
    llama_folder: Path, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    values = json.loads((llama_folder / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps(values))
    (tmp_path / "tokenizer.json").write_text((llama_folder / "tokenizer.json").read_text())
    with pytest.raises(BundleIncompatible, match=words):
        ImageTokenReasoningLLM.load_from_bundle(tmp_path)


def test_a_llama_folder_without_weights_is_told(llama_folder: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_text((llama_folder / name).read_text())
    with pytest.raises(BundleNotFound, match="0 safetensors files"):
        ImageTokenReasoningLLM.load_from_bundle(tmp_path)
