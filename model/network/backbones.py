"""Pretrained vision backbones behind the interface of the ``lite`` tower.

Each takes the same pixels, applies its own preprocessing, and gives patch vectors and one embedding
per picture. The backbone itself is frozen or learns through LoRA; what is learned in full is the
norm behind it and the contrastive head.

Sources: CLIP, https://arxiv.org/abs/2103.00020; SigLIP, https://arxiv.org/abs/2303.15343; ResNet,
https://arxiv.org/abs/1512.03385.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.config import VisionConfig
from model.network.lora import add_lora
from model.network.vision_encoder import PictureEmbedding, VisionTower

LORA_LAYERS = ("q_proj", "v_proj")
"""Where LoRA is most worth its weights (section 7.1 of the paper)."""
_COLOURS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "siglip": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "resnet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Mean and deviation of the colours that each was trained with."""


class _Clip(nn.Module):
    """A CLIP or SigLIP vision transformer of ``transformers``, without its class token."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        from transformers import (
            CLIPVisionConfig,
            CLIPVisionModel,
            SiglipVisionConfig,
            SiglipVisionModel,
        )

        shape = {
            "hidden_size": config.hidden_size,
            "intermediate_size": config.intermediate_size,
            "num_hidden_layers": config.num_hidden_layers,
            "num_attention_heads": config.num_attention_heads,
            "image_size": config.image_size,
            "patch_size": config.patch_size,
            "layer_norm_eps": config.layer_norm_eps,
            "hidden_act": config.hidden_act,
        }
        self.first_patch = 1 if config.backbone == "clip" else 0
        self.network: nn.Module = (
            CLIPVisionModel(CLIPVisionConfig(**shape))
            if config.backbone == "clip"
            else SiglipVisionModel(SiglipVisionConfig(**shape, vision_use_head=False))
        )

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        states = self.network(pixels_NCHW).last_hidden_state
        return states[:, self.first_patch :]  # type: ignore[no-any-return]


class _ResNet(nn.Module):
    """A residual network of ``torchvision`` up to its last map of features."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        from torchvision.models import resnet18, resnet50

        make: Callable[[], nn.Module] = resnet18 if config.num_hidden_layers == 18 else resnet50
        self.network = make()
        self.network.fc = nn.Identity()

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        net = self.network
        x = net.maxpool(net.relu(net.bn1(net.conv1(pixels_NCHW))))  # type: ignore[operator]
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = stage(x)  # type: ignore[operator]
        return x.flatten(2).transpose(1, 2)  # type: ignore[no-any-return]


class PretrainedTower(PictureEmbedding):
    """A pretrained backbone with a norm and a contrastive head that learn.

    ``tokens_per_side`` pools its patches, so that a picture does not fill the decoder's window.
    """

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = (_ResNet if config.backbone == "resnet" else _Clip)(config)
        self.backbone.requires_grad_(False)
        if config.lora_rank:
            add_lora(self.backbone, config.lora_rank, LORA_LAYERS)
        self.post_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self._make_head(config)
        mean, deviation = _COLOURS[config.backbone]
        self.register_buffer("mean_C11", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation_C11", torch.tensor(deviation).view(3, 1, 1), False)

    @property
    def frozen(self) -> bool:
        """Whether the features of a picture never change, so that they can be kept."""
        return not self.config.lora_rank

    def train(self, mode: bool = True) -> PretrainedTower:
        """As ``nn.Module.train``, but a backbone's running averages stay as they are."""
        super().train(mode)
        self.backbone.eval()
        return self

    def features(self, pixels_NCHW: Tensor) -> Tensor:
        """Patch vectors of the backbone alone, pooled to the grid. Returns (N, P, M)."""
        mean_C11, deviation_C11 = self.get_buffer("mean_C11"), self.get_buffer("deviation_C11")
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            x_NPM = self.backbone((pixels_NCHW * 0.5 + 0.5 - mean_C11) / deviation_C11)
        side, wanted = int(x_NPM.shape[1] ** 0.5), int(self.config.num_patches**0.5)
        if side == wanted:
            return x_NPM  # type: ignore[no-any-return]
        grid_NMHW = x_NPM.transpose(1, 2).unflatten(2, (side, side))
        return F.adaptive_avg_pool2d(grid_NMHW, wanted).flatten(2).transpose(1, 2)

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        """Encode pictures, each on its own. Returns patch vectors (N, P, M)."""
        return self.post_layernorm(self.features(pixels_NCHW))  # type: ignore[no-any-return]


def make_tower(config: VisionConfig) -> VisionTower | PretrainedTower:
    """The tower that a config names, with random weights."""
    return VisionTower(config) if config.backbone == "lite" else PretrainedTower(config)
