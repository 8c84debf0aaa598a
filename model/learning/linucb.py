"""LinUCB: the plain bandit that the settings policy has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class LinUcb:
    """A ridge regression for each arm; takes the arm whose reward could be highest.

    Source: Li et al. 2010, https://arxiv.org/abs/1003.0146, algorithm 1 (disjoint models).
    """

    def __init__(self, features: int, arms: int, *, width: float = 1.0) -> None:
        self._width = width
        self._inverse_AFF = np.stack([np.eye(features)] * arms)
        self._sum_AF = np.zeros((arms, features))

    def choose(self, context: Sequence[float]) -> int:
        """The arm with the highest upper bound; the first of equals."""
        x_F = np.asarray(context, dtype=np.float64)
        reach_AF = self._inverse_AFF @ x_F
        expected_A = (reach_AF * self._sum_AF).sum(1)
        return int(np.argmax(expected_A + self._width * np.sqrt(reach_AF @ x_F)))

    def learn(self, context: Sequence[float], arm: int, reward: float) -> None:
        """Note the reward of an arm; its inverse is updated by Sherman and Morrison's formula."""
        x_F = np.asarray(context, dtype=np.float64)
        reach_F = self._inverse_AFF[arm] @ x_F
        self._inverse_AFF[arm] -= np.outer(reach_F, reach_F) / (1 + x_F @ reach_F)
        self._sum_AF[arm] += reward * x_F
