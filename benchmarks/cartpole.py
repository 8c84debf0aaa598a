"""The policy and value networks on CartPole-v1, with PPO: the code of the settings policy at work.

``python -m benchmarks.cartpole`` prints the mean return of the last greedy policy over seeds.
CleanRL's PPO has 490.04 ± 6.12, openai/baselines' 497.54 ± 4.02.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
from torch import Tensor

from model.learning.actor_critic import Experience, advantages, clipped_loss
from model.network.policy_value import PolicyValue, log_chance


@dataclass(frozen=True)
class PpoConfig:
    """The usual settings of PPO on CartPole, with more worlds at once."""

    steps: int = 300_000
    worlds: int = 16
    length: int = 64
    epochs: int = 4
    minibatches: int = 4
    learning_rate: float = 2.5e-3
    discount: float = 0.98
    smoothing: float = 0.8
    clip: float = 0.2
    entropy_weight: float = 0.001
    value_weight: float = 0.5


def worlds(count: int, seed: int) -> gymnasium.vector.VectorEnv:
    """Several CartPoles that are stepped as one array; each begins anew in the step it ends."""
    made = gymnasium.make_vec(
        "CartPole-v1",
        count,
        vectorization_mode="vector_entry_point",
    )
    made.reset(seed=seed)
    return made


@torch.no_grad()
def mean_return(network: PolicyValue, seed: int, episodes: int = 100) -> float:
    """Mean return of the likeliest actions, over the first episode of each of many worlds."""
    made = worlds(episodes, seed)
    x_BF, _ = made.reset(seed=seed)
    total_B, open_B = np.zeros(episodes), np.ones(episodes, dtype=bool)
    while open_B.any():
        (choice,), _ = network(torch.as_tensor(x_BF, dtype=torch.float32))
        x_BF, reward_B, ended_B, cut_B, _ = made.step(choice.logits.argmax(-1).numpy())
        total_B += reward_B * open_B
        open_B &= ~(ended_B | cut_B)
    return float(total_B.mean())


class Player:
    """Plays several worlds and learns from what happens."""

    def __init__(self, seed: int, config: PpoConfig) -> None:
        torch.manual_seed(seed)
        self.config, self.seed = config, seed
        self.worlds = worlds(config.worlds, seed)
        first_BF, _ = self.worlds.reset(seed=seed)
        self.x_BF = torch.as_tensor(first_BF, dtype=torch.float32)
        self.network = PolicyValue(4, (2,))
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=config.learning_rate, eps=1e-5
        )
        self.begun_B = torch.zeros(config.worlds, dtype=torch.bool)

    @torch.no_grad()
    def play(self) -> Experience:
        """The next steps in every world, without those that only begin a world anew."""
        rows: list[tuple[Tensor, ...]] = []
        for _ in range(self.config.length):
            (choice,), value_B = self.network(self.x_BF)
            action_B = choice.sample()
            after_BF, reward_B, ended_B, cut_B, _ = self.worlds.step(action_B.numpy())
            after_BF = torch.as_tensor(after_BF, dtype=torch.float32)
            ended_B, cut_B = torch.as_tensor(ended_B), torch.as_tensor(cut_B)
            after_B = self.network(after_BF)[1] * ~ended_B
            logprob_B = log_chance([choice], action_B[:, None])
            reward_B = torch.as_tensor(reward_B, dtype=torch.float32)
            real_B = ~self.begun_B
            rows.append(
                (
                    self.x_BF,
                    action_B,
                    logprob_B,
                    value_B,
                    reward_B,
                    after_B,
                    ended_B | cut_B,
                    real_B,
                )
            )
            # gymnasium answers the step after an end with the next episode's first state
            self.begun_B = ended_B | cut_B
            self.x_BF = after_BF
        x, action, logprob, value, reward, after, over, real = map(
            torch.stack, zip(*rows, strict=True)
        )
        gain_TB = advantages(
            reward,
            value,
            after,
            over | ~real,
            discount=self.config.discount,
            smoothing=self.config.smoothing,
        )
        return Experience(
            x[real], action[real][:, None], logprob[real], (gain_TB + value)[real], gain_TB[real]
        )

    def learn(self, fresh: Experience, share_left: float) -> None:
        """Some epochs over the experience; rate and clip fall with the share of the steps left."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * share_left
        count = len(fresh.behaviour_B)
        for _ in range(config.epochs):
            for part in torch.randperm(count).chunk(config.minibatches):
                loss = clipped_loss(
                    self.network,
                    fresh.rows(part),
                    clip=config.clip * share_left,
                    value_weight=config.value_weight,
                    entropy_weight=config.entropy_weight,
                )
                self.optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.network.parameters(), 0.5)
                self.optimizer.step()

    def train(self) -> int:
        """Play and learn until the steps are done; returns how many were played."""
        each = self.config.worlds * self.config.length
        rounds = max(1, self.config.steps // each)
        for number in range(rounds):
            self.learn(self.play(), 1 - number / rounds)
        return rounds * each


def cartpole(seeds: int, config: PpoConfig) -> dict[str, object]:
    """The figures: mean over the seeds, and each of them."""
    found = []
    for seed in range(seeds):
        player = Player(seed, config)
        player.train()
        found.append(mean_return(player.network, 10_000 + seed))
        print(f"cartpole, seed {seed}: {found[-1]:.1f}")
    return {
        "cartpole_return": round(statistics.mean(found), 2),
        "cartpole_seeds": [round(each, 2) for each in found],
        "cartpole_steps": config.steps,
    }


def main() -> None:
    """Print the table, and JSON as the last line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=PpoConfig.steps)
    options = parser.parse_args()
    print(json.dumps(cartpole(options.seeds, PpoConfig(steps=options.steps))))


if __name__ == "__main__":
    main()
