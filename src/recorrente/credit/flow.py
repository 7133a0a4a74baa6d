"""The gradient seen: how much of it reaches each step, what the gates pass of it, how each step adds to dL/dW_hh.

Knows what dL/dh_t is. It runs a sweep that keeps every step, and asks autograd for them all; it shows the whole
gradient, whatever the layer's credit rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from recorrente.cells import Cell
from recorrente.credit.subject import subject
from recorrente.credit.trace import Trace, traced
from recorrente.errors import InputError
from recorrente.network import Network
from recorrente.notation import State

__all__ = ["Flow", "gradient_flow"]

SLOPE = 0.05  # of the steepest: a gate with less is saturated
SHIFTS = [half / 2 for half in range(-16, 17)]  # where the steepest is looked for, in units of the pre-activation


@dataclass(frozen=True)
class Flow:
    """What `gradient_flow` saw. L counts layers and directions in torch's order: a bidirectional layer counts twice.

    Attributes:
        norms: `(L, T, B)`, the norm of dL/dh_t over all paths from h_t to the loss; 0 past a row's end.
        gate_names: the cell's.
        gates: `(L, G, T, B)`, the norm of dL/da_t of each gate, a its pre-activation: what it passes on to W_ih and x.
        saturation: `(L, G, T, B)`, the share of units whose gate is saturated: its slope ds'/da, with all else held, is
            under 5 % of the steepest within 8 of a.
        shares: `(L, T, B)`, how each step and row adds to the dL/dW_hh of its layer: the part of its own gradient along
            the sum, as a share of the sum; they add up to 1 (to 0 where dL/dW_hh is 0).
        reverse: for each of L, whether it reads from the last step to the first.

    The last four are empty, `(L, 0)`, for a cell that is not pointwise, and without `gates=True`.
    """

    norms: Tensor
    gate_names: tuple[str, ...]
    gates: Tensor
    saturation: Tensor
    shares: Tensor
    reverse: tuple[bool, ...]

    def median(self) -> Tensor:
        """(L, T): the median norm over the rows, in the order in which each direction reads the steps."""
        middle = self.norms.median(dim=2).values
        return torch.stack([m.flip(0) if back else m for m, back in zip(middle, self.reverse, strict=True)])


def gradient_flow(
    module: nn.Module,
    x: Tensor,
    loss: Callable[[Tensor], Tensor],
    lengths: Tensor | Sequence[int] | None = None,
    *,
    gates: bool = True,
) -> Flow:
    """The norm of dL/dh_t for every layer, step and sequence, what the gates do, and each step's share of dL/dW_hh.

    Args:
        module: a layer of `recorrente.layers`, or a `Network` of one and a head, with its encoder. Its parameters may
            be frozen, and grad mode off.
        x: `(T, B, C)`, whatever the layer's `batch_first`, or what the network's encoder makes that of. It starts from
            the layer's learned state, or zeros.
        loss: from the module's outputs to a number: a layer's `(T, B, H)`, a network's `(T, B, K)`; `(B, K)` of a
            network whose head reads all steps together (`pooled`), as its `last` gives them.
        lengths: `(B,)`, the steps of each row; None where all have T.
        gates: False for `norms` alone, which takes a fraction of the time.

    Raises:
        InputError: a module that is none of ours, an x without steps or rows or of another width, or a loss that is not
            one number or does not depend on the outputs.

    Example:
        >>> import recorrente
        >>> flow = gradient_flow(recorrente.GRU(3, 5, num_layers=2), torch.zeros(7, 2, 3), lambda y: y[-1].sum())
        >>> flow.norms.shape, flow.gate_names, flow.gates.shape
        (torch.Size([2, 7, 2]), ('r', 'z', 'n'), torch.Size([2, 3, 7, 2]))
    """
    layer, x = subject(module, x)
    ends = None if lengths is None else torch.as_tensor(lengths, device="cpu")
    seen: list[Trace] = []
    with torch.inference_mode(False), torch.enable_grad():
        # A graph whatever the parameters are, which may be frozen, and whatever mode x was made in.
        x, *first = (part.detach().clone().requires_grad_() for part in (x, *layer.first_state(x)))
        y, final = layer.run(x, tuple(first), traced(seen), lengths=ends)
        value = loss(_outputs(module, y, final, ends))
        _refuse(value)
        gates = gates and all(trace.pointwise for trace in seen)
        return _told(layer.cell, seen, [_gradients(value, trace, gates) for trace in seen], gates)


def _told(cell: Cell, seen: list[Trace], found: list[tuple[Tensor, Tensor, Tensor]], gates: bool) -> Flow:
    """What the gradients `found` of each layer and direction amount to."""
    norms = torch.stack([d.norm(dim=-1) for d, *_ in found])
    nothing = norms.new_zeros(len(seen), 0)
    if not gates:
        return Flow(norms, cell.gate_names, nothing, nothing, nothing, tuple(trace.reverse for trace in seen))
    passed = [
        da.unflatten(-1, (trace.cell.gates, -1)).norm(dim=-1) for trace, (_, da, _) in zip(seen, found, strict=True)
    ]
    return Flow(
        norms,
        cell.gate_names,
        torch.stack([part.permute(2, 0, 1) for part in passed]),
        torch.stack([_saturation(trace) for trace in seen]),
        torch.stack([_shares(trace, db) for trace, (_, _, db) in zip(seen, found, strict=True)]),
        tuple(trace.reverse for trace in seen),
    )


def _refuse(value: Any) -> None:
    """Refuses what a loss gave that has no gradient."""
    if not isinstance(value, Tensor) or value.numel() != 1:
        raise InputError("loss", came=f"a function that gave {value!r:.60}", wanted="one that gives one number")
    if not value.requires_grad:
        came = f"a function that gave {value!r:.60}, which depends on no output"
        cure = "Make it of the argument that it is called with, without detach() or no_grad"
        raise InputError("loss", came=came, wanted="a function of the module's outputs", cure=cure)


def _outputs(module: nn.Module, h: Tensor, final: State, lengths: Tensor | None) -> Tensor:
    """What a module makes of h `(T, B, H)` and of the final state."""
    if not isinstance(module, Network):
        return h
    y: Tensor = module.at_end(h, final, lengths) if module.pooled else module.head(h)
    return y


def _gradients(value: Tensor, trace: Trace, gates: bool) -> tuple[Tensor, Tensor, Tensor]:
    """dL/dh (T, B, H), and where `gates` dL/da and dL/db (T, B, G*H); zero past each row's end."""
    asked = [*trace.hidden, *([trace.from_input, *trace.from_state] if gates else [])]
    found = torch.autograd.grad(value, asked, retain_graph=True, allow_unused=True)  # type: ignore[arg-type]
    whole = [torch.zeros_like(t) if d is None else d for d, t in zip(found, asked, strict=True)]
    T, out = len(trace.hidden), ~trace.inside[..., None]
    dh = torch.stack(whole[:T]).masked_fill(out, 0)
    if not gates:
        return dh, dh, dh
    return dh, whole[T].masked_fill(out, 0), torch.stack(whole[T + 1 :]).masked_fill(out, 0)


