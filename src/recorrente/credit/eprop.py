"""Eligibility propagation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recorrente.cells import Cell
from recorrente.credit.online import Online, Step
from recorrente.notation import State

__all__ = ["EProp"]


@dataclass(frozen=True)
class EProp(Online):
    """Eligibility traces: what a weight has left in its own unit, without the way through W_hh.

        e_t = (ds_t / ds_{t-1} beside the product with W_hh) e_{t-1} + ds_t / dW with s_{t-1} held,
        dL/dW = sum over t of dL/dh_t e_t.

    An LSTM's trace lives in c, kept by f; a GRU's in h, kept by z. An Elman unit keeps nothing but through W_hh, so its
    rule is `Truncated(window=1)`. It costs what `SnAp1` costs. The initial state gets no gradient. The learning signal
    dL/dh_t is the exact one of the step (symmetric e-prop); random feedback is a matter of the head above.

    Source: G. Bellec et al., "A solution to the learning dilemma for recurrent networks of spiking neurons", Nature
    Communications 11 (2020).

    Example:
        >>> import recorrente
        >>> layer = recorrente.LSTM(3, 5, credit=EProp())
        >>> layer(torch.randn(7, 2, 3))[0].square().sum().backward()
    """

    def nothing(self, cell: Cell, x: Tensor, state: State) -> Tensor:
        B, H = state[0].shape
        return x.new_zeros(B, len(state), H, cell.gates, x.shape[1] + H + 2)

    def after(self, influence: Tensor, step: Step) -> Tensor:
        return torch.einsum("bpqk,bqkgz->bpkgz", step.direct, influence) + step.own

    def gradient(self, influence: Tensor, d: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        return torch.einsum("bpk,bpkgz->gkz", d, influence), torch.zeros_like(d)
