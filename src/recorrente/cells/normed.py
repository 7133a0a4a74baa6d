"""LSTM and GRU with layer normalisation inside the step."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import init
from torch.nn.functional import layer_norm

from recorrente.cells.base import Cell, product
from recorrente.cells.gru import GRU
from recorrente.cells.lstm import LSTM
from recorrente.notation import State, Weights

__all__ = ["NormGRU", "NormLSTM"]


class _Normed(Cell):
    """What both share: W_ih x and W_hh h normalised over all G*H gates before their biases are added."""

    def own_weights(self, H: int) -> dict[str, tuple[int, ...]]:
        return {"norm_ih": (self.gates * H,), "norm_hh": (self.gates * H,)}

    def start_own_weights(self, weights: Weights) -> None:
        for gain in (weights.norm_ih, weights.norm_hh):
            assert gain is not None
            init.ones_(gain)

    def gates_of(self, from_input: Tensor, from_state: Tensor, state: State) -> tuple[Tensor, ...]:
        raise NotImplementedError(f"{self!r} does not tell its gates")

    def normed(self, from_input: Tensor, state: State, weights: Weights, drop: Tensor | None) -> tuple[Tensor, Tensor]:
        """Both pre-activations, normalised; `from_input` holds its bias already, which stays out of the norm."""
        a = from_input if weights.bias_ih is None else from_input - weights.bias_ih
        a = layer_norm(a, a.shape[-1:], weights.norm_ih, weights.bias_ih)
        b = product(state[0], weights.weight_hh, None, drop)
        return a, layer_norm(b, b.shape[-1:], weights.norm_hh, weights.bias_hh)


class NormLSTM(_Normed, LSTM):
    """An LSTM with layer normalisation, in the order i f g o.

        a = LN(W_ih x) * norm_ih + b_ih + LN(W_hh h) * norm_hh + b_hh, over all 4H values
        c' and the gates as in `LSTM`, from a
        h' = o * tanh(LN(c') * norm_c[0] + norm_c[1])

    Source: Ba, Kiros and Hinton, "Layer normalization", arXiv 1607.06450, equations 20 to 22.
    """

    name = "lstm_norm"

    def own_weights(self, H: int) -> dict[str, tuple[int, ...]]:
        return {**super().own_weights(H), "norm_c": (2, H)}

    def start_own_weights(self, weights: Weights) -> None:
        super().start_own_weights(weights)
        assert weights.norm_c is not None
        with torch.no_grad():
            weights.norm_c[0].fill_(1)
            weights.norm_c[1].zero_()

    def step(self, from_input: Tensor, state: State, weights: Weights, drop: Tensor | None = None) -> State:
        assert weights.norm_c is not None
        a, b = self.normed(from_input, state, weights, drop)
        i, f, g, o = LSTM.gates_of(self, a, b, state)
        c = f * state[1] + i * g
        return o * torch.tanh(layer_norm(c, c.shape[-1:], *weights.norm_c)), c


class NormGRU(_Normed, GRU):
    """A GRU with layer normalisation, in the order r z n.

        LN(W_ih x) * norm_ih + b_ih and LN(W_hh h) * norm_hh + b_hh, each over all 3H values, in `GRU`'s equations

    Source: Ba, Kiros and Hinton, arXiv 1607.06450, with the reset after the product, as in `GRU`.
    """

    name = "gru_norm"

    def step(self, from_input: Tensor, state: State, weights: Weights, drop: Tensor | None = None) -> State:
        _, z, n = GRU.gates_of(self, *self.normed(from_input, state, weights, drop), state)
        return ((1 - z) * n + z * state[0],)
