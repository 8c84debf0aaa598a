"""The Elo board: who people found better when they did not know who it was."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from model.compare_records import LETTERS, Rating, Vote

START, K = 1000.0, 32.0
ROUNDS = 200
Game = tuple[str, str, float]
"""Two names, and the points of the first: 1, ½ or 0."""


def board(votes: Sequence[Vote]) -> tuple[Rating, ...]:
    """The ratings, best first; intervals from games drawn again with replacement.

    The rating itself is the mean over those drawings, because a single pass depends on the order
    of the games. Start 1000 and K 32 are those of Open WebUI's board. Source: Elo 1978.
    """
    games = [game for vote in votes for game in games_of(vote)]
    if not games:
        return ()
    names = sorted({name for game in games for name in game[:2]})
    rng = np.random.default_rng(0)
    draws = {name: list[float]() for name in names}
    for _ in range(ROUNDS):
        ratings = play([games[pick] for pick in rng.integers(0, len(games), len(games))])
        for name in names:
            draws[name].append(ratings.get(name, START))
    counts = {name: sum(name in vote.sides for vote in votes) for name in names}
    found = [
        Rating(
            name,
            float(np.mean(draws[name])),
            float(np.percentile(draws[name], 2.5)),
            float(np.percentile(draws[name], 97.5)),
            counts[name],
        )
        for name in names
    ]
    return tuple(sorted(found, key=lambda rating: -rating.elo))


def games_of(vote: Vote) -> list[Game]:
    """A vote as games: the best wins against each of the others; else every two draw."""
    if vote.best in ("tie", "bad"):
        return [(first, second, 0.5) for first, second in combinations(vote.sides, 2)]
    best = vote.sides[LETTERS.index(vote.best)]
    return [(best, other, 1.0) for other in vote.sides if other != best]


def play(games: Sequence[Game]) -> dict[str, float]:
    """The ratings after these games, in this order."""
    ratings: dict[str, float] = {}
    for first, second, points in games:
        mine, theirs = ratings.get(first, START), ratings.get(second, START)
        expected = 1 / (1 + 10 ** ((theirs - mine) / 400))
        change = K * (points - expected)
        ratings[first], ratings[second] = mine + change, theirs - change
    return ratings
