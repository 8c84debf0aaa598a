"""Pictures and words laid out as one sequence: pixels for the tower, slots for its image tokens.

The layout is ChatML. A picture stands before the words of its turn, as Ollama places it; every
stretch of text between two pictures is tokenised on its own, as llama.cpp does, so that the ids
are the same in both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model.config import ChatFormat
from model.network.graph_tokens import Subgraph
from model.network.text_tokenizer import (
    ACTION,
    IMAGE,
    RESULT,
    SPECIAL_TOKENS,
    WHAT,
    TextTokenizer,
    defuse,
)

PAD_COLOUR = (122, 116, 104)
"""What llama.cpp puts around a picture that is not square."""
ROLE_TOKENS = {"what": WHAT, "action": ACTION, "result": RESULT}


def letterbox(image: Image.Image, size: int) -> Image.Image:
    """Fit a picture into a square without stretching it; the rest is ``PAD_COLOUR``."""
    image = image.convert("RGB")
    if image.size == (size, size):
        return image
    scale = min(size / image.width, size / image.height)
    width = min(math.ceil(image.width * scale), size)
    height = min(math.ceil(image.height * scale), size)
    square = Image.new("RGB", (size, size), PAD_COLOUR)
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    square.paste(resized, ((size - width) // 2, (size - height) // 2))
    return square


def to_pixels(images: Sequence[Image.Image], size: int) -> Tensor:
    """Pictures as the tower reads them: letterboxed, scaled to [-1, 1]. Returns (N, C, H, W)."""
    if not images:
        return torch.zeros(0, 3, size, size)
    stacked = np.stack([np.asarray(letterbox(image, size), dtype=np.float32) for image in images])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).div_(127.5).sub_(1.0).contiguous()


@dataclass(frozen=True)
class Message:
    """One turn as the network reads it: a speaker, how many pictures (and their roles), words.

    ``ahead`` is what the app itself writes before the words: special tokens keep their power there.
    """

    speaker: str
    text: str
    pictures: int = 0
    roles: tuple[str, ...] = ()
    ahead: str = ""


@dataclass(frozen=True)
class Prompt:
    """A question ready for the network: token ids with slots, the pictures' pixels, the facts.

    When it is to be answered by ``thinking`` first, the ids end with ``<think>``. Without a
    ``graph`` there are no slots for graph tokens.
    """

    ids: tuple[int, ...]
    pixels_NCHW: Tensor
    thinking: bool = False
    graph: Subgraph | None = None

    @property
    def without_graph(self) -> Prompt:
        """The same question without graph tokens and their slots."""
        if self.graph is None:
            return self
        ids = tuple(each for each in self.ids if each != self.graph.slot)
        return replace(self, ids=ids, graph=None)


CHATML = ChatFormat()


def segments(
    messages: Sequence[Message],
    *,
    open_answer: bool = True,
    chat: ChatFormat = CHATML,
    special_tokens: Sequence[str] = SPECIAL_TOKENS,
) -> list[str]:
    """The text of a conversation between its pictures: one more stretch than there are pictures.

    With ``open_answer`` the last stretch ends where the assistant's answer begins. Words of
    ``special_tokens`` that somebody typed lose their power.
    """
    pieces: list[str] = [chat.bos]
    for message in messages:
        pieces[-1] += chat.open(message.speaker)
        for index in range(message.pictures):
            if message.roles:
                pieces[-1] += ROLE_TOKENS[message.roles[index]]
            pieces.append("")
        pieces[-1] += f"{message.ahead}{defuse(message.text, special_tokens)}{chat.closing}"
    if open_answer:
        pieces[-1] += chat.open("assistant")
    return pieces


def layout(
    tokenizer: TextTokenizer,
    messages: Sequence[Message],
    tokens_per_picture: int,
    *,
    open_answer: bool = True,
    chat: ChatFormat = CHATML,
) -> list[int]:
    """Token ids of a conversation; each picture is a run of ``<|image|>`` slots.

    With ``open_answer`` the ids end where the assistant's answer begins.
    """
    slots = [tokenizer.id(IMAGE)] * tokens_per_picture
    ids: list[int] = []
    pieces = segments(
        messages, open_answer=open_answer, chat=chat, special_tokens=tokenizer.special_tokens
    )
    for index, piece in enumerate(pieces):
        ids += (slots if index else []) + tokenizer.encode(piece)
    return ids


def splice(
    embedded_BSD: Tensor, given_NID: Tensor, slots_BS: Tensor, kind: str = "image"
) -> Tensor:
    """Write vectors into their slots, in reading order. Returns (B, S, D)."""
    wanted, given = int(slots_BS.sum()), given_NID.shape[0] * given_NID.shape[1]
    if wanted != given:
        raise ValueError(f"the prompt has {wanted} {kind} slots for {given} vectors")
    if not wanted:
        return embedded_BSD
    flat = given_NID.reshape(given, -1).to(embedded_BSD.dtype)
    return embedded_BSD.masked_scatter(slots_BS.unsqueeze(-1), flat)
