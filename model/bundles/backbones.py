"""Loads pretrained eyes: CLIP and SigLIP through ``transformers``, ResNet through ``torchvision``.

From a local folder or file, or from the Hub when the machine is online.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from model.config import VisionConfig
from model.errors import BundleIncompatible, BundleNotFound, ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from model.network.backbones import PretrainedTower

USUAL_SOURCES = {
    "clip": "openai/clip-vit-base-patch32",
    "siglip": "google/siglip-base-patch16-224",
    "resnet": "resnet18",
}
TOKENS_PER_SIDE = 7
"""49 image tokens of a picture, whatever the backbone."""
Weights = dict[str, "Tensor"]


def load_tower(
    kind: str, source: str = "", *, lora_rank: int = 0, seed: int = 0
) -> PretrainedTower:
    """A pretrained tower from a folder, a file or the Hub; empty ``source`` takes the usual one.

    What is not pretrained, the norm and the contrastive head, starts from ``seed``.
    Raises: BundleNotFound if the weights cannot be had, BundleIncompatible if they are of another
        architecture, ConfigError if the backbone has no place for LoRA.
    """
    import torch

    from model.network.backbones import LORA_LAYERS, PretrainedTower
    from model.network.lora import add_lora

    source = source or USUAL_SOURCES[kind]
    config, weights = _translated(_read_resnet if kind == "resnet" else _read_clip, kind, source)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tower = PretrainedTower(config)
        try:
            tower.backbone.network.load_state_dict(weights)
        except RuntimeError as error:
            raise BundleIncompatible(
                f"The weights in {source} are not those of a {kind}: "
                f"{str(error).splitlines()[-1].strip()} Choose another kind of eyes for them."
            ) from error
        if lora_rank:
            if not add_lora(tower.backbone, lora_rank, LORA_LAYERS):
                raise ConfigError(
                    f"{kind} has 0 layers that LoRA of rank {lora_rank} could adapt. Choose rank 0."
                )
            tower.config = replace(config, lora_rank=lora_rank)
    return tower


def _translated(
    read: Callable[[str, str], tuple[VisionConfig, Weights]], kind: str, source: str
) -> tuple[VisionConfig, Weights]:
    try:
        return read(kind, source)
    except (OSError, ValueError, KeyError) as error:
        raise BundleNotFound(
            f"The {kind} weights “{source}” could not be loaded: {str(error).splitlines()[0]} "
            "Go online once, or name a folder that holds them."
        ) from error


def _read_clip(kind: str, source: str) -> tuple[VisionConfig, Weights]:
    from transformers import AutoConfig, CLIPVisionModel, SiglipVisionModel

    found = AutoConfig.from_pretrained(source)
    shape = getattr(found, "vision_config", found)
    if not shape.model_type.startswith(kind):
        raise BundleIncompatible(
            f"{source} holds a {shape.model_type}, not a {kind}. Choose another kind of eyes."
        )
    if kind == "siglip":
        shape.vision_use_head = False
    model = CLIPVisionModel if kind == "clip" else SiglipVisionModel
    network = model.from_pretrained(source, config=shape)
    config = VisionConfig(
        image_size=shape.image_size,
        patch_size=shape.patch_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.num_hidden_layers,
        num_attention_heads=shape.num_attention_heads,
        layer_norm_eps=shape.layer_norm_eps,
        backbone=kind,  # type: ignore[arg-type]
        hidden_act=shape.hidden_act,
        tokens_per_side=TOKENS_PER_SIDE,
    )
    return config, network.state_dict()


def _read_resnet(kind: str, source: str) -> tuple[VisionConfig, Weights]:
    import torch
    from torchvision.models import ResNet18_Weights, ResNet50_Weights

    usual = {"resnet18": ResNet18_Weights.DEFAULT, "resnet50": ResNet50_Weights.DEFAULT}
    if source in usual:
        weights = dict(usual[source].get_state_dict(progress=False, check_hash=True))
    else:
        path = Path(source)
        found = next(iter(sorted(path.glob("*.pth"))), path) if path.is_dir() else path
        weights = dict(torch.load(found, map_location="cpu", weights_only=True))
    weights = {name: value for name, value in weights.items() if not name.startswith("fc.")}
    deep = "layer1.0.conv3.weight" in weights
    config = VisionConfig(
        image_size=224,
        patch_size=32,
        hidden_size=2048 if deep else 512,
        intermediate_size=0,
        num_hidden_layers=50 if deep else 18,
        num_attention_heads=1,
        backbone="resnet",
        tokens_per_side=TOKENS_PER_SIDE,
    )
    return config, weights
