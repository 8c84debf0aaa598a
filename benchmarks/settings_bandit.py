"""The settings policy against LinUCB on people who like other settings for other questions.

There are four sorts of question, each with its own best settings. The chance of a thumb up is .9
for the best, and .2 less for each setting that is another. Regret is what was lost against always
taking the best, summed over all rounds.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from itertools import product

from model.config import SettingsPolicyConfig
from model.learning.linucb import LinUcb
from model.learning.settings_policy import CHOICES, SettingsPolicy, Tried

SORTS = 4
NAMES = tuple(CHOICES)
ARMS = tuple(product(*CHOICES.values()))
EVERY = 8
"""Rounds after which the policy learns, as votes come."""


class Person:
    """Likes some settings for each sort of question; the same seed, the same taste."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.best = [self.rng.choice(ARMS) for _ in range(SORTS)]

    def ask(self) -> tuple[int, tuple[float, ...]]:
        """A question: its sort, and what is seen of it."""
        sort = self.rng.randrange(SORTS)
        return sort, (*(float(sort == each) for each in range(SORTS)), 1.0)

    def chance(self, sort: int, settings: tuple[object, ...]) -> float:
        """How likely a thumb up is."""
        missed = sum(a != b for a, b in zip(settings, self.best[sort], strict=True))
        return 0.9 - 0.2 * missed

    def reward(self, sort: int, settings: tuple[object, ...]) -> float:
        """A thumb up or down."""
        return 1.0 if self.rng.random() < self.chance(sort, settings) else -1.0


def policy_regret(seed: int, rounds: int) -> float:
    """Regret of the settings policy."""
    person, rng = Person(seed), random.Random(seed + 1)
    policy = SettingsPolicy(SORTS + 1, SettingsPolicyConfig(seed=seed))
    regret, tried = 0.0, list[Tried]()
    for _ in range(rounds):
        sort, context = person.ask()
        choice = policy.choose(context, rng)
        settings = tuple(choice.settings[name] for name in NAMES)
        regret += 0.9 - person.chance(sort, settings)
        reward = person.reward(sort, settings)
        tried.append(Tried(context, choice.settings, choice.propensity, reward))
        if len(tried) == EVERY:
            policy.learn(tried)
            tried = []
    return regret


def linucb_regret(seed: int, rounds: int) -> float:
    """Regret of LinUCB with an arm for each combination of settings."""
    person = Person(seed)
    bandit = LinUcb(SORTS + 1, len(ARMS))
    regret = 0.0
    for _ in range(rounds):
        sort, context = person.ask()
        arm = bandit.choose(context)
        regret += 0.9 - person.chance(sort, ARMS[arm])
        bandit.learn(context, arm, person.reward(sort, ARMS[arm]))
    return regret


def settings_bandit(seeds: int, rounds: int) -> dict[str, object]:
    """Mean regrets, and their ratio."""
    ours = statistics.mean(policy_regret(seed, rounds) for seed in range(seeds))
    plain = statistics.mean(linucb_regret(seed, rounds) for seed in range(seeds))
    print(f"settings, {rounds} rounds: regret {ours:.1f}, LinUCB {plain:.1f}")
    return {
        "bandit_regret_vs_linucb": round(ours / plain, 3),
        "bandit_regret": round(ours, 1),
        "linucb_regret": round(plain, 1),
        "bandit_rounds": rounds,
    }


def main() -> None:
    """Print the table, and JSON as the last line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1000)
    options = parser.parse_args()
    print(json.dumps(settings_bandit(options.seeds, options.rounds)))


if __name__ == "__main__":
    main()
