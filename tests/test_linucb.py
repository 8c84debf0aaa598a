from __future__ import annotations

import numpy as np

from model.learning.linucb import LinUcb


def test_bounds_of_two_arms_by_hand() -> None:
    """One feature of 1: after one reward r the bound is r/2 + √½; an untried arm's is 1."""
    liked = LinUcb(1, 2)
    assert liked.choose([1.0]) == 0
    liked.learn([1.0], 0, 1.0)  # 0.5 + 0.707
    assert liked.choose([1.0]) == 0
    disliked = LinUcb(1, 2)
    disliked.learn([1.0], 0, -1.0)  # -0.5 + 0.707
    assert disliked.choose([1.0]) == 1


def test_the_running_inverse_is_the_inverse() -> None:
    rng = np.random.default_rng(0)
    bandit, gram_FF = LinUcb(3, 1), np.eye(3)
    for _ in range(20):
        x_F = rng.normal(size=3)
        bandit.learn(list(x_F), 0, 1.0)
        gram_FF += np.outer(x_F, x_F)
    np.testing.assert_allclose(bandit._inverse_AFF[0], np.linalg.inv(gram_FF), atol=1e-9)
