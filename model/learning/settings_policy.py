"""Which settings an answer is given with: a policy that learns from what people thought of it.

A contextual bandit. Every choice is kept with the chance that it had, so that what was tried under
an older policy teaches the newer one, too. To the policy's odds is added what each value of a
setting is worth by the rewards so far, drawn from what is likely: the little known is tried.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical

from model.config import SettingsPolicyConfig
from model.learning.actor_critic import Experience, replay_loss
from model.learning.replay import Reservoir
from model.learning.reward_posterior import RewardPosterior
from model.network.policy_value import PolicyValue

CHOICES: dict[str, tuple[Any, ...]] = {
    "hops": (0, 1, 2, 3),
    "facts": (2, 4, 8),
    "temperature": (0.0, 0.3, 0.7, 1.0),
    "adapter": ("newest", "none"),
}
"""What can be chosen. 0 hops leave the graph out; ``adapter`` says whether what was learned from
votes answers, or the student as it was before."""
USUAL: dict[str, Any] = {"hops": 3, "facts": 4, "temperature": 0.0, "adapter": "newest"}
"""What is likeliest before anything was learned."""
HEAD_START = 4.0
"""Nats by which the usual choices are likelier at first."""


@dataclass(frozen=True)
class Choice:
    """Settings for one answer, the chance with which they were chosen, and why, in words."""

    settings: dict[str, Any]
    propensity: float
    why: str


@dataclass(frozen=True)
class Tried:
    """Settings that were used, and the reward in [-1, 1] that their answer got."""

    context: tuple[float, ...]
    settings: Mapping[str, Any]
    propensity: float
    reward: float


class SettingsPolicy:
    """Chooses settings for a question, and learns from rewards; made anew or from its state.

    ``features`` is the length of the contexts. The same seed and the same experience, in the same
    order, give the same policy.
    """

    def __init__(self, features: int, config: SettingsPolicyConfig | None = None) -> None:
        self.features = features
        self.config = config or SettingsPolicyConfig()
        sizes = [len(values) for values in CHOICES.values()]
        prior = [
            [HEAD_START * (value == USUAL[name]) for value in values]
            for name, values in CHOICES.items()
        ]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            self._network = PolicyValue(features, sizes, prior=prior)
        self._posterior = RewardPosterior(
            features, sizes, firmness=self.config.firmness, seed=self.config.seed
        )
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=self.config.learning_rate)
        self.replay = Reservoir[Tried](self.config.replayed, seed=self.config.seed)

    @torch.no_grad()
    def choose(self, context: Sequence[float], rng: random.Random) -> Choice:
        """Draw settings for a question; the chance of every single choice is told in ``why``."""
        x_BF = self._context([context])
        worth_NA = self._posterior.draws(x_BF[0], self.config.curiosity)
        choices, value_B = self._network(x_BF, self.config.sharpness * worth_NA)
        settings: dict[str, Any] = {}
        propensity, told = 1.0, []
        for (name, values), choice in zip(CHOICES.items(), choices, strict=True):
            chances = choice.probs.mean(0).tolist()
            at = rng.choices(range(len(values)), chances)[0]
            settings[name] = values[at]
            propensity *= chances[at]
            told.append(f"{_in_words(name, values[at])} ({chances[at]:.0%})")
        settings["use_graph"] = settings["hops"] > 0
        why = f"{', '.join(told)}; expected reward {float(value_B[0]):+.2f}"
        return Choice(settings, propensity, why)

    def learn(self, tried: Sequence[Tried]) -> float:
        """Learn from new experience, half and half with older; returns the last loss.

        Nothing is learned from nothing: then the loss is 0.
        """
        loss = 0.0
        rng = random.Random(f"{self.config.seed}/{self.replay.added}")
        for _ in range(self.config.steps if tried else 0):
            fresh = rng.choices(tried, k=self.config.together)
            older = rng.choices(self.replay.items or tried, k=self.config.together)
            batch = self._experience([*fresh, *older])
            told = replay_loss(
                self._expected,
                batch,
                most_importance=self.config.most_importance,
                value_weight=self.config.value_weight,
                entropy_weight=self.config.entropy_weight,
            )
            self._optimizer.zero_grad()
            told.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
            self._optimizer.step()
            loss = float(told.detach())
        for each in tried:
            self.replay.add(each)
        self._look_back()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Everything that was learned, as tensors and plain values, for ``torch.save``."""
        return {
            "features": self.features,
            "config": asdict(self.config),
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "replay": [asdict(each) for each in self.replay.items],
            "added": self.replay.added,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> SettingsPolicy:
        """The policy that ``state_dict`` was called on."""
        policy = cls(state["features"], SettingsPolicyConfig(**state["config"]))
        policy._network.load_state_dict(state["network"])
        policy._optimizer.load_state_dict(state["optimizer"])
        items = [Tried(**{**each, "context": tuple(each["context"])}) for each in state["replay"]]
        policy.replay = Reservoir(
            policy.config.replayed, seed=policy.config.seed, items=items, added=state["added"]
        )
        policy._look_back()
        return policy

    def _look_back(self) -> None:
        """Know what the choices that are remembered tell."""
        if self.replay.items:
            told = self._experience(self.replay.items)
            self._posterior.learn(told.x_BF, told.action_BC, told.return_B)

    def _expected(self, x_BF: Tensor) -> tuple[list[Categorical], Tensor]:
        """What the network gives where each value is worth what is expected of it."""
        choices, value_B = self._network(x_BF, self.config.sharpness * self._posterior.mean(x_BF))
        return choices, value_B

    def _context(self, contexts: Sequence[Sequence[float]]) -> Tensor:
        x_BF = torch.tensor([list(each) for each in contexts], dtype=torch.float32)
        if x_BF.shape[1:] != (self.features,):
            raise ValueError(f"a context has {self.features} numbers, not {x_BF.shape[1]}")
        return x_BF

    def _experience(self, tried: Sequence[Tried]) -> Experience:
        actions = [
            [values.index(each.settings[name]) for name, values in CHOICES.items()]
            for each in tried
        ]
        return Experience(
            self._context([each.context for each in tried]),
            torch.tensor(actions),
            torch.tensor([each.propensity for each in tried]).clamp_min(1e-8).log(),
            torch.tensor([each.reward for each in tried]),
        )


def _in_words(name: str, value: Any) -> str:
    if name == "hops":
        return f"graph, {value} hop{'s' * (value != 1)}" if value else "no graph"
    if name == "facts":
        return f"{value} facts"
    if name == "adapter":
        return "with what votes taught" if value == "newest" else "without what votes taught"
    return f"temperature {value:g}"
