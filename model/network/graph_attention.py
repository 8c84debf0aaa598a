"""Multi-hop attention over the typed edges of a graph, steered by the words of a question.

Every hop is the same: a state attends over the words, the words it picked become attention over
relations, and the scores of the nodes flow along the edges of the attended relations. This is
the propagation of TransferNet (Shi et al. 2021, 2104.07302) on a sparse frontier; keeping only the
best neighbours is the priority of A*Net (Zhu et al. 2022, 2206.04798).

Dimensions: B questions, T words, D width, R directed relations, F frontier nodes, G groups of
edges that share source and relation, E edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


class TypedEdges(nn.Module):
    """A graph's edges by source and relation, each also as its inverse, ready to be expanded.

    Relation ``r`` becomes ``2r``, its inverse ``2r + 1``. Edges of one source and one relation lie
    together as a group, groups of one source lie together, too. The tensors move with the module
    but are not part of its weights.
    """

    node_starts: Tensor
    group_relation_G: Tensor
    group_starts: Tensor
    target_E: Tensor

    def __init__(
        self, source_E: Tensor, relation_E: Tensor, target_E: Tensor, nodes: int, relations: int
    ) -> None:
        """Sort triples (int64, E each) into groups; one that is there twice is kept once."""
        super().__init__()
        self.nodes, self.relations = nodes, 2 * relations
        source = torch.cat([source_E, target_E])
        relation = torch.cat([2 * relation_E, 2 * relation_E + 1])
        target = torch.cat([target_E, source_E])
        keys = torch.unique((source * self.relations + relation) * nodes + target)
        group_key, sizes_G = torch.unique_consecutive(keys // nodes, return_counts=True)
        degrees_N = torch.bincount(group_key // self.relations, minlength=nodes)
        for name, values in (
            ("node_starts", _starts(degrees_N)),
            ("group_relation_G", group_key % self.relations),
            ("group_starts", _starts(sizes_G)),
            ("target_E", keys % nodes),
        ):
            self.register_buffer(name, values, persistent=False)


EXPLORE = 0.2
"""Share of the attention that learning spends on what it would not choose."""


@dataclass(frozen=True)
class Frontier:
    """The nodes that the questions have reached: row (question), node and score (0–1), by row."""

    row_F: Tensor
    node_F: Tensor
    score_F: Tensor

    @classmethod
    def at(cls, topic_B: Tensor) -> Frontier:
        """Every question at its topic, with score 1."""
        rows = torch.arange(len(topic_B), device=topic_B.device)
        return cls(rows, topic_B, torch.ones_like(topic_B, dtype=torch.float32))


@dataclass(frozen=True)
class WalkLimits:
    """How much of the graph a question may touch in a hop.

    Relations whose attention is below ``gate`` times the question's best are not followed;
    ``budget`` is about how many edges are, those of the groups with the highest scores.
    """

    budget: int
    gate: float


@dataclass(frozen=True)
class Walk:
    """What one pass over the graph did: a frontier and attention (B, R) for each hop.

    ``hops_BH`` is how likely the answer lies after each number of hops from ``topic_B``.
    """

    topic_B: Tensor
    frontiers: tuple[Frontier, ...]
    attention_BR: tuple[Tensor, ...]
    hops_BH: Tensor


def expand(
    edges: TypedEdges, frontier: Frontier, attention_BR: Tensor, limits: WalkLimits, share: bool
) -> Frontier:
    """Let the scores flow one hop along the attended relations.

    To ``share`` is to walk at random: a score is divided among the edges of a relation, and what is
    attended where no edge is gets lost; scores stay probabilities. Else every edge carries all of
    it, and a node that several edges reach gets their sum, at most 1.
    """
    group_P, owner_P = _ranges(edges.node_starts, frontier.node_F)
    row_P = frontier.row_F[owner_P]
    relation_P = edges.group_relation_G[group_P]
    least_B1 = limits.gate * attention_BR.max(dim=1, keepdim=True).values
    open_BR = (attention_BR >= least_B1) & (attention_BR > 0)
    kept = open_BR[row_P, relation_P].nonzero()[:, 0]
    group_P, owner_P, row_P, relation_P = (x[kept] for x in (group_P, owner_P, row_P, relation_P))
    flow_P = frontier.score_F[owner_P] * attention_BR[row_P, relation_P]
    sizes_P = edges.group_starts[group_P + 1] - edges.group_starts[group_P]
    chosen = _within_budget(row_P, flow_P.detach(), sizes_P, limits.budget)
    if chosen is not None:
        group_P, row_P, flow_P = group_P[chosen], row_P[chosen], flow_P[chosen]
    if share:
        flow_P = flow_P / (edges.group_starts[group_P + 1] - edges.group_starts[group_P])
    edge_E, from_E = _ranges(edges.group_starts, group_P)
    keys_F, place_E = torch.unique(
        row_P[from_E] * edges.nodes + edges.target_E[edge_E], return_inverse=True
    )
    sum_F = flow_P.new_zeros(len(keys_F)).index_add(0, place_E, flow_P[from_E])
    score_F = sum_F if share else sum_F.clamp(max=1.0)
    return Frontier(keys_F // edges.nodes, keys_F % edges.nodes, score_F)


def without_returns(
    reached: Frontier, two_before: Frontier, returning_B: Tensor, nodes: int
) -> Frontier:
    """Take out the nodes that were left two hops ago, where a hop undoes the one before it.

    “Who directed films with the director of X” must not answer X. ``returning_B`` is how likely the
    two hops' relations are each other's inverse. This is TransferNet's mask, with a soft edge.
    """
    score_F = two_before.score_F.detach()
    sure = score_F > 0.5 * _best(two_before, len(returning_B))[two_before.row_F]
    left = two_before.row_F[sure] * nodes + two_before.node_F[sure]
    if not len(left) or not len(reached.row_F):
        return reached
    keys_F = reached.row_F * nodes + reached.node_F
    place_F = torch.searchsorted(left, keys_F).clamp(max=len(left) - 1)
    again_F = (left[place_F] == keys_F).float()
    score_F = reached.score_F * (1 - again_F * returning_B[reached.row_F])
    return Frontier(reached.row_F, reached.node_F, score_F)


class GraphAttention(nn.Module):
    """Tied hops: words → relations → nodes, until the question has been followed to its end."""

    def __init__(self, width: int, relations: int, max_hops: int) -> None:
        super().__init__()
        self.max_hops = max_hops
        self.start = nn.Parameter(torch.zeros(width))
        self.state = nn.GRUCell(width, width)
        self.query = nn.Linear(2 * width, width)
        self.relations = nn.Linear(width, relations)
        self.length = nn.Linear(width, max_hops)

    def relation_attention(
        self, words_BTD: Tensor, known_BT: Tensor, sentence_BD: Tensor
    ) -> list[Tensor]:
        """What each hop attends to: one (B, R) for each hop, every row sums to 1."""
        state_BD = self.start.expand(len(words_BTD), -1)
        found = []
        for _ in range(self.max_hops):
            query_BD = self.query(torch.cat([state_BD, sentence_BD], dim=1))
            match_BT = torch.einsum("bd,btd->bt", query_BD, words_BTD) / query_BD.shape[1] ** 0.5
            match_BT = match_BT.masked_fill(~known_BT, float("-inf"))
            context_BD = torch.einsum("bt,btd->bd", match_BT.softmax(dim=1), words_BTD)
            state_BD = self.state(context_BD, state_BD)
            found.append(self.relations(state_BD).softmax(dim=1))
        return found

    def forward(
        self,
        words_BTD: Tensor,
        known_BT: Tensor,
        sentence_BD: Tensor,
        topic_B: Tensor,
        edges: TypedEdges,
        limits: WalkLimits,
        tried_HBR: Tensor | None = None,
    ) -> Walk:
        """Follow a batch of questions from their topics. ``known_BT`` tells words from padding.

        While learning, ``EXPLORE`` of each hop's attention goes to the relations that are 1 in
        ``tried_HBR``, and as much of the length's to all lengths: what is given up for good would
        get no gradient any more.
        """
        attention = self.relation_attention(words_BTD, known_BT, sentence_BD)
        hops_BH = self.length(sentence_BD).softmax(dim=1)
        if tried_HBR is not None:
            share = EXPLORE / edges.relations
            attention = [
                (1 - EXPLORE) * now_BR + share * tried_BR
                for now_BR, tried_BR in zip(attention, tried_HBR, strict=True)
            ]
            hops_BH = (1 - EXPLORE) * hops_BH + EXPLORE / self.max_hops
        learning = tried_HBR is not None
        frontiers = [Frontier.at(topic_B)]
        for hop, now_BR in enumerate(attention):
            reached = expand(edges, frontiers[-1], now_BR, limits, share=learning)
            if hop:
                returning_B = (attention[hop - 1] * inverse_attention(now_BR)).sum(dim=1)
                reached = without_returns(reached, frontiers[-2], returning_B, edges.nodes)
            frontiers.append(reached if learning else _rescaled(reached, len(topic_B)))
        return Walk(topic_B, tuple(frontiers[1:]), tuple(attention), hops_BH)


def inverse_attention(attention_BR: Tensor) -> Tensor:
    """The attention that would walk back: columns 2r and 2r + 1 change places."""
    return attention_BR.view(len(attention_BR), -1, 2).flip(2).flatten(1)


def _rescaled(frontier: Frontier, rows: int) -> Frontier:
    """Every question's best node at 1, so that later hops do not fade."""
    best_F = _best(frontier, rows)[frontier.row_F]
    return Frontier(frontier.row_F, frontier.node_F, frontier.score_F / best_F.clamp(min=1e-12))


