"""Questions with their answers, as batches of tensors; only the answer's tokens are learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from model.model import ImageTokenReasoningLLM, Prompt
from model.network.graph_tokens import Subgraph, WeighedFact
from model.network.image_tokenizer import Message
from model.network.text_tokenizer import THINK

IGNORE = -100
"""The label of a position whose next token is not learned (``torch``'s own default)."""


@dataclass(frozen=True)
class Lesson:
    """One question and the answer to be learned.

    With a ``thought``, be it empty, the student is asked to think first, and learns that, too.
    An answer that was cut off is not ``finished``: nothing is learned about where it ends.
    ``graph`` holds the facts that become graph tokens, ``facts`` those that are told in words.
    """

    question: str
    answer: str
    images: tuple[Image.Image, ...] = ()
    roles: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    thought: str | None = None
    finished: bool = True
    graph: tuple[WeighedFact, ...] = ()


@dataclass(frozen=True)
class Batch:
    """Sequences padded on the right; ``labels_BS`` holds each position's next token or IGNORE.

    Where several lie in a row, ``documents_BS`` numbers them, -1 being padding.
    """

    ids_BS: Tensor
    labels_BS: Tensor
    pixels_NCHW: Tensor
    documents_BS: Tensor | None = field(default=None, kw_only=True)

    @property
    def tokens(self) -> int:
        """Number of tokens, padding included: the work of the step."""
        return self.ids_BS.numel()

    @property
    def learned(self) -> int:
        """Number of answer tokens."""
        return int((self.labels_BS != IGNORE).sum())

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return on_device(self, device)


AnyBatch = TypeVar("AnyBatch", bound=Batch)


def on_device(batch: AnyBatch, device: torch.device) -> AnyBatch:
    """A batch of any kind with all its tensors on a device."""
    tensors = {each.name: getattr(batch, each.name) for each in fields(batch)}
    moved = {name: each.to(device) for name, each in tensors.items() if each is not None}
    return replace(batch, **moved)


@dataclass(frozen=True)
class EncodedLesson:
    """A lesson as token ids; thoughts and answers, which are learned, lie at ``learned``."""

    ids: tuple[int, ...]
    learned: tuple[tuple[int, int], ...]
    pixels_NCHW: Tensor
    graph: Subgraph | None = None

    @property
    def answer_at(self) -> int:
        """Where the first thought or answer begins."""
        return self.learned[0][0]


def encode_lesson(student: ImageTokenReasoningLLM, lesson: Lesson) -> EncodedLesson:
    """Lay a lesson out as the student will meet it when it answers."""
    answer = _answer_ids(student, lesson)
    limit = student.config.decoder.max_position_embeddings // 2
    answer = answer[:limit]
    prompt = _prompt_of(student, lesson, len(answer))
    ids = (*prompt.ids, *answer)
    learned = ((len(prompt.ids), len(ids)),)
    return EncodedLesson(ids, learned, prompt.pixels_NCHW, prompt.graph)


def _answer_ids(student: ImageTokenReasoningLLM, lesson: Lesson) -> tuple[int, ...]:
    tokenizer = student.tokenizer
    end = [tokenizer.id(student.config.chat.end)] if lesson.finished else []
    return (*thought_ids(student, lesson), *tokenizer.encode(lesson.answer), *end)


def thought_ids(student: ImageTokenReasoningLLM, lesson: Lesson) -> tuple[int, ...]:
    """What is learned before the answer itself: the thought and its end, if there is one."""
    if not _thinks(student, lesson):
        return ()
    return (*student.tokenizer.encode(lesson.thought or ""), student.end_of_thought)


def _thinks(student: ImageTokenReasoningLLM, lesson: Lesson) -> bool:
    return lesson.thought is not None and student.config.thinks


def _prompt_of(student: ImageTokenReasoningLLM, lesson: Lesson, room: int) -> Prompt:
    message = Message("user", lesson.question, len(lesson.images), lesson.roles)
    think = _thinks(student, lesson)
    return student.prompt(
        [message], lesson.images, lesson.facts, graph=lesson.graph, room=room, think=think
    )


def encode_conversation(
    student: ImageTokenReasoningLLM, lessons: Sequence[Lesson]
) -> EncodedLesson:
    """Lay several lessons out as the turns of one conversation, and learn every answer.

    Pictures and facts are those of the first lesson. Turns for which there is no room are left out.
    """
    tokenizer, chat, first = student.tokenizer, student.config.chat, lessons[0]
    answer = _answer_ids(student, first)
    prompt = _prompt_of(student, first, len(answer))
    ids, learned = [*prompt.ids, *answer], [(len(prompt.ids), len(prompt.ids) + len(answer))]
    for lesson in lessons[1:]:
        asked = (
            f"{chat.after_end}{chat.open('user')}{lesson.question}{chat.closing}"
            f"{chat.open('assistant')}"
        )
        opening = THINK if _thinks(student, lesson) else ""
        question, answer = tokenizer.encode(asked + opening), _answer_ids(student, lesson)
        start = len(ids) + len(question)
        if start + len(answer) > student.config.decoder.max_position_embeddings:
            break
        ids += [*question, *answer]
        learned.append((start, len(ids)))
    return EncodedLesson(tuple(ids), tuple(learned), prompt.pixels_NCHW)


def collate(lessons: Sequence[EncodedLesson], pad_id: int) -> Batch:
    """Pad lessons to one length and mark what is to be learned."""
    longest = max(len(lesson.ids) for lesson in lessons)
    ids_BS = torch.full((len(lessons), longest), pad_id)
    labels_BS = torch.full((len(lessons), longest), IGNORE)
    for row, lesson in enumerate(lessons):
        write_lesson(lesson, ids_BS[row], labels_BS[row])
    return Batch(ids_BS, labels_BS, torch.cat([lesson.pixels_NCHW for lesson in lessons]))


def write_lesson(lesson: EncodedLesson, ids_S: Tensor, labels_S: Tensor) -> None:
    """Write a lesson's tokens to the front of a row, and what is to be learned of them."""
    ids = torch.tensor(lesson.ids)
    ids_S[: len(ids)] = ids
    for start, end in lesson.learned:
        labels_S[start - 1 : end - 1] = ids[start:end]


def scores(student: torch.nn.Module, batch: Batch, keep_BS: Tensor) -> Tensor:
    """What a student thinks may follow the kept positions of a batch. Returns (K, V)."""
    packed = () if batch.documents_BS is None else (batch.documents_BS,)
    return student(batch.ids_BS, batch.pixels_NCHW, keep_BS, *packed)  # type: ignore[no-any-return]


def answer_loss(student: torch.nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy of the answers' tokens, in nats."""
    keep_BS = batch.labels_BS != IGNORE
    logits_KV = scores(student, batch, keep_BS)
    return F.cross_entropy(logits_KV.float(), batch.labels_BS[keep_BS])
