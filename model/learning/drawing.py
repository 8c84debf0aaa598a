"""Several answers drawn for each of many prompts, with the chance that each token had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from model.config import SampleConfig
from model.model import ImageTokenReasoningLLM, Prompt
from model.network.text_generation import KVCache, Sampler

ROWS = 32


@dataclass
class Drawn:
    """The tokens of an answer, its end included if it came, with their log-probabilities."""

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


@dataclass
class _Row:
    answer: Drawn
    sampler: Sampler
    position: int


@torch.inference_mode()
def draw(
    student: ImageTokenReasoningLLM,
    prompts: Sequence[Prompt],
    each: int,
    *,
    longest: int,
    seed: int,
    temperature: float = 1.0,
) -> list[list[Drawn]]:
    """Draw ``each`` answers for every prompt, of at most ``longest`` tokens.

    Log-probabilities are those at temperature 1, whatever the answers were drawn with. The same
    seed gives the same answers, however many prompts there are.
    """
    found = [[Drawn() for _ in range(each)] for _ in prompts]
    together = max(1, ROWS // each)
    for start in range(0, len(prompts), together):
        numbers = range(start, min(start + together, len(prompts)))
        length = max(len(prompts[n].ids) for n in numbers) + longest
        dtype = student.model.embed_tokens.weight.dtype
        cache = KVCache(student.config.decoder, len(numbers) * each, length, dtype)
        rows: list[_Row] = []
        for number in numbers:
            prompt, first = prompts[number], len(rows)
            scores_V = student.prefill(prompt, cache, first)
            banned = student.banned_ids(thinking=prompt.thinking)
            for place, answer in enumerate(found[number]):
                sampling = SampleConfig(
                    temperature=temperature, seed=(seed * 1_000_003 + number * each + place) % 2**31
                )
                row = _Row(answer, Sampler(sampling, banned), len(prompt.ids))
                if place:
                    cache.move(first, len(rows))
                _take(student, row, scores_V)
                rows.append(row)
        _finish(student, rows, cache, longest)
    return found


def _finish(
    student: ImageTokenReasoningLLM, rows: list[_Row], cache: KVCache, longest: int
) -> None:
    """Draw token after token until every answer has ended; rows in use stay together."""
    while True:
        for index in reversed(range(len(rows))):
            told = rows[index].answer.ids
            if told[-1] in student.end_ids or len(told) >= longest:
                last = rows.pop()
                if index < len(rows):
                    rows[index] = last
                    cache.move(len(rows), index)
        if not rows:
            return
        scores_BV = student.step(
            [r.answer.ids[-1] for r in rows], [r.position for r in rows], cache
        )
        for row, scores_V in zip(rows, scores_BV, strict=True):
            row.position += 1
            _take(student, row, scores_V)


def _take(student: ImageTokenReasoningLLM, row: _Row, scores_V: Tensor) -> None:
    index = row.sampler.next(scores_V)
    row.answer.ids.append(index)
    row.answer.logprobs.append(float(scores_V.float().log_softmax(-1)[index]))
    if index == student.end_of_thought:
        row.sampler.ban(student.banned_ids(thinking=False))
