"""What every model is fed, whatever it was made from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["NO_TARGET", "Batch"]

NO_TARGET = -100
"""The target of a step that is past the end of its row; torch's `ignore_index`."""


@dataclass(frozen=True)
class Batch:
    """B sequences of up to T steps, and what is to be said of each.

    Attributes:
        x: `(T, B, C)` float32, or ids: `(T, B)` or `(T, B, F)` int64; the steps after a sequence's own length hold
            zeros.
        target: int64 classes: `(B,)`, one of each sequence, or `(T, B)`, one of each step. Or transcripts: `(S, B)`,
            symbols in their order; `(T, B, 2)` with what is said at each step beside them, where that is known.
        lengths: `(B,)` int64 steps of each sequence, or None when all have T.
        continues: each row goes on where the same row of the batch before ended.

    Example:
        >>> batch = Batch(torch.zeros(28, 32, 28), torch.zeros(32, dtype=torch.int64))
        >>> len(batch), batch.lengths is None
        (32, True)
    """

    x: Tensor
    target: Tensor
    lengths: Tensor | None = None
    continues: bool = False

    def __len__(self) -> int:
        """B, the number of sequences."""
        return self.x.shape[1]

    def of_one_length(self, most: int) -> Batch:
        """Up to so many of its rows that have one length, the commonest, cut to it; on their own, not going on."""
        if self.lengths is None:
            chosen, T = torch.arange(min(most, len(self))), len(self.x)
        else:
            values, counts = self.lengths[self.lengths > 0].unique(return_counts=True)
            T = int(values[counts.argmax()]) if len(values) else 0
            chosen = (self.lengths == T).nonzero().flatten()[:most]
        target = self.target[chosen] if self.target.dim() == 1 else self.target[:T, chosen]
        return Batch(self.x[:T, chosen], target)

    def to(self, device: str) -> Batch:
        """The same on another device; the lengths stay on the CPU, where the layers want them."""
        return Batch(self.x.to(device), self.target.to(device), self.lengths, self.continues)
