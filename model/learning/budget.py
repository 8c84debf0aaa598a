"""What a run will cost and what can be hoped for, said before it starts. Needs no torch."""

from __future__ import annotations

import re

from model.config import PRESETS, DecoderConfig, DistillConfig, StudentConfig, VisionConfig
from model.learning.memory import Load, lora_weights, training_bytes
from model.records import Budget, StudentInfo

TOKENS_PER_WEIGHT = 20
"""Training tokens that a language model wants per parameter when it starts from nothing
(Hoffmann et al. 2022, https://arxiv.org/abs/2203.15556)."""
USUAL_PRETRAINED = StudentConfig(
    DecoderConfig(49_152, 576, 1536, 30, 9, 3, 4096), preset="pretrained", picture_heads=False
)
"""The shape of SmolLM2-135M, on which a pretrained student stands unless another is named."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([mb])(?![a-z])", re.IGNORECASE)
MICROWORLD_ANSWER, FREE_ANSWER = 14, 110
"""Usual length of an answer in tokens."""
PROMPT_TOKENS = 90
TEACHER_TOKENS_PER_S = 40.0
"""Of a server that answers one request at a time, as Ollama does unless it is told otherwise."""
FLOPS_PER_S = 4e10
"""What one ordinary CPU core sustains in float32; the speed of an earlier run replaces it."""


def parameters(config: StudentConfig) -> int:
    """Number of weights of a student, to within a percent, without building it."""
    d, v = config.decoder, config.vision
    tower = v.num_hidden_layers * (
        4 * v.hidden_size**2 + 2 * v.hidden_size * v.intermediate_size
    ) + v.hidden_size * (3 * v.patch_size**2 + v.num_patches + v.embedding_size)
    projector = d.hidden_size * (v.hidden_size + d.hidden_size)
    return _decoder_weights(config) + tower + projector


def pretrained_shape(source: str) -> StudentConfig:
    """About the shape of a decoder that is not here yet, by the size in its name: ``…-1.1B-…``."""
    named = _SIZE.search(source.rpartition("/")[2])
    usual = USUAL_PRETRAINED
    if not named:
        return usual
    weights = float(named[1]) * (1e9 if named[2].lower() == "b" else 1e6)
    # decoders of one family grow about as much in width as in the other directions together
    growth = (weights / parameters(usual)) ** (1 / 3)
    width = max(64, round(usual.decoder.hidden_size * growth / 64) * 64)
    layers = max(1, round(usual.decoder.num_hidden_layers * growth))
    heads = width // 64
    return StudentConfig(
        DecoderConfig(49_152, width, width * 8 // 3, layers, heads, heads, 4096),
        VisionConfig(),
        preset="pretrained",
    )


def memory_of(config: DistillConfig, shape: StudentConfig, weights: int | None = None) -> int:
    """Bytes that a run's process takes at most, about. ``weights`` if they were counted."""
    weights = weights or parameters(shape)
    adapted = config.base == "pretrained" and config.decoder_lora_rank > 0
    new = parameters(shape) - _decoder_weights(shape)
    learning = lora_weights(shape, config.decoder_lora_rank) + new if adapted else weights
    length = PROMPT_TOKENS + _answer_tokens(config)
    load = Load(
        weights,
        min(learning, weights),
        config.batch_size,
        length,
        config.batch_size * _answer_tokens(config),
        config.save_memory,
    )
    return training_bytes(shape, load)


def _decoder_weights(shape: StudentConfig) -> int:
    d = shape.decoder
    width, kv = d.num_attention_heads * d.head_dim, d.num_key_value_heads * d.head_dim
    layer = d.hidden_size * (2 * width + 2 * kv) + 3 * d.hidden_size * d.intermediate_size
    tables = 1 if d.tie_word_embeddings else 2
    return d.num_hidden_layers * layer + tables * d.vocab_size * d.hidden_size


