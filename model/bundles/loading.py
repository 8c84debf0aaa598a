"""Where a student can be loaded from: a bundle, its exported GGUF, a Llama's folder of the Hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from model.bundles.bundle import CONFIG, OUR_KEY, Card, read_bundle
from model.config import StudentConfig

if TYPE_CHECKING:
    from torch import nn


class StudentSource(Protocol):
    """A student that was read and checked, but for its weights."""

    @property
    def config(self) -> StudentConfig:
        """Its shape."""
        ...

    @property
    def card(self) -> Card:
        """Where it comes from."""
        ...

    @property
    def tokenizer_json(self) -> str:
        """The contents of its ``tokenizer.json``."""
        ...

    def load_into(self, student: nn.Module) -> None:
        """Copy the weights into a student of this config."""
        ...


def read_student(path: Path) -> StudentSource:
    """Find out what lies at ``path`` and read it. Raises: BundleNotFound, BundleIncompatible."""
    # gguf and safetensors are only needed for what is really there
    from model.bundles.gguf_reading import gguf_file, read_gguf
    from model.bundles.hf_folder import read_hf_folder

    exported = gguf_file(path)
    if exported is not None:
        return read_gguf(exported)
    return read_hf_folder(path) if _is_foreign(path / CONFIG) else read_bundle(path)


def _is_foreign(config: Path) -> bool:
    """Whether a readable ``config.json`` is one that this app did not write."""
    try:
        values = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and OUR_KEY not in values and "model_type" in values
