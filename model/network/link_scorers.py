"""Which node a relation leads to: by attention over ways through the graph, and by embeddings.

Path attention is small enough for all nodes at once: each head walks a few hops, every hop attends
to the relations as the asked one says (NeuralLP, Yang et al. 2017, 1702.08367). ComplEx with the N3
norm (Lacroix et al. 2018, 1806.07297) sees no ways at all and is the floor to compare with.

Dimensions: F facts, B questions, N nodes, K heads, R relations with their inverses (r, r + R / 2),
S relations and the identity, H hops.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, softplus

FAINT = 1e-4
"""Score of a node that no way leads to; its logarithm is the zero of the features."""


def fact_tensor(facts_F3: Tensor, nodes: int, relations: int) -> Tensor:
    """Facts as one matrix for each relation, and the identity as the last: (R + 1, N, N)."""
    matrix = torch.zeros(relations + 1, nodes, nodes)
    matrix[facts_F3[:, 1], facts_F3[:, 0], facts_F3[:, 2]] = 1.0
    matrix[relations] = torch.eye(nodes)
    return matrix


class ComplEx(nn.Module):
    """Scores by the product of complex embeddings of subject, relation and object."""

    def __init__(self, nodes: int, relations: int, width: int = 100) -> None:
        super().__init__()
        self.nodes_N2D = nn.Parameter(0.1 * torch.randn(nodes, 2, width))
        self.relations_R2D = nn.Parameter(0.1 * torch.randn(relations, 2, width))

    def forward(self, subject_B: Tensor, relation_B: Tensor) -> Tensor:
        """Scores of all nodes, (B, N)."""
        real_BD, imaginary_BD = self.nodes_N2D[subject_B].unbind(1)
        a_BD, b_BD = self.relations_R2D[relation_B].unbind(1)
        query_B2D = torch.stack(
            [real_BD * a_BD - imaginary_BD * b_BD, real_BD * b_BD + imaginary_BD * a_BD], dim=1
        )
        return query_B2D.flatten(1) @ self.nodes_N2D.flatten(1).T

    def learn(self, facts_F3: Tensor, epochs: int, n3: float, rate: float = 0.1) -> None:
        """Learn from facts in both directions; ``n3`` weighs the norm."""
        optimizer = torch.optim.Adagrad(self.parameters(), lr=rate)
        for _ in range(epochs):
            order_F = torch.randperm(len(facts_F3))
            for first in range(0, len(order_F), 128):
                chosen = order_F[first : first + 128]
                subject_B, relation_B, object_B = facts_F3[chosen].T
                loss = cross_entropy(self(subject_B, relation_B), object_B)
                for part in (
                    self.nodes_N2D[subject_B],
                    self.relations_R2D[relation_B],
                    self.nodes_N2D[object_B],
                ):
                    loss = loss + n3 * part.norm(dim=1).pow(3).sum() / len(chosen)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()


class PathAttention(nn.Module):
    """Heads that walk the graph; what they reach is weighed for each asked relation."""

    def __init__(self, nodes: int, relations: int, heads: int = 16, hops: int = 3) -> None:
        super().__init__()
        self.nodes, self.relations, self.hops = nodes, relations, hops
        self.attention_RKHS = nn.Parameter(0.5 * torch.randn(relations, heads, hops, relations + 1))
        self.weight_RK = nn.Parameter(torch.zeros(relations, heads))
        self.common_RN = nn.Parameter(torch.zeros(relations, nodes))

    def forward(self, relation: int, subject_B: Tensor, flow_SNN: Tensor) -> Tensor:
        """Scores of all nodes (B, N) for one asked relation, over the graph's ``flow_SNN``."""
        attention_KHS = self.attention_RKHS[relation].softmax(dim=2)
        start_BN = one_hot(subject_B, self.nodes).to(flow_SNN.dtype)
        reached_KBN = start_BN.expand(len(attention_KHS), -1, -1)
        for hop in range(self.hops):
            step_KX = attention_KHS[:, hop] @ flow_SNN.flatten(1)
            step_KNN = step_KX.view(-1, self.nodes, self.nodes)
            reached_KBN = reached_KBN @ step_KNN
        features_KBN = (reached_KBN + FAINT).log() - math.log(FAINT)
        weight_K = 0.3 * softplus(self.weight_RK[relation])
        scores_BN: Tensor = torch.einsum("kbn,k->bn", features_KBN, weight_K)
        return scores_BN + self.common_RN[relation]

    def scores(self, subject_B: Tensor, relation_B: Tensor, facts_SNN: Tensor) -> Tensor:
        """Scores of all nodes, (B, N), for questions of several relations."""
        flow_SNN, scores_BN = _flow(facts_SNN), torch.zeros(len(subject_B), self.nodes)
        for relation in sorted(set(relation_B.tolist())):
            asked_B = relation_B == relation
            scores_BN[asked_B] = self(relation, subject_B[asked_B], flow_SNN)
        return scores_BN

    def learn(self, facts_F3: Tensor, steps: int, rate: float = 0.02, hidden: float = 0.3) -> None:
        """Learn from facts in both directions.

        The ``hidden`` share of a relation's facts is asked while it is out of the graph, together
        with its inverses, so that no fact is its own way.
        """
        facts_SNN = fact_tensor(facts_F3, self.nodes, self.relations)
        optimizer = torch.optim.Adam(self.parameters(), lr=rate)
        there = torch.tensor(sorted(set(facts_F3[:, 1].tolist())))
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = rate * max(0.05, 1 - step / steps)
            losses, asked = [], 0
            for relation in there[torch.randint(len(there), (8,))].tolist():
                own_F3 = facts_F3[facts_F3[:, 1] == relation]
                chosen = torch.rand(len(own_F3)) < hidden
                subject_B, _, object_B = own_F3[chosen if chosen.any() else ~chosen].T
                left_SNN = facts_SNN.clone()
                left_SNN[relation, subject_B, object_B] = 0.0
                inverse = (relation + self.relations // 2) % self.relations
                left_SNN[inverse, object_B, subject_B] = 0.0
                others_BN = facts_SNN[relation, subject_B].bool()
                others_BN[torch.arange(len(object_B)), object_B] = False
                scores_BN = self(relation, subject_B, _flow(left_SNN))
                scores_BN = scores_BN.masked_fill(others_BN, -1e9)
                losses.append(cross_entropy(scores_BN, object_B, reduction="sum"))
                asked += len(object_B)
            optimizer.zero_grad()
            loss = torch.stack(losses).sum() / asked
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()


def _flow(facts_SNN: Tensor) -> Tensor:
    """Facts with the large families of edges dampened, so that hubs do not drown the rest."""
    return facts_SNN / facts_SNN.sum(dim=2, keepdim=True).clamp(min=1).sqrt()
