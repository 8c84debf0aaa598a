from __future__ import annotations

import io
import math
import random
import re
from collections import Counter
from itertools import product

import pytest
import torch

from model.config import SettingsPolicyConfig
from model.learning.settings_context import FEATURES, context_features
from model.learning.settings_policy import CHOICES, USUAL, SettingsPolicy, Tried


def _taste(context: tuple[float, ...], settings: dict[str, object]) -> float:
    """Likes one hop for questions of the first sort, no graph for the second."""
    return 1.0 if settings["hops"] == (1 if context[0] else 0) else -1.0


def _rounds(policy: SettingsPolicy, rounds: int, rng: random.Random) -> list[Tried]:
    tried = []
    for _ in range(rounds):
        context = rng.choice([(1.0, 0.0), (0.0, 1.0)])
        choice = policy.choose(context, rng)
        reward = _taste(context, choice.settings)
        tried.append(Tried(context, choice.settings, choice.propensity, reward))
    return tried


def test_the_usual_settings_are_likeliest_at_first() -> None:
    policy, rng = SettingsPolicy(2), random.Random(0)
    for name in CHOICES:
        chosen = Counter(policy.choose((1.0, 0.0), rng).settings[name] for _ in range(60))
        assert chosen.most_common(1)[0][0] == USUAL[name]


def test_it_learns_what_is_liked_for_which_question() -> None:
    policy, rng = SettingsPolicy(2), random.Random(1)
    before = sum(each.reward for each in _rounds(policy, 100, rng)) / 100
    for _ in range(40):
        policy.learn(_rounds(policy, 8, rng))
    after = sum(each.reward for each in _rounds(policy, 100, rng)) / 100
    assert after > 0.6 > before + 0.6


def test_the_propensity_is_the_product_of_the_chances_told() -> None:
    choice = SettingsPolicy(2).choose((0.0, 1.0), random.Random(2))
    shares = [int(share) / 100 for share in re.findall(r"\((\d+)%\)", choice.why)]
    assert "expected reward" in choice.why
    assert len(shares) == len(CHOICES)
    # shares are told as whole points
    assert choice.propensity == pytest.approx(math.prod(shares), rel=0.1)
    assert choice.settings["use_graph"] == (choice.settings["hops"] > 0)


def test_what_was_learned_survives_a_restart() -> None:
    policy = SettingsPolicy(2, SettingsPolicyConfig(replayed=6))
    policy.learn(_rounds(policy, 8, random.Random(3)))
    file = io.BytesIO()
    torch.save(policy.state_dict(), file)
    file.seek(0)
    again = SettingsPolicy.from_state(torch.load(file, weights_only=True))
    more = _rounds(policy, 8, random.Random(4))
    assert again.learn(more) == policy.learn(more)
    for seed in range(5):
        first = policy.choose((1.0, 0.0), random.Random(seed))
        assert again.choose((1.0, 0.0), random.Random(seed)) == first


def test_nothing_is_learned_from_nothing() -> None:
    policy = SettingsPolicy(2)
    before = policy.choose((1.0, 0.0), random.Random(0))
    assert policy.learn([]) == 0.0
    assert policy.choose((1.0, 0.0), random.Random(0)) == before


def test_a_context_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 numbers, not 3"):
        SettingsPolicy(2).choose((1.0, 0.0, 0.0), random.Random(0))


def test_every_combination_of_settings_can_be_learned_from() -> None:
    policy = SettingsPolicy(2)
    tried = [
        Tried((1.0, 0.0), dict(zip(CHOICES, values, strict=True)), 0.01, -1.0)
        for values in product(*CHOICES.values())
    ]
    assert math.isfinite(policy.learn(tried))
    assert len(policy.replay) == len(tried) == 4 * 3 * 4 * 2


def test_contexts_tell_questions_apart() -> None:
    egg = context_features("What happens if I heat the egg?", pictures=1, facts=2, longest_path=1)
    assert len(egg) == FEATURES
    assert egg == context_features(
        "what HAPPENS if I heat the egg", pictures=1, facts=2, longest_path=1
    )
    assert egg != context_features("Who is the boss of this?", pictures=1, facts=2, longest_path=1)
    assert all(
        abs(value) <= 1
        for value in context_features(
            "a " * 900,
            pictures=9,
            facts=99,
            longest_path=9,
            triplets=10**6,
            recent_rewards=[1.0, 1.0],
        )
    )
    assert len(context_features("")) == FEATURES
