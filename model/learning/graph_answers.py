"""A trained reasoner's answers out of a workspace's graph, with the facts on the way to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.knowledge.attention_walk import (
    Attention,
    Scores,
    attention_walk,
    strongest_way,
    totals,
)
from model.knowledge.graph_memory import Graph
from model.knowledge.labels import norm_label, storable
from model.learning.graph_paths import Edge
from model.learning.graph_questions import GraphQuestion
from model.learning.graph_reasoner import GraphReasoner


@dataclass(frozen=True)
class FoundAnswer:
    """An answer, its score (0–1), and the strongest way to it, fact by fact."""

    label: str
    score: float
    path: tuple[Edge, ...]


def answers_from(
    graph: Graph,
    model: GraphReasoner,
    questions: Sequence[GraphQuestion],
    best: int = 10,
    together: int = 64,
) -> list[list[FoundAnswer]]:
    """The best answers to every question, best first; none where the graph lacks the topic.

    The reasoner needs to have seen neither the graph nor its nodes: what it learned is which
    relations a question means. Relations are matched by their words; those that it does not know
    are not followed.
    """
    topics = {question.topic: norm_label(storable(question.topic)) for question in questions}
    named = graph.nodes_named(list(topics))
    found: list[list[FoundAnswer]] = [[] for _ in questions]
    known = [n for n, question in enumerate(questions) if topics[question.topic] in named]
    for start in range(0, len(known), together):
        numbers = known[start : start + together]
        asked = [questions[number] for number in numbers]
        nodes = [named[topics[question.topic]] for question in asked]
        for number, answers in zip(
            numbers, _answers(graph, model, asked, nodes, best), strict=True
        ):
            found[number] = answers
    return found


def _answers(
    graph: Graph,
    model: GraphReasoner,
    questions: Sequence[GraphQuestion],
    nodes: Sequence[int],
    best: int,
) -> list[list[FoundAnswer]]:
    attention = attention_over(graph, model, questions)
    config = model.config
    hops = attention_walk(
        graph.index, nodes, attention, least=config.gate, budget=config.answer_budget
    )
    ranked = []
    for row in range(len(questions)):
        scores = totals(hops, attention.hops_BH, row)
        ranked.append(sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:best])
    ways = {
        (row, node): strongest_way(graph.index, hops, attention, row, node)
        for row, answers in enumerate(ranked)
        for node, _ in answers
    }
    facts = graph.words_of(sorted({edge for way in ways.values() for edge in way}))
    labels = graph.labels_of([node for answers in ranked for node, _ in answers])
    return [
        [
            FoundAnswer(labels[node], score, tuple(facts[edge] for edge in ways[row, node]))
            for node, score in answers
        ]
        for row, answers in enumerate(ranked)
    ]


def attention_over(
    graph: Graph, model: GraphReasoner, questions: Sequence[GraphQuestion]
) -> Attention:
    """What the reasoner attends to, in the order of the graph's own relations."""
    asked_HBR, hops_BH = model.attend(questions)
    width = graph.index.num_relations
    gate_HBR: Scores = np.zeros((*asked_HBR.shape[:2], 2 * width))
    for number, name in enumerate(model.table.relations):
        place = graph.relations.get(norm_label(name))
        if place is not None:
            gate_HBR[..., place] += asked_HBR[..., 2 * number]
            gate_HBR[..., width + place] += asked_HBR[..., 2 * number + 1]
    return Attention(gate_HBR, hops_BH)
