"""The shape of a student: its decoder, its eyes, and how a conversation is written for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from model.errors import ConfigError


@dataclass(frozen=True)
class DecoderConfig:
    """Shape of the language decoder; most names are those of Hugging Face's ``LlamaConfig``.

    A ``qwen2`` adds biases to queries, keys and values, a ``qwen3`` norms to queries and keys.
    ``head_width`` 0 divides the hidden size among the heads. ``rope_stretch`` holds Llama 3's
    factor, low and high frequency factor, and the length that it was trained with.
    """

    vocab_size: int = 2048
    hidden_size: int = 256
    intermediate_size: int = 416
    num_hidden_layers: int = 6
    num_attention_heads: int = 8
    num_key_value_heads: int = 4
    max_position_embeddings: int = 1024
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10_000.0
    family: Literal["llama", "qwen2", "qwen3"] = "llama"
    head_width: int = 0
    tie_word_embeddings: bool = True
    rope_stretch: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.rope_stretch) not in (0, 4):
            raise ConfigError(
                f"{len(self.rope_stretch)} numbers stretch the rotary positions; it takes 4."
            )
        if not self.head_width and self.hidden_size % self.num_attention_heads:
            raise ConfigError(
                f"hidden size {self.hidden_size} cannot be divided among "
                f"{self.num_attention_heads} attention heads."
            )
        if self.num_attention_heads % self.num_key_value_heads:
            raise ConfigError(
                f"{self.num_attention_heads} attention heads cannot share "
                f"{self.num_key_value_heads} key-value heads evenly."
            )
        if self.head_dim % 2:
            raise ConfigError(f"head width {self.head_dim} is odd; rotary positions need pairs.")

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.head_width or self.hidden_size // self.num_attention_heads


@dataclass(frozen=True)
class VisionConfig:
    """Shape of the vision tower: ``lite``, a ViT without a class token, or a pretrained backbone.

    ``tokens_per_side`` pools the patches of a pretrained one (0: no pooling); with a ``lora_rank``
    it learns through adapters, without one it is frozen.
    """

    image_size: int = 96
    patch_size: int = 16
    hidden_size: int = 128
    intermediate_size: int = 512
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    layer_norm_eps: float = 1e-6
    embedding_size: int = 512
    backbone: Literal["lite", "clip", "siglip", "resnet"] = "lite"
    hidden_act: str = "gelu"
    tokens_per_side: int = 0
    lora_rank: int = 0

    def __post_init__(self) -> None:
        if self.image_size % self.patch_size:
            raise ConfigError(
                f"picture size {self.image_size} px is not a multiple of the patch size "
                f"{self.patch_size} px."
            )

    @property
    def num_patches(self) -> int:
        """Patches of one picture, which is also its number of image tokens."""
        side = self.image_size // self.patch_size
        return min(side, self.tokens_per_side or side) ** 2


@dataclass(frozen=True)
class ChatFormat:
    """How a conversation is written for a student: ChatML, or what a checkpoint was taught with.

    ``opening`` stands before a turn and names its ``{role}``, ``closing`` behind it; ``end`` is the
    token that ends an answer. An empty ``bos`` begins with nothing.
    """

    bos: str = "<s>"
    eos: str = "</s>"
    opening: str = "<|im_start|>{role}\n"
    closing: str = "<|im_end|>\n"
    end: str = "<|im_end|>"

    def open(self, role: str) -> str:
        """What stands before a turn of this speaker."""
        return self.opening.replace("{role}", role)

    @property
    def after_end(self) -> str:
        """What stands between an answer's last token and the next turn."""
        return self.closing.removeprefix(self.end)


@dataclass(frozen=True)
class StudentConfig:
    """A whole student: decoder, vision tower, and the name of the preset they came from.

    With ``picture_heads`` it can say how familiar a picture looks and imagine a result's picture.
    One that ``thinks`` has learned to write short steps before an answer. One with
    ``graph_tokens`` is given so many vectors made from the graph beside the facts in words.
    """

    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    vision: VisionConfig = field(default_factory=VisionConfig)
    preset: str = "tiny"
    picture_heads: bool = True
    thinks: bool = False
    graph_tokens: int = 0
    chat: ChatFormat = field(default_factory=ChatFormat)


PRESETS: dict[str, StudentConfig] = {
    "tiny": StudentConfig(),
    "small": StudentConfig(
        decoder=DecoderConfig(
            hidden_size=512,
            intermediate_size=1536,
            num_hidden_layers=8,
            num_attention_heads=8,
            num_key_value_heads=4,
        ),
        vision=VisionConfig(
            hidden_size=256, intermediate_size=1024, num_hidden_layers=4, num_attention_heads=8
        ),
        preset="small",
    ),
}
"""Sizes by name: ``tiny`` has about 5 million parameters, ``small`` about 30 million."""
