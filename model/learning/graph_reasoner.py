"""A reasoner for any graph: learns from questions and answers which relations to follow.

It never learns a name: the topic is found in the graph, and everything else about an answer comes
from the edges. So it answers about things that no training question named.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from model.config import TrainConfig
from model.errors import InputError
from model.knobs import check_limits, knob
from model.learning.graph_questions import GraphQuestion, GraphTable
from model.learning.training import FitResult, StepReport, fit
from model.network.graph_attention import Frontier, GraphAttention, TypedEdges, Walk, WalkLimits
from model.records import Signal

log = logging.getLogger(__name__)
PAD, UNKNOWN = 0, 1
_FIRST_WORD = 2
TRIED = 0.25
"""Share of the relations that a question tries in a hop while learning."""


@dataclass(frozen=True)
class ReasonerConfig:
    """Shape of the reasoner and how it learns."""

    max_hops: int = knob(3, "longest way from topic to answer", min=1, max=10, unit="hops")
    width: int = knob(64, "width of words and states", min=8, max=1024)
    budget: int = knob(1000, "edges a question follows in a hop while learning", min=1)
    answer_budget: int = knob(100_000, "edges a question follows in a hop when answering", min=1)
    gate: float = knob(0.01, "least attention that is followed, of the best", min=0.0, max=1.0)
    steps: int = knob(1000, "optimiser steps", min=1, max=1_000_000, unit="steps")
    batch_size: int = knob(64, "questions in a step", min=1, max=4096, unit="questions")
    learning_rate: float = knob(3e-3, "peak learning rate", min=1e-6, max=1e-1)
    unknown_share: float = knob(0.03, "words hidden while learning", min=0.0, max=0.9)
    seed: int = knob(0, "same seed, same run", min=0, max=2**31 - 1)

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass(frozen=True)
class QuestionBatch:
    """Questions as numbers; ``answer_keys`` are row × nodes + node, sorted, of the right answers.

    ``tried_HBR`` says which relations learning looks at whatever the question says.
    """

    words_BT: Tensor
    lengths_B: Tensor
    topic_B: Tensor
    answer_keys: Tensor
    tokens: int
    tried_HBR: Tensor | None = None

    def to(self, device: torch.device | str) -> QuestionBatch:
        """The same batch on another device; lengths stay, as packing wants them."""
        return QuestionBatch(
            self.words_BT.to(device),
            self.lengths_B,
            self.topic_B.to(device),
            self.answer_keys.to(device),
            self.tokens,
            None if self.tried_HBR is None else self.tried_HBR.to(device),
        )


@dataclass(frozen=True)
class RankedAnswer:
    """An answer and its score, 0–1."""

    label: str
    score: float


class GraphReasoner(nn.Module):
    """Question words → tied hops over typed edges → scored nodes."""

    def __init__(self, config: ReasonerConfig, table: GraphTable, words: Sequence[str]) -> None:
        super().__init__()
        self.config, self.table = config, table
        self.words = tuple(words)
        self._word_ids = {word: number for number, word in enumerate(self.words, _FIRST_WORD)}
        self._nodes = {label: number for number, label in enumerate(table.labels)}
        self._folded = {label.casefold(): number for label, number in self._nodes.items()}
        columns = [torch.from_numpy(np.ascontiguousarray(c)) for c in table.triples_E3.T]
        source_E, relation_E, target_E = columns
        self.edges = TypedEdges(
            source_E, relation_E, target_E, len(table.labels), len(table.relations)
        )
        self.embedding = nn.Embedding(_FIRST_WORD + len(words), config.width, padding_idx=PAD)
        self.reader = nn.GRU(config.width, config.width // 2, batch_first=True, bidirectional=True)
        self.attention = GraphAttention(config.width, self.edges.relations, config.max_hops)

    def node_of(self, label: str) -> int | None:
        """The node with a label, capital letters aside if need be; None if there is none."""
        found = self._nodes.get(label)
        return self._folded.get(label.casefold()) if found is None else found

    def batch(
        self, questions: Sequence[GraphQuestion], rng: np.random.Generator | None = None
    ) -> QuestionBatch:
        """Questions as numbers; for learning, with ``rng``: some words hidden, relations tried.

        Raises: InputError if a topic is not in the graph.
        """
        words_BT, lengths = self._numbers(questions)
        tried_HBR = None
        if rng is not None:
            shape = (self.config.max_hops, len(lengths), self.edges.relations)
            tried_HBR = torch.from_numpy(rng.random(shape, np.float32) < TRIED).float()
            hidden = rng.random(words_BT.shape) < self.config.unknown_share
            words_BT[hidden & (words_BT != PAD)] = UNKNOWN
        topics, keys = [], []
        for row, question in enumerate(questions):
            topic = self.node_of(question.topic)
            if topic is None:
                raise InputError(
                    f"Line {question.row} asks about “{question.topic}”, which no triple names."
                )
            topics.append(topic)
            found = {self.node_of(answer) for answer in question.answers}
            known = sorted(node for node in found if node is not None)
            keys += [row * self.edges.nodes + node for node in known]
        return QuestionBatch(
            torch.from_numpy(words_BT),
            torch.tensor(lengths),
            torch.tensor(topics),
            torch.tensor(keys, dtype=torch.int64),
            sum(lengths),
            tried_HBR,
        )

    def _numbers(self, questions: Sequence[GraphQuestion]) -> tuple[NDArray[np.int64], list[int]]:
        rows = [[self._word_ids.get(word, UNKNOWN) for word in q.words] for q in questions]
        lengths = [len(row) for row in rows]
        padded = [row + [PAD] * (max(lengths) - len(row)) for row in rows]
        return np.array(padded, np.int64), lengths

    def _read(self, words_BT: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        packed = pack_padded_sequence(
            self.embedding(words_BT), lengths_B, batch_first=True, enforce_sorted=False
        )
        read, last_2BD = self.reader(packed)
        words_BTD, _ = pad_packed_sequence(read, batch_first=True)
        return words_BTD, words_BT != PAD, last_2BD.transpose(0, 1).flatten(1)

    @torch.inference_mode()
    def attend(
        self, questions: Sequence[GraphQuestion]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What questions attend to, whatever graph is walked; their topics need not be known.

        Shapes: hops × questions × relations (2r, and 2r + 1 for its inverse), and how likely each
        number of hops is: questions × hops.
        """
        words_BT, lengths = self._numbers(questions)
        words = self._read(torch.from_numpy(words_BT), torch.tensor(lengths))
        asked_HBR = torch.stack(self.attention.relation_attention(*words))
        hops_BH = self.attention.length(words[2]).softmax(dim=1)
        return asked_HBR.double().numpy(), hops_BH.double().numpy()

    def forward(self, batch: QuestionBatch, budget: int) -> Walk:
        """Follow a batch of questions through the graph."""
        return self.attention(  # type: ignore[no-any-return]
            *self._read(batch.words_BT, batch.lengths_B),
            batch.topic_B,
            self.edges,
            WalkLimits(budget, self.config.gate),
            batch.tried_HBR,
        )


