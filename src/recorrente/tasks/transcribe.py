"""What is said in a sequence, in symbols that are fewer than its steps: the loss, how it is decoded, how it is scored.

Knows logits and numbers of symbols. Whether a symbol is a letter or a word is `data.transcripts`' matter.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from recorrente.data.batch import NO_TARGET, Batch
from recorrente.network import Network

__all__ = ["BLANK", "Transcribe", "collapse", "edit_distance", "error_rate", "in_slots"]

BLANK = 0
"""The number that stands for no symbol."""
NEVER = -1e4
"""A logit whose probability is 0 in float32 and float64; its gradient is 0 and not NaN, as that of -inf would be."""


@dataclass(frozen=True)
class Transcribe:
    """Connectionist temporal classification: which symbols, in which order, and not when.

        L = -log sum over a of prod_t softmax(y_t)[a_t],   over all a (T,) that collapse to the transcript

    and divided by the number of symbols, in nats; `collapse` drops repetitions, then blanks. A step past the end of a
    row is made blank for certain: each path through the row goes on there in one way, at no cost, so that L is that of
    the row alone.

    Where a set tells what is said at each step, a path beside the transcript, the mean cross-entropy of the steps is
    added `aligned` times: what a mouth looks like is learnt before the order is. Nothing of it is needed to decode.

    Source: Graves, Fernandez, Gomez, Schmidhuber, ICML 2006; the sum is torch's `ctc_loss`.

    Args:
        aligned: the weight of the cross-entropy of the steps.

    Example:
        >>> y = torch.zeros(2, 1, 3)  # (T, B, K): no opinion on a blank and two symbols
        >>> round(float(Transcribe().loss_of(y, torch.tensor([[1]]))), 4)  # 11, 01 and 10 of nine paths: -log 1/3
        1.0986
    """

    score = "symbol error rate"
    errors = True
    """What is scored is what is wrong, and told as such: it is above 1 where more is written than said."""

    aligned: float = 6.0

    @staticmethod
    def logits(network: Network, batch: Batch) -> Tensor:
        """Y of every step, `(T, B, K)`; past a row's end nothing but the blank."""
        y, _ = network(batch.x, lengths=batch.lengths)
        if batch.lengths is None:
            return y
        past = torch.arange(len(y))[:, None] >= batch.lengths  # (T, B)
        ended = y.new_full(y.shape[2:], NEVER)
        ended[BLANK] = 0
        return torch.where(past[..., None].to(y.device), ended, y)

    def loss_of(self, logits: Tensor, target: Tensor) -> Tensor:
        """The mean over the symbols of all rows, and the cross-entropy of the steps where their path is told.

        Args:
            logits: `(T, B, K)`.
            target: `(S, B)` with NO_TARGET past each end, or `(T, B, 2)`: the same, and the path.
        """
        loss = self.ctc(logits, target)
        if target.dim() == 2:
            return loss
        path = target[..., 1].flatten()
        return loss + self.aligned * functional.cross_entropy(logits.flatten(0, 1), path, ignore_index=NO_TARGET)

    @staticmethod
    def ctc(logits: Tensor, target: Tensor) -> Tensor:
        """L alone, of either form of target.

        It is infinite where a row has too few steps for its symbols: one each, and one between equal neighbours.
        """
        symbols = _symbols(target)  # (B, S)
        there = symbols != NO_TARGET
        steps = torch.full((logits.shape[1],), len(logits))
        told = functional.ctc_loss(
            logits.log_softmax(-1), symbols[there], steps, there.sum(1), blank=BLANK, reduction="sum"
        )
        return told / max(1, int(there.sum()))

    @classmethod
    def correct(cls, logits: Tensor, target: Tensor) -> Tensor:
        """How many symbols are right: all, less those to insert, delete and replace; it may be negative."""
        rows = [[one for one in row if one != NO_TARGET] for row in _symbols(target).tolist()]
        wrong = sum(edit_distance(row, said) for row, said in zip(rows, cls.said(logits), strict=True))
        return torch.tensor(cls.count(target) - wrong)

    @staticmethod
    def said(logits: Tensor) -> list[list[int]]:
        """The symbols of each row, by the likeliest of every step (greedy decoding)."""
        return [collapse(row) for row in logits.argmax(-1).t().tolist()]

    @staticmethod
    def count(target: Tensor) -> int:
        """How many symbols there are."""
        return int((_symbols(target) != NO_TARGET).sum())


