"""The LSTM whose input and forget gates are coupled."""

from __future__ import annotations

import torch
from torch import Tensor

from recorrente.cells.base import Cell
from recorrente.notation import State

__all__ = ["CoupledLSTM"]


class CoupledLSTM(Cell):
    """What is forgotten makes room for what comes: f = 1 - i; three gates, in the order i g o.

        i, o = sigmoid(W_i. x + b_i. + W_h. h + b_h.), each with its own rows
        g = tanh(W_ig x + b_ig + W_hg h + b_hg)
        c' = (1 - i) * c + i * g
        h' = o * tanh(c')

    Source: Greff et al., "LSTM: A search space odyssey", arXiv 1503.04069 (CIFG); ONNX calls it `input_forget`.
    """

    name = "lstm_coupled"
    gate_names = ("i", "g", "o")
    state_names = ("h", "c")

    def pointwise(self, from_input: Tensor, from_state: Tensor, state: State) -> State:
        i, g, o = self.gates_of(from_input, from_state, state)
        c = torch.lerp(state[1], g, i)
        return o * torch.tanh(c), c

    def gates_of(self, from_input: Tensor, from_state: Tensor, state: State) -> tuple[Tensor, ...]:
        i, g, o = (from_input + from_state).chunk(3, dim=-1)
        return torch.sigmoid(i), torch.tanh(g), torch.sigmoid(o)
