"""EWC and replay on five permuted tasks of scikit-learn's digits, with the code of the feedback.

The same network (64-100-100-10) learns five tasks one after the other; in each the pixels lie in
another order. ACC is the mean accuracy on all five after the last; BWT how much the first four fell
since they were learned; LA the accuracy on each right after learning it.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from model.learning.ewc import Anchor, fisher_information
from model.learning.replay import Reservoir

TASKS, CLASSES = 5, 10
Row = tuple[Tensor, int]


@dataclass(frozen=True)
class Method:
    """How forgetting is fought: a pull of this weight, and so many kept samples in all."""

    name: str
    pull: float = 0.0
    kept: int = 0


METHODS = (
    Method("naive"),
    Method("ewc", pull=100.0),
    Method("replay", kept=200),
    Method("both", pull=10.0, kept=200),
)


@dataclass(frozen=True)
class Outcome:
    """ACC, BWT and LA of one training."""

    accuracy: float
    backward: float
    learned: float


def tasks(seed: int) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Train and test pictures and labels of every task; a fifth is for the test."""
    digits = load_digits()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(digits.target))
    x_NF = torch.tensor(digits.data[order] / 16.0, dtype=torch.float32)
    y_N = torch.tensor(digits.target[order])
    split = len(order) * 4 // 5
    made = []
    for _ in range(TASKS):
        mixed_NF = x_NF[:, torch.tensor(rng.permutation(x_NF.shape[1]))]
        made.append((mixed_NF[:split], y_N[:split], mixed_NF[split:], y_N[split:]))
    return made


def network(seed: int) -> nn.Sequential:
    """The network, with weights of its seed."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, CLASSES)
    )


def importance(net: nn.Module, x_NF: Tensor, samples: int) -> dict[str, Tensor]:
    """Fisher information with labels drawn from the network itself, a sample at a time."""
    parameters = dict(net.named_parameters())
    drawn = [(x_F, int(torch.multinomial(net(x_F).softmax(-1), 1))) for x_F in x_NF[:samples]]
    return fisher_information(parameters, drawn, lambda each: net(each[0]).log_softmax(-1)[each[1]])


def accuracy(net: nn.Module, x_NF: Tensor, y_N: Tensor) -> float:
    """Share of right digits."""
    with torch.no_grad():
        return float((net(x_NF).argmax(-1) == y_N).float().mean())


def learn_all(method: Method, seed: int, epochs: int, fisher_samples: int) -> Outcome:
    """Learn the tasks one after the other."""
    made, net = tasks(seed), network(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    reservoir = Reservoir[Row](method.kept, seed=seed)
    anchor: Anchor | None = None
    told: list[list[float]] = []
    for x_NF, y_N, _, _ in made:
        for _ in range(epochs):
            for part in torch.randperm(len(x_NF)).split(32):
                loss = F.cross_entropy(net(x_NF[part]), y_N[part])
                if anchor is not None and method.pull:
                    loss = loss + method.pull * anchor.penalty(dict(net.named_parameters()))
                if len(reservoir):
                    rows = torch.randint(len(reservoir), (len(part),)).tolist()
                    old_x = torch.stack([reservoir.items[row][0] for row in rows])
                    old_y = torch.tensor([reservoir.items[row][1] for row in rows])
                    loss = (loss + F.cross_entropy(net(old_x), old_y)) / 2
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        if method.pull:
            here = {name: tensor.detach().clone() for name, tensor in net.named_parameters()}
            newest = Anchor(here, importance(net, x_NF, fisher_samples))
            anchor = newest if anchor is None else anchor.moved(newest, decay=1.0)
        if method.kept:
            for x_F, y in zip(x_NF, y_N.tolist(), strict=True):
                reservoir.add((x_F, y))
        told.append([accuracy(net, test_x, test_y) for _, _, test_x, test_y in made])
    fallen = [told[-1][task] - told[task][task] for task in range(TASKS - 1)]
    return Outcome(
        statistics.mean(told[-1]),
        statistics.mean(fallen),
        statistics.mean(told[task][task] for task in range(TASKS)),
    )


def digits(seeds: int, epochs: int = 12, fisher_samples: int = 256) -> dict[str, object]:
    """The table of all methods, as figures."""
    mean: dict[str, float] = {}
    for method in METHODS:
        found = [learn_all(method, seed, epochs, fisher_samples) for seed in range(seeds)]
        mean[method.name] = statistics.mean(each.accuracy for each in found)
        spread = statistics.pstdev([each.accuracy for each in found])
        print(
            f"digits, {method.name:7} ACC {mean[method.name]:.3f} ± {spread:.3f}  "
            f"BWT {statistics.mean(each.backward for each in found):+.3f}  "
            f"LA {statistics.mean(each.learned for each in found):.3f}"
        )
    return {
        "digits_replay": round(mean["replay"], 4),
        "digits_ewc_gain": round(mean["ewc"] - mean["naive"], 4),
        "digits_both": round(mean["both"], 4),
        "digits_naive": round(mean["naive"], 4),
    }


def main() -> None:
    """Print the table, and JSON as the last line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    print(json.dumps(digits(options.seeds, options.epochs)))


if __name__ == "__main__":
    main()
