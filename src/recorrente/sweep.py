"""A cell along time: the loop that is the library.

`reference` is the slow, obvious one: plain torch operations, differentiable by autograd, for any cell. It stays for
good as the twin that judges every faster path. `native` has the C++ core behind the same signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import linear

from recorrente.cells.base import Cell
from recorrente.notation import State, Weights

__all__ = ["Credit", "Sweep", "reference"]

Sweep = Callable[..., tuple[Tensor, State]]
"""`(cell, x, state, weights, *, reverse=False, lengths=None) -> (y, state)`; `layers` is handed one, and stacks it.

`lengths` is passed only where there are some, so that a sweep without them need not know the word."""


@runtime_checkable
class Credit(Protocol):
    """A credit rule: how the gradient goes back through a sweep. They are in `recorrente.credit`.

    What goes forward is the sweep's own; a layer hands its sweep to its rule, for each layer and direction.
    """

    def through(self, sweep: Sweep) -> Sweep:
        """`sweep` with the same outputs, and the gradient of this rule."""


def reference(
    cell: Cell,
    x: Tensor,
    state: State,
    weights: Weights,
    *,
    reverse: bool = False,
    lengths: Tensor | None = None,
) -> tuple[Tensor, State]:
    """Runs `cell` over every step of `x`, from the first to the last, or the other way round.

    Args:
        cell: the step's equations.
        x: `(T, B, C)`.
        state: what the cell starts from, each `(B, H)`.
        weights: of this layer and direction.
        reverse: read from the last step down to the first; `y[t]` still belongs to `x[t]`.
        lengths: `(B,)` integers in 0..T, how many steps each row has; None where all have T.

    Returns:
        `y (T, B, H)`, the h of every step, zero past a row's end, and the state after the last step that each row read.
    """
    if lengths is not None:
        inside = torch.arange(len(x), device=x.device)[:, None, None] < lengths.to(x.device)[:, None]  # (T, B, 1)
        x = x.masked_fill(~inside, 0)  # a NaN past a row's end must reach no gradient
    from_input = linear(x, weights.weight_ih, weights.bias_ih)  # (T, B, G*H)
    outputs: list[Tensor] = []
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        after = cell.step(from_input[t], state, weights)
        if lengths is None:
            state = after
            outputs.append(state[0])
        else:
            state = tuple(torch.where(inside[t], new, old) for new, old in zip(after, state, strict=True))
            outputs.append(state[0].masked_fill(~inside[t], 0))
    if not outputs:
        return from_input[..., : state[0].shape[-1]], state  # (0, B, H), and differentiable like any other
    return torch.stack(outputs[::-1] if reverse else outputs), state
