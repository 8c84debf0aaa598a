"""What the two ends of a way are to each other: relations of relations, with attention over cuts.

Two relations in a row make a third, or nothing that has a name. A way can be cut in many places;
each cut gives a guess with a confidence, and attention goes to the confident ones. So the same
table serves every length, and ambiguous kin such as “grandfather's son” is gone around. Bracketings
by a chart are those of CTP's hops (Minervini et al. 2020, 2007.06477) with relations as states.

Dimensions: B ways, T edges of the longest, K cuts, R relations.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

SHARPNESS = 10.0
"""Of the attention over cuts; their confidences lie between 0 and 1."""


class PathAlgebra(nn.Module):
    """One learned table: relation, relation → relation, or nothing with a name."""

    def __init__(self, relations: int) -> None:
        super().__init__()
        logits_RRS = 0.1 * torch.randn(relations, relations, relations + 1)
        # pairs that no lesson shows stay without a name, and cuts that need them are not trusted
        logits_RRS[..., -1] = 2.0
        self.logits_RRS = nn.Parameter(logits_RRS)
        self.relations = relations

    def forward(self, path_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """Log-probabilities (B, R) of each relation between the ends of padded ways."""
        table_RX = self.logits_RRS.softmax(dim=2)[..., : self.relations].flatten(1)
        edges_BTR = one_hot(path_BT, self.relations).to(table_RX.dtype)
        span = {(place, place + 1): edges_BTR[:, place] for place in range(path_BT.shape[1])}
        found_BR = torch.where((lengths_B == 1)[:, None], span[0, 1], 0.0)
        for length in range(2, path_BT.shape[1] + 1):
            for start in range(path_BT.shape[1] - length + 1):
                end = start + length
                cuts = range(start + 1, end)
                left_BKR = torch.stack([span[start, cut] for cut in cuts], dim=1)
                right_BKR = torch.stack([span[cut, end] for cut in cuts], dim=1)
                span[start, end] = self._joined(left_BKR, right_BKR, table_RX)
            found_BR = torch.where((lengths_B == length)[:, None], span[0, length], found_BR)
        return (found_BR + 1e-6).log()

    def _joined(self, left_BKR: Tensor, right_BKR: Tensor, table_RX: Tensor) -> Tensor:
        """The two sides of every cut put together, weighed by how sure each cut is: (B, R)."""
        shape = (*left_BKR.shape[:2], self.relations, self.relations)
        pairs_BKRS = (left_BKR @ table_RX).view(shape)
        guess_BKS = torch.einsum("bkrs,bkr->bks", pairs_BKRS, right_BKR)
        attention_BK = (SHARPNESS * guess_BKS.sum(dim=2)).softmax(dim=1)
        return torch.einsum("bk,bks->bs", attention_BK, guess_BKS)


class PathReader(nn.Module):
    """The control: a GRU over the relations of the way, and a linear layer."""

    def __init__(self, relations: int, width: int = 64, hidden: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(relations, width)
        self.reader = nn.GRU(width, hidden, batch_first=True)
        self.answer = nn.Linear(hidden, relations)

    def forward(self, path_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """Log-probabilities (B, R) for ways that are padded at their ends."""
        read_BTD, _ = self.reader(self.embedding(path_BT))
        rows = torch.arange(len(path_BT), device=path_BT.device)
        last_BD = read_BTD[rows, lengths_B - 1]
        scores_BR: Tensor = self.answer(last_BD).log_softmax(dim=1)
        return scores_BR
