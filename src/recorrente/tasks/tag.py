"""One class for each step: the tag of each word.

Knows logits and targets; steps past a row's end are no targets.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from recorrente.data.batch import NO_TARGET, Batch
from recorrente.network import Network

__all__ = ["Tag"]


class Tag:
    """Cross-entropy of the tag of each step, mean over the steps that have one.

    Example:
        >>> import torch
        >>> y = torch.zeros(2, 1, 4)  # (T, B, K): no opinion on four tags
        >>> round(float(Tag().loss_of(y, torch.tensor([[3], [NO_TARGET]]))), 4)
        1.3863
    """

    @staticmethod
    def logits(network: Network, batch: Batch) -> Tensor:
        """Y of every step, `(T, B, K)`; past a row's end it means nothing."""
        return network(batch.x, lengths=batch.lengths)[0]

    @staticmethod
    def loss_of(logits: Tensor, target: Tensor) -> Tensor:
        """The mean over the steps that have a target; `logits (T, B, K)`, `target (T, B)`."""
        return functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=NO_TARGET)

    @staticmethod
    def correct(logits: Tensor, target: Tensor) -> Tensor:
        """How many tags are right."""
        return (logits.argmax(-1) == target).sum()

    @staticmethod
    def count(target: Tensor) -> int:
        """How many steps have a target."""
        return int((target != NO_TARGET).sum())
