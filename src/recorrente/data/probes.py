"""Tasks that ask how far back a network remembers: sequences made by a rule, anew at every step of a training.

Knows the rules, what a guess without memory would cost, and what others have published. Nothing is read from disk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recorrente.errors import InputError

__all__ = ["PROBES", "Made", "Probe"]

Made = tuple[NDArray[np.float32], NDArray[np.float32] | NDArray[np.int64]]
"""x `(T, B, C)`, and the target: numbers or classes, `(B,)` of each row or `(T, B)` of each step."""

SYMBOLS, RECALLED = 8, 10
BAI = "S. Bai et al., arXiv 1803.01271"


@dataclass(frozen=True)
class Probe:
    """One such task.

    Attributes:
        make: `(random, length, B)` to `Made`.
        inputs, outputs: C and K.
        length: where none is named; `least` is the shortest that makes sense.
        naive: the loss of the best guess without memory, for a length.
        measure: what the loss is.
        classes: what the outputs stand for; nothing where they are numbers.
        published: the losses of others, by what they used.
    """

    make: Callable[[np.random.Generator, int, int], Made]
    inputs: int
    outputs: int
    length: int
    least: int
    naive: Callable[[int], float]
    measure: str
    classes: tuple[str, ...] = ()
    published: Mapping[str, float] = field(default_factory=dict)

    def checked(self, length: int | None) -> int:
        """The length that is meant.

        Raises:
            InputError: one that is too short.
        """
        if length is not None and length < self.least:
            raise InputError("length", came=length, wanted=f"{self.least} steps or more for this task")
        return length or self.length


def adding(random: np.random.Generator, length: int, B: int) -> Made:
    """A number in 0..1 at each step, two of them marked, one in each half: their sum is asked for at the end.

    Source: S. Hochreiter and J. Schmidhuber, "Long short-term memory", 1997, task 4; as in arXiv 1803.01271.

    Example:
        >>> x, target = adding(np.random.default_rng(0), 50, 3)
        >>> x.shape, np.allclose((x[..., 0] * x[..., 1]).sum(0), target)
        ((50, 3, 2), True)
    """
    x, rows = np.zeros((length, B, 2), np.float32), np.arange(B)
    x[..., 0] = random.random((length, B))
    for first, end in ((0, length // 2), (length // 2, length)):
        x[random.integers(first, end, B), rows, 1] = 1
    return x, (x[..., 0] * x[..., 1]).sum(0)


def copy(random: np.random.Generator, length: int, B: int) -> Made:
    """Ten symbols out of eight, `length` steps of nothing, a signal: then the ten are asked for, in order.

    x is one-hot: 0 nothing, 1 to 8 the symbols, 9 the signal, which stays on. The target is 0 until the recall. T is
    length + 20.

    Source: as `adding`, task 2; in the form of arXiv 1803.01271.

    Example:
        >>> x, target = copy(np.random.default_rng(0), 5, 1)
        >>> (x.argmax(-1)[:10] == target[-10:]).all(), (target[:-10] == 0).all(), len(x)
        (np.True_, np.True_, 25)
    """
    T, symbols = length + 2 * RECALLED, random.integers(1, SYMBOLS + 1, (RECALLED, B))
    ids, target = np.zeros((T, B), np.int64), np.zeros((T, B), np.int64)
    ids[:RECALLED], ids[-RECALLED - 1 :], target[-RECALLED:] = symbols, SYMBOLS + 1, symbols
    return np.eye(SYMBOLS + 2, dtype=np.float32)[ids], target


def parity(random: np.random.Generator, length: int, B: int) -> Made:
    """A bit at each step, and at each step whether an odd number of them has been set so far.

    Source: as `adding`, and Y. Bengio et al., "Learning long-term dependencies with gradient descent is difficult",
    1994. One unit of memory is enough, and no sum of inputs tells it.

    Example:
        >>> x, target = parity(np.random.default_rng(0), 6, 1)
        >>> x[:, 0, 0].astype(int).tolist(), target[:, 0].tolist()
        ([1, 1, 1, 0, 0, 0], [1, 0, 1, 1, 1, 1])
    """
    bits = random.integers(0, 2, (length, B))
    return bits[..., None].astype(np.float32), bits.cumsum(0) % 2


AHEAD, TAU = 15, 17


def mackey_glass(random: np.random.Generator, length: int, B: int) -> Made:
    """A chaotic series, and at each step its value 15 time units later: mean 0 and deviation 1, so the loss is NRMSE^2.

        dx/dt = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x(t)

    in steps of 1, by ten of Euler's of 0.1 each. Every row starts from another past, and the first 300 units are left
    out.

    Source: M. Mackey and L. Glass, Science 197, 1977; 15 ahead as in A. Voelker et al., "Legendre memory units", 2019.

    Example:
        >>> x, target = mackey_glass(np.random.default_rng(0), 40, 2)
        >>> x.shape, target.shape, np.allclose(x[AHEAD:, :, 0], target[:-AHEAD])
        ((40, 2, 1), (40, 2), True)
    """
    fine, units = 10, 300 + length + AHEAD
    past = 1.2 + 0.2 * (random.random((TAU * fine, B)) - 0.5)
    x = np.concatenate([past, np.empty((units * fine, B))])
    for t in range(TAU * fine, len(x)):
        late = x[t - TAU * fine]
        x[t] = x[t - 1] + (0.2 * late / (1 + late**10) - 0.1 * x[t - 1]) / fine
    kept = ((x[TAU * fine :: fine][300:] - MEAN) / DEVIATION).astype(np.float32)
    return kept[:length, :, None], kept[AHEAD:]


MEAN, DEVIATION = 0.9293, 0.2264
"""Of the series, over 200,000 units."""


def _sixth(length: int) -> float:
    """The variance of a sum of two uniform numbers."""
    return 1 / 6


PROBES: dict[str, Probe] = {
    "adding": Probe(
        adding,
        2,
        1,
        length=600,
        least=4,
        naive=_sixth,
        measure="mean squared error",
        published={f"LSTM ({BAI})": 0.164, f"GRU ({BAI})": 5.3e-5, f"RNN ({BAI})": 0.177},
    ),
    "copy": Probe(
        copy,
        SYMBOLS + 2,
        SYMBOLS + 2,
        length=1000,
        least=1,
        naive=lambda length: RECALLED * math.log(SYMBOLS) / (length + 2 * RECALLED),
        measure="cross-entropy a step",
        classes=("nothing", *(f"symbol {k}" for k in range(1, SYMBOLS + 1)), "signal"),
        published={f"LSTM ({BAI})": 0.0204, f"GRU ({BAI})": 0.0197, f"RNN ({BAI})": 0.0202},
    ),
    "parity": Probe(
        parity,
        1,
        2,
        length=100,
        least=2,
        naive=lambda length: math.log(2),
        measure="cross-entropy a step",
        classes=("even", "odd"),
    ),
    "mackey-glass": Probe(
        mackey_glass, 1, 1, length=500, least=AHEAD + 1, naive=lambda length: 1.0, measure="mean squared error"
    ),
}
"""By the name that `recorrente train` takes."""
