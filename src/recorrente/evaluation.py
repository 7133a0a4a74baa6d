"""A trained network on data it has not seen: predictions, scores, and what is to be looked at.

Knows probabilities and targets. Scores are scikit-learn's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recorrente.credit.flow import gradient_flow
from recorrente.data.batch import Batch
from recorrente.network import Network
from recorrente.tasks.classify import Classify
from recorrente.training import Task

__all__ = [
    "Predictions",
    "StepByStep",
    "foretold",
    "gradient_norms",
    "loss_of_states",
    "predict",
    "scores",
    "step_by_step",
]


@dataclass(frozen=True)
class Predictions:
    """What a classifier said of N sequences, in their order, and what they were."""

    probabilities: NDArray[np.float32]  # (N, K)
    target: NDArray[np.int64]  # (N,)
    loss: float  # the task's L without label smoothing, mean over the sequences

    @property
    def prediction(self) -> NDArray[np.int64]:
        """The likeliest class of each, `(N,)`."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of that class, `(N,)`."""
        return self.probabilities.max(axis=1)

    def most_confident_mistakes(self, most: int) -> NDArray[np.int64]:
        """The indices of up to `most` wrong predictions, the most confident first."""
        wrong = np.flatnonzero(self.prediction != self.target)
        return wrong[np.argsort(-self.confidence[wrong], kind="stable")][:most]

    def examples(self, most: int) -> list[int]:
        """Up to `most` indices to look at: of different classes that were recognised, and the surest mistake."""
        right: dict[int, int] = {}
        for k in np.flatnonzero(self.prediction == self.target):
            right.setdefault(int(self.target[k]), int(k))
        wrong = [int(k) for k in self.most_confident_mistakes(1)]
        return ([*right.values()][: most - len(wrong)] + wrong) or [0]


@torch.inference_mode()
def predict(network: Network, task: Classify, batches: Iterable[Batch]) -> Predictions:
    """The class probabilities of every sequence, and the mean loss. The network is left in evaluation mode."""
    network.eval()
    probabilities, targets, loss = [], [], 0.0
    for batch in batches:
        logits = task.logits(network, batch)
        probabilities.append(task.probabilities(logits).cpu())
        targets.append(batch.target.cpu())
        loss += float(task.unsmoothed.loss_of(logits, batch.target)) * len(batch.target)
    target = torch.cat(targets).numpy()
    return Predictions(torch.cat(probabilities).numpy(), target, loss / len(target))


def scores(predictions: Predictions, classes: Sequence[str]) -> dict[str, Any]:
    """Accuracy, loss, precision, recall and F1 of each class, and the confusion matrix (row: target)."""
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

    labels = list(range(len(classes)))
    target, prediction = predictions.target, predictions.prediction
    columns = precision_recall_fscore_support(target, prediction, labels=labels, zero_division=0.0)
    rows = zip(classes, *(column.tolist() for column in columns[:3]), columns[3].astype(int).tolist(), strict=True)
    return {
        "accuracy": float(accuracy_score(target, prediction)),
        "loss": predictions.loss,
        "test_size": len(target),
        "per_class": [dict(zip(("class", "precision", "recall", "f1", "support"), row, strict=True)) for row in rows],
        "confusion": confusion_matrix(target, prediction, labels=labels).tolist(),
    }


@dataclass(frozen=True)
class StepByStep:
    """One sequence as the network reads it."""

    probabilities: NDArray[np.float32]  # (T, K): the softmax if the sequence ended at this step
    hidden: NDArray[np.float32]  # (T, H): the top layer's h


@torch.inference_mode()
def step_by_step(network: Network, x: Tensor) -> StepByStep:
    """What the network holds and says after each step of `x`, one sequence: `(T, 1, C)`, or ids.

    A network that reads both ways, or all steps together, reads every beginning of the sequence anew.
    """
    network.eval()
    hidden, _ = network.hidden(x)
    if getattr(network.recurrence, "directions", 1) == 1 and not network.pooled:
        y = network.head(hidden)
    else:
        y = torch.stack([network.last(x[: t + 1]) for t in range(len(x))])
    return StepByStep(y.softmax(-1)[:, 0].cpu().numpy(), hidden[:, 0].cpu().numpy())


class _Read(nn.Module):
    """Stands where a recurrence stood that has run already: gives its outputs, and the final state in them."""

    def __init__(self, h: Tensor, directions: int) -> None:
        super().__init__()
        self.h, self.directions = h, directions

    def forward(self, x: Tensor, state: object = None, *, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        (T, B), width = self.h.shape[:2], self.h.shape[2] // self.directions
        last = torch.full((B,), T) if lengths is None else lengths
        ends = self.h[last.clamp(min=1) - 1, torch.arange(B), :width], self.h[0, :, width:]
        return self.h, torch.stack(ends[: self.directions])


def loss_of_states(network: Network, task: Task, batch: Batch) -> Callable[[Tensor], Tensor]:
    """The loss that training takes of a batch, times its sequences, as a function of the top layer's h `(T, B, H)`.

    Read both ways, the last state means the end of each way: a row's last step, and step 0 in reverse. Every row has a
    step at least.
    """
    task = copy.copy(task)  # one that carries a state keeps its own

    def loss(h: Tensor) -> Tensor:
        through = _Read(h, getattr(network.recurrence, "directions", 1))
        read = Network(through, network.head, pooled=network.pooled)
        return task.loss_of(task.logits(read, batch), batch.target) * len(batch)

    return loss


def gradient_norms(network: Network, task: Task, batch: Batch) -> NDArray[np.float32]:
    """The norm of dL/dh_t for each layer, step and sequence, `(L, T, B)`; L is the sum over the batch."""
    network.eval()
    with torch.no_grad():
        x = network.encoder(batch.x)
    flow = gradient_flow(network.recurrence, x, loss_of_states(network, task, batch), batch.lengths, gates=False)
    return flow.norms.cpu().numpy()


@torch.inference_mode()
def foretold(network: Network, task: Task, batches: Iterable[Batch]) -> tuple[float, float, int]:
    """The mean loss, the share that was right, and how many there were, of a task with a target at each step."""
    network.eval()
    loss, right, count = 0.0, 0, 0
    for batch in batches:
        logits = task.logits(network, batch)
        here = task.count(batch.target)
        loss += float(task.loss_of(logits, batch.target)) * here
        right += int(task.correct(logits, batch.target))
        count += here
    return loss / count, right / count, count
