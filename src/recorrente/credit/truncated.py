"""Truncated back-propagation through time, TBPTT(k1, k2), all its windows in one sweep.

Knows which steps a window reads and which of its outputs count. The windows are rows of one larger batch, so that a
short window costs no loop over the sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from recorrente.cells import Cell
from recorrente.credit.order import turned, turned_along
from recorrente.errors import InputError
from recorrente.notation import State, Weights
from recorrente.sweep import Along, Sweep, cut

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Truncated"]


@dataclass(frozen=True)
class Truncated:
    """The gradient goes back through `window` steps at most, from borders that lie `stride` steps apart.

    Steps are 1, ..., T in the order in which the sweep reads them. With k1 = stride and k2 = window, the j-th border
    is e_j = min(j k1, T). What comes to h_t from above for (j-1) k1 < t <= e_j goes back to step s_j + 1 and no
    further, where s_j = max(0, j k1 - k2):

        d_j h_t = [ (j-1) k1 < t <= e_j ] dh_t + [ t < e_j ] J_t^T d_j h_{t+1}      for s_j < t <= e_j
        dL/dW   = sum over j and t of (dh_t / dW)^T d_j h_t.

    It is what comes of running the steps s_j + 1, ..., e_j of each j from a detached state, and of taking the loss of
    the last k1 of them. The first windows, s_j = 0, start from the given state, which has its gradient; the final
    state has that of the window it ends.

    `stride` is `window` by default: the sequence in pieces with the state detached between them. `window=1` cuts at
    every step: the formula that leaves out the path through h_{t+1}. `stride=1` gives every loss exactly `window`
    steps. The outputs are those of the full gradient; each step is swept forward once without and window/stride times
    with gradient, and memory grows by window/stride.

    The rule holds in each layer and direction by itself: dh_t is what comes from the layer above at step t, by whatever
    path. With pieces (stride = window) and one direction that is the usual loop over pieces, for any depth; with
    stride < window, a path that climbs down through L layers may go back L windows in all. A reverse direction counts
    its steps from where it starts, and a row of `lengths` counts its own.

    Source: R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories", Neural Computation 2 (1990), BPTT(h; h') with h = window and h' = stride.

    Args:
        window: k2, steps.
        stride: k1, steps, at most `window`; `window` by default.

    Raises:
        InputError: a window under 1, or a stride that is not in 1..window.

    Example:
        >>> import recorrente
        >>> layer = recorrente.LSTM(1, 2, credit=Truncated(20))
        >>> layer.credit
        Truncated(window=20, stride=20)
        >>> x = torch.zeros(50, 1, 1, requires_grad=True)
        >>> layer(x)[0][45].sum().backward()
        >>> x.grad.flatten().nonzero().flatten().tolist()  # steps 40 to 45: the piece that holds step 45 starts at 40
        [40, 41, 42, 43, 44, 45]
    """

    window: int
    stride: int | None = None

    def __post_init__(self) -> None:
        if not _whole(self.window) or self.window < 1:
            raise InputError("window", came=repr(self.window), wanted="a number of steps, 1 or more")
        if self.stride is None:
            object.__setattr__(self, "stride", self.window)
        if not _whole(self.stride) or not 1 <= self.k1 <= self.window:
            cure = "A longer stride would leave out the loss of some steps"
            raise InputError("stride", came=repr(self.stride), wanted=f"1 to the window, {self.window}", cure=cure)

    @property
    def k1(self) -> int:
        """The stride, by default the window."""
        return self.window if self.stride is None else self.stride

    def through(self, sweep: Sweep) -> Sweep:
        """`sweep` with the gradient cut off as above."""

        def truncated(
            cell: Cell, x: Tensor, state: State, weights: Weights, **along: Unpack[Along]
        ) -> tuple[Tensor, State]:
            if len(x) <= self.k1 or not torch.is_grad_enabled():
                return sweep(cell, x, state, weights, **along)
            lengths, reverse = along.get("lengths"), along.get("reverse", False)
            if reverse:
                x, along = turned(x, lengths), turned_along(along)
            y, final = self._windows(sweep, cell, x, state, weights, along)
            return (turned(y, lengths) if reverse else y), final

        return truncated

    def _windows(
        self, sweep: Sweep, cell: Cell, x: Tensor, state: State, weights: Weights, along: Along
    ) -> tuple[Tensor, State]:
        """Forward in time: one sweep of J windows of up to `window` steps, J*B rows, and what of it is wanted."""
        (T, B, _), lengths = x.shape, along.get("lengths")
        last = range(self.k1, T + self.k1, self.k1)  # j k1
        start, end = [max(0, e - self.window) for e in last], [min(e, T) for e in last]
        spans = [e - s for s, e in zip(start, end, strict=True)]
        J, w = len(last), max(spans)
        steps = torch.tensor([min(s + i, T - 1) for i in range(w) for s in start], device=x.device)  # (w, J)

        def pieces(part: Tensor) -> Tensor:  # (w, J*B, ...) from (T, B, ...)
            return part.index_select(0, steps).view(w, J * B, *part.shape[2:])

        states = _states_at(sweep, cell, x.detach(), state, weights, start, along)
        inside = _inside(start, spans, w, B, lengths)
        y, final = sweep(cell, pieces(x), states, weights, **_windowed(along, inside, pieces, J))
        counts = [(t - start[t // self.k1]) * J + t // self.k1 for t in range(T)]
        y = y.reshape(w * J, B, y.shape[2]).index_select(0, torch.tensor(counts, device=x.device))
        rows = torch.arange(B, device="cpu")
        ends_in = J - 1 if lengths is None else ((lengths.cpu() - 1) // self.k1).clamp(min=0)
        rows = (ends_in * B + rows).to(x.device)
        return y, tuple(part.index_select(0, rows) for part in final)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _windowed(along: Along, inside: Tensor | None, pieces: Callable[[Tensor], Tensor], J: int) -> Along:
    """What goes along time, for J windows as rows of one batch."""
    made: Along = {} if inside is None else {"lengths": inside}
    if (reset := along.get("reset")) is not None:
        made["reset"] = pieces(reset)
    if restart := along.get("restart"):
        made["restart"] = tuple(part.repeat(J, 1) for part in restart)
    if (drop := along.get("drop")) is not None:
        made["drop"] = drop.repeat(J, 1)
    if zone := along.get("zone"):
        made["zone"] = tuple(None if z is None else pieces(z) for z in zone)
    return made


def _inside(start: list[int], spans: list[int], w: int, B: int, lengths: Tensor | None) -> Tensor | None:
    """How many steps each row has in each window, (J*B,); None where all have w."""
    if lengths is None and min(spans) == w:
        return None
    inside = torch.tensor(spans, device="cpu")[:, None].expand(-1, B)
    if lengths is not None:
        inside = torch.minimum(inside, lengths.cpu() - torch.tensor(start, device="cpu")[:, None]).clamp(min=0)
    return inside.reshape(-1).contiguous()


def _states_at(
    sweep: Sweep,
    cell: Cell,
    x: Tensor,
    state: State,
    weights: Weights,
    starts: list[int],
    along: Along,
) -> State:
    """The state before each of the ascending steps `starts`, each (J*B, H): detached, but for the given one at 0."""
    found: list[State] = []
    now, at = tuple(part.detach() for part in state), 0
    with torch.no_grad():
        for s in starts:
            if s > at:
                _, now = sweep(cell, x[at:s], now, weights, **cut(along, at, s))
                at = s
            found.append(now if s else state)
    return tuple(torch.cat(parts) for parts in zip(*found, strict=True))
