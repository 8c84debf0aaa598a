"""How much memory a training takes, said before it starts, and how much there is; no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model.config import StudentConfig
from model.errors import ConfigError

BYTES = 4
"""Weights, gradients and what lies between them are float32."""
LEARNING_COPIES, FROZEN_COPIES = 4, 1
"""A weight that learns has a gradient and AdamW's two moments beside it."""
PROCESS_BYTES = 600_000_000
"""A process with the libraries loaded, before it has a student."""
LOGIT_COPIES = 4
"""Scores of a learned token, their softmax in the loss, and the gradients of both."""
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Load:
    """What a step of training works on: ``rows`` sequences of ``length`` tokens.

    ``learned`` of its tokens are scored. ``learning`` of the ``weights`` change.
    """

    weights: int
    learning: int
    rows: int
    length: int
    learned: int
    save_memory: bool = False


def training_bytes(shape: StudentConfig, load: Load) -> int:
    """The most that a step keeps at one time, estimated to within about a third."""
    d = shape.decoder
    kv = d.num_key_value_heads * d.head_dim
    q = d.num_attention_heads * d.head_dim
    # what autograd keeps of a layer for one token: norms, queries, keys, values, their turned and
    # repeated copies, attention over the row (scores and softmax), the gate and what it lets pass
    layer = 5 * d.hidden_size + 6 * q + 4 * kv + 4 * d.intermediate_size
    layer += 3 * d.num_attention_heads * load.length
    tokens = load.rows * load.length
    layers = (
        layer + d.num_hidden_layers * d.hidden_size
        if load.save_memory
        else d.num_hidden_layers * layer
    )
    copies = LEARNING_COPIES * load.learning + FROZEN_COPIES * (load.weights - load.learning)
    values = copies + tokens * layers + LOGIT_COPIES * load.learned * d.vocab_size
    return BYTES * values + PROCESS_BYTES


def lora_weights(shape: StudentConfig, rank: int) -> int:
    """How many weights adapters of a rank have, one at every linear layer of the decoder."""
    d = shape.decoder
    kv, q = d.num_key_value_heads * d.head_dim, d.num_attention_heads * d.head_dim
    sides = 2 * (d.hidden_size + q) + 2 * (d.hidden_size + kv)
    sides += 3 * (d.hidden_size + d.intermediate_size)
    return d.num_hidden_layers * rank * sides


def free_bytes(root: Path = CGROUP) -> int:
    """How much memory a new process may take: what is free, or less where a container limits it."""
    # only whoever asks pays for it
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        limit = (root / "memory.max").read_text().strip()
        used = int((root / "memory.current").read_text())
    except (OSError, ValueError):
        return free
    return free if limit == "max" else min(free, max(0, int(limit) - used))


def check_fits(needed: int, free: int, place: str = "this machine") -> None:
    """Refuse a training that cannot fit. Raises: ConfigError with both numbers and the remedies."""
    if needed > free:
        raise ConfigError(
            f"This run needs about {needed / 1e9:.1f} GB of memory, but {free / 1e9:.1f} GB are "
            f"free on {place}. Take fewer examples in a step, switch save memory on, choose a "
            "smaller student, or end other programs."
        )
