"""What a run will cost and what can be hoped for, said before it starts. Needs no torch."""

from __future__ import annotations

from model.config import PRESETS, DistillConfig, StudentConfig
from model.records import Budget, StudentInfo

TOKENS_PER_WEIGHT = 20
"""Training tokens that a language model wants per parameter when it starts from nothing
(Hoffmann et al. 2022, https://arxiv.org/abs/2203.15556)."""
BYTES_PER_WEIGHT = 16
"""Weight, gradient and the two moments of AdamW in float32."""
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
    attention = d.hidden_size * (2 * d.hidden_size + 2 * d.num_key_value_heads * d.head_dim)
    layer = attention + 3 * d.hidden_size * d.intermediate_size
    tower = v.num_hidden_layers * (
        4 * v.hidden_size**2 + 2 * v.hidden_size * v.intermediate_size
    ) + v.hidden_size * (3 * v.patch_size**2 + v.num_patches + v.embedding_size)
    projector = d.hidden_size * (v.hidden_size + d.hidden_size)
    return d.num_hidden_layers * layer + d.vocab_size * d.hidden_size + tower + projector


def estimate(
    config: DistillConfig,
    base: StudentInfo | None,
    tokens_per_s: float | None = None,
    *,
    answer: int | None = None,
    teacher_tokens_per_s: float | None = None,
) -> Budget:
    """Cost and prospects of a run. ``tokens_per_s`` is the training speed seen in earlier runs.

    ``answer`` (tokens) and ``teacher_tokens_per_s`` are what a try of the teacher showed.
    """
    weights = base.parameters if base else parameters(PRESETS[config.base])
    micro = config.prompt_source == "microworld"
    asked = config.teacher == "ollama"
    short = micro or (config.prompt_source == "graph" and not asked)
    usual = MICROWORLD_ANSWER if short else FREE_ANSWER
    answer = min(answer or usual, config.max_answer_tokens)
    prompts = len(config.own_prompts) if config.prompt_source == "own" else config.prompts
    answer_tokens = prompts * answer
    step_tokens = config.batch_size * (PROMPT_TOKENS + answer)
    speed = tokens_per_s or FLOPS_PER_S / (6 * weights)
    training_s = config.steps * step_tokens / speed
    teacher_speed = teacher_tokens_per_s or TEACHER_TOKENS_PER_S
    teaching_s = answer_tokens / teacher_speed if asked else 0.0
    scratch = config.base != "continue"
    wanted = TOKENS_PER_WEIGHT * weights if scratch else answer_tokens
    return Budget(
        answer_tokens=answer_tokens,
        wanted_tokens=wanted,
        minutes=max(training_s, teaching_s) / 60 + 0.1,
        memory_mb=(weights * BYTES_PER_WEIGHT + step_tokens * 60_000) / 1e6,
        advice=_advice(config, answer_tokens, wanted),
        warnings=_warnings(config, prompts),
    )


def _advice(config: DistillConfig, given: int, wanted: int) -> str:
    if config.base == "continue" and config.prompt_source == "microworld":
        return "Sharpens what the student knows of the micro-world; the loss starts low."
    if config.base == "continue":
        return (
            "The student picks up the teacher's wording on this topic and keeps reading facts "
            "from the graph. It does not become a general chat model."
        )
    return (
        f"A new student sees {given:,} of the {wanted / 1e6:.0f} million tokens it would want: it "
        "learns the style of the answers and the commonest sentences, not facts."
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
