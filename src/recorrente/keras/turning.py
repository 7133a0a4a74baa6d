"""Weights turned by the core: Keras keeps `(C, G*H)` where we read `(G*H, C)`, and its GRU's gates in another order.

Knows addresses, so that it serves torch and NumPy alike; `recorrente.keras.order` says the same in operations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from recorrente.memory import BUILT

if BUILT:
    from recorrente import _core

__all__ = ["Order", "Theirs", "to_keras", "to_ours"]

SIZES = {_core.F32: 4, _core.F64: 8} if BUILT else {}


class Order(NamedTuple):
    """The gates of Keras, in our order, each so many units wide; gates that lie as ours do may count as one."""

    gates: tuple[int, ...]
    units: int


class Theirs(NamedTuple):
    """Weights as Keras keeps them, for a backend that turns them beside the sweep."""

    kernel: Any  # (C, G*H)
    recurrent: Any  # (H, G*H)
    bias: Any | None  # (G*H,), or (2, G*H)
    how: Order


def to_ours(dtype: int, columns: int, order: Order, source: int, to: int) -> None:
    """`source (columns, G*H)` of Keras turned to our `to (G*H, columns)`; `dtype` is the core's word."""
    for theirs, ours in _places(dtype, columns, order, source, to):
        _core.turn(dtype, columns, order.units, theirs, len(order.gates) * order.units, ours, columns)


def to_keras(dtype: int, columns: int, order: Order, source: int, to: int) -> None:
    """The way back, of gradients: our `source (G*H, columns)` turned to `to (columns, G*H)`."""
    for theirs, ours in _places(dtype, columns, order, to, source):
        _core.turn(dtype, order.units, columns, ours, columns, theirs, len(order.gates) * order.units)


def _places(dtype: int, columns: int, order: Order, theirs: int, ours: int) -> Iterator[tuple[int, int]]:
    """Where each of our gates begins, in Keras' matrix and in ours."""
    wide = order.units * SIZES[dtype]
    for number, gate in enumerate(order.gates):
        yield theirs + gate * wide, ours + number * columns * wide