def _shares(trace: Trace, db: Tensor) -> Tensor:
    """(T, B): <db_t h_{t-1}^T, D> / <D, D> with D their sum; no T x H x H."""
    before = torch.stack([trace.read(t) for t in range(len(trace.hidden))]).detach()  # (T, B, H)
    total = torch.einsum("tbi,tbj->ij", db, before)
    size = total.square().sum()
    along = ((db @ total) * before).sum(-1)
    return along / size if size > 0 else torch.zeros_like(along)


def _saturation(trace: Trace) -> Tensor:
    """(G, T, B): the share of units under `SLOPE` of the steepest slope; NaN past a row's end."""
    assert trace.from_input is not None
    a, b = trace.from_input.detach(), torch.stack(trace.from_state).detach()  # (T, B, G*H)
    before = tuple(torch.stack(parts).detach() for parts in zip(*trace.before, strict=True))  # each (T, B, H)
    now = _slopes(trace.cell, a, b, before)
    steepest = now
    for g in range(trace.cell.gates):
        for shift in SHIFTS:
            moved = a.unflatten(-1, (trace.cell.gates, -1)).clone()
            moved[..., g, :] += shift
            there = _slopes(trace.cell, moved.flatten(-2), b, before)
            steepest = torch.cat(
                [steepest[:g], torch.maximum(steepest[g : g + 1], there[g : g + 1]), steepest[g + 1 :]]
            )
    share = ((now < SLOPE * steepest) | (steepest == 0)).to(a.dtype).mean(-1)  # (G, T, B)
    return share.masked_fill(~trace.inside, float("nan"))


def _slopes(cell: Cell, a: Tensor, b: Tensor, before: State) -> Tensor:
    """|ds'/da| of each gate, (G, T, B, H): of the last part of the state that the gate moves; c of an LSTM, h for o."""
    a = a.requires_grad_()
    after = cell.pointwise(a, b, before)
    slopes = a.new_zeros(())
    for part in after:  # h first: a later part, where a gate moves it, has the last word
        (d,) = torch.autograd.grad(part.sum(), a, retain_graph=True, allow_unused=True, materialize_grads=True)
        d = d.unflatten(-1, (cell.gates, -1)).abs().movedim(-2, 0)
        moved = d.flatten(1).any(1).view(-1, 1, 1, 1)
        slopes = torch.where(moved, d, slopes)
    a.requires_grad_(False)
    return slopes
