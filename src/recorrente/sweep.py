"""A cell along time: the loop that is the library.

`reference` is the slow, obvious one: plain torch operations, differentiable by autograd, for any cell. It stays for
good as the twin that judges every faster path.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import linear

from recorrente.cells.base import Cell
from recorrente.notation import State, Weights

__all__ = ["Sweep", "reference"]

Sweep = Callable[..., tuple[Tensor, State]]
"""`(cell, x, state, weights, *, reverse=False) -> (y, state)`; `layers` is handed one, and stacks it."""


def reference(cell: Cell, x: Tensor, state: State, weights: Weights, *, reverse: bool = False) -> tuple[Tensor, State]:
    """Runs `cell` over every step of `x`, from the first to the last, or the other way round.

    Args:
        cell: the step's equations.
        x: `(T, B, C)`.
        state: what the cell starts from, each `(B, H)`.
        weights: of this layer and direction.
        reverse: read from step T-1 down to 0; `y[t]` still belongs to `x[t]`.

    Returns:
        `y (T, B, H)`, the h of every step, and the state after the last step read.
    """
    from_input = linear(x, weights.weight_ih, weights.bias_ih)  # (T, B, G*H)
    outputs: list[Tensor] = []
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        state = cell.step(from_input[t], state, weights)
        outputs.append(state[0])
    if not outputs:
        return x.new_zeros(0, *state[0].shape), state
    return torch.stack(outputs[::-1] if reverse else outputs), state
