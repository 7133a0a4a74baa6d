"""What a probe asks for: a number or a class, at the end or at each step.

Knows logits and targets; which of the four it is shows in the target's shape and type.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from recorrente.data.batch import Batch
from recorrente.network import Network

__all__ = ["Answer"]

CLOSE = 0.04
"""A number that is off by less is right (S. Hochreiter and J. Schmidhuber, 1997)."""


class Answer:
    """Cross-entropy of classes, squared error of numbers, each the mean over rows and the steps that are asked.

    Example:
        >>> import torch
        >>> y = torch.zeros(3, 2, 4)  # (T, B, K): no opinion on four classes
        >>> round(float(Answer().loss_of(y, torch.zeros(3, 2, dtype=torch.int64))), 4)
        1.3863
        >>> float(Answer().loss_of(torch.zeros(1, 2, 1), torch.tensor([0.5, -0.5])))
        0.25
    """

    @staticmethod
    def logits(network: Network, batch: Batch) -> Tensor:
        """Y of the steps that are asked for: `(1, B, K)` for a target `(B,)`, `(T, B, K)` for one of each step."""
        return network.last(batch.x).unsqueeze(0) if batch.target.dim() == 1 else network(batch.x)[0]

    @staticmethod
    def loss_of(logits: Tensor, target: Tensor) -> Tensor:
        """The mean; `logits (1 or T, B, K)`, `target (B,)` or `(T, B)`."""
        if target.is_floating_point():
            return functional.mse_loss(logits[..., 0], target.view(logits.shape[:2]))
        return functional.cross_entropy(logits.flatten(0, 1), target.flatten())

    @staticmethod
    def said(logits: Tensor) -> Tensor:
        """The answers, `(1 or T, B)`: numbers where there is one output, else the likeliest classes."""
        return logits[..., 0] if logits.shape[-1] == 1 else logits.argmax(-1)

    @classmethod
    def correct(cls, logits: Tensor, target: Tensor) -> Tensor:
        """How many are right: the class, or the number but for 0.04."""
        difference = cls.said(logits) - target.view(logits.shape[:2])
        return (difference.abs() < CLOSE).sum()

    @staticmethod
    def count(target: Tensor) -> int:
        """How many are asked for."""
        return target.numel()
