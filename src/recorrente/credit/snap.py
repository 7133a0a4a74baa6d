"""The sparse n-step approximation of RTRL, for n = 1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recorrente.cells import Cell
from recorrente.credit.online import Online, Step
from recorrente.notation import State

__all__ = ["SnAp1"]


@dataclass(frozen=True)
class SnAp1(Online):
    """RTRL that remembers of each weight only its influence on the unit it belongs to.

    M_t [k, w] is kept where w is in the rows of unit k, which is where one step can make it differ from 0:

        M_t [k, w] = J_t[k, k] M_{t-1}[k, w] + ds_t[k] / dw with s_{t-1} held,

    for each pair of parts of the state of unit k (h and c of an LSTM). J_t[k, k] has the unit's weight to itself,
    W_hh[k, k], and what passes beside the product. It takes B S^2 G H (C + H + 2) operations a step, as a forward step
    does but for S^2. The initial state gets no gradient.

    Source: J. Menick et al., "A practical sparse approximation for real time recurrent learning", arXiv 2006.07232.

    Example:
        >>> import recorrente
        >>> layer = recorrente.GRU(3, 5, credit=SnAp1())
        >>> layer(torch.randn(7, 2, 3))[0].square().sum().backward()
    """

    def nothing(self, cell: Cell, x: Tensor, state: State) -> Tensor:
        B, H = state[0].shape
        return x.new_zeros(B, len(state), H, cell.gates, x.shape[1] + H + 2)

    def after(self, influence: Tensor, step: Step) -> Tensor:
        H, G = step.by_input.shape[2:]
        to_itself = step.weight_hh.view(G, H, H).diagonal(dim1=1, dim2=2)  # (G, H)
        through = torch.einsum("bpkg,gk->bpk", step.by_state, to_itself) * step.dropping[:, None]
        passing = step.direct.clone()  # (B, S, S, H)
        passing[:, :, 0] += through
        return torch.einsum("bpqk,bqkgz->bpkgz", passing, influence) + step.own

    def gradient(self, influence: Tensor, d: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        return torch.einsum("bpk,bpkgz->gkz", d, influence), torch.zeros_like(d)
