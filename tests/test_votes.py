from __future__ import annotations

from collections import defaultdict

import pytest
import torch

from model.learning.votes import VotedAnswer, fair_weights, latest
from model.model import Prompt

PROMPT = Prompt((1, 2, 3), torch.zeros(0, 3, 8, 8))


def _votes(**counts: int) -> list[VotedAnswer]:
    return [
        VotedAnswer(PROMPT, (number,), 1.0, visitor=visitor)
        for visitor, count in counts.items()
        for number in range(1, count + 1)
    ]


def _shares(votes: list[VotedAnswer], most: float) -> dict[str, float]:
    shares: dict[str, float] = defaultdict(float)
    for vote, weight in zip(votes, fair_weights(votes, most), strict=True):
        shares[vote.visitor] += weight / len(votes)
    return dict(shares)


def test_a_visitor_with_many_votes_does_not_dominate() -> None:
    shares = _shares(_votes(anna=100, bert=8), 0.5)
    assert shares == pytest.approx({"anna": 0.5, "bert": 0.5})
    shares = _shares(_votes(anna=100, bert=8, clara=2), 0.5)
    assert shares == pytest.approx({"anna": 0.5, "bert": 0.4, "clara": 0.1})


def test_votes_that_are_shared_out_well_keep_their_weight() -> None:
    votes = _votes(anna=5, bert=4, clara=3)
    assert fair_weights(votes, 0.5) == [1.0] * 12
    assert fair_weights(_votes(anna=3), 0.5) == [1.0] * 3, "one visitor alone is heard in full"
    assert fair_weights([], 0.5) == []


def test_a_share_that_nobody_can_keep_means_equal_shares() -> None:
    shares = _shares(_votes(anna=9, bert=3), 0.1)
    assert shares == pytest.approx({"anna": 0.5, "bert": 0.5})


def test_the_last_word_on_an_answer_counts() -> None:
    up = VotedAnswer(PROMPT, (7,), 1.0, visitor="anna")
    down = VotedAnswer(PROMPT, (7,), -1.0, visitor="anna")
    other = VotedAnswer(PROMPT, (7,), 1.0, visitor="bert")
    assert latest([up, other, down]) == [other, down]


def test_the_same_words_about_another_picture_are_another_answer() -> None:
    votes = [
        VotedAnswer(Prompt((1, 2), torch.full((1, 3, 8, 8), shade)), (7,), 1.0)
        for shade in (0.0, 0.5, 0.0)
    ]
    assert [vote is votes[number] for vote, number in zip(latest(votes), (1, 2), strict=True)] == [
        True,
        True,
    ]


def test_votes_that_cannot_be_learned_from_are_refused() -> None:
    with pytest.raises(ValueError, match="between -1 and 1"):
        VotedAnswer(PROMPT, (7,), 1.5)
    with pytest.raises(ValueError, match="tokens of its answer"):
        VotedAnswer(PROMPT, (), 1.0)
    with pytest.raises(ValueError, match="rejected"):
        VotedAnswer(PROMPT, (7,), 1.0, kind="pair")
