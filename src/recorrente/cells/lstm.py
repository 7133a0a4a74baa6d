"""The long short-term memory."""

from __future__ import annotations

import torch
from torch import Tensor

from recorrente.cells.base import Cell
from recorrente.notation import State

__all__ = ["LSTM"]


class LSTM(Cell):
    """A memory c that is added to, behind gates, in the order i f g o.

        i, f, o = sigmoid(W_i. x + b_i. + W_h. h + b_h.), each with its own rows
        g = tanh(W_ig x + b_ig + W_hg h + b_hg)
        c' = f * c + i * g
        h' = o * tanh(c')

    Source: Hochreiter and Schmidhuber, Neural Computation 9 (1997), with the forget gate of Gers et al. (2000);
    no peepholes. Equal to `torch.nn.LSTM`.
    """

    name = "lstm"
    gate_names = ("i", "f", "g", "o")
    state_names = ("h", "c")

    def pointwise(self, from_input: Tensor, from_state: Tensor, state: State) -> State:
        i, f, g, o = self.gates_of(from_input, from_state, state)
        c = f * state[1] + i * g
        return o * torch.tanh(c), c

    def gates_of(self, from_input: Tensor, from_state: Tensor, state: State) -> tuple[Tensor, ...]:
        i, f, g, o = (from_input + from_state).chunk(4, dim=-1)
        return torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
