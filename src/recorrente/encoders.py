"""What stands between what is read and a recurrence: embeddings, convolutions. And the head that shares weights.

Knows ids and pixels, not what they stand for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Embedding", "PictureEncoder", "TiedHead"]


SMALL = 8
"""Pixels of the shorter side from which a picture is halved once more."""


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


class PictureEncoder(nn.Module):
    """A vector for the picture of each step: halved by convolutions until it is small, then a linear layer.

        x <- relu(norm(max over 2 x 2 of conv_3x3(x))),  twice the maps each time;  e = relu(W x + b)

    Maps are normalised in four groups (Wu and He, arXiv 1803.08494), each picture by itself: steps past the end of a
    row of a batch change nothing for the others, as they would with batch normalisation.

    Args:
        colours: C of a picture.
        size: height and width.
        width: E, the length of the vectors.
        maps: of the first convolution.
        dropout: probability of a zero before the linear layer, in training.

    Example:
        >>> PictureEncoder(2, (20, 32), 64)(torch.zeros(7, 3, 2, 20, 32)).shape  # (T, B, C, H, W) -> (T, B, E)
        torch.Size([7, 3, 64])
    """

    def __init__(
        self, colours: int, size: tuple[int, int], width: int, *, maps: int = 16, dropout: float = 0.0
    ) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        height, across = size
        while min(height, across) >= SMALL:
            parts += (nn.Conv2d(colours, maps, 3, padding=1), nn.MaxPool2d(2), nn.GroupNorm(4, maps), nn.ReLU())
            colours, maps, height, across = maps, 2 * maps, height // 2, across // 2
        flat = nn.Linear(colours * height * across, width)
        layers = nn.Sequential(*parts, nn.Flatten(), nn.Dropout(dropout), flat, nn.ReLU())
        # Halved before the norm, and with the maps innermost, forward and backward take half the time on a CPU.
        self.layers = layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> Tensor:
        """From `(T, B, C, H, W)` to `(T, B, E)`."""
        vectors: Tensor = self.layers(x.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        return vectors.unflatten(0, x.shape[:2])
