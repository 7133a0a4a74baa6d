"""Exact real-time recurrent learning."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recorrente.cells import Cell
from recorrente.credit.online import Online, Step
from recorrente.notation import State

__all__ = ["Rtrl"]


@dataclass(frozen=True)
class Rtrl(Online):
    """The full gradient, forward in time: the influence M_t = ds_t / dW of every weight on every unit.

        M_t = J_t M_{t-1} + (ds_t / dW with s_{t-1} held),      J_t = ds_t / ds_{t-1},
        dL/dW = sum over t of dL/dh_t M_t.

    For weights that stand still it equals `Full` for one layer, with resets and noise too; the initial state has its
    gradient, and so has the one after resets. It holds B S H G H (C + H + 2) values and takes H times as many
    operations at each step: for cells of a few tens of units.

    Source: R. J. Williams and D. Zipser, "A learning algorithm for continually running fully recurrent neural
    networks", Neural Computation 1 (1989).

    Example:
        >>> import recorrente
        >>> layer = recorrente.LSTM(3, 5, credit=Rtrl())
        >>> layer(torch.randn(7, 2, 3))[0].square().sum().backward()
        >>> layer.weight_hh_l0.grad.shape
        torch.Size([20, 5])
    """

    def nothing(self, cell: Cell, x: Tensor, state: State) -> Tensor:
        """(B, S, H, G*H*Z + S*H): that of the weights, Z = C + H + 2 a row, then that of s_0."""
        (B, H), S = state[0].shape, len(state)
        of_weights = x.new_zeros(B, S, H, cell.gates * H * (x.shape[1] + H + 2))
        of_start = torch.eye(S * H, dtype=x.dtype, device=x.device).view(S, H, S * H).expand(B, -1, -1, -1)
        return torch.cat([of_weights, of_start], dim=-1)

    def after(self, influence: Tensor, step: Step) -> Tensor:
        """J_t M + the unit's own: the product with W_hh, and what passes beside it."""
        B, _, H, G = step.by_input.shape
        products = (step.weight_hh @ (influence[:, 0] * step.dropping[..., None])).view(
            B, G, H, influence.shape[-1]
        )  # db_g / dW
        new = torch.einsum("bpkg,bgkw->bpkw", step.by_state, products)
        new += torch.einsum("bpqk,bqkw->bpkw", step.direct, influence)
        own = step.own
        of_weights = new[..., : G * H * own.shape[-1]].unflatten(-1, (G, H, own.shape[-1]))
        of_weights.diagonal(dim1=2, dim2=4).add_(own.permute(0, 1, 3, 4, 2))  # (B, S, G, Z, H)
        return new

    def gradient(self, influence: Tensor, d: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        (B, S, H), G = d.shape, step.by_input.shape[-1]
        rows = torch.einsum("bpk,bpkw->bw", d, influence)
        weights, start = rows.split([rows.shape[1] - S * H, S * H], dim=1)
        return weights.sum(0).view(G, H, -1), start.view(B, S, H)
