"""A projection folded into the recurrent weights, so that a sweep without one gives the same numbers.

Knows one identity and no sweep. With m_t the LSTM's own output, h_t = W_hr m_t, and so

    W_hh h_{t-1} = (W_hh W_hr) m_{t-1}

wherever h_{t-1} is such a product. Where it is not, at a row's first step and after a reset, m is zero and W_hh h comes
in beside the input, by P more columns of x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import linear

from recorrente.cells.base import Cell
from recorrente.notation import State, Weights
from recorrente.sweep import Along, Sweep

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["folded", "lack", "loss"]

# As measured: docs/decisions/0010-sequences-in-the-core.md
SMALL, MIDDLE = 256, 512  # H
OF_INFERENCE, OF_LEARNING = 1024, 2560  # P H for each step


def lack(*, masked: bool) -> str:
    """Why a projection is not folded; empty where it is. `masked`: a part of h is dropped or stays."""
    return "the core folds a projection into W_hh, where dropout and zoneout of h have no place" if masked else ""


def loss(P: int, H: int, steps: int | None, learning: bool) -> str:
    """Why torch's own layer is preferred where it can be had; empty where folding is as fast or faster.

    W_hh W_hr is larger than the two that it stands for when P is under 4H/5: on large layers that costs more than is
    won. To make it costs what P steps of a row do, at each call: more than a few steps win.

    Args:
        P, H: the widths of h and of c.
        steps: T; None where nobody knows.
        learning: whether a backward pass may follow, in which torch's own loses more.
    """
    if not (H <= SMALL or (learning and H <= MIDDLE and 2 * P >= H)):
        return f"the core would fold the projection into W_hh, which does not pay from H = {H} to {P}"
    enough = P * H // (OF_LEARNING if learning else OF_INFERENCE)
    few = steps is not None and steps < enough
    return f"the core would fold the projection into W_hh, which pays from {enough} steps on" if few else ""


def folded(sweep: Sweep) -> Sweep:
    """`sweep`, which knows no projection, for weights that have one.

    Its first product, W_hh W_hr, costs what P steps of a row do. Source of projections: Sak, Senior and Beaufays,
    arXiv 1402.1128.
    """

    def through(cell: Cell, x: Tensor, state: State, weights: Weights, **along: Unpack[Along]) -> tuple[Tensor, State]:
        (h0, *rest), weight_hr = state, weights.weight_hr
        assert weight_hr is not None
        nothing = h0.new_zeros(h0.shape[0], weight_hr.shape[1])
        weight_ih = weights.weight_ih
        starts = _starts(x, h0, along)
        if starts is not None:
            x, weight_ih = torch.cat([x, starts], -1), torch.cat([weight_ih, weights.weight_hh], 1)
        if along.get("restart") is not None:
            along["restart"] = (nothing, *along["restart"][1:])  # type: ignore[index]
        whole = weights._replace(weight_ih=weight_ih, weight_hh=weights.weight_hh @ weight_hr, weight_hr=None)
        m, (m_n, *final) = sweep(cell, x, (nothing, *rest), whole, **along)
        h_n = linear(m_n, weight_hr)
        lengths = along.get("lengths")
        if lengths is not None or x.shape[0] == 0:
            empty = h0.new_zeros(h0.shape[0], dtype=torch.int64) if lengths is None else lengths
            h_n = torch.where(empty[:, None] == 0, h0, h_n)
        return linear(m, weight_hr), (h_n, *final)

    return through


def _starts(x: Tensor, h0: Tensor, along: Along) -> Tensor | None:
    """The h that W_hh reads where it is no projected m, `(T, B, P)`, zeros elsewhere; None where it is all zeros."""
    reset, restart = along.get("reset"), along.get("restart")
    again = None if reset is None or restart is None else restart[0]
    if not _counts(h0) and (again is None or not _counts(again)):
        return None
    T, B = x.shape[:2]
    time, lengths = torch.arange(T, device=x.device)[:, None], along.get("lengths")
    first = x.new_zeros(B, dtype=torch.int64)
    if along.get("reverse"):
        first = (T if lengths is None else lengths) - 1 + first
    starts = torch.where((time == first)[..., None], h0, h0.new_zeros(()))
    if reset is None:
        return starts
    return torch.where(reset[..., None], starts.new_zeros(()) if again is None else again, starts)


def _counts(h: Tensor) -> bool:
    """Whether an h that is started from makes a difference, or may make one."""
    return torch.compiler.is_compiling() or h.requires_grad or bool(h.any())
