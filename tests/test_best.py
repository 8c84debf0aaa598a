"""The best weights are kept, put back at the end, and found again after a stop."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from model.learning.best import Best
from model.learning.training import load_checkpoint, save_checkpoint


def _net(value: float) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    net[1].requires_grad_(False)
    for parameter in net.parameters():
        nn.init.constant_(parameter, value)
    return net


def test_the_weights_of_the_lowest_loss_come_back(tmp_path: Path) -> None:
    best, net = Best(tmp_path / "best.pt"), _net(0.0)
    assert not best.put_back(net)
    for step, loss in ((10, 3.0), (20, 1.0), (30, 2.0)):
        nn.init.constant_(net[0].weight, step)
        best.hear(net, step, loss)
    again = Best(tmp_path / "best.pt")
    assert (again.loss, again.step) == (1.0, 20)
    nn.init.constant_(net[1].weight, 7.0)
    assert again.put_back(net)
    assert net[0].weight.item() == 20.0
    assert net[1].weight.item() == 7.0, "what is frozen is not part of it"


def test_patience_ends_when_so_many_steps_brought_nothing(tmp_path: Path) -> None:
    best = Best(tmp_path / "best.pt", patience=20)
    assert not best.no_more_to_gain(100), "nothing was measured yet"
    best.hear(_net(1.0), 10, 2.0)
    assert not best.no_more_to_gain(29)
    assert best.no_more_to_gain(30)
    assert not Best(tmp_path / "best.pt").no_more_to_gain(1000), "none is asked for"


def test_a_checkpoint_leaves_frozen_weights_out_and_old_ones_are_read(tmp_path: Path) -> None:
    net = _net(2.0)
    optimizer = torch.optim.AdamW([net[0].weight])
    save_checkpoint(tmp_path / "new.pt", net, [optimizer], 5)
    state = torch.load(tmp_path / "new.pt", weights_only=True)
    assert list(state["model"]) == ["0.weight"]
    torch.save({**state, "model": _net(3.0).state_dict()}, tmp_path / "old.pt")
    assert load_checkpoint(tmp_path / "old.pt", net) == 5
    assert net[1].weight.item() == 3.0


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "one.pt", nn.Linear(1, 1), [], 1)
    with pytest.raises(RuntimeError, match="of another model"):
        load_checkpoint(tmp_path / "one.pt", _net(0.0))
