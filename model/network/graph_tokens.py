"""Facts of the graph as a few vectors that the decoder reads in front of the facts' lines.

A small cross-attention looks at every word of every fact. What it attends to are the decoder's own
word embeddings, so nothing new has to be learned to read the result: a graph token is a mixture of
words. The queries are learned, and bent by the question; which words of the question stand in a
fact, how heavily retrieval weighs it and how many hops away it lies are seen by the keys.

He et al. 2024, G-Retriever (arXiv 2402.07630): tokens beside the facts in words, not instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from model.network.text_tokenizer import GRAPH, TextTokenizer

LONGEST_PART = 6
"""Tokens of a subject, relation or object that are looked at."""
MOST_HOPS = 4
PARTS = 3
_NO_TOKEN = -1


class WeighedFact(Protocol):
    """A fact in words as retrieval found it."""

    @property
    def subject(self) -> str:
        """Where the step begins."""
        ...

    @property
    def relation(self) -> str:
        """What is done, or how the two belong together."""
        ...

    @property
    def object(self) -> str:
        """Where the step ends."""
        ...

    @property
    def weight(self) -> float:
        """How much the question leans on it (0–1)."""
        ...

    @property
    def hop(self) -> int:
        """How many steps away from what the question names it lies, from 1."""
        ...


@dataclass(frozen=True)
class Subgraph:
    """Facts and the question that they were found for, as token ids.

    ``facts`` holds subject, relation and object of each, ``weights`` lie between 0 and 1, ``hops``
    count from 1. ``slot`` is the token that keeps the place of a graph token in a prompt.
    """

    facts: tuple[tuple[tuple[int, ...], ...], ...]
    weights: tuple[float, ...]
    hops: tuple[int, ...]
    question: tuple[int, ...]
    slot: int


def subgraph(
    tokenizer: TextTokenizer, question: str, facts: Sequence[WeighedFact]
) -> Subgraph | None:
    """Facts with their question as ids; None if there are no facts."""
    if not facts:
        return None

    def ids(text: str) -> tuple[int, ...]:
        return tuple(tokenizer.encode(f" {text}"))  # as the words stand inside of a sentence

    return Subgraph(
        tuple((ids(f.subject), ids(f.relation), ids(f.object)) for f in facts),
        tuple(fact.weight for fact in facts),
        tuple(fact.hop for fact in facts),
        ids(question),
        tokenizer.id(GRAPH),
    )


@dataclass(frozen=True)
class SubgraphBatch:
    """Subgraphs padded to one size: F facts of P parts of T tokens, Q tokens of a question."""

    ids_BFPT: Tensor
    weight_BF: Tensor
    hop_BF: Tensor
    question_BQ: Tensor

    def to(self, device: torch.device) -> SubgraphBatch:
        """The same batch on another device."""
        moved = (self.ids_BFPT, self.weight_BF, self.hop_BF, self.question_BQ)
        return SubgraphBatch(*(each.to(device) for each in moved))


def pad_subgraphs(subgraphs: Sequence[Subgraph]) -> SubgraphBatch:
    """Subgraphs as one batch; words beyond ``LONGEST_PART`` are left out."""
    most = max(len(each.facts) for each in subgraphs)
    longest = max(max(len(each.question) for each in subgraphs), 1)
    count = len(subgraphs)
    ids_BFPT = torch.full((count, most, PARTS, LONGEST_PART), _NO_TOKEN)
    weight_BF, hop_BF = torch.zeros(count, most), torch.ones(count, most, dtype=torch.long)
    question_BQ = torch.full((count, longest), _NO_TOKEN)
    for row, each in enumerate(subgraphs):
        question_BQ[row, : len(each.question)] = torch.tensor(each.question, dtype=torch.long)
        weight_BF[row, : len(each.facts)] = torch.tensor(each.weights)
        hop_BF[row, : len(each.facts)] = torch.tensor(each.hops).clamp(1, MOST_HOPS)
        for place, fact in enumerate(each.facts):
            for part, ids in enumerate(fact):
                kept = torch.tensor(ids[:LONGEST_PART], dtype=torch.long)
                ids_BFPT[row, place, part, : len(kept)] = kept
    return SubgraphBatch(ids_BFPT, weight_BF, hop_BF, question_BQ)


def rms(vector_XD: Tensor) -> Tensor:
    """Root mean square of each vector. Returns (..., 1)."""
    return vector_XD.square().mean(dim=-1, keepdim=True).clamp(min=1e-12).sqrt()


def _embedded(words: nn.Embedding, ids_X: Tensor) -> Tensor:
    """The embedding of each token, zeros where there is none. Returns (..., D)."""
    embedded_XD: Tensor = words(ids_X.clamp(min=0))
    return embedded_XD * (ids_X != _NO_TOKEN)[..., None]


class GraphTokens(nn.Module):
    """Turns subgraphs into ``count`` vectors of the decoder's width, as loud as its words."""

    def __init__(self, width: int, count: int, rank: int = 32) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(count, rank) * 0.3)
        self.bend = nn.Parameter(torch.ones(count, rank))
        self.question_proj = nn.Linear(width, rank, bias=False)
        self.word_proj = nn.Linear(width, rank, bias=False)
        self.fact_proj = nn.Linear(PARTS * width, rank, bias=False)
        self.part = nn.Parameter(torch.randn(PARTS, rank) * 0.3)
        self.place = nn.Parameter(torch.randn(LONGEST_PART, rank) * 0.3)
        self.hop = nn.Parameter(torch.randn(MOST_HOPS, rank) * 0.3)
        self.weight_scale = nn.Parameter(torch.full((count,), 1.0))
        self.match_scale = nn.Parameter(torch.ones(count, PARTS))

    def forward(self, words: nn.Embedding, given: SubgraphBatch) -> Tensor:
        """The graph tokens of each subgraph; ``words`` embeds the decoder's tokens.

        Returns (B, K, D).
        """
        return self.mixture(words, given, self.attention(words, given))

    def mixture(self, words: nn.Embedding, given: SubgraphBatch, attention_BKX: Tensor) -> Tensor:
        """The words that are attended to, mixed and as loud as they are. Returns (B, K, D)."""
        word_BXD = _embedded(words, given.ids_BFPT).flatten(1, 3)
        mixed_BKD = attention_BKX @ word_BXD
        return mixed_BKD / rms(mixed_BKD) * (attention_BKX @ rms(word_BXD))

    def attention(self, words: nn.Embedding, given: SubgraphBatch) -> Tensor:
        """How much each graph token looks at each word of the facts, 1 in all.

        Returns (B, K, X), X being the words of all parts of all facts.
        """
        known_BX = (given.ids_BFPT != _NO_TOKEN).flatten(1)
        score_BKX = self._scores(words, given).flatten(2)
        return score_BKX.masked_fill(~known_BX[:, None], -torch.inf).softmax(-1)

    def _scores(self, words: nn.Embedding, given: SubgraphBatch) -> Tensor:
        """How much each query looks at each word of each fact. Returns (B, K, F, P, T)."""
        known_BFPT = given.ids_BFPT != _NO_TOKEN
        word_BFPTD = _embedded(words, given.ids_BFPT)
        unit_BFPTD = word_BFPTD / rms(word_BFPTD)
        fact_BFPD = unit_BFPTD.sum(3) / known_BFPT.sum(3).clamp(min=1)[..., None]
        key_BFPTR = (
            self.word_proj(unit_BFPTD)
            + self.fact_proj(fact_BFPD.flatten(2))[:, :, None, None]
            + self.part[:, None]
            + self.place
            + self.hop[given.hop_BF - 1][:, :, None, None]
        )
        asked_BQ = given.question_BQ != _NO_TOKEN
        asked_BQD = _embedded(words, given.question_BQ)
        question_BD = (asked_BQD / rms(asked_BQD)).sum(1) / asked_BQ.sum(1).clamp(min=1)[:, None]
        query_BKR = self.query + self.bend * self.question_proj(question_BD)[:, None]
        score_BKFPT = torch.einsum("bkr,bfptr->bkfpt", query_BKR, key_BFPTR)
        weight_BF = given.weight_BF.clamp(min=1e-3).log()
        score_BKFPT = (
            score_BKFPT + (self.weight_scale[:, None] * weight_BF[:, None])[..., None, None]
        )
        same_BFPTQ = given.ids_BFPT[..., None] == given.question_BQ[:, None, None, None]
        shared_BFPT = (same_BFPTQ & known_BFPT[..., None]).any(-1)
        match_BFP = shared_BFPT.sum(3) / known_BFPT.sum(3).clamp(min=1)
        matched_BKF = torch.einsum("kp,bfp->bkf", self.match_scale, match_BFP)
        return score_BKFPT + matched_BKF[..., None, None]