def _symbols(target: Tensor) -> Tensor:
    """Those of each row, `(B, S)`."""
    return (target if target.dim() == 2 else target[..., 0]).t()


def collapse(steps: Sequence[int]) -> list[int]:
    """What a path says: one of each run, and then without blanks.

    Example:
        >>> collapse([0, 7, 7, 0, 7, 3, 3])
        [7, 7, 3]
    """
    return [one for one, _ in groupby(steps) if one != BLANK]


def in_slots(log_p: NDArray[np.floating], slots: Sequence[Sequence[int]]) -> list[int]:
    """The symbols of the likeliest path that says one of each slot, slot after slot (Viterbi).

    Args:
        log_p: `(T, K)`, the logarithm of the probability of each symbol at each step.
        slots: the symbols that may stand at each place.

    Returns:
        A symbol for each slot; where the steps are too few for them all, nothing.

    Example:
        >>> p = np.array([[0.1, 0.6, 0.3], [0.1, 0.7, 0.2], [0.8, 0.1, 0.1]])
        >>> in_slots(np.log(p), [(1, 2), (2,)])  # freely read it says 1
        [1, 2]
    """
    states = [(0, BLANK)]  # an even place is the silence before a slot, an odd one the slot itself
    for s, slot in enumerate(slots):
        states += [*((2 * s + 1, k) for k in slot), (2 * s + 2, BLANK)]
    place, symbol = np.array(states).T
    ahead = place[None] - place[:, None]  # (N, N), from a state to a state
    differ = (symbol[None] != symbol[:, None]) & (symbol[None] != BLANK)  # else a silence is between them
    reached = np.eye(len(states), dtype=bool) | (ahead == 1) | ((ahead == 2) & differ)
    score = np.where(place <= 1, log_p[0, symbol], -np.inf)
    came = []  # of each later step, (N,): the state before
    for now in log_p[1:]:
        ways = np.where(reached, score[:, None], -np.inf)
        came.append(ways.argmax(0))
        score = ways.max(0) + now[symbol]
    score = np.where(place >= 2 * len(slots) - 1, score, -np.inf)
    path = [int(score.argmax())]
    if score[path[0]] == -np.inf:
        return []
    for before in reversed(came):
        path.append(int(before[path[-1]]))
    return [int(symbol[state]) for state, _ in groupby(path[::-1]) if symbol[state] != BLANK]


def edit_distance(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """The fewest insertions, deletions and replacements that make one of the other (Levenshtein).

    Example:
        >>> edit_distance("três", "tres"), edit_distance(["a", "b"], [])
        (1, 2)
    """
    row = list(range(len(other) + 1))
    for i, here in enumerate(one, 1):
        left, above = i, row
        row = [left]
        for j, there in enumerate(other, 1):
            left = min(above[j] + 1, left + 1, above[j - 1] + (here != there))
            row.append(left)
    return row[-1]


def error_rate(wanted: Sequence[Sequence[Hashable]], said: Sequence[Sequence[Hashable]]) -> float:
    """Edits that make what was said what was wanted, a symbol that was wanted; more than 1 where much is too much.

    Example:
        >>> error_rate([["set", "white"], ["now"]], [["set", "green"], ["now"]])
        0.3333333333333333
    """
    edits = sum(edit_distance(one, other) for one, other in zip(wanted, said, strict=True))
    return edits / max(1, sum(map(len, wanted)))
