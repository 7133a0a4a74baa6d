"""Sequences of unequal length become batches that keep the length of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from recorrente.data.batch import NO_TARGET, Batch

__all__ = ["batches", "one"]

SORTED_TOGETHER = 20
"""Batches whose sequences are sorted by length together, so that a batch holds similar lengths in a random order."""

Sequences = Sequence[NDArray[Any]]
Read = Callable[[NDArray[Any]], NDArray[Any]]
Follow = Callable[[Any, int], NDArray[np.int64]]
Targets = Sequence[int] | Sequence[NDArray[np.int64]] | Sequence[int | NDArray[np.int64]]


def batches(
    sequences: Sequences,
    targets: Targets,
    size: int,
    *,
    seed: int | None = None,
    epoch: int = 0,
    read: Read | None = None,
    follow: Follow | None = None,
) -> Iterator[Batch]:
    """All sequences as batches, each once; the last batch may be smaller.

    Args:
        sequences: of each, `(T, C)` float32, or `(T,)` or `(T, F)` ids.
        targets: a class of each, or of each step.
        size: B.
        seed: of the order; None reads in order.
        epoch: with the seed alone decides the order.
        read: what makes steps of a sequence, batch by batch, where all at once would fill the memory.
        follow: what makes a target fit so many steps, where it tells of steps and `read` changes how many there are.

    Example:
        >>> short, long = np.arange(2), np.arange(5)
        >>> batch = next(batches([short, long], [0, 1], 2))
        >>> batch.x.shape, batch.lengths
        (torch.Size([5, 2]), tensor([2, 5]))
    """
    for chosen in _order([len(sequence) for sequence in sequences], size, seed, epoch):
        steps, told = [sequences[k] for k in chosen], [targets[k] for k in chosen]
        steps = [read(each) for each in steps] if read else steps
        yield one(
            steps, [follow(target, len(each)) for target, each in zip(told, steps, strict=True)] if follow else told
        )


def one(sequences: Sequences, targets: Targets) -> Batch:
    """These sequences as a batch."""
    x = pad_sequence([torch.from_numpy(sequence) for sequence in sequences])
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    if isinstance(targets[0], np.ndarray):
        each = [torch.from_numpy(target) for target in targets]
        return Batch(x, pad_sequence(each, padding_value=NO_TARGET), lengths)
    return Batch(x, torch.tensor(targets, dtype=torch.int64), lengths)


def _order(lengths: Sequence[int], size: int, seed: int | None, epoch: int) -> list[list[int]]:
    if seed is None:
        return [chosen.tolist() for chosen in torch.arange(len(lengths)).split(size)]
    random = np.random.default_rng((seed, epoch))
    made: list[list[int]] = []
    for part in _split(random.permutation(len(lengths)), size * SORTED_TOGETHER):
        by_length = part[np.argsort(np.array(lengths)[part], kind="stable")]
        made += [chosen.tolist() for chosen in _split(by_length, size)]
    return [made[k] for k in random.permutation(len(made))]


def _split(array: NDArray[np.intp], size: int) -> list[NDArray[np.intp]]:
    return [array[begin : begin + size] for begin in range(0, len(array), size)]
