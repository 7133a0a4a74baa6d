"""The order in which a sweep reads its steps."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["turned"]


def turned(x: Tensor, lengths: Tensor | None) -> Tensor:
    """`x (T, B, C)` in the reverse order of each row's own steps; what lies past its end stays there."""
    if lengths is None:
        return x.flip(0)
    t = torch.arange(len(x), device=x.device)[:, None]
    ends = lengths.to(x.device)
    order = torch.where(t < ends, ends - 1 - t, t)  # (T, B)
    return x.gather(0, order[..., None].expand_as(x))
