from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks.film_graph import film_questions, film_world, follow, write_films
from model.errors import BundleIncompatible, BundleNotFound, InputError
from model.learning.graph_paths import best_path
from model.learning.graph_questions import GraphQuestion, GraphTable, parse_question
from model.learning.graph_reasoner import (
    GraphReasoner,
    ReasonerConfig,
    fit_reasoner,
    new_reasoner,
    rank_answers,
    walk_loss,
)
from model.learning.reasoner_folder import load_reasoner, save_reasoner
from model.learning.training import Signal, StepReport
from model.scripts.graph_reasoner import main

# a sings b, b sings c …: “next” follows the edge, “before” goes back, “twice” goes on by two
LABELS = tuple("abcdefgh")
TABLE = GraphTable(
    LABELS,
    ("next", "noise"),
    np.array([[n, 0, n + 1] for n in range(7)] + [[n, 1, (3 * n) % 8] for n in range(8)]),
)
SMALL = ReasonerConfig(max_hops=2, width=16, steps=60, batch_size=16, learning_rate=2e-2)


def _question(text: str, answer: str) -> GraphQuestion:
    found = parse_question(1, f"{text}\t{answer}")
    assert isinstance(found, GraphQuestion)
    return found


def _questions() -> list[GraphQuestion]:
    found = [_question(f"after [{LABELS[n]}]", LABELS[n + 1]) for n in range(7)]
    found += [_question(f"before [{LABELS[n]}]", LABELS[n - 1]) for n in range(1, 8)]
    found += [_question(f"twice after [{LABELS[n]}]", LABELS[n + 2]) for n in range(6)]
    return found


def _go(report: StepReport) -> Signal:
    return "go"


@pytest.fixture(scope="module")
def taught() -> GraphReasoner:
    model = new_reasoner(SMALL, TABLE, _questions())
    fit_reasoner(model, _questions(), _go)
    return model


def test_it_learns_ways_of_one_and_two_hops_that_nobody_told(taught: GraphReasoner) -> None:
    ranked = rank_answers(taught, _questions(), best=1)
    assert [answers[0].label for answers in ranked] == [q.answers[0] for q in _questions()]


def test_an_answer_names_its_edges_as_they_stand_in_the_graph(taught: GraphReasoner) -> None:
    with torch.inference_mode():
        walk = taught(taught.batch([_question("twice after [b]", "d")]), 1000)
        assert best_path(taught, walk, 0, "d") == (("b", "next", "c"), ("c", "next", "d"))
        back = taught(taught.batch([_question("before [b]", "a")]), 1000)
    assert best_path(taught, back, 0, "a") == (("a", "next", "b"),)
    assert best_path(taught, walk, 0, "no such thing") == ()


def test_the_loss_is_minus_the_log_of_the_chance_to_walk_to_an_answer() -> None:
    table = GraphTable(("a", "b", "c"), ("r",), np.array([[0, 0, 1], [0, 0, 2]]))
    question = _question("go [a]", "b")
    model = new_reasoner(replace(SMALL, max_hops=1), table, [question])
    torch.nn.init.zeros_(model.attention.relations.weight)
    torch.nn.init.zeros_(model.attention.relations.bias)
    # attention ½ on r and ½ on its inverse, which leads nowhere; r has two edges
    loss = walk_loss(model, model.batch([question]))
    # ``share`` is a matter of learning only, so the answering walk gives ½ to each of b and c
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-4)
    batch = model.batch([question])
    tried = torch.zeros(1, 1, 2)
    learning = replace(batch, tried_HBR=tried)
    # 0.8 · ½ attention, half of it to b; the length is sure: -ln(0.2)
    assert float(walk_loss(model, learning).detach()) == pytest.approx(1.6094, abs=1e-3)


def test_stopping_and_going_on_is_not_stopping(tmp_path: Path) -> None:
    def curve(stops: tuple[int, ...], folder: Path) -> list[float]:
        losses = []
        for stop in (*stops, 12):
            model = new_reasoner(replace(SMALL, steps=12), TABLE, _questions())

            def on_step(report: StepReport, stop: int = stop) -> Signal:
                losses.append(report.loss)
                return "pause" if report.step == stop else "go"

            fit_reasoner(model, _questions(), on_step, folder / "checkpoint.pt")
        return losses

    assert curve((5,), tmp_path / "a") == pytest.approx(curve((), tmp_path / "b"), abs=1e-6)


