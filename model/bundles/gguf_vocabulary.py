"""A tokenizer as GGUF keeps it, and back: tokens with their kinds, merges, the name of the split.

llama.cpp knows no regular expressions of ours: it knows names, each with a pattern compiled in. A
tokenizer that splits text in no way it knows by name cannot leave the app.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.errors import BundleIncompatible

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERNS = {
    "qwen2": _CONTRACTIONS + r"\p{N}" + _REST,
    "llama-bpe": _CONTRACTIONS + r"\p{N}{1,3}" + _REST,
}
"""The pre-tokenizers that are one split by a pattern, by llama.cpp's names for them."""

NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5
"""GGUF's kinds of tokens. Control tokens are read in prompts and never shown in answers."""
SHOWN = ("<think>", "</think>")
"""Special tokens that an answer shows, so that whoever reads it can fold the thought."""


@dataclass(frozen=True)
class Vocabulary:
    """What ``tokenizer.ggml.*`` holds: one token and kind per id, merges as “left right”."""

    tokens: tuple[str, ...]
    kinds: tuple[int, ...]
    merges: tuple[str, ...]
    pre: str


def read_vocabulary(tokenizer_json: str, size: int) -> Vocabulary:
    """The vocabulary of a ``tokenizer.json``, filled up with unused tokens to ``size``.

    Raises: BundleIncompatible if it is no byte-level BPE, or splits text in an unknown way.
    """
    values = json.loads(tokenizer_json)
    model = values["model"]
    if model["type"] != "BPE" or not _plain(values.get("normalizer")):
        raise BundleIncompatible(
            f"The tokenizer is of type {model['type']} with normalizer "
            f"{(values.get('normalizer') or {}).get('type', 'none')}; only byte-level BPE without "
            "one can be exported. Teach a student with the app's own tokenizer."
        )
    by_id = {index: token for token, index in model["vocab"].items()}
    kinds = dict.fromkeys(by_id, NORMAL)
    for added in values["added_tokens"]:
        by_id[added["id"]] = added["content"]
        hidden = added["special"] and added["content"] not in SHOWN
        kinds[added["id"]] = CONTROL if hidden else USER_DEFINED
    tokens = tuple(by_id.get(index, f"<unused_{index}>") for index in range(size))
    return Vocabulary(
        tokens,
        tuple(kinds.get(index, UNUSED) for index in range(size)),
        tuple(pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"])
        or _one_merge(tokens),
        _pre_tokenizer(values["pre_tokenizer"]),
    )


def _plain(normalizer: Mapping[str, Any] | None) -> bool:
    """Whether texts are read as they are; llama.cpp passes over Qwen's NFC."""
    return normalizer is None or normalizer["type"] == "NFC"


def _one_merge(tokens: Sequence[str]) -> tuple[str, ...]:
    """llama.cpp refuses a tokenizer without merges; this one has no result, so it never applies."""
    pairs = (f"{a} {b}" for a in tokens for b in tokens if len(a) == len(b) == 1)
    known = set(tokens)
    return (next(pair for pair in pairs if pair.replace(" ", "") not in known),)


def _pre_tokenizer(values: Mapping[str, Any] | None) -> str:
    """llama.cpp's name for a ``pre_tokenizer`` of a ``tokenizer.json``."""
    steps = [] if values is None else values.get("pretokenizers", [values])
    kinds = [step["type"] for step in steps]
    if kinds == ["Split", "ByteLevel"] and not steps[1]["use_regex"]:
        pattern = steps[0]["pattern"].get("Regex")
        found = next((name for name, known in PATTERNS.items() if known == pattern), None)
        if found and steps[0]["behavior"] == "Isolated" and not steps[0]["invert"]:
            return found
    plain = bool(steps) and kinds[-1] == "ByteLevel" and steps[-1]["use_regex"]
    if plain and not steps[-1]["add_prefix_space"]:
        if kinds == ["ByteLevel"]:
            return "gpt-2"
        if kinds == ["Digits", "ByteLevel"] and steps[0]["individual_digits"]:
            return "smollm"
    raise BundleIncompatible(
        f"The tokenizer splits text by {' + '.join(kinds) or 'nothing'} in a way that llama.cpp "
        "has no name for. Teach a student with the app's own tokenizer."
    )


def tokenizer_json(vocabulary: Vocabulary) -> str:
    """The ``tokenizer.json`` that gives the same ids; the inverse of ``read_vocabulary``.

    Raises: BundleIncompatible for a pre-tokenizer that is not known here.
    """
    vocab = {
        token: index
        for index, token in enumerate(vocabulary.tokens)
        if vocabulary.kinds[index] != UNUSED
    }
    merges = [merge.split(" ", 1) for merge in vocabulary.merges]
    added = [
        {
            "id": index,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": vocabulary.kinds[index] == CONTROL or token in SHOWN,
        }
        for index, token in enumerate(vocabulary.tokens)
        if vocabulary.kinds[index] in (CONTROL, USER_DEFINED)
    ]
    model = {
        "type": "BPE",
        "vocab": vocab,
        "merges": [pair for pair in merges if "".join(pair) in vocab],
        "ignore_merges": vocabulary.pre == "llama-bpe",
    }
    return json.dumps(
        {
            "version": "1.0",
            "added_tokens": added,
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": _steps(vocabulary.pre)},
            "post_processor": None,
            "decoder": {
                "type": "ByteLevel",
                "add_prefix_space": True,
                "trim_offsets": True,
                "use_regex": True,
            },
            "model": model,
        },
        ensure_ascii=False,
    )


def _steps(pre: str) -> list[dict[str, Any]]:
    bytes_only = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": pre not in PATTERNS,
    }
    if pre in PATTERNS:
        pattern = {"Regex": PATTERNS[pre]}
        split = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
        return [split, bytes_only]
    if pre == "gpt-2":
        return [bytes_only]
    if pre == "smollm":
        return [{"type": "Digits", "individual_digits": True}, bytes_only]
    raise BundleIncompatible(
        f"The file splits text as “{pre}”; known are {', '.join(PATTERNS)}, gpt-2 and smollm. "
        "Export it again with this app."
    )
