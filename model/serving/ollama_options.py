"""Ollama's ``options`` as settings of ours: the same names, types and complaints."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model.config import SampleConfig
from model.serving.ollama_refusals import Refused

WHOLE = frozenset(
    {"num_keep", "seed", "num_predict", "top_k", "repeat_last_n", "num_ctx", "num_batch",
     "num_gpu", "main_gpu", "num_thread"}
)  # fmt: skip
FRACTIONS = frozenset(
    {"top_p", "min_p", "typical_p", "temperature", "repeat_penalty", "presence_penalty",
     "frequency_penalty"}
)  # fmt: skip
SWITCHES = frozenset({"use_mmap"})
TOP_K, TOP_P = 40, 0.9
"""Ollama's defaults; everything else that is not asked for is as the student is exported."""
MOST_TOKENS = 512
"""Longest answer; ``num_predict`` below 1 asks for it."""


@dataclass(frozen=True)
class Options:
    """How an answer is drawn, and how much the student may read for it (0: all that it can)."""

    sampling: SampleConfig
    num_ctx: int = 0


def read_options(values: Mapping[str, Any]) -> Options:
    """Settings from a request's ``options``; names that nobody knows are passed over.

    Raises: Refused 500 for a wrong type, as Ollama; ConfigError outside the student's limits.
    """
    checked = {name: _checked(name, value) for name, value in values.items() if value is not None}

    def number(name: str, default: float) -> float:
        return float(checked.get(name, default))

    predict = int(number("num_predict", SampleConfig.max_tokens))
    seed = int(number("seed", -1))
    sampling = SampleConfig(
        temperature=number("temperature", SampleConfig.temperature),
        top_k=min(max(int(number("top_k", TOP_K)), 0), 1000),
        top_p=min(max(number("top_p", TOP_P), 0.05), 1.0),
        min_p=number("min_p", 0.0),
        repetition_penalty=number("repeat_penalty", SampleConfig.repetition_penalty),
        max_tokens=min(predict, MOST_TOKENS) if predict > 0 else MOST_TOKENS,
        seed=secrets.randbelow(2**31) if seed < 0 else seed % 2**31,
        stop=tuple(checked.get("stop", ())),
    )
    return Options(sampling, max(int(number("num_ctx", 0)), 0))


def _checked(name: str, value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in WHOLE and not number:
        raise Refused(500, f'option "{name}" must be of type integer')
    if name in FRACTIONS and not number:
        raise Refused(500, f'option "{name}" must be of type float32')
    if name in SWITCHES and not isinstance(value, bool):
        raise Refused(500, f'option "{name}" must be of type boolean')
    if name == "stop":
        if not isinstance(value, list):
            raise Refused(500, f'option "{name}" must be of type array')
        if not all(isinstance(each, str) for each in value):
            raise Refused(500, f'option "{name}" must be of an array of strings')
    return value
