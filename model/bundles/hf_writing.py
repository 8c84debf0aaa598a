"""A student's words as a folder that stock servers of Llamas read: vLLM, TGI, ``transformers``.

A bundle holds the eyes in the same file of weights; ``transformers`` passes over them, but vLLM
refuses weights that it does not know. So the eyes stay behind here, and the conversation's
layout comes along as a chat template.
"""

from __future__ import annotations

import json
from pathlib import Path

from model.bundles.bundle import (
    CARD,
    CONFIG,
    OUR_KEY,
    TOKENIZER,
    WEIGHTS,
    packed_weights,
    read_bundle,
)
from model.bundles.gguf import jinja_template
from model.config import StudentConfig
from model.network.text_tokenizer import PAD

TOKENIZER_CONFIG, GENERATION_CONFIG = "tokenizer_config.json", "generation_config.json"
_TEXT = "model."


def tokenizer_config(config: StudentConfig) -> str:
    """What ``AutoTokenizer`` wants beside ``tokenizer.json``: names of tokens, and the layout."""
    chat = config.chat
    values = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **({"bos_token": chat.bos} if chat.bos else {}),
        # some servers stop at no other token
        "eos_token": chat.end,
        "pad_token": PAD,
        "model_max_length": config.decoder.max_position_embeddings,
        "clean_up_tokenization_spaces": False,
        "chat_template": ("{{ bos_token }}" if chat.bos else "") + jinja_template(chat),
    }
    return json.dumps(values, indent=2)


def write_text_folder(bundle: Path, folder: Path) -> int:
    """Write a bundle's decoder and tokenizer into ``folder``; returns how many weights it holds.

    Adapters are folded in. Raises: BundleError.
    """
    # torch is heavy: only whoever writes weights pays for it
    from model.model import ImageTokenReasoningLLM
    from model.network.lora import merge_lora

    read = read_bundle(bundle)
    decoder = ImageTokenReasoningLLM.load_from_bundle(bundle).model
    merge_lora(decoder)
    tensors = {f"{_TEXT}{name}": tensor for name, tensor in decoder.state_dict().items()}
    values = json.loads((bundle / CONFIG).read_text(encoding="utf-8"))
    del values[OUR_KEY]
    ends = {"bos_token_id": values["bos_token_id"], "eos_token_id": values["eos_token_id"]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(packed_weights(tensors))
    texts = {
        CONFIG: json.dumps(values, indent=2),
        GENERATION_CONFIG: json.dumps({**ends, "pad_token_id": values["pad_token_id"]}, indent=2),
        TOKENIZER: read.tokenizer_json,
        TOKENIZER_CONFIG: tokenizer_config(read.config),
    }
    if (bundle / CARD).is_file():
        texts[CARD] = (bundle / CARD).read_text(encoding="utf-8")
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return sum(tensor.numel() for tensor in tensors.values())
