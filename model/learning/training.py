"""The only supervised loop: steps, schedule, checkpoints. What is learned is passed in.

Built on ``accelerate``, so the same loop runs on a CPU, a GPU, or many. A batch is a pure function
of its step number, therefore a run that was stopped and resumed is the run that was not.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from model.config import TrainConfig
from model.learning.devices import Team
from model.learning.muon import Muon
from model.records import Signal

log = logging.getLogger(__name__)

AnyBatch = TypeVar("AnyBatch", bound="Any")


@dataclass(frozen=True)
class StepReport:
    """What one optimiser step did. ``loss`` is in nats; ``seconds`` is the step's own time."""

    step: int
    loss: float
    learning_rate: float
    grad_norm: float
    seconds: float
    tokens: int


@dataclass(frozen=True)
class FitResult:
    """How the loop ended, and at which step."""

    ended: Literal["done", "paused", "stopped"]
    step: int


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then a cosine down to ``final_rate`` of the peak."""
    warm = max(1, round(config.warmup * config.steps))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    progress = (step - warm) / max(1, config.steps - warm)
    shape = 0.5 * (1 + math.cos(math.pi * progress))
    return config.learning_rate * (config.final_rate + (1 - config.final_rate) * shape)


def fit(
    model: nn.Module,
    batches: Callable[[int], AnyBatch],
    loss_fn: Callable[[nn.Module, AnyBatch], Tensor],
    config: TrainConfig,
    on_step: Callable[[StepReport], Signal],
    checkpoint: Path | None = None,
    *,
    on_cpu: bool = False,
) -> FitResult:
    """Train ``model`` in place from its checkpoint, or from step 0 where there is none.

    ``batches(step)`` returns the batch of a step; ``on_step`` is called after each one and may
    ask to pause or stop. The checkpoint is written every ``checkpoint_every_s`` seconds and
    whenever the loop ends. Of several processes the first one's ``batches``, which must be
    ``SharedBatches``, and ``on_step`` count for all. With ``on_cpu`` the model stays where it is
    even if there is a GPU.
    """
    team = Team(on_cpu=on_cpu)
    accelerator = team.accelerator
    model, *optimizers = accelerator.prepare(model, *_optimizers(model, config))
    plain = accelerator.unwrap_model(model)
    step = load_checkpoint(checkpoint, plain, optimizers) if checkpoint else 0
    device = accelerator.device
    halves = config.precision == "bfloat16" and _fast_in_bfloat16(device)
    saved_at, ended = time.monotonic(), "done"
    model.train()
    while step < config.steps:
        started = time.monotonic()
        rate = learning_rate(config, step)
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = rate
        share = team.share(batches, step)
        if share is None:
            ended = "stopped"
            break
        batch = share[0].to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=halves):
            loss = loss_fn(model, batch)
        if team.count > 1:
            loss = loss * share[1]
        accelerator.backward(loss)
        norm = accelerator.clip_grad_norm_(model.parameters(), config.max_grad_norm)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step += 1
        report = StepReport(
            step=step,
            loss=team.mean(loss),
            learning_rate=rate,
            grad_norm=float(norm) if norm is not None else 0.0,
            seconds=time.monotonic() - started,
            tokens=batch.tokens * team.count,
        )
        signal = team.agree(lambda report=report: on_step(report))  # type: ignore[misc]
        if signal != "go":
            ended = {"pause": "paused", "stop": "stopped"}[signal]
            break
        due = time.monotonic() - saved_at >= config.checkpoint_every_s
        if checkpoint and due and team.first:
            save_checkpoint(checkpoint, plain, optimizers, step)
            saved_at = time.monotonic()
    if checkpoint and team.first:
        save_checkpoint(checkpoint, plain, optimizers, step)
    plain.eval()
    return FitResult(ended, step)  # type: ignore[arg-type]


def _fast_in_bfloat16(device: torch.device) -> bool:
    """Whether products in bfloat16 are faster than in float32; on a CPU that takes instructions."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # older versions of PyTorch cannot tell; float32 is right everywhere
    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _optimizers(model: nn.Module, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """AdamW; matrices are decayed, norms, biases and positions are not.

    With Muon the matrices between layers take orthogonal steps, scaled as AdamW's; embeddings,
    heads and vectors stay with AdamW.
    """
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    inner = {n for n, p in named if config.optimizer == "muon" and p.ndim == 2 and "layers." in n}
    rest = [p for n, p in named if n not in inner]
    groups = [
        {"params": [p for p in rest if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
    ]
    rate = config.learning_rate
    found: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), fused=True)
    ]
    if inner:
        found.append(
            Muon(
                [p for n, p in named if n in inner],
                lr=rate,
                weight_decay=config.weight_decay,
            )
        )
    return found


def learning_state(model: nn.Module) -> dict[str, Tensor]:
    """The weights and buffers of a model, but for the frozen weights."""
    frozen = {name for name, each in model.named_parameters() if not each.requires_grad}
    return {name: each for name, each in model.state_dict().items() if name not in frozen}


def restore(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put back what ``learning_state`` gave. Raises: RuntimeError if it is of another model."""
    missing, unknown = model.load_state_dict(state, strict=False)
    lost = set(missing) & learning_state(model).keys()
    if lost or unknown:
        raise RuntimeError(f"the checkpoint is of another model: {sorted(lost | {*unknown})[:3]}")


def save_checkpoint(
    path: Path, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], step: int
) -> None:
    """Write what learns, optimisers and step; a reader sees the old file or the new one, whole.

    Frozen weights are left out: whoever resumes has them from where they came from.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with open(draft, "wb") as file:
        states = [optimizer.state_dict() for optimizer in optimizers]
        torch.save({"model": learning_state(model), "optimizers": states, "step": step}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def load_checkpoint(
    path: Path, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer] = ()
) -> int:
    """Put a checkpoint's weights into the model; returns its step, 0 if there is no checkpoint."""
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    restore(model, state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=False):
        optimizer.load_state_dict(saved)
    log.info("resumed from step %d", state["step"])
    return int(state["step"])