def _best(frontier: Frontier, rows: int) -> Tensor:
    """The highest score of every row (B)."""
    return frontier.score_F.new_zeros(rows).scatter_reduce(
        0, frontier.row_F, frontier.score_F.detach(), "amax", include_self=True
    )


def _starts(counts: Tensor) -> Tensor:
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def _ranges(starts: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
    """All numbers from ``starts[w]`` to ``starts[w + 1]`` for each ``w``, and whose they are."""
    first = starts[which]
    counts = starts[which + 1] - first
    owner = torch.repeat_interleave(torch.arange(len(which), device=which.device), counts)
    before = counts.cumsum(0) - counts
    return torch.arange(len(owner), device=which.device) + (first - before)[owner], owner


def _within_budget(row_P: Tensor, flow_P: Tensor, sizes_P: Tensor, budget: int) -> Tensor | None:
    """The groups to follow, best first until a row's edges are used up; None for all of them.

    Among equal scores small groups come first: a hub tells the least about where to go.
    """
    if not len(row_P):
        return None
    rows = int(row_P[-1]) + 1
    used_B = sizes_P.new_zeros(rows).index_add(0, row_P, sizes_P)
    if int(used_B.max()) <= budget:
        return None
    merit_P = flow_P.double() / sizes_P.double().pow(0.25)
    order = torch.argsort(merit_P, descending=True, stable=True)
    order = order[torch.argsort(row_P[order], stable=True)]
    total = sizes_P[order].cumsum(0)
    begun_B = _starts(used_B)[:-1]
    spent = total - sizes_P[order] - begun_B[row_P[order]]
    return order[spent < budget].sort().values
