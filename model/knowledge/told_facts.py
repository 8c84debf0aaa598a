"""Facts that are told with a question, weighed as retrieval weighs those of the stored graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.config import RetrievalConfig
from model.knowledge.graph_index import GraphIndex
from model.knowledge.graph_walk import walk
from model.knowledge.question_words import phrases, words
from model.knowledge.relation_gate import RelationGate

FactWords = tuple[str, str, str]


@dataclass(frozen=True)
class ToldFact:
    """A fact in words, how much a question leans on it (0–1), and how many hops away it lies."""

    subject: str
    relation: str
    object: str
    weight: float
    hop: int

    @property
    def line(self) -> str:
        """The fact as the student reads it."""
        return f"{self.subject} | {self.relation} | {self.object}"


def told_facts(
    question: str,
    facts: Sequence[FactWords],
    picture_labels: Sequence[str] = (),
    config: RetrievalConfig | None = None,
) -> list[ToldFact]:
    """Those of some facts that a question leans on, heaviest first, as ``retrieve`` finds them.

    Only labels that are named count, no similar ones: what is told is meant.
    """
    config = config or RetrievalConfig()
    facts = list(dict.fromkeys(facts))
    nodes: dict[str, int] = {}
    relations: dict[str, int] = {}
    for subject, relation, object_ in facts:
        for label in (subject, object_):
            nodes.setdefault(label.lower(), len(nodes))
        relations.setdefault(relation, len(relations))
    wanted = [label.lower() for label in (*picture_labels, *phrases(question))]
    seeds = {nodes[label]: 1.0 for label in wanted if label in nodes}
    if not seeds:
        return []
    index = GraphIndex.from_arrays(
        [nodes[subject.lower()] for subject, _, _ in facts],
        [relations[relation] for _, relation, _ in facts],
        [nodes[object_.lower()] for _, _, object_ in facts],
        len(nodes),
        len(relations),
    )
    gate_R = RelationGate(relations).weights(words(question))
    found = walk(index, dict(sorted(seeds.items())), gate_R, config)[: config.facts]
    return [ToldFact(*facts[each.edge], round(each.weight, 3), each.hop) for each in found]
