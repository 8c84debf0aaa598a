"""A trained reasoner asks the app's own graph; its walk is the one that it learned with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from model.knowledge.attention_walk import (
    Attention,
    attention_walk,
    inverse,
    strongest_way,
    totals,
)
from model.knowledge.graph_index import GraphIndex
from model.knowledge.graph_memory import GraphMemory
from model.knowledge.store import Store
from model.learning.graph_answers import answers_from
from model.learning.graph_questions import GraphQuestion, GraphTable, parse_question
from model.learning.graph_reasoner import (
    GraphReasoner,
    ReasonerConfig,
    fit_reasoner,
    new_reasoner,
    rank_answers,
)
from model.learning.reasoner_folder import save_reasoner
from model.paths import database
from model.records import TripletDraft
from model.scripts.graph_reasoner import main

LABELS = tuple("abcdefgh")
TRIPLES = [(n, 0, n + 1) for n in range(7)] + [(n, 1, (3 * n) % 8) for n in range(8)]
TABLE = GraphTable(LABELS, ("next", "noise"), np.array(TRIPLES))
CONFIG = ReasonerConfig(max_hops=2, width=16, steps=80, batch_size=16, learning_rate=2e-2)


def question(text: str, answer: str = "x") -> GraphQuestion:
    found = parse_question(1, f"{text}\t{answer}")
    assert isinstance(found, GraphQuestion)
    return found


@pytest.fixture(scope="module")
def taught() -> GraphReasoner:
    asked = [question(f"after [{LABELS[n]}]", LABELS[n + 1]) for n in range(7)]
    asked += [question(f"before [{LABELS[n]}]", LABELS[n - 1]) for n in range(1, 8)]
    asked += [question(f"twice after [{LABELS[n]}]", LABELS[n + 2]) for n in range(6)]
    model = new_reasoner(CONFIG, TABLE, asked)
    fit_reasoner(model, asked, lambda report: "go")
    return model.eval()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(database(tmp_path / "ws"))
    yield opened
    opened.close()


def fill(store: Store, names: str = "abcdefgh") -> None:
    """The same relations among other things, in another order, with one that was never seen."""
    drafts = [TripletDraft(f"{names[s]}", ("Next", "noise")[r], names[o]) for s, r, o in TRIPLES]
    store.add_triplet(TripletDraft("zero", "unheard of", names[0]))
    store.add_triplets(list(reversed(drafts)))


def test_walk_by_hand() -> None:
    # 0 -r0-> 1 -r0-> 2, 1 -r1-> 3; the first hop attends to r0 (.8) and r1 (.2), the second to r1
    index = GraphIndex.from_arrays([0, 1, 1], [0, 0, 1], [1, 2, 3], 4, 2)
    gate_HBR = np.array([[[0.8, 0.2, 0.0, 0.0]], [[0.0, 1.0, 0.0, 0.0]]])
    attention = Attention(gate_HBR, np.array([[0.25, 0.75]]))
    hops = attention_walk(index, [0], attention, least=0.01, budget=100)
    assert [each.of(0) for each in hops] == [{0: 1.0}, {1: 1.0}, {3: 1.0}]
    assert totals(hops, attention.hops_BH, 0) == {1: 0.25, 3: 0.75}
    assert strongest_way(index, hops, attention, 0, 3) == (0, 2)
    assert strongest_way(index, hops, attention, 0, 2) == ()


def test_every_question_walks_through_its_own_gate() -> None:
    index = GraphIndex.from_arrays([0, 0], [0, 1], [1, 2], 3, 2)
    index.add(0, 1, 1)  # waits in the overflow
    gate_BR = np.array([[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1.0]])
    edges = index.expand([0, 0, 2], gate_BR, row_F=[0, 1, 2])
    reached = zip(edges.source_E.tolist(), edges.target_E.tolist(), strict=True)
    assert sorted(reached) == [(0, 1), (1, 1), (1, 2), (2, 0)]
    few = index.expand([0, 0], np.array([[1.0, 0.5, 0, 0], [0.5, 1.0, 0, 0]]), 1, row_F=[0, 1])
    assert few.relation_E.tolist() == [0, 1], "the heaviest relation of each question stays"
    assert inverse(gate_BR)[0].tolist() == [0, 0, 1.0, 0]


def test_two_roads_give_the_same_answers(taught: GraphReasoner, store: Store) -> None:
    fill(store)
    asked = [question(f"{how} [{label}]") for label in LABELS for how in ("after", "twice after")]
    asked += [question(f"before [{label}]") for label in LABELS]
    with GraphMemory(store).current() as graph:
        found = answers_from(graph, taught, asked, best=4, together=5)
    learned = rank_answers(taught, asked, best=4)
    for mine, theirs in zip(found, learned, strict=True):
        assert {a.label: pytest.approx(a.score, abs=1e-5) for a in theirs} == {
            a.label: a.score for a in mine
        } or [a.score for a in mine] == pytest.approx([a.score for a in theirs], abs=1e-5)


def test_a_graph_that_was_never_seen_is_asked_with_its_own_names(
    taught: GraphReasoner, store: Store
) -> None:
    fill(store, "ABCDEFGH".translate({65 + n: ord("s") + n for n in range(8)}))
    asked = [question("twice after [S]"), question("before [nobody]")]
    with GraphMemory(store).current() as graph:
        (best, *_), nothing = answers_from(graph, taught, asked)
    assert (best.label, nothing) == ("u", [])
    assert best.path == (("s", "Next", "t"), ("t", "Next", "u"))


def test_a_budget_keeps_what_most_of_the_score_flows_over() -> None:
    index = GraphIndex.from_arrays([0] * 5, [0, 0, 1, 1, 1], [1, 2, 3, 4, 5], 6, 2)
    gate_HBR = np.array([[[0.9, 0.1, 0.0, 0.0]]])
    hops = attention_walk(index, [0], Attention(gate_HBR, np.ones((1, 1))), least=0.0, budget=2)
    assert hops[1].of(0) == {1: 1.0, 2: 1.0}


def test_script_answers_over_a_workspace(
    taught: GraphReasoner, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store)
    save_reasoner(taught, tmp_path / "reasoner")
    (tmp_path / "q.tsv").write_text("after [C]\td\ntwice after [a]\tc\n", encoding="utf-8")
    command = ["answer", "--model", str(tmp_path / "reasoner"), "--questions"]
    command += [str(tmp_path / "q.tsv"), "--workspace"]
    assert main([*command, str(tmp_path / "ws"), "--report"]) == 0
    assert '"hits_at_1": 1.0' in capsys.readouterr().out
    assert main([*command, str(tmp_path / "ws")]) == 0
    assert "a —Next→ b\n        b —Next→ c" in capsys.readouterr().out
    assert main([*command, str(tmp_path)]) == 1
    assert "is no workspace" in capsys.readouterr().err


def test_attention_is_a_share_of_the_relations(taught: GraphReasoner) -> None:
    asked_HBR, hops_BH = taught.attend([question("after [a]"), question("some new words [b]")])
    assert asked_HBR.shape == (2, 2, 4)
    torch.testing.assert_close(asked_HBR.sum(axis=2), np.ones((2, 2)), rtol=0, atol=1e-5)
    torch.testing.assert_close(hops_BH.sum(axis=1), np.ones(2), rtol=0, atol=1e-5)
