"""The student at step 0 of a run: one that exists, a fresh one, or one on a pretrained decoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from model.bundles.backbones import load_tower
from model.bundles.checkpoints import USUAL_DECODER, find_checkpoint
from model.bundles.hf_folder import read_hf_folder
from model.config import DistillConfig, VisionConfig
from model.model import ImageTokenReasoningLLM
from model.network.backbones import PretrainedTower
from model.network.lora import DECODER_LAYERS, add_lora
from model.network.text_tokenizer import TextTokenizer
from model.paths import students
from model.serving.students import student_folder


def make_learner(
    config: DistillConfig,
    workspace: Path,
    shipped: Path,
    tell: Callable[[str], None] = lambda words: None,
    tokenizer: TextTokenizer | None = None,
) -> ImageTokenReasoningLLM:
    """The student that a run begins with; the same settings give the same weights.

    A fresh one takes ``tokenizer``, else the shipped student's. ``tell`` hears of downloads.
    Raises: BundleError if a student or pretrained weights cannot be had.
    """
    if config.base == "continue":
        folder = student_folder(students(workspace), shipped, config.student)
        return ImageTokenReasoningLLM.load_from_bundle(folder)
    if config.base == "pretrained":
        return _on_checkpoint(config, tell)
    if tokenizer is None:
        text = (shipped / "tokenizer.json").read_text(encoding="utf-8")
        tokenizer = TextTokenizer.from_json(text)
    tower = _tower(config)
    vision = tower.config if tower else None
    learner = ImageTokenReasoningLLM.new(config.base, tokenizer, seed=config.seed, vision=vision)
    if tower:
        learner.vision_tower = tower
    return learner


def _tower(config: DistillConfig) -> PretrainedTower | None:
    """Pretrained eyes, or None for those that learn from nothing."""
    if config.backbone == "lite":
        return None
    return load_tower(
        config.backbone, config.backbone_source, lora_rank=config.lora_rank, seed=config.seed
    )


def _on_checkpoint(config: DistillConfig, tell: Callable[[str], None]) -> ImageTokenReasoningLLM:
    """A checkpoint's words, eyes in front, and adapters that learn while the words stay."""
    found = read_hf_folder(find_checkpoint(config.decoder_source, tell))
    tower = _tower(config)
    shape = replace(found.config, vision=tower.config if tower else VisionConfig())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        learner = ImageTokenReasoningLLM(shape, TextTokenizer.from_json(found.tokenizer_json))
        if tower:
            learner.vision_tower = tower
        found.load_into(learner)
        name = Path(config.decoder_source.strip() or USUAL_DECODER).name
        learner.card = replace(found.card, name=name)  # the Hub's folders are called by numbers
        if config.decoder_lora_rank:
            learner.model.requires_grad_(False)
            add_lora(learner.model, config.decoder_lora_rank, DECODER_LAYERS)
    return learner