def walk_loss(model: nn.Module, batch: QuestionBatch) -> Tensor:
    """Minus the logarithm of the chance that a walk from the topic ends at a right answer.

    Neither the way nor its length is told: the chance is summed over both. In nats, averaged over
    the questions.
    """
    plain: GraphReasoner = model.module if hasattr(model, "module") else model  # type: ignore[assignment]
    walk = model(batch, plain.config.budget)
    chance_B = torch.zeros_like(batch.topic_B, dtype=torch.float32)
    for hop, frontier in enumerate(walk.frontiers):
        right_F = frontier.score_F * _among(batch.answer_keys, frontier, plain.edges.nodes)
        right_B = torch.zeros_like(chance_B).index_add(0, frontier.row_F, right_F)
        chance_B = chance_B + walk.hops_BH[:, hop] * right_B
    return -(chance_B + 1e-6).log().mean()


def _among(keys: Tensor, frontier: Frontier, nodes: int) -> Tensor:
    """1 for frontier nodes that are right answers of their row, else 0. ``keys`` are sorted."""
    if not len(keys):
        return torch.zeros_like(frontier.score_F)
    wanted_F = frontier.row_F * nodes + frontier.node_F
    place_F = torch.searchsorted(keys, wanted_F).clamp(max=len(keys) - 1)
    return (keys[place_F] == wanted_F).float()


