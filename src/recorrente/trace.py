"""Every step of a layer given back: h, c and what the gates let through.

Knows what is worth keeping of a step. The reference sweep runs it, so that all of it can be differentiated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from recorrente.cells import Cell
from recorrente.cells.base import product
from recorrente.notation import State, Weights
from recorrente.sweep import Along, Sweep, reference

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Trace", "recording"]


@dataclass(frozen=True)
class Trace:
    """What a layer went through. L counts layers and directions, in torch's order; all is zero past a row's end.

    Attributes:
        h: `(L, T, B, H)`.
        c: the same of the memory; None for a cell without one.
        gates: `(L, G, T, B, H)`, after their functions.
        gate_names: the cell's, in that order.
    """

    h: Tensor
    c: Tensor | None
    gates: Tensor
    gate_names: tuple[str, ...]

    @classmethod
    def of(cls, sweeps: list[Trace]) -> Trace:
        """Several sweeps of one cell as one."""
        first = sweeps[0]
        c = None if first.c is None else torch.cat([one.c for one in sweeps if one.c is not None])
        h, gates = (torch.cat([getattr(one, name) for one in sweeps]) for name in ("h", "gates"))
        return cls(h, c, gates, first.gate_names)


class _Noting:
    """Stands where the sweep expects a cell, and notes what passes through it."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.gates: list[Tensor] = []  # (G, B, H) each, in the order in which the sweep reads
        self.before: list[State] = []
        self.after: list[State] = []

    def step(self, from_input: Tensor, state: State, weights: Weights, drop: Tensor | None = None) -> State:
        from_state = product(state[0], weights.weight_hh, weights.bias_hh, drop)
        self.gates.append(torch.stack(self.cell.gates_of(from_input, from_state, state)))
        self.before.append(state)
        self.after.append(self.cell.step(from_input, state, weights, drop))
        return self.after[-1]


def recording(seen: list[Trace]) -> Sweep:
    """A sweep that appends a `Trace` to `seen` at each call."""

    def sweep(cell: Cell, x: Tensor, state: State, weights: Weights, **along: Unpack[Along]) -> tuple[Tensor, State]:
        noting = _Noting(cell)
        y, final = reference(cast(Cell, noting), x, state, weights, **along)
        back = along.get("reverse", False)

        def in_time(steps: list[Tensor]) -> Tensor:  # (T, ..., B, H)
            made = torch.stack(steps[::-1] if back else steps) if steps else y.new_zeros(0, *state[0].shape)
            return made if (lengths := along.get("lengths")) is None else made * _inside(made, lengths)

        gates = in_time(noting.gates)
        gates = gates.movedim(0, 1) if len(x) else y.new_zeros(cell.gates, 0, *state[0].shape)
        c = None
        if len(state) > 1:
            c = in_time([part[1] for part in noting.after])
            zone = (along.get("zone") or (None, None))[1]
            if zone is not None:
                c = torch.lerp(c, in_time([part[1] for part in noting.before]), zone.to(c.dtype))
            c = c[None]
        seen.append(Trace(y[None], c, gates[None], cell.gate_names))
        return y, final

    return sweep


def _inside(made: Tensor, lengths: Tensor) -> Tensor:
    """1 where a row has the step, `(T, 1..., B, 1)`."""
    there = torch.arange(len(made), device=made.device)[:, None] < lengths.to(made.device)
    return there.view(len(made), *[1] * (made.dim() - 3), -1, 1)
