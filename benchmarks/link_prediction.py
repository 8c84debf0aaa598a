"""Which fact is missing? Nations, Kinships and UMLS, whose files come inside the pykeen wheel.

``python -m benchmarks.link_prediction`` fetches the wheel (730 kB, not installed) or takes one by
``--wheel``. Its own split; filtered; mean rank of ties; both directions. Printed are the floor
(ComplEx-N3), our path attention alone, and ours: the path attention with the floor's entity
embeddings as a second term. The weight of the paths, at least .02, is chosen on the validation
facts; a small one says that the embeddings do most of the work. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model.network.link_scorers import ComplEx, PathAttention, fact_tensor

PUBLISHED = {
    "nations": (("ConvE (its README)", 0.82, 0.72, 1.00),),
    "kinships": (
        ("ConvE (its README)", 0.83, 0.73, 0.98),
        ("MINERVA", 0.720, 0.605, 0.924),
        ("Multi-Hop-RS", 0.878, 0.811, 0.982),
        ("NeuralLP", 0.619, 0.475, 0.912),
    ),
    "umls": (
        ("ConvE (its README)", 0.94, 0.92, 0.99),
        ("MINERVA", 0.825, 0.728, 0.968),
        ("Multi-Hop-RS", 0.940, 0.902, 0.992),
        ("NeuralLP", 0.778, 0.643, 0.962),
    ),
}
"""MRR, Hits@1 and Hits@10 that others report on the same split, quoted and not measured here."""
PARTS = ("train", "valid", "test")
MIXES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
Score = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Recipe:
    """How a set is learned; chosen on its validation facts."""

    epochs: int
    n3: float
    path_steps: int


RECIPES = {
    "nations": Recipe(20, 0.01, 200),
    "kinships": Recipe(20, 0.01, 200),
    "umls": Recipe(30, 0.005, 200),
}


@dataclass(frozen=True)
class LinkSet:
    """Facts (n, 3), each in both directions: relation r + relations is r's inverse."""

    name: str
    nodes: int
    relations: int
    train_F3: Tensor
    valid_F3: Tensor
    test_F3: Tensor

    def known(self) -> Tensor:
        """All facts as a table: node, relation, node."""
        known_NRN = torch.zeros(self.nodes, 2 * self.relations, self.nodes, dtype=torch.bool)
        for facts_F3 in (self.train_F3, self.valid_F3, self.test_F3):
            known_NRN[facts_F3[:, 0], facts_F3[:, 1], facts_F3[:, 2]] = True
        return known_NRN


