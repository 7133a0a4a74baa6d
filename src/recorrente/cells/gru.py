"""The gated recurrent unit, with the reset after the product."""

from __future__ import annotations

import torch
from torch import Tensor

from recorrente.cells.base import Cell
from recorrente.notation import State

__all__ = ["GRU"]


class GRU(Cell):
    """Two gates that decide how much of the old state stays, in the order r z n.

        r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
        z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
        h' = (1 - z) * n + z * h

    Source: Cho et al., arXiv 1406.1078v1, with the reset gate applied after the product, as cuDNN and
    `torch.nn.GRU` do; version 3 of the paper applies it before, and swaps z with 1 - z.
    """

    name = "gru"
    gate_names = ("r", "z", "n")
    state_names = ("h",)

    def pointwise(self, from_input: Tensor, from_state: Tensor, state: State) -> State:
        (h,) = state
        _, z, n = self.gates_of(from_input, from_state, state)
        return ((1 - z) * n + z * h,)

    def gates_of(self, from_input: Tensor, from_state: Tensor, state: State) -> tuple[Tensor, ...]:
        xr, xz, xn = from_input.chunk(3, dim=-1)
        hr, hz, hn = from_state.chunk(3, dim=-1)
        r = torch.sigmoid(xr + hr)
        z = torch.sigmoid(xz + hz)
        return r, z, torch.tanh(xn + r * hn)