def _answer_tokens(config: DistillConfig) -> int:
    by_rule = config.prompt_source == "graph" and config.teacher != "ollama"
    short = config.prompt_source == "microworld" or by_rule
    usual = MICROWORLD_ANSWER if short else FREE_ANSWER
    return min(usual, config.max_answer_tokens)


def estimate(
    config: DistillConfig,
    base: StudentInfo | None,
    tokens_per_s: float | None = None,
    shape: StudentConfig | None = None,
    *,
    answer: int | None = None,
    teacher_tokens_per_s: float | None = None,
) -> Budget:
    """Cost and prospects of a run. ``tokens_per_s`` is the training speed seen in earlier runs.

    ``shape`` is that of the student, if it is known already; ``answer`` (tokens) and
    ``teacher_tokens_per_s`` are what a try of the teacher showed.
    """
    missing = shape is None and config.base == "pretrained"
    if shape is None:
        usual = PRESETS.get(base.preset if base else config.base)
        shape = usual or pretrained_shape(config.decoder_source)
    weights = base.parameters if base else parameters(shape)
    asked = config.teacher == "ollama"
    answer = min(answer, config.max_answer_tokens) if answer else _answer_tokens(config)
    prompts = len(config.own_prompts) if config.prompt_source == "own" else config.prompts
    answer_tokens = prompts * answer
    step_tokens = config.batch_size * (PROMPT_TOKENS + answer)
    # what is frozen needs no gradient of its own: two products for a weight instead of three
    products = 4 if config.base == "pretrained" and config.decoder_lora_rank else 6
    speed = tokens_per_s or FLOPS_PER_S / (products * weights)
    training_s = config.steps * step_tokens / speed
    teacher_speed = teacher_tokens_per_s or TEACHER_TOKENS_PER_S
    teaching_s = answer_tokens / teacher_speed if asked else 0.0
    scratch = config.base in PRESETS
    wanted = TOKENS_PER_WEIGHT * weights if scratch else answer_tokens
    return Budget(
        answer_tokens=answer_tokens,
        wanted_tokens=wanted,
        minutes=max(training_s, teaching_s) / 60 + 0.1,
        memory_mb=memory_of(config, shape, weights) / 1e6,
        advice=_advice(config, answer_tokens, wanted),
        warnings=(*(_download(weights) if missing else ()), *_warnings(config, prompts)),
    )


def _advice(config: DistillConfig, given: int, wanted: int) -> str:
    if config.base == "continue" and config.prompt_source == "microworld":
        return "Sharpens what the student knows of the micro-world; the loss starts low."
    if config.base == "continue":
        return (
            "The student picks up the teacher's wording on this topic and keeps reading facts "
            "from the graph. It does not become a general chat model."
        )
    if config.base == "pretrained":
        return (
            "The student speaks already and picks up the teacher's wording and its subject; some "
            "hundred answers are enough for that. Its eyes are new: pictures need many more, or "
            "pretrained eyes."
        )
    return (
        f"A new student sees {given:,} of the {wanted / 1e6:.0f} million tokens it would want: it "
        "learns the style of the answers and the commonest sentences, not facts."
    )


def _download(weights: int) -> tuple[str, ...]:
    """That a decoder is not here yet; the Hub has most of them in two bytes a weight."""
    return (
        f"The model is not on this machine yet: about {2 * weights / 1e9:.1f} GB are downloaded "
        "before the run begins.",
    )


def _warnings(config: DistillConfig, prompts: int) -> tuple[str, ...]:
    found = []
    passes = config.steps * config.batch_size / max(prompts, 1)
    if passes > 60:
        found.append(
            f"Every prompt is learned {passes:.0f} times; above 60 the student mostly learns them "
            "by heart. Ask for more prompts or take fewer steps."
        )
    if passes < 1:
        needed = -(-prompts // config.batch_size)
        found.append(
            f"Only {passes:.0%} of the prompts are learned in {config.steps} steps; "
            f"{needed} steps see each of them once."
        )
    return tuple(found)