def fetch_wheel(folder: Path) -> Path | None:
    """The pykeen wheel by pip, or None where it cannot be had."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(folder)]
    subprocess.run([*command, "pykeen==1.11.1"], check=False, capture_output=True)
    return next(iter(folder.glob("pykeen-*.whl")), None)


def read_set(wheel: Path, name: str) -> LinkSet:
    """One of the sets out of the wheel."""
    nodes: dict[str, int] = {}
    relations: dict[str, int] = {}
    parts = []
    with zipfile.ZipFile(wheel) as archive:
        for part in PARTS:
            text = archive.read(f"pykeen/datasets/{name}/{part}.txt").decode("utf-8")
            rows = (line.split("\t") for line in text.splitlines() if line.strip())
            parts.append(
                [
                    (
                        nodes.setdefault(s.strip(), len(nodes)),
                        relations.setdefault(r.strip(), len(relations)),
                        nodes.setdefault(o.strip(), len(nodes)),
                    )
                    for s, r, o in rows
                ]
            )
    train, valid, test = (_both_ways(torch.tensor(part), len(relations)) for part in parts)
    return LinkSet(name, len(nodes), len(relations), train, valid, test)


def _both_ways(facts_F3: Tensor, relations: int) -> Tensor:
    subject_F, relation_F, object_F = facts_F3.T
    return torch.cat([facts_F3, torch.stack([object_F, relation_F + relations, subject_F], dim=1)])


@torch.inference_mode()
def ranking(score: Score, facts_F3: Tensor, known_NRN: Tensor) -> tuple[float, float, float]:
    """MRR, Hits@1 and Hits@10, filtered; of nodes with equal scores the mean rank counts."""
    ranks = []
    for chunk_B3 in facts_F3.split(512):
        subject_B, relation_B, object_B = chunk_B3.T
        scores_BN = score(subject_B, relation_B)
        wanted_B1 = scores_BN.gather(1, object_B[:, None])
        others_BN = ~known_NRN[subject_B, relation_B]
        better_B = ((scores_BN > wanted_B1) & others_BN).sum(dim=1)
        equal_B = ((scores_BN == wanted_B1) & others_BN).sum(dim=1)
        ranks.append(1 + better_B + equal_B / 2)
    ranks_F = torch.cat(ranks)
    return (
        (1 / ranks_F).mean().item(),
        (ranks_F <= 1).double().mean().item(),
        (ranks_F <= 10).double().mean().item(),
    )


def one_set(links: LinkSet, seed: int) -> dict[str, float]:
    """Learn, choose the mix on the validation facts, print the rows of one set."""
    recipe, known_NRN = RECIPES[links.name], links.known()
    started = time.monotonic()
    torch.manual_seed(seed)
    floor = ComplEx(links.nodes, 2 * links.relations)
    floor.learn(links.train_F3, recipe.epochs, recipe.n3)
    floor_s = time.monotonic() - started
    paths = PathAttention(links.nodes, 2 * links.relations)
    paths.learn(links.train_F3, recipe.path_steps)
    facts_RNN = fact_tensor(links.train_F3, links.nodes, 2 * links.relations)

    def by_paths(subject_B: Tensor, relation_B: Tensor) -> Tensor:
        return paths.scores(subject_B, relation_B, facts_RNN).log_softmax(dim=1)

    def mixed(weight: float) -> Score:
        def score(subject_B: Tensor, relation_B: Tensor) -> Tensor:
            near_BN = floor(subject_B, relation_B).log_softmax(dim=1)
            return near_BN + weight * by_paths(subject_B, relation_B)

        return score

    valid = {mix: ranking(mixed(mix), links.valid_F3, known_NRN)[0] for mix in MIXES}
    weight = max(MIXES[1:], key=lambda mix: valid[mix])
    rows = {
        "ComplEx-N3 (floor)": ranking(floor, links.test_F3, known_NRN),
        "path attention alone": ranking(by_paths, links.test_F3, known_NRN),
        f"ours: paths × {weight} + embeddings": ranking(mixed(weight), links.test_F3, known_NRN),
    }
    seconds = time.monotonic() - started
    print(f"\n{links.name}: {links.nodes} nodes, {len(links.train_F3) // 2} facts to learn from")
    print(f"{'':<36}{'MRR':>8}{'H@1':>8}{'H@10':>8}")
    for name, row in [*rows.items(), *((n, tuple(r)) for n, *r in PUBLISHED[links.name])]:
        print(f"{name:<36}" + "".join(f"{value:>8.3f}" for value in row))
    print(f"{seconds:.0f} s, of which the floor {floor_s:.0f} s", flush=True)
    floor_row, alone, ours = rows.values()
    return {
        f"{links.name}_mrr": round(ours[0], 4),
        f"{links.name}_hits_at_1": round(ours[1], 4),
        f"{links.name}_hits_at_10": round(ours[2], 4),
        f"{links.name}_floor_mrr": round(floor_row[0], 4),
        f"{links.name}_paths_alone_mrr": round(alone[0], 4),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows, then the figures as one line of JSON; 1 if the wheel cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--wheel", type=Path, help="a pykeen wheel that is there already")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        wheel = options.wheel or fetch_wheel(Path(folder))
        if wheel is None or not wheel.is_file():
            print(
                "The pykeen wheel cannot be had: pip found 0 files. Connect to the network, or "
                "give the path of a wheel with --wheel.",
                file=sys.stderr,
            )
            return 1
        figures: dict[str, float] = {}
        for name in RECIPES:
            figures |= one_set(read_set(wheel, name), options.seed)
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
