"""One class for a whole sequence: which steps are read, what the loss is, what is scored.

Knows logits and targets. It asks the network for them and knows neither cells nor where the data comes from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn import functional

from recorrente.data.batch import Batch
from recorrente.errors import InputError
from recorrente.network import Network

__all__ = ["Classify"]

STEPS = ("last", "every")
LOSSES = ("cross_entropy", "half_square")


@dataclass(frozen=True)
class Classify:
    """Softmax classification at the last step, or at every step summed over T.

        cross_entropy   l_t = -sum_k q_k log softmax(y_t)_k
        half_square     l_t = 1/2 sum_k (softmax(y_t)_k - q_k)^2
        q_k = (1 - s) [k = target] + s / K, s the label smoothing, else 0
        L = l_T for steps="last";  L = sum over t of l_t for steps="every"

    The loss of a batch is the mean of L over its sequences. What is predicted is the softmax at the last step, which
    has seen the whole sequence.

    Args:
        steps: `last` or `every`.
        loss: `cross_entropy` or `half_square`.
        label_smoothing: s, the share of a target that is spread over all K classes, so that few examples do not make
            the network sure of itself; as in `torch.nn.CrossEntropyLoss`.

    Raises:
        InputError: another word for either, or a share out of [0, 1).

    Example:
        >>> import torch
        >>> y = torch.zeros(3, 1, 2)  # (T, B, K): three steps of no opinion
        >>> Classify("every", "half_square").loss_of(y, torch.tensor([0]))
        tensor(0.7500)
    """

    steps: str = "last"
    loss: str = "cross_entropy"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        for name, value, wanted in (("steps", self.steps, STEPS), ("loss", self.loss, LOSSES)):
            if value not in wanted:
                raise InputError(name, came=repr(value), wanted=f"one of {', '.join(wanted)}")
        share = self.label_smoothing
        if not 0 <= share < 1:
            raise InputError("label_smoothing", came=share, wanted="a share of 0 or more and less than 1")

    @property
    def unsmoothed(self) -> Classify:
        """The same with the targets as they are: what a trained network is scored by."""
        return replace(self, label_smoothing=0.0)

    def logits(self, network: Network, batch: Batch) -> Tensor:
        """Y of the steps that count: `(1, B, K)` for the last, `(T, B, K)` for every one.

        Raises:
            InputError: every step, of sequences that are not all of one length.
        """
        if self.steps == "last":
            return network.last(batch.x, lengths=batch.lengths).unsqueeze(0)
        if batch.lengths is not None:
            raise InputError("steps", came="'every' with sequences of unequal lengths", wanted="last")
        y, _ = network(batch.x)
        return y

    def loss_of(self, logits: Tensor, target: Tensor) -> Tensor:
        """L, the mean over the batch; `logits (T, B, K)`, `target (B,)`."""
        steps, rows, classes = logits.shape
        targets = target.expand(steps, rows).reshape(-1)
        flat = logits.reshape(-1, classes)
        s = self.label_smoothing
        if self.loss == "cross_entropy":
            return functional.cross_entropy(flat, targets, reduction="sum", label_smoothing=s) / rows
        wanted = functional.one_hot(targets, classes).to(flat.dtype) * (1 - s) + s / classes
        difference = flat.softmax(-1) - wanted
        return 0.5 * difference.square().sum() / rows

    @staticmethod
    def probabilities(logits: Tensor) -> Tensor:
        """What is predicted: the softmax at the last step, `(B, K)`."""
        return logits[-1].softmax(-1)

    @staticmethod
    def correct(logits: Tensor, target: Tensor) -> Tensor:
        """How many of the batch are right, a tensor of one number."""
        return (logits[-1].argmax(-1) == target).sum()

    @staticmethod
    def count(target: Tensor) -> int:
        """How many are classified: B."""
        return len(target)
