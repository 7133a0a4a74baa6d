"""What stands between what is read and a recurrence: embeddings, convolutions, segments. And heads that belong to them.

Knows ids, pixels and columns, not what they stand for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Ahead", "Embedding", "PictureEncoder", "Segments", "TiedHead"]


HEARD = 0.2
"""The share of the gradient from the outer quantiles that teaches the recurrence."""
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


class Segments(nn.Module):
    """A vector for each segment of w steps: those of a window that is read, then those of the horizon after it.

        e_i = relu(W x_i + u level + b)              of the C1 columns of the w steps of a segment that is read
        e_j = relu(V (k_j, level) + c) + p_j + s     of the F foreknown columns of a segment to come

    with a vector p for each segment to come and one s for each series. So a recurrence goes over a long window in few
    steps, and on through the horizon, where it reads what is known of it. Source: SegRNN, Lin et al., arXiv 2308.11200;
    there the segments to come are decoded side by side from one state, here one after the other, so that each also
    knows what is foreknown of those before it.

    A step's columns are: C1 that are read, the last F of them foreknown; the level, which is the same at all steps; the
    number of the series.

    Args:
        read, foreknown: C1 and F.
        context, horizon, segment: steps that are read, steps to come, and w; the context holds whole segments.
        series: how many different ones there are.
        width: E, the length of the vectors.
        absolute: whether the level is told; else it is as if it were 0.
        dropout: probability of a zero in what comes out, in training.

    Example:
        >>> Segments(3, 1, context=12, horizon=5, segment=3, series=2, width=8)(torch.zeros(17, 6, 5)).shape
        torch.Size([6, 6, 8])
    """

    def __init__(
        self,
        read: int,
        foreknown: int,
        *,
        context: int,
        horizon: int,
        segment: int,
        series: int,
        width: int,
        absolute: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.context, self.segment, self.foreknown, self.dropout = context, segment, foreknown, dropout
        self.absolute = float(absolute)
        self.missing = -horizon % segment  # steps that the last segment lacks
        self.past = nn.Linear(segment * read, width)
        self.level = nn.Linear(1, width, bias=False)
        self.future = nn.Linear(segment * foreknown + 1, width)
        self.position = nn.Parameter(torch.randn(-(-horizon // segment), 1, width) * 0.1)
        self.series = nn.Embedding(series, width)
        nn.init.normal_(self.series.weight, std=0.1)

    def forward(self, x: Tensor) -> Tensor:
        """From `(context + horizon, B, C1 + 2)` to `(segments, B, E)`."""
        level, number = self.absolute * x[0, :, -2:-1], x[0, :, -1].long()
        past, future = x[: self.context, :, :-2], x[self.context :, :, x.shape[2] - 2 - self.foreknown : -2]
        future = self._cut(functional.pad(future, (0, 0, 0, 0, 0, self.missing)))
        read = torch.relu(self.past(self._cut(past)) + self.level(level))
        known = torch.cat([future, level.expand(len(future), -1, -1)], dim=-1)
        to_come = torch.relu(self.future(known)) + self.position + self.series(number)
        return functional.dropout(torch.cat([read, to_come]), self.dropout, self.training)

    def _cut(self, columns: Tensor) -> Tensor:
        """The w steps of each segment side by side: `(T, B, C)` to `(T / w, B, w * C)`."""
        return columns.unflatten(0, (-1, self.segment)).transpose(1, 2).flatten(2)


class Ahead(nn.Module):
    """From h of the last segments to Q quantiles of each of the steps to come, the median in their middle.

        m = W h + b,    f_q = m + V_q h + c_q

    It is the median above all that teaches what h is: of the gradient from the other quantiles a fifth goes on into h,
    and none into m. With all of it the forecast is worse, with none the interval (`docs/decisions/0014`).

    Attributes:
        widening: `(Q // 2,)`, how far each pair of quantiles is to move away from the median, the outermost first; kept
            with the weights. It is zero until `kinds.outcome.calibrate` sets it, and what is told here is without it.

    Args:
        inputs: of the head, H.
        horizon, segment: steps to come, and how many of them each h tells.
        quantiles: Q, odd.
        dropout: probability of a zero in h, in training.

    Example:
        >>> Ahead(8, 5, 3, 3)(torch.zeros(6, 2, 8)).shape  # (segments, B, H) -> (horizon, B, Q)
        torch.Size([5, 2, 3])
    """

    widening: Tensor

    def __init__(self, inputs: int, horizon: int, segment: int, quantiles: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("widening", torch.zeros(quantiles // 2))
        self.horizon, self.segments, self.dropout = horizon, -(-horizon // segment), dropout
        self.median = nn.Linear(inputs, segment)
        self.others = nn.ModuleList(nn.Linear(inputs, segment) for _ in range(quantiles - 1))

    def forward(self, h: Tensor) -> Tensor:
        """From `(segments, B, H)` to `(horizon, B, Q)`."""
        last = functional.dropout(h[-self.segments :], self.dropout, self.training)
        median = self.median(last)
        seen = last.detach() + HEARD * (last - last.detach())
        others = [median.detach() + other(seen) for other in self.others]
        half = len(others) // 2
        told = torch.stack([*others[:half], median, *others[half:]], dim=-1)  # (segments, B, w, Q)
        return told.transpose(1, 2).flatten(0, 1)[: self.horizon]
