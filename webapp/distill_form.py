"""The Distill form as a config: the order of its inputs, and how they are read."""

from __future__ import annotations

from typing import Any

from model.config import SHIPPED_STUDENT, DistillConfig
from webapp.config_form import config_from
from webapp.prompt_file import own_pairs

ADVANCED = (
    "prompt_method",
    "answer_filter",
    "least_confidence",
    "system_prompt",
    "temperature",
    "max_answer_tokens",
    "concurrency",
    "batch_size",
    "learning_rate",
    "learn_from",
    "logprob_weight",
    "skew",
    "border_weight",
    "patience",
    "packing",
    "save_memory",
    "processes",
    "tokenizer",
    "vocabulary",
    "decoder_lora_rank",
    "backbone",
    "backbone_source",
    "lora_rank",
    "seed",
)
FORM = (
    "teacher",
    "address",
    "teacher_model",
    "prompt_source",
    "topic",
    "prompts",
    "base",
    "student",
    "decoder_source",
    "name",
    "steps",
    "after_collecting",
    *ADVANCED,
)
"""The settings in the order of the form's inputs; the own prompts come last, as text."""


def form_config(form: tuple[Any, ...]) -> DistillConfig:
    """The form as a config. Raises: ConfigError, with the words for the person."""
    values = dict(zip(FORM, form, strict=False))
    values["student"] = values["student"] or SHIPPED_STUDENT
    own = own_pairs(form[-1]) if values["prompt_source"] == "own" else ()
    if own:
        lowest = 4  # the limit of DistillConfig.prompts; fewer own prompts are asked again
        values["prompts"] = max(lowest, len(own))
    answered = any(pair.answer for pair in own)
    return config_from(
        DistillConfig,
        FORM,
        [values[name] for name in FORM],
        own_prompts=tuple(pair.text for pair in own),
        own_answers=tuple(pair.answer for pair in own) if answered else (),
    )
