"""What stands between ids and a recurrence: embeddings. And the head that shares their weights.

Knows ids, not what they stand for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Embedding", "TiedHead"]


class Embedding(nn.Module):
    """A vector for each id; where a step has F ids, their sum.

    Args:
        sizes: how many ids each of the F features has.
        width: E, the length of the vectors.
        dropout: probability of a zero in what comes out, in training.

    Example:
        >>> Embedding((10, 5), 4)(torch.zeros(7, 2, 2, dtype=torch.int64)).shape  # (T, B, F) -> (T, B, E)
        torch.Size([7, 2, 4])
    """

    first: Tensor

    def __init__(self, sizes: Sequence[int], width: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(sum(sizes), width) / len(sizes) ** 0.5)
        self.dropout = dropout
        starts = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.register_buffer("first", starts, persistent=False)  # (F,): where each feature's rows begin

    def forward(self, x: Tensor) -> Tensor:
        """From `(T, B)` or `(T, B, F)` ids to `(T, B, E)`."""
        rows = functional.embedding(x if x.dim() == 2 else x + self.first, self.weight)
        return functional.dropout(rows if x.dim() == 2 else rows.sum(2), self.dropout, self.training)


class TiedHead(nn.Module):
    """From h to a score for each id, by the embedding's own vectors: y = E (W h) + b.

    Source: Press and Wolf, arXiv 1608.05859; with a projection W, as H need not be the embedding's width.
    """

    def __init__(self, hidden: int, embedding: Embedding) -> None:
        super().__init__()
        self.weight = embedding.weight
        self.projection = nn.Linear(hidden, embedding.weight.shape[1], bias=False)
        self.bias = nn.Parameter(torch.zeros(len(embedding.weight)))
        nn.init.normal_(embedding.weight, std=0.1)  # as inputs they may be of any scale, as outputs not of 1

    def forward(self, h: Tensor) -> Tensor:
        """From `(..., H)` to `(..., K)`."""
        return functional.linear(self.projection(h), self.weight, self.bias)
