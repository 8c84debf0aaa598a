"""What each value of each setting adds to the reward, as far as is known: mean and doubt."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

DRAWS = 256
"""Draws over which a chance is taken; they are the same ones each time."""


class RewardPosterior:
    """A Gaussian over linear rewards: the values of all settings add what they are worth.

    ``sizes`` are the numbers of values, A of them in all. Nothing is learned across values of one
    setting, everything across the others: a tried choice tells of each of its values at once.
    Source: Thompson sampling with linear payoffs, Agrawal and Goyal 2013,
    https://arxiv.org/abs/1209.3352.
    """

    def __init__(
        self, features: int, sizes: Sequence[int], *, firmness: float, seed: int = 0
    ) -> None:
        self.features, self.sizes, self._firmness = features, tuple(sizes), firmness
        values = sum(sizes)
        drawn = torch.Generator().manual_seed(seed)
        self._noise_NA = torch.randn(DRAWS, values, generator=drawn, dtype=torch.float64)
        self._mean_AF = torch.zeros(values, features, dtype=torch.float64)
        self._covariance_AFAF = self._shaped(torch.eye(values * features).double() / firmness)

    def learn(self, x_BF: Tensor, action_BC: Tensor, reward_B: Tensor) -> None:
        """Know what these B choices tell, and nothing else; their order does not matter."""
        chosen = [F.one_hot(action_BC[:, at], size).double() for at, size in enumerate(self.sizes)]
        seen_BD = torch.einsum("ba,bf->baf", torch.cat(chosen, 1), x_BF.double()).flatten(1)
        precision_DD = seen_BD.T @ seen_BD + self._firmness * torch.eye(seen_BD.shape[1]).double()
        covariance_DD = torch.cholesky_inverse(torch.linalg.cholesky(precision_DD))
        self._covariance_AFAF = self._shaped(covariance_DD)
        self._mean_AF = (covariance_DD @ (seen_BD.T @ reward_B.double())).view_as(self._mean_AF)

    def mean(self, x_BF: Tensor) -> Tensor:
        """What each value is expected to add for each context. (B, A)"""
        return (x_BF.double() @ self._mean_AF.T).float()

    def draws(self, x_F: Tensor, curiosity: float) -> Tensor:
        """What each value may add for a context, as often as it is likely. (N, A)

        ``curiosity`` times the standard deviation is how far the draws lie apart.
        """
        x_F = x_F.double()
        covariance_AA = torch.einsum("f,afbg,g->ab", x_F, self._covariance_AFAF, x_F)
        # rounding must not make a certain direction less than certain
        ridge_AA = 1e-9 * torch.eye(len(covariance_AA)).double()
        spread_AA = torch.linalg.cholesky(covariance_AA + ridge_AA)
        mean_A = self._mean_AF @ x_F
        drawn_NA: Tensor = mean_A + curiosity * self._noise_NA @ spread_AA.T
        return drawn_NA.float()

    def _shaped(self, covariance_DD: Tensor) -> Tensor:
        values = sum(self.sizes)
        return covariance_DD.view(values, self.features, values, self.features)
