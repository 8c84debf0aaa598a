"""What the student can say about pictures without words: are they familiar, what will come of them.

``result`` turns the decoder's state at ``<|result|>`` into the embedding of the outcome's picture,
so that “what will happen?” can be answered with the nearest known one.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class PictureHeads(nn.Module):
    """Two small heads beside the decoder and the vision tower."""

    def __init__(self, decoder_width: int, embedding_size: int) -> None:
        super().__init__()
        self.result_proj = nn.Linear(decoder_width, embedding_size, bias=False)
        self.familiar_proj = nn.Linear(embedding_size, 1)

    def result(self, hidden_ND: Tensor) -> Tensor:
        """The unit embedding of the picture that is imagined. Returns (N, E)."""
        return F.normalize(self.result_proj(hidden_ND), dim=-1)

    def familiarity(self, embedding_NE: Tensor) -> Tensor:
        """Scores of having seen the like, positive for familiar pictures. Returns (N)."""
        return self.familiar_proj(embedding_NE).squeeze(-1)  # type: ignore[no-any-return]
