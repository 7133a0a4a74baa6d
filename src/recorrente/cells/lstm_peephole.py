"""The LSTM whose gates see its memory."""

from __future__ import annotations

import torch
from torch import Tensor

from recorrente.cells.base import Cell, product
from recorrente.notation import State, Weights

__all__ = ["PeepholeLSTM"]


class PeepholeLSTM(Cell):
    """An LSTM with diagonal weights from c to the gates, in the order i f g o, peepholes i f o.

        i = sigmoid(W_ii x + b_ii + W_hi h + b_hi + p_i * c)
        f = sigmoid(W_if x + b_if + W_hf h + b_hf + p_f * c)
        g = tanh(W_ig x + b_ig + W_hg h + b_hg)
        c' = f * c + i * g
        o = sigmoid(W_io x + b_io + W_ho h + b_ho + p_o * c')
        h' = o * tanh(c')

    Source: Gers, Schraudolph and Schmidhuber, "Learning precise timing with LSTM recurrent networks", JMLR 3 (2002).
    """

    name = "lstm_peephole"
    gate_names = ("i", "f", "g", "o")
    state_names = ("h", "c")

    def own_weights(self, H: int) -> dict[str, tuple[int, ...]]:
        return {"peephole": (3 * H,)}

    def step(self, from_input: Tensor, state: State, weights: Weights, drop: Tensor | None = None) -> State:
        assert weights.peephole is not None
        from_state = product(state[0], weights.weight_hh, weights.bias_hh, drop)
        return self._gated(from_input + from_state, state[1], weights.peephole)

    def pointwise(self, from_input: Tensor, from_state: Tensor, state: State) -> State:
        """With all peepholes zero, a plain LSTM."""
        return self._gated(from_input + from_state, state[1], from_input.new_zeros(3 * state[1].shape[-1]))

    @staticmethod
    def _gated(a: Tensor, c: Tensor, peephole: Tensor) -> State:
        (i, f, g, o), (p_i, p_f, p_o) = a.chunk(4, dim=-1), peephole.chunk(3)
        c_new = torch.sigmoid(f + p_f * c) * c + torch.sigmoid(i + p_i * c) * torch.tanh(g)
        return torch.sigmoid(o + p_o * c_new) * torch.tanh(c_new), c_new
