"""The order in which a sweep reads its steps."""

from __future__ import annotations

import torch
from torch import Tensor

from recorrente.sweep import Along

__all__ = ["turned", "turned_along"]


def turned(x: Tensor, lengths: Tensor | None) -> Tensor:
    """`x (T, B, ...)` in the reverse order of each row's own steps; what lies past its end stays there."""
    if lengths is None:
        return x.flip(0)
    t = torch.arange(len(x), device=x.device)[:, None]
    ends = lengths.to(x.device)
    order = torch.where(t < ends, ends - 1 - t, t)  # (T, B)
    return x.gather(0, order.view(*order.shape, *[1] * (x.dim() - 2)).expand_as(x))


def turned_along(along: Along) -> Along:
    """The same forward in time, for an `x` that was turned."""
    lengths = along.get("lengths")
    made: Along = {**along, "reverse": False}
    if (reset := along.get("reset")) is not None:
        made["reset"] = turned(reset, lengths)
    if zone := along.get("zone"):
        made["zone"] = tuple(None if z is None else turned(z, lengths) for z in zone)
    return made
