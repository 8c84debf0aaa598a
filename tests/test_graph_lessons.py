from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
import torch

from benchmarks.graph_gain import as_lines, exchanged, in_forms
from model.config import TrainConfig
from model.learning.examples import IGNORE, Lesson
from model.learning.graph_lessons import (
    GraphReading,
    add_graph_tokens,
    graph_batch,
    looked_at,
    told,
    way_to,
    words_loss,
)
from model.learning.training import fit
from model.microworld.oracle import Example
from model.model import ImageTokenReasoningLLM
from model.network.graph_tokens import SubgraphBatch
from tests.small import make_student

FACTS = (("Ann", "friend", "Ben"), ("egg", "owner", "Ann"), ("leaf", "dry", "dry leaf"))
THOUGHT = "this is an egg. egg | owner | Ann. Ann | friend | Ben."
QUESTION = "Who is the friend of the owner of the egg?"


@pytest.fixture
def student() -> ImageTokenReasoningLLM:
    found = make_student(seed=3, layers=1)
    torch.manual_seed(0)
    add_graph_tokens(found, 8)
    return found


def test_the_way_to_an_answer_is_read_from_its_thought() -> None:
    assert way_to(THOUGHT, FACTS) == (FACTS[1], FACTS[0])
    assert way_to("egg | paint | ?.", FACTS) == ()


def test_a_lesson_tells_what_is_found_for_its_question() -> None:
    found = told(Lesson(QUESTION, "The friend of the owner is Ben."), FACTS, (), THOUGHT)
    assert found is not None
    assert found.lesson.facts == ("egg | owner | Ann", "Ann | friend | Ben")
    assert [(f.weight, f.hop) for f in found.lesson.graph] == [(1.0, 1), (0.85, 2)]
    assert told(Lesson("How are you?", "Well."), FACTS, (), "") is None


def test_each_token_is_to_look_at_its_part(student: ImageTokenReasoningLLM) -> None:
    spell = student.tokenizer.encode
    wanted = looked_at(student.tokenizer, (("egg", "heat", "fried egg"),), 8)
    fried = spell(" fried egg")
    assert wanted[0] == sorted(set(spell(" egg")))
    assert wanted[1] == sorted(set(spell(" heat")))
    assert wanted[2] == fried[:1]
    assert wanted[3] == sorted(set(fried[1:]))
    assert wanted[4:] == [[]] * 4


def test_what_is_looked_at_costs_by_hand() -> None:
    graphs = SubgraphBatch(
        torch.tensor(
            [[[[7, 8, -1, -1, -1, -1], [9, -1, -1, -1, -1, -1], [7, -1, -1, -1, -1, -1]]]]
        ),
        torch.ones(1, 1),
        torch.ones(1, 1, dtype=torch.long),
        torch.tensor([[5]]),
    )
    attention = torch.zeros(1, 2, 18)
    attention[0, :, 0], attention[0, :, 1], attention[0, :, 12] = 0.25, 0.5, 0.25
    words = torch.tensor([[[7, IGNORE], [IGNORE, IGNORE]]])
    # token 7 stands in two parts, with a quarter each; nothing is said about the second graph token
    assert words_loss(attention, graphs, words).item() == pytest.approx(math.log(2))


def test_a_step_is_a_function_of_its_number(student: ImageTokenReasoningLLM) -> None:
    one, again, other = (graph_batch(step, 3, student) for step in (5, 5, 6))
    assert torch.equal(one.lessons.ids_BS, again.lessons.ids_BS)
    assert torch.equal(one.words_NKW, again.words_NKW)
    assert not torch.equal(one.graphs.question_BQ, other.graphs.question_BQ)
    slots = student.tokenizer.id("<|graph|>")
    assert (one.lessons.ids_BS == slots).sum(1).tolist() == [8, 8, 8]
    assert ((one.lessons.labels_BS != IGNORE).sum(1) > 0).all()


def test_only_graph_tokens_learn_and_the_loss_falls(student: ImageTokenReasoningLLM) -> None:
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    config = TrainConfig(steps=25, batch_size=4, learning_rate=2e-2, weight_decay=0.0)
    batch = graph_batch(0, 4, student)
    losses: list[float] = []
    fit(
        GraphReading(student),
        lambda _: batch,
        lambda model, given: model(given),
        config,
        lambda report: (losses.append(report.loss), "go")[1],  # type: ignore[func-returns-value]
        on_cpu=True,
    )
    assert losses[-1] < losses[0] - 0.2
    changed = {n for n, tensor in student.state_dict().items() if not tensor.equal(before[n])}
    assert changed
    assert all(name.startswith("graph_tokens.") for name in changed)


def test_the_ablation_shows_the_same_question_in_every_form() -> None:
    lesson = Lesson(QUESTION, "The friend of the owner is Ben.", facts=as_lines(FACTS))
    drawn = Example(QUESTION, lesson.answer, facts=FACTS, kind="everyday-hop")
    mixed = exchanged(drawn, random.Random(1))
    assert sorted(fact[2] for fact in mixed) == ["Ann", "Ben", "dry leaf"]
    forms = in_forms(lesson, drawn, mixed, tokens=True)
    assert {name: (len(each.facts), len(each.graph)) for name, each in forms.items()} == {
        "none": (0, 0),
        "all lines": (3, 0),
        "shuffled lines": (3, 0),
        "text": (2, 0),
        "tokens": (0, 2),
        "both": (2, 2),
        "shuffled": (len(forms["shuffled"].graph),) * 2,
    }
    assert all(
        replace(each, facts=(), graph=()) == replace(lesson, facts=()) for each in forms.values()
    )
