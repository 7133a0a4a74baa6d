"""The gradient seen: how much of it reaches each step.

Knows what dL/dh_t is. It runs the reference sweep, which keeps every h_t, and asks autograd for them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from recorrente.cells import Cell
from recorrente.layers import Network
from recorrente.notation import State, Weights

__all__ = ["Flow", "gradient_flow"]


@dataclass(frozen=True)
class Flow:
    """What `gradient_flow` saw."""

    norms: Tensor  # (L, T, B): the norm of dL/dh_t; a bidirectional layer counts twice, its reverse second


def gradient_flow(module: nn.Module, x: Tensor, loss: Callable[[Tensor], Tensor]) -> Flow:
    """The norm of dL/dh_t for every layer, step and sequence, over all paths that lead from h_t to the loss.

    Args:
        module: a layer of `recorrente.layers`, or a `Network` of one and a head.
        x: `(T, B, C)`.
        loss: from the module's outputs, `(T, B, H)` or a network's `(T, B, K)`, to a number.

    Example:
        >>> import recorrente
        >>> flow = gradient_flow(recorrente.GRU(3, 5, num_layers=2), torch.zeros(7, 2, 3), lambda y: y[-1].sum())
        >>> flow.norms.shape
        torch.Size([2, 7, 2])
    """
    layer: Any = module.recurrence if isinstance(module, Network) else module
    seen: list[list[Tensor]] = []

    def traced(cell: Cell, x: Tensor, state: State, weights: Weights, *, reverse: bool = False) -> tuple[Tensor, State]:
        hidden: list[Tensor] = [x.new_empty(0)] * len(x)
        from_input = nn.functional.linear(x, weights.weight_ih, weights.bias_ih)  # (T, B, G*H)
        for t in reversed(range(len(x))) if reverse else range(len(x)):
            state = cell.step(from_input[t], state, weights)
            hidden[t] = state[0]
        seen.append(hidden)
        return torch.stack(hidden), state

    with torch.enable_grad():
        y, _ = layer.run(x, layer.zero_state(x), traced)
        value = loss(module.head(y) if isinstance(module, Network) else y)
        flat = [h for hidden in seen for h in hidden]
        gradients = torch.autograd.grad(value, flat, allow_unused=True)
    norms = [torch.zeros(len(h)) if d is None else d.norm(dim=-1) for h, d in zip(flat, gradients, strict=True)]
    return Flow(torch.stack(norms).view(len(seen), len(x), -1))