def new_reasoner(
    config: ReasonerConfig, table: GraphTable, questions: Sequence[GraphQuestion]
) -> GraphReasoner:
    """An untrained reasoner that knows the words of the questions; same seed, same weights."""
    counts = Counter(word for question in questions for word in question.words)
    torch.manual_seed(config.seed)
    return GraphReasoner(config, table, sorted(counts))


def fit_reasoner(
    model: GraphReasoner,
    questions: Sequence[GraphQuestion],
    on_step: Callable[[StepReport], Signal],
    checkpoint: Path | None = None,
) -> FitResult:
    """Teach a reasoner from questions whose topics its graph has; it resumes from its checkpoint.

    Raises: InputError if there are no questions, or a topic is not in the graph.
    """
    if not questions:
        raise InputError("There are 0 questions to learn from that the graph can answer.")
    config = model.config
    train = TrainConfig(
        steps=config.steps,
        batch_size=min(config.batch_size, 512),
        learning_rate=config.learning_rate,
        final_rate=0.05,
        weight_decay=0.0,
        seed=config.seed,
    )

    per_pass = -(-len(questions) // config.batch_size)

    @lru_cache(maxsize=1)
    def order_of(number: int) -> NDArray[np.int64]:
        return np.random.default_rng((config.seed, 1, number)).permutation(len(questions))

    def batches(step: int) -> QuestionBatch:
        rng = np.random.default_rng((config.seed, 0, step))
        order = order_of(step // per_pass)
        start = step % per_pass * config.batch_size
        chosen = [questions[number] for number in order[start : start + config.batch_size]]
        return model.batch(chosen, rng)

    return fit(model, batches, walk_loss, train, on_step, checkpoint)


@torch.inference_mode()
def rank_answers(
    model: GraphReasoner, questions: Sequence[GraphQuestion], best: int = 10, together: int = 64
) -> list[list[RankedAnswer]]:
    """The best answers to every question, best first; none where the topic is not in the graph."""
    model.eval()
    ranked: list[list[RankedAnswer]] = [[] for _ in questions]
    known = [n for n, question in enumerate(questions) if model.node_of(question.topic) is not None]
    for start in range(0, len(known), together):
        numbers = known[start : start + together]
        walk = model(model.batch([questions[n] for n in numbers]), model.config.answer_budget)
        for number, found in zip(numbers, _best(model, walk, len(numbers), best), strict=True):
            ranked[number] = found
    return ranked


def _best(model: GraphReasoner, walk: Walk, rows: int, best: int) -> list[list[RankedAnswer]]:
    """Each row's highest scores, summed over the hops by how likely each length is."""
    nodes = model.edges.nodes
    keys = torch.cat([f.row_F * nodes + f.node_F for f in walk.frontiers])
    scores = torch.cat(
        [f.score_F * walk.hops_BH[f.row_F, hop] for hop, f in enumerate(walk.frontiers)]
    )
    keys_K, place = torch.unique(keys, return_inverse=True)
    total_K = torch.zeros(len(keys_K)).index_add(0, place, scores)
    keys_K, total_K = keys_K[total_K > 0], total_K[total_K > 0]
    order = torch.argsort(total_K, descending=True, stable=True)
    order = order[torch.argsort(keys_K[order] // nodes, stable=True)]
    row_K = keys_K[order] // nodes
    starts = torch.searchsorted(row_K, torch.arange(rows + 1)).tolist()
    found = []
    for first, end in pairwise(starts):
        picked = order[first : min(end, first + best)]
        found.append(
            [
                RankedAnswer(model.table.labels[node], score)
                for node, score in zip(
                    (keys_K[picked] % nodes).tolist(), total_K[picked].tolist(), strict=True
                )
            ]
        )
    return found
