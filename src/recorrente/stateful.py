"""A recurrence that goes on where it stopped: the state is carried from call to call, cut from the gradient.

Knows when a state is kept and when it is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from recorrente.errors import InputError
from recorrente.notation import State

__all__ = ["Stateful"]


class Stateful(nn.Module):
    """`layer`, with its state kept between calls and detached, as truncated training on a stream wants it.

    Args:
        layer: RNN, GRU, LSTM or `Recurrent`; anything that maps `(x, state)` to `(y, state)`, its state a tensor
            `(L*directions, B, H)` or a tuple of such.

    Example:
        >>> from recorrente.layers import GRU
        >>> stream = Stateful(GRU(3, 5))
        >>> first, second = stream(torch.zeros(4, 2, 3)), stream(torch.zeros(4, 2, 3))  # (T, B, H) each
        >>> stream.forget([1])  # row 1 begins something new; row 0 goes on
        >>> stream.state.shape, float(stream.state.detach()[0, 1].abs().sum())
        (torch.Size([1, 2, 5]), 0.0)
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.state: Any = None

    def forward(self, x: Any, **how: Any) -> Any:
        """Y of every step; `how` goes to the layer: `lengths`, `reset`. With `trace=True`, y and the trace.

        Raises:
            InputError: another number of rows than the state has.
        """
        if not torch.compiler.is_compiling():
            self._leave_inference_mode()
        kept, rows = self._parts(), self._rows(x)
        has = kept[0].shape[1] if kept and kept[0].dim() == 3 else None
        if kept and rows != has:
            came, wanted = (f"{n} rows" if n is not None else "one row, unbatched" for n in (rows, has))
            raise InputError("x", came=came, wanted=f"{wanted}, as the state has", cure="forget() drops the state")
        y, state, *trace = self.layer(x, self.state, **how)
        self.state = state.detach() if isinstance(state, Tensor) else tuple(part.detach() for part in state)
        return (y, *trace) if trace else y

    def _rows(self, x: Any) -> int | None:
        """B; None of an unbatched input."""
        if isinstance(x, PackedSequence):
            return int(x.batch_sizes[0])
        return x.shape[0 if getattr(self.layer, "batch_first", False) else 1] if x.dim() == 3 else None

    def _apply(self, fn: Any, recurse: bool = True) -> Stateful:
        """Takes the state along to another device or dtype."""
        if kept := self._parts():
            self._replace(tuple(fn(part) for part in kept))
        return super()._apply(fn, recurse)

    def forget(self, rows: Sequence[int] | Tensor | None = None) -> None:
        """Drops the state, of all rows or of those; numbers, or a bool for each row.

        They start from the layer's learned state, or from zeros where it has none.

        Raises:
            InputError: a row that there is not, or what is no row.
        """
        if rows is None:
            self.state = None
            return
        if not (kept := self._parts()):
            return
        if kept[0].dim() != 3:
            raise InputError("rows", came=repr(rows), wanted="None, for the state is of one row, unbatched")
        chosen, B = _numbers(rows, kept[0].device), kept[0].shape[1]
        if chosen.dtype == torch.bool and chosen.shape != (B,):
            raise InputError("rows", came=f"{tuple(chosen.shape)} bools", wanted=f"({B},)")
        if chosen.dtype != torch.bool and chosen.numel() and not (chosen.min() >= -B and chosen.max() < B):
            raise InputError("rows", came=chosen.tolist(), wanted=f"rows of {B}")
        parts = tuple(part.clone() for part in kept)
        for part, first in zip(parts, self._first(kept), strict=True):
            part[:, chosen] = first[:, chosen]
        self._replace(parts)

    def _first(self, kept: State) -> State:
        """What the layer starts from, like `kept`."""
        if getattr(self.layer, "learned_state", False):
            return tuple(part.detach() for part in self.layer.first_state(kept[0]))  # type: ignore[operator]
        return tuple(torch.zeros_like(part) for part in kept)

    def _leave_inference_mode(self) -> None:
        """What was kept there may be no part of a graph: a copy may."""
        kept = self._parts()
        if kept and kept[0].is_inference() and not torch.is_inference_mode_enabled():
            self._replace(tuple(part.clone() for part in kept))

    def _replace(self, parts: State) -> None:
        self.state = parts[0] if isinstance(self.state, Tensor) else parts

    def _parts(self) -> State:
        if self.state is None:
            return ()
        return (self.state,) if isinstance(self.state, Tensor) else tuple(self.state)


def _numbers(rows: Any, device: torch.device) -> Tensor:
    """What the caller gave as rows: integers, which an empty list is too, or bools."""
    try:
        chosen = torch.as_tensor(rows, device=device)
    except (TypeError, ValueError, RuntimeError):
        chosen = None
    if chosen is not None and not chosen.numel() and not isinstance(rows, Tensor):
        return chosen.long()  # which torch takes for floats
    if chosen is None or chosen.is_floating_point() or chosen.is_complex():
        raise InputError("rows", came=repr(rows), wanted="numbers of rows, such as [0, 2], or a bool for each row")
    return chosen
