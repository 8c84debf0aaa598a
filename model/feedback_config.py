"""How a student learns from votes: settings with their limits, read through ``model.config``."""

from __future__ import annotations

from dataclasses import dataclass

from model.knobs import check_limits, knob


@dataclass(frozen=True)
class FeedbackConfig:
    """One update from votes: when it may run, how far it goes, and when it is thrown away."""

    least_votes: int = knob(8, "new votes that an update waits for", min=1, max=1000, unit="votes")
    steps: int = knob(24, "most optimiser steps of an update", min=1, max=10_000, unit="steps")
    votes_per_step: int = knob(8, "votes in a step", min=2, max=128, unit="votes")
    replayed_per_step: int = knob(
        8, "known answers that are held in a step; 0 replays nothing", min=0, max=128
    )
    learning_rate: float = knob(2e-3, "peak learning rate of the adapter", min=1e-6, max=1e-1)
    rank: int = knob(8, "rank of the adapter", min=1, max=64)
    beta: float = knob(
        0.1, "how firmly the student is held to what it was; small lets it go far", min=0.001, max=2
    )
    loss_balance: float = knob(
        1.0, "weight of thumbs up beside thumbs down, as totals", min=1.0, max=4 / 3
    )
    typed_weight: float = knob(1.0, "weight of an answer typed by the person", min=0.0, max=10.0)
    replay_weight: float = knob(1.0, "weight of the replayed answers", min=0.0, max=10.0)
    hold_weight: float = knob(
        2.0, "how firmly replayed answers are held as they were", min=0.0, max=100.0
    )
    ewc_weight: float = knob(
        100.0, "pull towards weights that known answers depend on; 0 is none", min=0.0, max=1e8
    )
    fisher_samples: int = knob(
        16, "known answers that say which weights matter", min=1, max=4096, unit="answers"
    )
    fisher_decay: float = knob(0.9, "how much older importance counts", min=0.0, max=1.0)
    most_share: float = knob(
        0.5, "largest share of a step's weight that one of several visitors has", min=0.05, max=1
    )
    most_kl: float = knob(
        0.8, "how far an update may move the answers voted on", min=0.001, max=10.0, unit="nats"
    )
    canary_drop: float = knob(
        0.01, "share of known answers that may be lost; more, and it is undone", min=0.0, max=1.0
    )
    samples: int = knob(4, "answers drawn for a question that can be checked", min=2, max=16)
    kl_weight: float = knob(
        0.02, "what a nat away from the student before costs in reward", min=0.0, max=10.0
    )
    seed: int = knob(0, "same seed, same update", min=0, max=2**31 - 1)

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass(frozen=True)
class SettingsPolicyConfig:
    """How the choice of settings is learned."""

    learning_rate: float = knob(3e-3, "learning rate of both networks", min=1e-6, max=1e-1)
    steps: int = knob(4, "optimiser steps for every lot of rewards", min=1, max=1000)
    together: int = knob(16, "new choices in a step, and as many older ones", min=1, max=1024)
    replayed: int = knob(1000, "choices that are remembered", min=1, max=1_000_000)
    most_importance: float = knob(10.0, "most that one old choice may count", min=1.0, max=1000)
    value_weight: float = knob(0.5, "weight of the value network's loss", min=0.0, max=10.0)
    entropy_weight: float = knob(0.01, "reward of staying undecided", min=0.0, max=1.0)
    firmness: float = knob(
        4.0, "how many rewards tell as much as knowing nothing does", min=0.01, max=1000.0
    )
    curiosity: float = knob(0.5, "how far little known settings are believed", min=0.0, max=10.0)
    sharpness: float = knob(
        10.0, "log-odds for a setting that is worth a reward of 1 more", min=0.0, max=1000.0
    )
    seed: int = knob(0, "same seed, same policy", min=0, max=2**31 - 1)

    def __post_init__(self) -> None:
        check_limits(self)
