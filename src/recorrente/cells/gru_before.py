"""The gated recurrent unit with the reset before the product."""

from __future__ import annotations

import torch
from torch import Tensor

from recorrente.cells.base import product
from recorrente.cells.gru import GRU
from recorrente.notation import State, Weights

__all__ = ["ResetBeforeGRU"]


class ResetBeforeGRU(GRU):
    """A GRU whose reset gate acts on h before W_hn does, in the order r z n.

        r, z as in `GRU`
        n = tanh(W_in x + b_in + W_hn (r * h) + b_hn)
        h' = (1 - z) * n + z * h

    Source: Cho et al., arXiv 1406.1078v3, with z and 1 - z as in `GRU`. Keras' `reset_after=False`, ONNX'
    `linear_before_reset=0`. It is no pointwise function of products with h: the step has two of them.
    """

    name = "gru_before"

    def step(self, from_input: Tensor, state: State, weights: Weights, drop: Tensor | None = None) -> State:
        (h,) = state
        H = h.shape[-1]
        drop_rz = drop_n = drop
        if drop is not None and drop.shape != h.shape:
            drop_rz, drop_n = drop.split((2 * H, H), dim=-1)
        w_rz, w_n = weights.weight_hh.split((2 * H, H))
        b_rz, b_n = (None, None) if weights.bias_hh is None else weights.bias_hh.split((2 * H, H))
        x_rz, x_n = from_input.split((2 * H, H), dim=-1)
        r, z = torch.sigmoid(x_rz + product(h, w_rz, b_rz, drop_rz)).chunk(2, dim=-1)
        n = torch.tanh(x_n + product(r * h, w_n, b_n, drop_n))
        return ((1 - z) * n + z * h,)

    def gates_of(self, from_input: Tensor, from_state: Tensor, state: State) -> tuple[Tensor, ...]:
        raise NotImplementedError(f"{self!r} does not tell its gates")
