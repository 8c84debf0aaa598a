from __future__ import annotations

import pytest
import torch
from torch import Tensor

from model.learning.ewc import Anchor, fisher_information

SAMPLES = [(torch.tensor([1.0, 2.0]), 1), (torch.tensor([3.0, -1.0]), 0)]


def _log_likelihood(w: Tensor, x: Tensor, y: int) -> Tensor:
    """A logistic regression of two weights."""
    return torch.nn.functional.logsigmoid((w @ x) * (1 if y else -1))


def test_penalty_of_two_weights_by_hand() -> None:
    anchor = Anchor({"w": torch.tensor([1.0, -2.0])}, {"w": torch.tensor([3.0, 0.5])})
    # ½ · (3 · (2 - 1)² + 0.5 · (0 + 2)²) = 2.5
    weights = {"w": torch.tensor([2.0, 0.0], requires_grad=True)}
    penalty = anchor.penalty(weights)
    assert float(penalty) == pytest.approx(2.5)
    penalty.backward()
    gradient = weights["w"].grad
    assert gradient is not None
    assert gradient.tolist() == pytest.approx([3.0, 1.0]), "F · (θ - θ*)"


def test_fisher_of_two_weights_by_hand() -> None:
    weights = {"w": torch.zeros(2, requires_grad=True)}
    fisher = fisher_information(weights, SAMPLES, lambda s: _log_likelihood(weights["w"], *s))
    # (y - p) · x with p = ½: (½, 1) and (-3/2, ½), squared and averaged
    assert fisher["w"].tolist() == pytest.approx([1.25, 0.625])


def test_fisher_is_not_the_square_of_the_mean_gradient() -> None:
    weights = {"w": torch.zeros(2, requires_grad=True)}
    fisher = fisher_information(weights, SAMPLES, lambda s: _log_likelihood(weights["w"], *s))
    mean = torch.stack([_log_likelihood(weights["w"], *sample) for sample in SAMPLES]).mean()
    (gradient,) = torch.autograd.grad(mean, [weights["w"]])
    assert gradient.square().tolist() == pytest.approx([0.25, 0.5625])
    assert (fisher["w"] > gradient.square()).all()


def test_the_anchor_moves_and_remembers_older_importance() -> None:
    anchor = Anchor({"w": torch.zeros(2)}, {"w": torch.tensor([1.0, 4.0])})
    here = Anchor({"w": torch.ones(2)}, {"w": torch.tensor([0.5, 0.0])})
    moved = anchor.moved(here, decay=0.5)
    assert moved.weights["w"].tolist() == [1.0, 1.0]
    assert moved.fisher["w"].tolist() == [1.0, 2.0]
    again = Anchor.from_state(moved.state())
    assert float(again.penalty({"w": torch.zeros(2)})) == pytest.approx(1.5)


def test_no_samples_mean_no_importance() -> None:
    weights = {"w": torch.ones(2, requires_grad=True)}
    assert fisher_information(weights, [], lambda s: s)["w"].tolist() == [0.0, 0.0]
