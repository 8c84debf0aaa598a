"""Conversations as an exported student reads them in Ollama: the same text, the same ids.

Pictures come before the words of their turn; ``[img]`` in the words puts one elsewhere, and
``<|what|>``, ``<|action|>`` or ``<|result|>`` right before it says what it shows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.config import ChatFormat
from model.errors import InputError
from model.network.text_tokenizer import (
    ACTION,
    END_THINK,
    IMAGE,
    RESULT,
    THINK,
    WHAT,
    defuse,
)
from model.serving.ollama_refusals import NOT_A_PICTURE, from_runner

if TYPE_CHECKING:
    from model.model import ImageTokenReasoningLLM, Prompt

MARK = "[img]"
_CHATML = ChatFormat()
_NUMBERED = re.compile(r"\[img-(\d+)\]")
KEPT_TOKENS = 4
"""Of a text that is cut, so many tokens stay at its beginning; the rest is its end."""


@dataclass(frozen=True)
class Turn:
    """One message of a client: who speaks, words, pictures as files, and an earlier thought."""

    role: str
    text: str
    pictures: tuple[bytes, ...] = ()
    thinking: str = ""


@dataclass(frozen=True)
class Laid:
    """A prompt as stretches of text with one picture between each two of them."""

    stretches: tuple[str, ...]
    pictures: tuple[bytes, ...] = ()
    thinking: bool = False

    @property
    def rendered(self) -> str:
        """The prompt in one piece, pictures as ``[img-0]`` and so on."""
        marked = [f"[img-{n}]{text}" for n, text in enumerate(self.stretches[1:])]
        return self.stretches[0] + "".join(marked)


def lay_out(
    turns: Sequence[Turn], chat: ChatFormat = _CHATML, *, thinks: bool, think: bool
) -> Laid:
    """A conversation as the student writes it, up to where the answer begins.

    ``thinks`` says whether the student can think, ``think`` whether it shall now.
    """
    stretches, pictures = [""], list[bytes]()
    for turn in turns:
        thought = turn.thinking if thinks else ""
        opening = chat.open(defuse(turn.role))
        opening += f"{THINK}{defuse(thought)}{END_THINK}" if thought else ""
        first, *others = _around_pictures(turn.text, len(turn.pictures))
        stretches[-1] += opening + first
        stretches += others
        stretches[-1] += chat.closing
        pictures += turn.pictures
    stretches[-1] += chat.open("assistant") + (THINK if think else "")
    return Laid(tuple(stretches), tuple(pictures), think)


def _around_pictures(text: str, pictures: int) -> list[str]:
    """The words of a turn around its pictures: one more stretch than there are pictures."""
    marks = min(text.count(MARK), pictures)
    pieces = [""] * (pictures - marks) + text.split(MARK, marks)
    last = len(pieces) - 1
    return [_harmless(piece, before_picture=n < last) for n, piece in enumerate(pieces)]


def _harmless(text: str, *, before_picture: bool) -> str:
    """Words without the power of special tokens, but for what a picture shows."""
    for token in (WHAT, ACTION, RESULT):
        if before_picture and text.endswith(token):
            return defuse(text.removesuffix(token)) + token
    return defuse(text)


def lay_out_raw(text: str, pictures: Sequence[bytes]) -> Laid:
    """A prompt as it is, special tokens included; ``[img-0]`` stands for the first picture.

    Raises: Refused if a picture has no such mark.
    """
    stretches, shown, end = [""], list[bytes](), 0
    for mark in _NUMBERED.finditer(text):
        if int(mark[1]) < len(pictures):
            stretches[-1] += text[end : mark.start()]
            shown.append(pictures[int(mark[1])])
            stretches.append("")
            end = mark.end()
    stretches[-1] += text[end:]
    if len(shown) < len(pictures):
        raise from_runner("Failed to tokenize prompt")
    # slots for pictures that are not there would have nothing to be filled with
    plain = tuple(part.replace(IMAGE, defuse(IMAGE)) for part in stretches)
    return Laid(plain, tuple(shown), text.endswith(THINK))


def _old(turns: Sequence[Turn]) -> list[int]:
    """Places of the turns that a long conversation can do without, the oldest first."""
    return [n for n, turn in enumerate(turns[:-1]) if turn.role != "system"]


def droppable(turns: Sequence[Turn]) -> int:
    """How many turns may be left out: all but system messages and the last one."""
    return len(_old(turns))


def without_oldest(turns: Sequence[Turn], dropped: int) -> list[Turn]:
    """The conversation without so many of its oldest turns."""
    gone = set(_old(turns)[:dropped])
    return [turn for n, turn in enumerate(turns) if n not in gone]


def token_ids(
    student: ImageTokenReasoningLLM, laid: Laid, context: Sequence[int] = ()
) -> tuple[int, ...]:
    """Ids with image slots, after those of an earlier exchange; BOS first, if there is one."""
    tokenizer = student.tokenizer
    slots = [student.image_id] * student.config.vision.num_patches
    name = student.config.chat.bos
    bos = [tokenizer.id(name)] if name else []
    ids = [*bos, *(i for i in context if 0 <= i < len(tokenizer) and i != student.image_id)]
    for number, text in enumerate(laid.stretches):
        ids += (slots if number else []) + tokenizer.encode(text)
    doubled = bool(bos) and ids[1:2] == bos
    return tuple(ids[1:] if doubled else ids)


def cut(ids: Sequence[int], limit: int) -> tuple[int, ...]:
    """A text that is too long without its middle: as in Ollama, half of the room is its end."""
    if len(ids) <= limit:
        return tuple(ids)
    end = max(limit // 2, 1)
    return (*ids[: min(KEPT_TOKENS, limit - end)], *ids[-end:])


def finished(student: ImageTokenReasoningLLM, ids: tuple[int, ...], laid: Laid) -> Prompt:
    """Ids and decoded pictures as the engine takes them. Raises: Refused for a broken picture."""
    from model.knowledge.pictures import decode
    from model.model import Prompt
    from model.network.image_tokenizer import to_pixels

    try:
        images = [decode(picture) for picture in laid.pictures]
    except InputError as error:
        raise from_runner(f"{NOT_A_PICTURE}: {error}") from error
    return Prompt(ids, to_pixels(images, student.config.vision.image_size), laid.thinking)
