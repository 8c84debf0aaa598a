"""From answers with their scores to figures: each side's measures, and how sides differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from model.compare_records import (
    CompareRow,
    Difference,
    Measure,
    MeasureName,
    SideAnswer,
    Verdict,
)
from model.comparing.significance import mcnemar, paired_difference, ratio_interval, wilson

Ratio = tuple[float, float]
"""What one prompt adds to a figure: a part and its whole."""
RATIOS: tuple[MeasureName, ...] = (
    "exact",
    "attributes",
    "rouge_l",
    "agreement",
    "loss",
    "bits_per_byte",
    "tokens_per_s",
    "first_token_s",
)
SHARES = frozenset({"exact", "agreement"})
"""Measures that are right or wrong for each prompt: their tests are exact ones."""
NOT_PAIRED = frozenset({"loss"})
"""Per token of one's own: sides with other tokenizers cannot be set against each other."""


def ratio_of(name: MeasureName, answer: SideAnswer) -> Ratio | None:
    """What an answer adds to a measure; None if the measure has no meaning for it."""
    scores = answer.scores
    if name == "exact":
        return None if scores.exact is None else (float(scores.exact), 1.0)
    if name == "agreement":
        return None if scores.agrees is None else (float(scores.agrees), 1.0)
    if name == "rouge_l":
        return None if scores.rouge_l is None else (scores.rouge_l, 1.0)
    if name == "attributes":
        whole = float(scores.attributes)
        return (float(scores.right_attributes), whole) if whole else None
    if name == "loss" and scores.nats is not None and scores.reference_tokens:
        return scores.nats, float(scores.reference_tokens)
    if name == "bits_per_byte" and scores.nats is not None and scores.reference_bytes:
        return scores.nats / math.log(2), float(scores.reference_bytes)
    if name == "tokens_per_s" and answer.tokens_per_s:
        return answer.tokens_per_s, 1.0
    if name == "first_token_s" and answer.first_token_s:
        return answer.first_token_s, 1.0
    return None


def measures(
    rows: Sequence[CompareRow], sides: int, verdicts: Sequence[Verdict]
) -> tuple[Measure, ...]:
    """Every measure that has a meaning, side by side, with its interval."""
    found: list[Measure] = []
    for name in RATIOS:
        for side in range(sides):
            ratios = [ratio for _, ratio in _ratios(rows, side, name)]
            if ratios:
                found.append(_measure(name, side, ratios))
                if name == "loss":
                    found.append(_perplexity(found[-1]))
    for side in range(sides):
        points = [_points(verdict, side) for verdict in verdicts]
        won = [point for point in points if point is not None]
        if won:
            found.append(Measure("win_rate", side, *ratio_interval(won, [1.0] * len(won)),
                                 n=len(won)))  # fmt: skip
    return tuple(found)


def differences(rows: Sequence[CompareRow], sides: int) -> tuple[Difference, ...]:
    """How every two sides differ in every measure, over the prompts that both answered."""
    found: list[Difference] = []
    for name in RATIOS:
        if name in NOT_PAIRED:
            continue
        for first, second in combinations(range(sides), 2):
            mine, theirs = dict(_ratios(rows, first, name)), dict(_ratios(rows, second, name))
            both = sorted(mine.keys() & theirs.keys())
            if both:
                pairs = [mine[n] for n in both], [theirs[n] for n in both]
                found.append(_difference(name, first, second, *pairs))
    return tuple(found)


def _ratios(rows: Sequence[CompareRow], side: int, name: MeasureName) -> list[tuple[int, Ratio]]:
    found = []
    for number, row in enumerate(rows):
        answer = row.answers[side]
        ratio = ratio_of(name, answer) if answer is not None and answer.counts else None
        if ratio is not None:
            found.append((number, ratio))
    return found


def _measure(name: MeasureName, side: int, ratios: Sequence[Ratio]) -> Measure:
    parts, wholes = [part for part, _ in ratios], [whole for _, whole in ratios]
    value, low, high = ratio_interval(parts, wholes)
    if name in SHARES:
        low, high = wilson(value, len(ratios))
    return Measure(name, side, value, low, high, len(ratios))


def _perplexity(loss: Measure) -> Measure:
    value, low, high = (math.exp(min(each, 700)) for each in (loss.value, loss.low, loss.high))
    return replace(loss, name="perplexity", value=value, low=low, high=high)


def _difference(
    name: MeasureName, first: int, second: int, mine: Sequence[Ratio], theirs: Sequence[Ratio]
) -> Difference:
    sides = [
        ([part for part, _ in ratios], [whole for _, whole in ratios]) for ratios in (mine, theirs)
    ]
    value, low, high, p = paired_difference(sides[0], sides[1])
    if name not in SHARES:
        return Difference(name, first, second, value, low, high, p, "paired bootstrap", len(mine))
    p = mcnemar([bool(part) for part in sides[0][0]], [bool(part) for part in sides[1][0]])
    return Difference(name, first, second, value, low, high, p, "McNemar, exact", len(mine))


def _points(verdict: Verdict, side: int) -> float | None:
    """1 for a win, ½ for a tie, 0 for a loss; None if the side was not judged."""
    if side not in (verdict.first, verdict.second):
        return None
    return 0.5 if verdict.winner is None else float(verdict.winner == side)
