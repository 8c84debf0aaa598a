"""Students small enough for tests, made through the real constructors."""

from __future__ import annotations

import torch
from PIL import Image

from model.config import DecoderConfig, StudentConfig, VisionConfig
from model.microworld.oracle import example
from model.model import ImageTokenReasoningLLM
from model.network.text_tokenizer import TextTokenizer


def make_tokenizer(size: int = 420) -> TextTokenizer:
    """A tokenizer of the micro-world's own words."""
    texts = []
    for index in range(300):
        drawn = example("train", index)
        texts.append(f"{drawn.question} {drawn.answer}")
    return TextTokenizer.train(texts, size)


def make_student(*, seed: int = 0, layers: int = 2) -> ImageTokenReasoningLLM:
    """Random weights; no two widths are equal, so that a mix-up of dimensions fails."""
    tokenizer = make_tokenizer()
    config = StudentConfig(
        decoder=DecoderConfig(
            vocab_size=len(tokenizer),
            hidden_size=48,
            intermediate_size=80,
            num_hidden_layers=layers,
            num_attention_heads=6,
            num_key_value_heads=2,
            max_position_embeddings=512,
        ),
        vision=VisionConfig(
            image_size=32,
            patch_size=16,
            hidden_size=24,
            intermediate_size=40,
            num_hidden_layers=1,
            num_attention_heads=3,
            embedding_size=20,
        ),
        preset="tiny",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        student = ImageTokenReasoningLLM(config, tokenizer)
        for parameter in student.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.15)
    return student.eval()


def picture(colour: str, size: tuple[int, int] = (40, 32)) -> Image.Image:
    """A plain picture."""
    return Image.new("RGB", size, colour)
