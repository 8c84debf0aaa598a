"""Many questions answered together, greedily: how a student is measured in a bearable time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from model.learning.examples import IGNORE, Lesson, collate, encode_lesson
from model.model import ImageTokenReasoningLLM, Prompt
from model.network.decoding import Steps
from model.network.image_tokenizer import Message
from model.network.text_generation import KVCache
from model.network.text_tokenizer import PAD

TOGETHER = 24
LONGEST = 192


@dataclass(frozen=True)
class Said:
    """An answer, and the thought before it."""

    answer: str
    thought: str


@dataclass
class _Row:
    """An answer that is being written, in one row of the cache."""

    number: int
    thinking: bool
    position: int
    thought: list[int] = field(default_factory=list)
    answer: list[int] = field(default_factory=list)
    token: int = -1


def prompt_of(student: ImageTokenReasoningLLM, lesson: Lesson, longest: int = LONGEST) -> Prompt:
    """A lesson's question; it asks for a thought if the lesson has one."""
    message = Message("user", lesson.question, len(lesson.images), lesson.roles)
    think = lesson.thought is not None
    return student.prompt(
        [message], lesson.images, lesson.facts, graph=lesson.graph, room=longest, think=think
    )


@torch.inference_mode()
def answers(
    student: ImageTokenReasoningLLM, lessons: Sequence[Lesson], longest: int = LONGEST
) -> list[Said]:
    """The likeliest answer to every question, as ``student.pieces`` gives it one by one.

    ``longest`` counts the tokens of thought and answer together.
    """
    prompts = [prompt_of(student, lesson, longest) for lesson in lessons]
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number].ids))
    said: list[Said] = [Said("", "")] * len(prompts)
    for start in range(0, len(order), TOGETHER):
        numbers = order[start : start + TOGETHER]
        for row in _answer_together(student, [(n, prompts[n]) for n in numbers], longest):
            words = student.tokenizer.decode
            said[row.number] = Said(words(row.answer), words(row.thought))
    return said


def _answer_together(
    student: ImageTokenReasoningLLM, asked: Sequence[tuple[int, Prompt]], longest: int
) -> list[_Row]:
    length = max(len(prompt.ids) for _, prompt in asked) + longest
    cache = KVCache(
        student.config.decoder, len(asked), length, student.model.embed_tokens.weight.dtype
    )
    steps = Steps(student.model, cache, wait=True)
    banned = {flag: student.banned_ids(thinking=flag) for flag in (True, False)}
    rows: list[_Row] = []
    done: list[_Row] = []
    for number, prompt in asked:
        row = _Row(number, prompt.thinking, len(prompt.ids))
        scores_V = student.prefill(prompt, cache, len(rows))
        if _take(student, row, scores_V, banned, longest):
            done.append(row)
        else:
            rows.append(row)
    while rows:
        scores_BV = steps([r.token for r in rows], [r.position for r in rows])
        for index in reversed(range(len(rows))):
            row = rows[index]
            row.position += 1
            if _take(student, row, scores_BV[index], banned, longest):
                done.append(row)
                # the last row moves into the gap, so that the rows in use stay together
                last = rows.pop()
                if index < len(rows):
                    rows[index] = last
                    cache.move(len(rows), index)
    return done


def _take(
    student: ImageTokenReasoningLLM,
    row: _Row,
    scores_V: Tensor,
    banned: dict[bool, list[int]],
    longest: int,
) -> bool:
    """Add the likeliest token to a row; says whether its answer is complete."""
    scores_V = scores_V.clone()
    scores_V[banned[row.thinking]] = -torch.inf
    row.token = int(scores_V.argmax())
    if row.token in student.end_ids:
        return True
    if row.thinking and row.token == student.end_of_thought:
        row.thinking = False
    else:
        (row.thought if row.thinking else row.answer).append(row.token)
    return len(row.thought) + len(row.answer) >= longest


@torch.inference_mode()
def answer_nats(
    student: ImageTokenReasoningLLM, lessons: Sequence[Lesson]
) -> tuple[Tensor, Tensor]:
    """What each lesson's answer costs the student, in nats, and over how many tokens. Both (N)."""
    encoded = [encode_lesson(student, lesson) for lesson in lessons]
    batch = collate(encoded, student.tokenizer.id(PAD))
    keep_BS = batch.labels_BS != IGNORE
    logits_KV = student(batch.ids_BS, batch.pixels_NCHW, keep_BS)
    chosen_K1 = logits_KV.log_softmax(-1).gather(-1, batch.labels_BS[keep_BS].unsqueeze(-1))
    total_B = torch.zeros(len(lessons)).index_add_(0, keep_BS.nonzero()[:, 0], chosen_K1[:, 0])
    return -total_B, keep_BS.sum(dim=1)


def likelihoods(student: ImageTokenReasoningLLM, lessons: Sequence[Lesson]) -> Tensor:
    """Mean log-probability of each lesson's answer, token by token, in nats. Returns (N)."""
    nats_N, tokens_N = answer_nats(student, lessons)
    return -nats_N / tokens_N
