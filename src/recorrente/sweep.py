"""A cell along time: the loop that is the library.

`reference` is the slow, obvious one: plain torch operations, differentiable by autograd, for any cell. It stays for
good as the twin that judges every faster path. `native` has the C++ core behind the same signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypedDict, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import linear

from recorrente.cells.base import Cell
from recorrente.notation import State, Weights

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Along", "Credit", "Masks", "Sweep", "along_of", "cut", "masks_of", "mixed", "reference", "said", "shares"]


class Along(TypedDict, total=False):
    """How a sweep goes along time. What is not said is as if it were None.

    reverse: read from the last step down to the first; `y[t]` still belongs to `x[t]`.
    lengths: `(B,)` integers in 0..T, how many steps each row has; all T where None.
    reset: `(T, B)` bool, the state before step t of a row is `restart`, and the gradient stops there.
    restart: a state, each `(B, H)`; zeros where None.
    drop: `(B, H)`, what h is multiplied with on its way into W_hh, at every step alike; `(B, G*H)` where each gate's
        part of W_hh has its own.
    zone: like the state, each `(T, B, H)` or None: the share of the old part that stays, new + zone * (old - new); or
        bool, whether it stays.
    """

    reverse: bool
    lengths: Tensor | None
    reset: Tensor | None
    restart: State | None
    drop: Tensor | None
    zone: tuple[Tensor | None, ...] | None


Sweep = Callable[..., tuple[Tensor, State]]
"""`(cell, x, state, weights, **along: Unpack[Along]) -> (y, state)`; `layers` is handed one, and stacks it.

Only what there is of `along` is passed, so that a sweep without resets need not know the word."""


def said(along: Along) -> Along:
    """What there is of it."""
    return {name: value for name, value in along.items() if value is not None and value is not False}  # type: ignore[return-value]


Masks = tuple[Tensor | None, ...]
"""lengths, reset, drop, and of each part of the state zone, where there is one."""


def masks_of(along: Along) -> Masks:
    """What of it is tensors, but the restart: for autograd, which tells when one has been changed since."""
    return along.get("lengths"), along.get("reset"), along.get("drop"), *(along.get("zone") or ())


def along_of(masks: Masks, reverse: bool, restart: State | None = None) -> Along:
    """What `masks_of` was made from, as far as there is any."""
    lengths, reset, drop, *zone = masks
    made: Along = {"reverse": reverse, "lengths": lengths, "reset": reset, "drop": drop, "restart": restart}
    return said({**made, "zone": tuple(zone)} if zone else made)


def shares(zone: tuple[Tensor | None, ...], like: Tensor) -> tuple[Tensor | None, ...]:
    """What stays of the old state, as numbers in the dtype of `like`."""
    return tuple(None if z is None else z.to(like.dtype) for z in zone)


def mixed(zone: tuple[Tensor | None, ...], t: int, after: State, before: State) -> State:
    """The state after step t where the share `zone` of the old one stays."""
    parts = zip(zone, after, before, strict=True)
    return tuple(new if z is None else torch.lerp(new, old, z[t]) for z, new, old in parts)


def cut(along: Along, first: int, end: int) -> Along:
    """The same for the steps [first, end) alone, in the order of time."""
    part: Along = {**along}
    if (lengths := along.get("lengths")) is not None:
        part["lengths"] = (lengths - first).clamp(0, end - first)
    if (reset := along.get("reset")) is not None:
        part["reset"] = reset[first:end]
    if (zone := along.get("zone")) is not None:
        part["zone"] = tuple(None if z is None else z[first:end] for z in zone)
    return part


@runtime_checkable
class Credit(Protocol):
    """A credit rule: how the gradient goes back through a sweep. They are in `recorrente.credit`.

    What goes forward is the sweep's own; a layer hands its sweep to its rule, for each layer and direction.
    """

    def through(self, sweep: Sweep) -> Sweep:
        """`sweep` with the same outputs, and the gradient of this rule."""


def reference(cell: Cell, x: Tensor, state: State, weights: Weights, **along: Unpack[Along]) -> tuple[Tensor, State]:
    """Runs `cell` over every step of `x`, from the first to the last, or the other way round.

    Args:
        cell: the step's equations.
        x: `(T, B, C)`.
        state: what the cell starts from, each `(B, H)`.
        weights: of this layer and direction.
        along: see `Along`.

    Returns:
        `y (T, B, H)`, the h of every step, zero past a row's end, and the state after the last step that each row read.
    """
    lengths, reset, reverse = along.get("lengths"), along.get("reset"), along.get("reverse", False)
    inside = None
    if lengths is not None:
        inside = torch.arange(len(x), device=x.device)[:, None, None] < lengths.to(x.device)[:, None]  # (T, B, 1)
        x = x.masked_fill(~inside, 0)  # a NaN past a row's end must reach no gradient
    restart = along.get("restart") or tuple(torch.zeros_like(part) for part in state)
    zone = shares(along.get("zone") or (None,) * len(state), x)
    from_input = linear(x, weights.weight_ih, weights.bias_ih)  # (T, B, G*H)
    outputs: list[Tensor] = []
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        before = state
        if reset is not None:
            before = tuple(torch.where(reset[t, :, None], new, old) for new, old in zip(restart, state, strict=True))
        dropped = {} if along.get("drop") is None else {"drop": along["drop"]}
        after = cell.step(from_input[t], before, weights, **dropped)
        after = mixed(zone, t, after, before)
        if inside is None:
            state = after
            outputs.append(state[0])
        else:
            state = tuple(torch.where(inside[t], new, old) for new, old in zip(after, state, strict=True))
            outputs.append(state[0].masked_fill(~inside[t], 0))
    if not outputs:
        return from_input[..., : state[0].shape[-1]], state  # (0, B, H), and differentiable like any other
    return torch.stack(outputs[::-1] if reverse else outputs), state
