"""Our losses against those of ``trl``, on log-probabilities of our own making."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch
from torch import Tensor

from model.learning.preference_loss import dpo_loss, kl_estimate, kto_loss

pytestmark = pytest.mark.slow
BETA, TOKENS = 0.3, 5


def _trainer(**settings: Any) -> Any:
    """What a loss of ``trl`` looks at of its trainer."""
    accelerator = SimpleNamespace(
        device=torch.device("cpu"),
        gather=lambda tensor: tensor,
        gather_for_metrics=lambda tensor: tensor,
    )
    trainer = MagicMock()
    trainer.configure_mock(
        accelerator=accelerator,
        beta=BETA,
        precompute_ref_logps=True,
        aux_loss_enabled=False,
        _metrics=defaultdict(lambda: defaultdict(list)),
        _total_train_tokens=0,
        _tp_size=1,
        **settings,
    )
    return trainer


def _network(logprob_BT: Tensor) -> Any:
    zeros = torch.zeros_like(logprob_BT)  # only for its own charts
    outputs = SimpleNamespace(
        log_probs=logprob_BT,
        entropy=zeros,
        mean_logits=zeros,
        is_top1=zeros.bool(),
    )
    network = MagicMock(return_value=outputs)
    network.training = True
    return network


def _inputs(rows: int) -> dict[str, Tensor]:
    ids = torch.ones(rows, TOKENS + 1, dtype=torch.long)
    return {"input_ids": ids, "attention_mask": ids, "completion_mask": ids}


def test_kto_is_that_of_trl() -> None:
    trainers = pytest.importorskip("trl.trainer.kto_trainer")
    torch.manual_seed(0)
    logprob_BT, other_B = -torch.rand(6, TOKENS), -torch.rand(6) * 4
    before_B, other_before_B = -torch.rand(6) * 5, -torch.rand(6) * 6
    liked_B = torch.tensor([True, False, True, True, False, False])
    trainer = _trainer(
        loss_type="kto", calculate_KL=True, desirable_weight=1.0, undesirable_weight=1.0
    )
    trainer._compute_kl_logps = lambda model, batch: other_B
    inputs = {
        **_inputs(6),
        "label": liked_B,
        "ref_logps": before_B,
        "ref_KL_logps": other_before_B,
    }
    theirs = trainers.KTOTrainer._compute_loss(trainer, _network(logprob_BT), inputs, False)
    drift = kl_estimate(other_B - other_before_B)
    ours = kto_loss(logprob_BT.sum(1) - before_B, liked_B, drift, BETA).mean()
    assert float(drift) > 0
    torch.testing.assert_close(ours, theirs)


def test_dpo_is_that_of_trl() -> None:
    trainers = pytest.importorskip("trl.trainer.dpo_trainer")
    torch.manual_seed(1)
    logprob_BT = -torch.rand(6, TOKENS)
    kept_before_B, rejected_before_B = -torch.rand(3) * 5, -torch.rand(3) * 5
    trainer = _trainer(
        loss_types=["sigmoid"],
        loss_weights=[1.0],
        f_divergence_type="reverse_kl",
        use_weighting=False,
        ld_alpha=None,
    )
    inputs = {
        **_inputs(6),
        "ref_chosen_logps": kept_before_B,
        "ref_rejected_logps": rejected_before_B,
    }
    theirs = trainers.DPOTrainer._compute_loss(trainer, _network(logprob_BT), inputs, False)
    kept_B, rejected_B = logprob_BT.sum(1).chunk(2)
    ours = dpo_loss(kept_B - kept_before_B, rejected_B - rejected_before_B, BETA).mean()
    torch.testing.assert_close(ours, theirs)
