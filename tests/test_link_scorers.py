from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks.link_prediction import main, ranking, read_set
from model.network.link_scorers import ComplEx, PathAttention, fact_tensor

# a ring: relation 0 goes on, 1 is its inverse
RING = torch.tensor(
    [[n, 0, (n + 1) % 5] for n in range(5)] + [[(n + 1) % 5, 1, n] for n in range(5)]
)


def test_a_head_walks_where_its_attention_goes() -> None:
    paths = PathAttention(nodes=5, relations=2, heads=1, hops=2)
    with torch.no_grad():
        paths.attention_RKHS.fill_(-50.0)
        paths.attention_RKHS[0, 0, :, 0] = 50.0
        scores = paths.scores(torch.tensor([1]), torch.tensor([0]), fact_tensor(RING, 5, 2))
    assert scores[0].argmax() == 3, "two hops on from 1"
    # ln(1 / 0.0001) times 0.3 · ln 2; everything else stays at 0
    assert float(scores[0, 3]) == pytest.approx(9.2104 * 0.20794, abs=1e-3)
    assert scores[0].count_nonzero() == 1


def test_complex_scores_are_the_real_part_of_the_product() -> None:
    torch.manual_seed(0)
    scorer = ComplEx(nodes=3, relations=2, width=4)
    nodes, relations = (
        torch.complex(*x.unbind(1)) for x in (scorer.nodes_N2D, scorer.relations_R2D)
    )
    found = scorer(torch.tensor([1]), torch.tensor([1]))[0]
    expected = torch.stack(
        [(nodes[1] * relations[1] * nodes[o].conj()).sum().real for o in range(3)]
    )
    torch.testing.assert_close(found, expected)


def test_both_learn_a_ring() -> None:
    torch.manual_seed(0)
    subject, relation, object_ = RING.T
    scorer = ComplEx(5, 2, width=8)
    scorer.learn(RING, epochs=60, n3=0.0)
    assert (scorer(subject, relation).argmax(dim=1) == object_).all()
    paths = PathAttention(5, 2, heads=4, hops=2)
    paths.learn(RING, steps=60)
    scores = paths.scores(subject, relation, fact_tensor(RING, 5, 2))
    assert scores.shape == (10, 5)
    assert torch.isfinite(scores).all()


def test_ranks_are_filtered_and_equal_scores_share_their_mean_rank() -> None:
    known = torch.zeros(4, 1, 4, dtype=torch.bool)
    known[0, 0, 1] = known[0, 0, 2] = True

    def constant(subject: Tensor, relation: Tensor) -> Tensor:
        return torch.zeros(len(subject), 4)

    def best_first(subject: Tensor, relation: Tensor) -> Tensor:
        return torch.tensor([[0.0, 3.0, 2.0, 1.0]]).expand(len(subject), -1)

    facts = torch.tensor([[0, 0, 2]])
    # nodes 0 and 3 tie with the right one, node 1 is another right answer: rank (1 + 2 + 3) / 3
    assert ranking(constant, facts, known) == (0.5, 0.0, 1.0)
    assert ranking(best_first, facts, known) == (1.0, 1.0, 1.0)


def test_sets_are_read_out_of_a_wheel_in_both_directions(tmp_path: Path) -> None:
    wheel = tmp_path / "pykeen-0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for part in ("train", "valid", "test"):
            archive.writestr(f"pykeen/datasets/nations/{part}.txt", "a\tlikes\tb\n")
    links = read_set(wheel, "nations")
    assert (links.nodes, links.relations) == (2, 1)
    assert links.test_F3.tolist() == [[0, 0, 1], [1, 1, 0]]


def test_a_wheel_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--wheel", str(tmp_path / "none.whl")]) == 1
    assert "cannot be had" in capsys.readouterr().err
