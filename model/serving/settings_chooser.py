"""Settings that votes choose for an answer, when the person lets them.

The policy itself lives in ``learning/settings_policy.py``; here its state is read from the store,
and its choices become an answer's settings.
"""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from model.config import SampleConfig
from model.feedback_records import GivenAnswer, Vote
from model.knowledge.store import Store
from model.records import Turn

if TYPE_CHECKING:
    from model.learning.settings_policy import SettingsPolicy

POLICY = "settings"
RECENT = 8
"""Rewards of late that a choice depends on."""
MOST_TRIED = 512
"""Choices with a vote that the policy learns from, the newest."""
TOGETHER = 8


@dataclass(frozen=True)
class Chosen:
    """Settings for one answer; ``choice`` is kept with it, so that a vote can teach the policy.

    ``taught`` says whether what votes taught the student answers.
    """

    settings: SampleConfig
    choice: Mapping[str, Any]
    propensity: float
    why: str
    taught: bool = True


class SettingsChooser:
    """Chooses settings for the questions of one workspace."""

    def __init__(self, store: Store, rng: Callable[[], random.Random] = random.Random) -> None:
        self._store, self._rng = store, rng
        self._lock = threading.Lock()
        self._state: bytes | None = None
        self._policy: SettingsPolicy | None = None

    def choose(self, question: Turn, base: str, settings: SampleConfig) -> Chosen:
        """Draw settings for a question; what is not chosen stays as ``settings`` says."""
        # torch: whoever asks has the student in memory
        from model.learning.settings_context import context_features

        rewards = [reward for reward, _ in self._store.rewards(base)[-RECENT:]]
        triplets = self._store.triplets(limit=0).total
        context = context_features(
            question.text,
            pictures=len(question.pictures),
            triplets=triplets,
            recent_rewards=rewards,
        )
        with self._lock:
            choice = self._current().choose(context, self._rng())
        picked = choice.settings
        hops, facts = max(1, picked["hops"]), picked["facts"]
        changed = replace(
            settings,
            use_graph=picked["use_graph"],
            hops=hops,
            facts=facts,
            temperature=picked["temperature"],
        )
        kept = {"settings": picked, "context": list(context)}
        taught = picked["adapter"] != "none"
        return Chosen(changed, kept, choice.propensity, choice.why, taught)

    def _current(self) -> SettingsPolicy:
        import torch

        from model.learning.settings_context import FEATURES
        from model.learning.settings_policy import SettingsPolicy

        state = self._store.policy(POLICY)
        if self._policy is None or state != self._state:
            self._state = state
            self._policy = (
                SettingsPolicy(FEATURES)
                if state is None
                else SettingsPolicy.from_state(torch.load(io.BytesIO(state), weights_only=True))
            )
        return self._policy


def learn_settings(store: Store, base: str) -> int:
    """Learn the policy anew from every choice that was voted on; returns how many there were.

    Propensities make old choices count for the new policy, so nothing depends on when it learned.
    """
    import torch

    from model.learning.settings_context import FEATURES
    from model.learning.settings_policy import SettingsPolicy, Tried

    pairs: list[tuple[Vote, GivenAnswer]] = list(store.voted_choices(base, MOST_TRIED))
    tried = [
        Tried(
            tuple(given.chosen["context"]),
            given.chosen["settings"],
            given.propensity,
            -1.0 if vote.kind == "typed" else vote.reward,
        )
        for vote, given in pairs
        if len(given.chosen.get("context", ())) == FEATURES
    ]
    if not tried:
        return 0
    policy = SettingsPolicy(FEATURES)
    for start in range(0, len(tried), TOGETHER):
        policy.learn(tried[start : start + TOGETHER])
    state = io.BytesIO()
    torch.save(policy.state_dict(), state)
    store.save_policy(POLICY, state.getvalue())
    return len(tried)
