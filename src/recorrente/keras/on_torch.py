"""The sweep for Keras' torch backend: the same ops as our layers."""

from __future__ import annotations

from typing import Any

import torch

from recorrente.cells import Cell
from recorrente.native import automatic
from recorrente.notation import State, Weights
from recorrente.sweep import said

__all__ = ["on_cpu", "owns", "sweep"]

STATES_ARE_OVERWRITTEN = True  # a Keras variable is assigned to in place, even where autograd still needs what it held


def owns(array: Any) -> bool:
    """Whether an array is of this backend."""
    return isinstance(array, torch.Tensor)


def on_cpu(x: torch.Tensor) -> bool:
    return x.is_cpu


def sweep(
    cell: Cell,
    x: torch.Tensor,
    state: State,
    weights: Weights,
    *,
    reverse: bool,
    lengths: torch.Tensor | None,
    drop: torch.Tensor | None,
    training: bool,
    sequences: bool,
) -> tuple[torch.Tensor, State]:
    """A layer in one direction, batch first; what it is given is told in `recorrente.keras.layers`."""
    ends = None if lengths is None else lengths.to("cpu", torch.int64).contiguous()
    along = said({"reverse": reverse, "lengths": ends, "drop": drop})
    y, final = automatic(cell, x.transpose(0, 1), state, weights, **along)
    return y.transpose(0, 1), final
