"""The way around the core, never in silence: what it cannot go back from, and the way back through the reference.

The warning is that of the way forward, too, which `native` chooses.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor
from torch._C._functorch import is_batchedtensor as is_batched

from recorrente.calls.arguments import N_INPUTS, OWN, Inputs, Way, along_given, sizes
from recorrente.calls.codes import cell_of
from recorrente.notation import Weights
from recorrente.sweep import reference

__all__ = ["SlowPathWarning", "beyond", "through_reference"]


class SlowPathWarning(UserWarning):
    """What could be expected to run on the core runs on the reference: right, but slow. The message says why."""


def beyond(gradients: Sequence[Tensor | None]) -> str:
    """Why the core cannot go back from these; empty where it can."""
    if torch.is_grad_enabled():
        return "create_graph=True asks for a gradient that can be differentiated again, and the core's cannot"
    for d in gradients:
        if d is not None and (is_batched(d) or torch._C._functorch.is_legacy_batchedtensor(d)):
            return "vmap or is_grads_batched=True asks for many gradients at once, and the core has no rule for it"
    return ""


def through_reference(
    reason: str, gradients: Sequence[Tensor | None], inputs: Inputs, way: Way, wanted: Sequence[bool]
) -> list[Tensor | None]:
    """What `backward` gives, by torch's operations alone: they can be differentiated once more, and transformed."""
    warnings.warn(f"this backward pass runs on the slow reference sweep: {reason}", SlowPathWarning, stacklevel=2)
    again, wanted = torch.is_grad_enabled(), (*wanted, *[False] * (N_INPUTS - len(wanted)))
    with torch.enable_grad():
        role = Inputs(*[_role(t, want) for t, want in zip(inputs, wanted, strict=True)])  # type: ignore[arg-type]
        outs, d_outs = _ends(_swept(role, way), gradients)
    asked = [t for t, want in zip(role, wanted, strict=True) if want and t is not None]
    found = iter(torch.autograd.grad(outs, asked, d_outs, create_graph=again, allow_unused=True))
    return [next(found) if want else None for want in wanted]


def _role(tensor: Tensor | None, want: bool) -> Tensor | None:
    """A graph node of its own, for one tensor may play two roles."""
    if tensor is None:
        return None
    role = tensor.view_as(tensor)
    return role if role.requires_grad or not want else role.requires_grad_()


def _swept(inputs: Inputs, way: Way) -> tuple[Tensor, ...]:
    """Y and the final state, by the reference."""
    cell, (_, *state) = cell_of(way.cell), sizes(inputs)
    parts = (inputs.h0, inputs.c0)[: len(cell.state_names)]
    start = tuple(inputs.x.new_zeros(state) if part is None else part for part in parts)
    own = dict(zip(Inputs._fields[OWN], tuple(inputs)[OWN], strict=True))
    weights = Weights(inputs.weight_ih, inputs.weight_hh, inputs.bias_ih, inputs.bias_hh, **own)
    y, final = reference(cell, inputs.x, start, weights, **along_given(inputs, way, start))
    return y, *final


def _ends(outs: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Where there is something to go back from, and the gradient that comes there."""
    ends = [(out, d) for out, d in zip(outs, gradients, strict=False) if d is not None and out.requires_grad]
    return tuple(out for out, _ in ends), tuple(d for _, d in ends)