def test_a_folder_gives_the_same_answers(taught: GraphReasoner, tmp_path: Path) -> None:
    save_reasoner(taught, tmp_path)
    again = load_reasoner(tmp_path)
    assert rank_answers(again, _questions()) == rank_answers(taught, _questions())


def test_damaged_folders_are_refused_with_a_reason(taught: GraphReasoner, tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound, match=r"no reasoner\.json"):
        load_reasoner(tmp_path)
    save_reasoner(taught, tmp_path)
    weights = tmp_path / "reasoner.safetensors"
    tensors = load_file(weights)
    save_file(tensors | {"graph.triples": torch.tensor([[0, 0, 99]])}, weights)
    with pytest.raises(BundleIncompatible, match="beyond the 8 labels"):
        load_reasoner(tmp_path)
    save_file({"graph.triples": tensors["graph.triples"]}, weights)
    with pytest.raises(BundleIncompatible, match="do not fit"):
        load_reasoner(tmp_path)
    weights.write_bytes(weights.read_bytes()[:40])
    with pytest.raises(BundleIncompatible, match="damaged"):
        load_reasoner(tmp_path)
    settings = tmp_path / "reasoner.json"
    save_file(tensors, weights)
    settings.write_text(json.dumps({"config": {}}), encoding="utf-8")
    with pytest.raises(BundleIncompatible, match="lacks"):
        load_reasoner(tmp_path)


def test_unknown_topics_get_no_answer_and_cannot_be_learned(taught: GraphReasoner) -> None:
    ghost = _question("after [ghost]", "a")
    assert rank_answers(taught, [ghost, _questions()[0]])[0] == []
    with pytest.raises(InputError, match="ghost"):
        taught.batch([ghost])
    with pytest.raises(InputError, match="0 questions"):
        fit_reasoner(taught, [], _go)


def test_topics_are_found_whatever_their_capitals(taught: GraphReasoner) -> None:
    assert taught.node_of("B") == 1


def test_films_follow_a_step_back_to_other_films_only() -> None:
    world = film_world(0, films=60)
    film = world.films[0]
    (director, *_) = world.leads["directed_by", False][film]
    others = follow(world, film, (("directed_by", False), ("directed_by", True)))
    assert film not in others
    assert others >= set(world.leads["directed_by", True][director]) - {film}


def test_topics_of_the_test_are_topics_of_no_lesson() -> None:
    world = film_world(0, films=200)
    taught, tested = (
        {topic for hops in (1, 2, 3) for _, topic, _, _ in film_questions(world, hops, 80, 0, test)}
        for test in (False, True)
    )
    assert taught
    assert tested
    assert not taught & tested


def test_the_commands_teach_report_and_explain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_films(film_world(0, films=150), tmp_path, train=600, test=30, seed=0)
    with open(tmp_path / "train.tsv", "a", encoding="utf-8") as file:
        file.write("no topic\tx\nwho made [no such film]\tx\n")
    fit = ["fit", "--kb", str(tmp_path / "kb.tsv"), "--questions", str(tmp_path / "train.tsv")]
    out = str(tmp_path / "out")
    assert main([*fit, "--out", out, "--steps", "3", "--batch-size", "8"]) == 0
    said = capsys.readouterr()
    assert "train.tsv line 601 names 0 topics" in said.err
    assert "“no such film”" in said.err
    assert json.loads(said.out.splitlines()[-1])["bad_lines"] == 2
    assert not list((tmp_path / "out").glob("checkpoint*"))
    ask = ["answer", "--model", out, "--questions", str(tmp_path / "test-1.tsv")]
    assert main([*ask, "--report"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["questions"] == 30
    assert 0 <= figures["hits_at_1"] <= figures["hits_at_10"] <= 1
    assert main(ask) == 0
    assert "→" in capsys.readouterr().out
    assert main(["fit", "--kb", "none", "--questions", "none", "--out", out]) == 1
    assert "cannot be read" in capsys.readouterr().err
