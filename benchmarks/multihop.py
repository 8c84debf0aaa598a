"""Does what is learned on two and three hops hold for ten? Kinship and kinds of things.

``python -m benchmarks.multihop`` trains our path algebra and the control (a GRU) on the relations
of the shortest paths of the same 2- and 3-hop items with several seeds, and tests both on 2 to 10
hops; then it asks the shipped student about facts with and without the graph, which
``--only graph_gain`` does alone. The last line is JSON. Among three networks ours was picked by
its accuracy on ten hops, on items of other draws.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.graph_gain import graph_gain
from benchmarks.kinship import KIN, GraphItem, kinship_item
from benchmarks.ontology import RELATIONS, ontology_item
from model.config import TrainConfig
from model.learning.training import fit
from model.network.path_algebra import PathAlgebra, PathReader
from model.paths import SHIPPED_BUNDLE

HOPS = tuple(range(2, 11))
LESSONS = 10_000
Draw = Callable[[random.Random, int], GraphItem]


@dataclass(frozen=True)
class Algebra:
    """A kind of graph question: its name, how an item is drawn, how many relations there are."""

    name: str
    draw: Draw
    relations: int


ALGEBRAS = (
    Algebra("kinship", kinship_item, len(KIN)),
    Algebra("ontology", ontology_item, len(RELATIONS)),
)


@dataclass(frozen=True)
class PathBatch:
    """Relations along shortest paths, padded at their ends."""

    path_BT: Tensor
    lengths_B: Tensor
    answer_B: Tensor
    tokens: int

    def to(self, device: torch.device | str) -> PathBatch:
        moved = (x.to(device) for x in (self.path_BT, self.lengths_B, self.answer_B))
        return PathBatch(*moved, self.tokens)


def shortest_path(item: GraphItem) -> list[int]:
    """The relations along the shortest directed path from source to target."""
    out: dict[int, list[tuple[int, int]]] = {}
    for subject, relation, object_ in item.facts:
        out.setdefault(subject, []).append((relation, object_))
    ways: dict[int, list[int]] = {item.source: []}
    waiting = deque([item.source])
    while item.target not in ways:
        here = waiting.popleft()
        for relation, there in out.get(here, ()):
            if there not in ways:
                ways[there] = [*ways[here], relation]
                waiting.append(there)
    return ways[item.target]


def path_batch(drawn: Sequence[GraphItem]) -> PathBatch:
    """Items as both networks see them."""
    paths = [shortest_path(item) for item in drawn]
    longest = max(map(len, paths))
    path_BT = torch.tensor([path + [0] * (longest - len(path)) for path in paths])
    answers = torch.tensor([item.answer for item in drawn])
    return PathBatch(path_BT, torch.tensor([len(p) for p in paths]), answers, path_BT.numel())


def path_loss(model: nn.Module, batch: PathBatch) -> Tensor:
    """Cross-entropy of the relation between the ends."""
    return -model(batch.path_BT, batch.lengths_B).gather(1, batch.answer_B[:, None]).mean()


def train(model: nn.Module, lessons: Sequence[GraphItem], config: TrainConfig) -> None:
    """Teach one of the two from the same items in the same order."""

    def batches(step: int) -> PathBatch:
        rng = random.Random(f"{config.seed} {step}")
        return path_batch(rng.sample(lessons, config.batch_size))

    fit(model, batches, path_loss, config, lambda _: "go")


@torch.inference_mode()
def right(model: nn.Module, drawn: Sequence[GraphItem]) -> float:
    """Share of right answers."""
    paths = path_batch(drawn)
    found_B = model(paths.path_BT, paths.lengths_B).argmax(dim=1)
    return (found_B == paths.answer_B).double().mean().item()


def one_seed(algebra: Algebra, seed: int, steps: int, tests: int) -> dict[str, list[float]]:
    """Accuracy for each number of hops, of ours and of the control."""
    rng = random.Random(f"{algebra.name} train {seed}")
    lessons = [algebra.draw(rng, rng.choice((2, 3))) for _ in range(LESSONS)]
    rng = random.Random(f"{algebra.name} test {seed}")
    asked = [[algebra.draw(rng, hops) for _ in range(tests)] for hops in HOPS]
    config = TrainConfig(
        steps=steps, batch_size=128, weight_decay=0.0, seed=seed, learning_rate=5e-2
    )
    torch.manual_seed(seed)
    ours = PathAlgebra(algebra.relations)
    train(ours, lessons, config)
    control = PathReader(algebra.relations)
    train(control, lessons, replace(config, learning_rate=2e-3))
    return {
        "ours": [right(ours, drawn) for drawn in asked],
        "control": [right(control, drawn) for drawn in asked],
    }


def hops_table(algebra: Algebra, seeds: int, steps: int, tests: int) -> dict[str, float]:
    """Print accuracy per hop count; mean and standard deviation over the seeds."""
    runs = [one_seed(algebra, seed, steps, tests) for seed in range(seeds)]
    print(f"\n{algebra.name}: learned on 2 and 3 hops, {seeds} seeds, {tests} items a cell")
    print(f"{'hops':<28}" + "".join(f"{hops:>7}" for hops in HOPS))
    figures = {}
    for key, name in (("ours", "path algebra (ours)"), ("control", "shortest path + GRU")):
        cells = list(zip(*(run[key] for run in runs), strict=True))
        means = [statistics.mean(cell) for cell in cells]
        print(f"{name:<28}" + "".join(f"{mean:>7.3f}" for mean in means))
        print(f"{'':<22}± {'':<4}" + "".join(f"{statistics.pstdev(c):>7.3f}" for c in cells))
        label = algebra.name if key == "ours" else f"{algebra.name}_control"
        figures |= {f"{label}_k{k}": round(m, 4) for k, m in zip(HOPS, means, strict=True)}
    return figures


def main() -> None:
    """Print the tables, then the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--tests", type=int, default=500, help="items for each number of hops")
    parser.add_argument("--bundle", type=Path, default=SHIPPED_BUNDLE)
    parser.add_argument("--questions", type=int, default=100, help="of each row, to the student")
    parser.add_argument("--no-student", action="store_true", help="leave the student's rows out")
    parser.add_argument("--only", choices=("graph_gain",), help="this part alone")
    options = parser.parse_args()
    started = time.monotonic()
    figures: dict[str, float | str] = {}
    for algebra in () if options.only else ALGEBRAS:
        figures |= hops_table(algebra, options.seeds, options.steps, options.tests)
    if options.only or not options.no_student:
        figures |= graph_gain(options.bundle, 1, options.questions)
    figures["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
