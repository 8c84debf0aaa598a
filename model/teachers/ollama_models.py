"""What an Ollama server says about its models, as records; tolerant of servers of any age."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from model.records import TeacherModel
from model.teachers.base import TeacherVocabulary


def full_name(model: str) -> str:
    """The name with the tag that Ollama adds when none is written; case does not matter to it."""
    last = model.rpartition("/")[2]
    return (model if ":" in last else f"{model}:latest").lower()


def read_model(entry: Mapping[str, Any], capabilities: Any) -> TeacherModel:
    """One entry of ``/api/tags`` with the capabilities from there or from ``/api/show``.

    Servers before 0.6.4 know no capabilities: then the family is all there is to go by, and what
    it does not tell stays None.
    """
    details = entry.get("details")
    details = details if isinstance(details, dict) else {}
    model = TeacherModel(
        name=str(entry.get("name") or entry.get("model") or ""),
        size_bytes=whole_number(entry.get("size")),
        parameter_size=str(details.get("parameter_size") or ""),
        quantization=str(details.get("quantization_level") or ""),
        digest=str(entry.get("digest") or ""),
    )
    if isinstance(capabilities, list):
        return dataclasses.replace(
            model,
            sees_pictures="vision" in capabilities,
            thinks="thinking" in capabilities,
            can_chat="completion" in capabilities,
        )
    families = details.get("families")
    names = {str(family) for family in families} if isinstance(families, list) else set()
    return dataclasses.replace(
        model,
        sees_pictures=True if names & {"clip", "mllama"} else None,
        can_chat=not any("bert" in name for name in names),
    )


def vocabulary_of(shown: Mapping[str, Any]) -> TeacherVocabulary:
    """The tokenizer in a verbose ``/api/show``; empty unless it is a byte-level BPE."""
    facts = shown.get("model_info")
    facts = facts if isinstance(facts, dict) else {}
    tokens, merges = (facts.get(f"tokenizer.ggml.{name}") for name in ("tokens", "merges"))
    if facts.get("tokenizer.ggml.model") != "gpt2" or not isinstance(tokens, list):
        return TeacherVocabulary()
    return TeacherVocabulary(
        tuple(str(token) for token in tokens),
        tuple(str(merge) for merge in merges) if isinstance(merges, list) else (),
        str(facts.get("tokenizer.ggml.pre") or ""),
    )


def summary(version: str, address: str, models: Sequence[TeacherModel]) -> str:
    """One sentence for the person: which server, and how many of its models can be teachers."""
    server = f"Ollama {version} answers at {address}"
    able = sum(model.can_chat for model in models)
    if not models:
        return f"{server}, but it has 0 models. Run `ollama pull llama3.2:1b` there."
    if not able:
        return f"{server}, but 0 of its {len(models)} models can chat. Pull one that can."
    return f"{server} with {able} model{'s' if able > 1 else ''} that can chat."


def whole_number(value: Any) -> int:
    """A count from JSON, or 0 if it is none."""
    return int(value) if isinstance(value, (int, float)) else 0
