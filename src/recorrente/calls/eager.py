"""The sweep in eager mode: one node in autograd's graph.

It costs a third of what an operator registered with torch costs a call (docs/decisions/0003-eager-and-compiled.md).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recorrente.calls.arguments import Inputs, Way, some
from recorrente.calls.detour import beyond, through_reference
from recorrente.calls.passes import backward, forward, unshared

__all__ = ["apply", "bare_apply"]


class _Differentiable(torch.autograd.Function):
    """y, h_n and c_n, where the cell has one, from `Way` and `Inputs`, of which the last may be left out."""

    @staticmethod
    def forward(ctx: Any, way: Way, *tensors: Any) -> tuple[Tensor, ...]:
        y, h_n, c_n, saved = forward(Inputs(*tensors), way, saving=True)
        *masks, cell, reverse = way
        if not some(masks):
            masks = []
        ctx.way, ctx.count = Way(cell=cell, reverse=reverse) if masks else way, len(tensors)
        ctx.save_for_backward(y, saved, *tensors, *masks)
        ctx.set_materialize_grads(False)
        return (y, h_n) if c_n is None else (y, h_n, c_n)

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, dh_n: Tensor | None, dc_n: Tensor | None = None) -> tuple[Any, ...]:
        count, way = ctx.count, ctx.way
        y, saved, *tensors = ctx.saved_tensors
        inputs, masks = Inputs(*tensors[:count]), tensors[count:]
        if masks:
            way = Way._make((*masks, way.cell, way.reverse))
        gradients, wanted = (dy, dh_n, dc_n), ctx.needs_input_grad[1:]
        if reason := beyond(gradients):
            d = through_reference(reason, gradients, inputs, way, wanted)
        else:
            d = backward(gradients, inputs, way, y, unshared(saved), wanted)
        return None, *d[:count]


apply = _Differentiable.apply

# The same without torch's Python before it, which looks for a transform of torch.func, refuses one with a word, and
# looks through what one left behind: 2 us of a call.
bare_apply = super(torch.autograd.Function, _Differentiable).apply
