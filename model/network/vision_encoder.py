"""The ``lite`` vision tower: a picture becomes patch vectors and one embedding for matching.

A plain pre-norm ViT kept in the shape that stock llama.cpp runs as an mmproj of type ``mlp``: no
class token, learned positions, tanh-GELU everywhere, a two-layer projector.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.config import VisionConfig
from model.network.text_generation import attend


class VisionBlock(nn.Module):
    """One transformer block: attention over all patches, then a two-layer perceptron."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.num_heads = config.num_attention_heads
        self.ln1 = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        self.ln2 = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.up_proj = nn.Linear(width, config.intermediate_size)
        self.down_proj = nn.Linear(config.intermediate_size, width)

    def forward(self, x_NPM: Tensor) -> Tensor:
        """Mix patches with each other and each patch with itself. Returns (N, P, M)."""
        N, P, M = x_NPM.shape
        heads = (N, P, self.num_heads, M // self.num_heads)
        y_NPM = self.ln1(x_NPM)
        mixed = attend(
            self.q_proj(y_NPM).view(heads).transpose(1, 2),
            self.k_proj(y_NPM).view(heads).transpose(1, 2),
            self.v_proj(y_NPM).view(heads).transpose(1, 2),
        )  # (N, H, P, K)
        x_NPM = x_NPM + self.out_proj(mixed.transpose(1, 2).reshape(N, P, M))
        hidden = F.gelu(self.up_proj(self.ln2(x_NPM)), approximate="tanh")
        return x_NPM + self.down_proj(hidden)  # type: ignore[no-any-return]


class PictureEmbedding(nn.Module):
    """The contrastive head of every tower: patch vectors to one unit vector."""

    pool_query: nn.Linear
    embedding_head: nn.Linear

    def _make_head(self, config: VisionConfig) -> None:
        self.pool_query = nn.Linear(config.hidden_size, 1, bias=False)
        self.embedding_head = nn.Linear(config.hidden_size, config.embedding_size, bias=False)

    def embed(self, patches_NPM: Tensor) -> Tensor:
        """Pool patch vectors by attention into one unit vector per picture. Returns (N, E)."""
        weights_NP1 = self.pool_query(patches_NPM).softmax(dim=1)
        pooled_NM = (weights_NP1 * patches_NPM).sum(dim=1)
        return F.normalize(self.embedding_head(pooled_NM), dim=-1)


class VisionTower(PictureEmbedding):
    """Pictures to patch vectors, and to one L2-normalised embedding per picture."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        width = config.hidden_size
        self.patch_embedding = nn.Conv2d(3, width, config.patch_size, stride=config.patch_size)
        self.position_embedding = nn.Parameter(torch.randn(config.num_patches, width) * 0.02)
        self.layers = nn.ModuleList(VisionBlock(config) for _ in range(config.num_hidden_layers))
        self.post_layernorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self._make_head(config)

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        """Encode pictures, each on its own. Returns patch vectors (N, P, M)."""
        x_NPM = self.patch_embedding(pixels_NCHW).flatten(2).transpose(1, 2)
        x_NPM = x_NPM + self.position_embedding
        for layer in self.layers:
            x_NPM = layer(x_NPM)
        return self.post_layernorm(x_NPM)  # type: ignore[no-any-return]


class Projector(nn.Module):
    """Patch vectors to the decoder's width: the ``mm.0`` and ``mm.2`` of an mmproj file."""

    def __init__(self, vision_width: int, decoder_width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(vision_width, decoder_width)
        self.linear_2 = nn.Linear(decoder_width, decoder_width)

    def forward(self, patches_NPM: Tensor) -> Tensor:
        """One image token per patch. Returns (N, I, D)."""
        hidden = F.gelu(self.linear_1(patches_NPM), approximate="tanh")
        return self.linear_2(hidden)  # type: ignore[no-any-return]
