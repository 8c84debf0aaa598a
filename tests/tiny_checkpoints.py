"""Tiny random checkpoints in the formats in which the real ones come, saved by ``transformers``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from tokenizers import decoders as dec
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from model.bundles.gguf_vocabulary import PATTERNS

TEXTS = [
    "What happens if I heat an egg? It becomes a fried egg.",
    "The dough rises in 30 minutes, then you bake the bread at 220 degrees.",
    "Hello there, how are you today? I am well. system user assistant",
] * 5

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM<|im_end|>\n' }}"
    "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
    "'\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA_3 = (
    "{{- bos_token }}{%- for message in messages %}{{- '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
    "{%- endif %}"
)
TINY_LLAMA = (
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + "
    "message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' "
    "+ message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n"
    "{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
    "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}"
)
SHAPE: dict[str, Any] = {
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 8192,
    "initializer_range": 0.2,
}


def _byte_level(steps: list[Any], specials: list[str], normalizer: Any = None) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = dec.ByteLevel()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=340, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in specials])
    return tokenizer


def _split(name: str) -> list[Any]:
    return [
        pre_tokenizers.Split(Regex(PATTERNS[name]), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]


def _sentence_pieces() -> Tokenizer:
    """Llama 2's: no pre-tokenizer, spaces as ▁, unknown letters as bytes."""
    vocab = {token: n for n, token in enumerate(["<unk>", "<s>", "</s>"])}
    for byte in range(256):
        vocab[f"<0x{byte:02X}>"] = len(vocab)
    for letter in "▁abcdefghijklmnopqrstuvwxyzHWIT.,?<|>0123456789":
        vocab[letter] = len(vocab)
    merges = [("▁", "t"), ("h", "e"), ("▁t", "he"), ("▁", "a"), ("e", "g"), ("eg", "g")]
    for left, right in merges:
        vocab[left + right] = len(vocab)
    tokenizer = Tokenizer(
        models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = dec.Sequence(
        [dec.Replace("▁", " "), dec.ByteFallback(), dec.Fuse(), dec.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in ("<unk>", "<s>", "</s>")])
    _put_first(tokenizer, "<s>")
    return tokenizer


def _put_first(tokenizer: Tokenizer, bos: str) -> None:
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
    )


def _save(
    folder: Path, network: PreTrainedModel, tokenizer: Tokenizer, settings: dict[str, Any]
) -> Path:
    network.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    # as the Hub has them: the class's name, the special tokens, the template
    described = {"tokenizer_class": "PreTrainedTokenizerFast", **settings}
    (folder / "tokenizer_config.json").write_text(json.dumps(described))
    return folder


def smollm(folder: Path) -> Path:
    """SmolLM2-Instruct: tied, ChatML with a system message of its own, digits apart."""
    steps = [pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = _byte_level(steps, words)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 100000},
        **SHAPE,
    )
    settings = {"bos_token": words[1], "eos_token": words[2], "chat_template": CHATML}
    return _save(folder, LlamaForCausalLM(config), tokenizer, settings)


def llama_3(folder: Path) -> Path:
    """Llama-3.2-1B-Instruct: positions stretched, a beginning of its own, spare rows."""
    words = ["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"]
    tokenizer = _byte_level(_split("llama-bpe"), [*words, "<|end_of_text|>"])
    _put_first(tokenizer, words[0])
    stretched = {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size() + 40,
        tie_word_embeddings=True,
        rope_parameters=stretched,
        **SHAPE,
    )
    settings = {"bos_token": words[0], "eos_token": words[1], "chat_template": LLAMA_3}
    return _save(folder, LlamaForCausalLM(config), tokenizer, settings)


def tiny_llama(folder: Path) -> Path:
    """TinyLlama-1.1B-Chat: a head of its own, Llama 2's tokenizer."""
    tokenizer = _sentence_pieces()
    config = LlamaConfig(vocab_size=tokenizer.get_vocab_size(), tie_word_embeddings=False, **SHAPE)
    settings = {"bos_token": "<s>", "eos_token": "</s>", "chat_template": TINY_LLAMA}
    return _save(folder, LlamaForCausalLM(config), tokenizer, settings)


def qwen_2(folder: Path) -> Path:
    """Qwen2.5-Instruct: biases before attention."""
    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = _byte_level(_split("qwen2"), words, normalizers.NFC())
    config = Qwen2Config(
        vocab_size=tokenizer.get_vocab_size() + 20, tie_word_embeddings=True, **SHAPE
    )
    network = Qwen2ForCausalLM(config)
    for layer in network.model.layers:
        for part in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj):
            torch.nn.init.normal_(part.bias)
    settings = {"bos_token": None, "eos_token": words[2], "chat_template": CHATML}
    return _save(folder, network, tokenizer, settings)


def qwen_3(folder: Path) -> Path:
    """Qwen3: norms before attention, heads wider than their share, no template (a base model)."""
    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = _byte_level(_split("qwen2"), words, normalizers.NFC())
    config = Qwen3Config(
        vocab_size=tokenizer.get_vocab_size(), head_dim=16, tie_word_embeddings=False, **SHAPE
    )
    network = Qwen3ForCausalLM(config)
    for layer in network.model.layers:
        torch.nn.init.uniform_(layer.self_attn.q_norm.weight, 0.5, 1.5)
        torch.nn.init.uniform_(layer.self_attn.k_norm.weight, 0.5, 1.5)
    return _save(folder, network, tokenizer, {"bos_token": None, "eos_token": words[0]})


CHECKPOINTS: dict[str, Callable[[Path], Path]] = {
    "smollm": smollm,
    "llama-3": llama_3,
    "tiny-llama": tiny_llama,
    "qwen-2": qwen_2,
    "qwen-3": qwen_3,
}
