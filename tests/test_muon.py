"""Orthogonal steps: they are PyTorch's own, in float32, and they learn."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model.learning.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(3, *shape)
    turned = orthogonal(matrices)
    values = torch.linalg.svdvals(turned)
    assert ((values > 0.5) & (values < 1.4)).all()
    for before, after in zip(matrices, turned, strict=True):
        u, _, vh = torch.linalg.svd(before, full_matrices=False)
        rotated = u.T @ after @ vh.T
        assert torch.allclose(rotated, torch.diag(rotated.diagonal()), atol=1e-4)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="PyTorch has its own from 2.9 on")
@pytest.mark.parametrize("shape", [(8, 8), (4, 8), (12, 8)])
def test_a_step_is_that_of_pytorch(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    start, gradients = torch.randn(shape), torch.randn(3, *shape)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    mine = Muon([ours], lr=0.02, weight_decay=0.1)
    peer = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for gradient in gradients:
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        mine.step()
        peer.step()
    moved = float((theirs - start).norm())
    # the peer computes in bfloat16
    assert float((ours - theirs).norm()) < 0.03 * moved


def test_vectors_are_refused() -> None:
    with pytest.raises(ValueError, match="matrices"):
        Muon([nn.Parameter(torch.zeros(3))])
