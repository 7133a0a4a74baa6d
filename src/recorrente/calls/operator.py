"""The sweep as an operator registered with torch, for the compilers, which want one node with known shapes.

`recorrente::sweep` is for `torch.compile`, `torch.export` and subclasses of Tensor; importing this file registers it.
It shares all but the wrapping with `eager` (docs/decisions/0003-eager-and-compiled.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, library
from torch._subclasses.fake_tensor import DynamicOutputShapeException

from recorrente.calls.arguments import N_INPUTS, N_WAY, Inputs, Way, sizes
from recorrente.calls.codes import DTYPES, WITH_C
from recorrente.calls.detour import beyond, through_reference
from recorrente.calls.passes import MARK, backward, forward, unshared
from recorrente.memory import BUILT

if BUILT:
    from recorrente import _core

__all__ = ["sweep"]

FRESH, USED = 0, 1  # what it writes to the mark of what is saved, before a backward pass and after it

_INPUTS = (
    "Tensor x, Tensor weight_ih, Tensor weight_hh, Tensor? bias_ih, Tensor? bias_hh, Tensor? h0, Tensor? c0,"
    " Tensor? peephole, Tensor? norm_ih, Tensor? norm_hh, Tensor? norm_c, Tensor? restart_h, Tensor? restart_c"
)
_MASKS = "Tensor? lengths, Tensor? reset, Tensor? drop, Tensor? zone_h, Tensor? zone_c"
_library = library.Library("recorrente", "DEF")


def _sweep(*arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    *way, saving = arguments[N_INPUTS:]
    y, h_n, c_n, saved = forward(Inputs(*arguments[:N_INPUTS]), Way(*way), saving)
    if saving:
        saved[-1] = FRESH
    return y, h_n, y.new_empty(0) if c_n is None else c_n, saved


def _sweep_backward(*arguments: Any) -> list[Tensor]:
    gradients, inputs = arguments[:3], Inputs(*arguments[3 : 3 + N_INPUTS])
    lengths, reset, drop, zone_h, zone_c, y, saved, cell, reverse, wanted = arguments[3 + N_INPUTS :]
    way = Way(lengths, reset, drop, zone_h, zone_c, cell, reverse)
    taken = _taken(saved)
    saved = forward(inputs, way, saving=True)[3] if taken is None else taken
    return [d for d in backward(gradients, inputs, way, y, saved, wanted) if d is not None]


def _taken(saved: Tensor) -> Tensor | None:
    """The bytes for one backward pass, and marked as used up; None where one has been there.

    A compiler makes one sweep of two that read the same, whose backward passes then meet here.
    """
    saved = unshared(saved)
    if int(saved[-1]) == USED:
        return None
    saved[-1] = USED
    return saved


def _sweep_shapes(*arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    inputs, (cell, _, saving) = Inputs(*arguments[:N_INPUTS]), arguments[-3:]
    x, (T, B, H) = inputs.x, sizes(inputs)
    c_n = x.new_empty((B, H) if cell in WITH_C else 0)
    bytes_saved = _bytes_saved(cell, x, H) if saving else 0
    return x.new_empty(T, B, H), x.new_empty(B, H), c_n, x.new_empty(bytes_saved, dtype=torch.uint8)


def _bytes_saved(cell: int, x: Tensor, H: int) -> Any:
    """A number that the core alone knows, for lengths count; where none is to be left open, that of rows of T steps."""
    try:
        return library.get_ctx().new_dynamic_size()
    except DynamicOutputShapeException:
        T, B, C = x.shape
        return _core.Problem(cell, DTYPES[x.dtype], T, B, C, H).saved_bytes() + MARK


def _sweep_backward_shapes(*arguments: Any) -> list[Tensor]:
    inputs, wanted = arguments[3 : 3 + N_INPUTS], arguments[-1]
    return [t.new_empty(t.shape) for t, want in zip(inputs, wanted, strict=True) if want]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    y, _, _, saved = output
    *tensors, ctx.cell, ctx.reverse, ctx.saving = inputs
    ctx.mark_non_differentiable(saved)
    ctx.save_for_backward(*tensors, y, saved)
    ctx.set_materialize_grads(False)


def _compiled_backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
    if not ctx.saving:
        raise RuntimeError("recorrente::sweep ran with saving=False, and has nothing to go back with")
    wanted = ctx.needs_input_grad[:N_INPUTS]
    if reason := beyond(gradients[:3]):
        *tensors, _, _ = ctx.saved_tensors
        way = Way._make((*tensors[N_INPUTS:], ctx.cell, ctx.reverse))
        found = through_reference(reason, gradients[:3], Inputs(*tensors[:N_INPUTS]), way, wanted)
        return (*found, *(None,) * (N_WAY + 1))
    d = iter(torch.ops.recorrente.sweep_backward(*gradients[:3], *ctx.saved_tensors, ctx.cell, ctx.reverse, wanted))
    return (*(next(d) if want else None for want in wanted), *(None,) * (N_WAY + 1))


def _register(schema: str, kernel: Callable[..., Any], shapes: Callable[..., Any]) -> None:
    name = schema.partition("(")[0]
    _library.define(schema, tags=torch.Tag.pt2_compliant_tag)
    _library.impl(name, kernel, "CPU")
    library.register_fake(f"recorrente::{name}", shapes, lib=_library)


_register(
    f"sweep({_INPUTS}, {_MASKS}, int cell, bool reverse, bool saving)"
    " -> (Tensor y, Tensor h_n, Tensor c_n, Tensor saved)",
    _sweep,
    _sweep_shapes,
)
_register(
    f"sweep_backward(Tensor? dy, Tensor? dh_n, Tensor? dc_n, {_INPUTS}, {_MASKS}, Tensor y, Tensor saved,"
    " int cell, bool reverse, bool[] wanted) -> Tensor[]",
    _sweep_backward,
    _sweep_backward_shapes,
)
library.register_autograd("recorrente::sweep", _compiled_backward, setup_context=_setup, lib=_library)

sweep = torch.ops.recorrente.sweep
