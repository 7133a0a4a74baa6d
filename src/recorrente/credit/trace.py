"""A sweep that keeps what it met: states, pre-activations, outputs, step by step.

The reference loop, written out once more with everything kept; the analysis reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import linear

from recorrente.cells import Cell
from recorrente.notation import State, Weights
from recorrente.sweep import Along, mixed, shares

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Trace", "traced"]


@dataclass
class Trace:
    """One layer in one direction; lists are by t, whatever the direction."""

    cell: Cell
    weights: Weights
    reverse: bool
    inside: Tensor  # (T, B): whether the row has the step
    before: list[State]  # the state that step t starts from
    hidden: list[Tensor]  # (B, H): h_t
    from_input: Tensor | None = None  # (T, B, G*H), of a pointwise cell
    from_state: list[Tensor] = field(default_factory=list)  # (B, G*H), of a pointwise cell
    drop: Tensor | None = None  # as in `sweep.Along`, and so is the next
    zone: tuple[Tensor | None, ...] = ()

    def read(self, t: int) -> Tensor:
        """(B, H): the h that W_hh reads at step t."""
        h = self.before[t][0]
        return h if self.drop is None else h * self.drop

    @property
    def order(self) -> list[int]:
        """The steps as the sweep reads them."""
        steps = list(range(len(self.hidden)))
        return steps[::-1] if self.reverse else steps

    @property
    def pointwise(self) -> bool:
        """Whether the gates are there to be seen."""
        return self.from_input is not None


def traced(seen: list[Trace]) -> Callable[..., tuple[Tensor, State]]:
    """A sweep that appends a `Trace` to `seen` at each call. Resets it does not know."""

    def sweep(cell: Cell, x: Tensor, state: State, weights: Weights, **along: Unpack[Along]) -> tuple[Tensor, State]:
        lengths, reverse = along.get("lengths"), along.get("reverse", False)
        drop, zone = along.get("drop"), shares(along.get("zone") or (None,) * len(state), x)
        dropped = {} if drop is None else {"drop": drop}
        T, B, _ = x.shape
        inside = torch.ones(T, B, dtype=torch.bool, device=x.device)
        if lengths is not None:
            inside = torch.arange(T, device=x.device)[:, None] < lengths.to(x.device)
            x = x.masked_fill(~inside[..., None], 0)
        a = linear(x, weights.weight_ih, weights.bias_ih)  # (T, B, G*H)
        by_gate = drop is not None and drop.shape[-1] != weights.weight_hh.shape[1]
        pointwise = type(cell).step is Cell.step and weights.weight_hr is None and not by_gate
        nothing = x.new_empty(0)
        trace = Trace(
            cell,
            weights,
            reverse,
            inside,
            before=[()] * T,
            hidden=[nothing] * T,
            from_input=a if pointwise else None,
            from_state=[nothing] * T,
            drop=drop,
            zone=zone,
        )
        outputs = [nothing] * T
        for t in trace.order:
            trace.before[t] = state
            if pointwise:
                trace.from_state[t] = linear(trace.read(t), weights.weight_hh, weights.bias_hh)
                after = cell.pointwise(a[t], trace.from_state[t], state)
            else:
                after = cell.step(a[t], state, weights, **dropped)
            after = mixed(zone, t, after, state)
            trace.hidden[t] = after[0]
            going = inside[t][:, None]
            state = tuple(torch.where(going, new, old) for new, old in zip(after, state, strict=True))
            outputs[t] = state[0].masked_fill(~going, 0)
        seen.append(trace)
        return torch.stack(outputs) if T else a[..., : state[0].shape[-1]], state

    return sweep
