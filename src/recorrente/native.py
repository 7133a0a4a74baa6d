"""The C++ core as a sweep, and the choice of it.

`native` has the signature of `sweep.reference`. `lack` and `transform` say why the core cannot run something, and
`automatic` takes the one or the other by them, never in silence. Knows which of the ways to the core a call takes;
the ways are those of `calls`, and share everything but the wrapping: none where no gradient can come, a node of
autograd in eager mode, and an operator under the compilers (docs/decisions/0003-eager-and-compiled.md).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from recorrente.calls import operator
from recorrente.calls.arguments import FEWEST, alive, given, some, way
from recorrente.calls.codes import DTYPES, number_of
from recorrente.calls.detour import SlowPathWarning
from recorrente.calls.eager import apply, bare_apply
from recorrente.calls.passes import forward
from recorrente.cells import Cell, PeepholeLSTM
from recorrente.errors import InputError
from recorrente.memory import BUILT
from recorrente.notation import State, Weights
from recorrente.projection import folded
from recorrente.projection import lack as lack_of_projection
from recorrente.sweep import Along, reference

if TYPE_CHECKING:
    from typing_extensions import Unpack

if BUILT:
    from recorrente import _core

# The warning is named here too: filters of warnings name it so.
__all__ = ["SlowPathWarning", "automatic", "lack", "native", "target", "tracing", "transform"]

_PLAIN = frozenset({Tensor, nn.Parameter})  # other types may have a dispatch of their own


def target() -> str:
    """The vector code that the core runs on this machine (`avx512`, `avx2`, ...); `none` where it is not built."""
    return _core.target() if BUILT else "none"


def lack(cell: Cell, x: Tensor, *, projection: bool = False, **along: Unpack[Along]) -> str:
    """What the core lacks to run this sweep at all; empty where it has everything."""
    if not BUILT:
        return "the C++ core is not built (`pip install .` builds it)"
    if number_of(cell) is None:
        return f"the core does not know {cell!r}"
    if not x.is_cpu:
        return f"the core runs on the CPU, and the input is on {x.device}"
    if x.dtype not in DTYPES:
        return f"the core computes in float32 and float64, and the input is {x.dtype}"
    if not (along or projection):
        return ""
    if along.get("zone") and type(cell) is PeepholeLSTM:
        return "the core has no zoneout with peepholes"
    if any(part is not None and part.requires_grad for part in (along.get("drop"), *(along.get("zone") or ()))):
        return "the core gives no gradient to masks"
    masked = along.get("drop") is not None or bool(along.get("zone"))
    return lack_of_projection(masked=masked) if projection else ""


def transform() -> str:
    """What is at work around the call that the core has no rule for; empty where nothing is."""
    if torch.compiler.is_compiling():
        return ""
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return "a transform of torch.func (vmap, grad, jvp, ...) is at work, and the core has no rule for it"
    if forward_ad._current_level >= 0:
        return "forward-mode differentiation is at work, and the core has no rule for it"
    return tracing()


def tracing() -> str:
    """Why what the core does would be missing from the record that is being made; empty where none is."""
    recorded = torch.jit.is_tracing()  # type: ignore[attr-defined]
    return "torch.jit records torch's operations, and what the core does is none" if recorded else ""


def automatic(cell: Cell, x: Tensor, state: State, weights: Weights, **along: Unpack[Along]) -> tuple[Tensor, State]:
    """`native` where the core can run this, `reference` where not; that is a `SlowPathWarning` for a cell it has."""
    reason = lack(cell, x, projection=weights.weight_hr is not None, **along) or transform()
    if not reason:
        return native(cell, x, state, weights, **along)
    if not BUILT or number_of(cell) is not None:
        warnings.warn(f"this runs on the slow reference sweep: {reason}", SlowPathWarning, stacklevel=2)
    return reference(cell, x, state, weights, **along)


def native(cell: Cell, x: Tensor, state: State, weights: Weights, **along: Unpack[Along]) -> tuple[Tensor, State]:
    """`reference` on the C++ core, on as many threads as torch has: same arguments, same numbers within rounding.

    `lengths` is int64, contiguous and on the CPU. An empty `state` is zeros that nobody has to make, but for cells with
    a projection. Nothing is saved for a backward pass that cannot come. One that is itself to be differentiated
    (`create_graph=True`) runs on the reference, and warns.

    Raises:
        NotImplementedError: for a cell that the core does not know.
        InputError: for tensors whose shapes or dtypes do not fit each other, or that are not on the CPU.
    """
    code = number_of(cell)
    if code is None:
        raise NotImplementedError(lack(cell, x))
    if recorded := tracing():
        raise InputError("native", came=recorded, wanted="a layer, or `automatic`, which go another way there")
    if weights.weight_hr is not None:
        return folded(native)(cell, x, state, weights, **along)
    inputs, how = given(x, state, weights, along), way(code, along)
    saving = torch.is_grad_enabled() and _any_requires_grad(inputs)
    if torch.compiler.is_compiling() or type(x) not in _PLAIN:
        y, *final, _ = operator.sweep(*inputs, *how, saving)
    elif saving:
        node = apply if torch._C._are_functorch_transforms_active() else bare_apply
        y, *final = node(how, *map(alive, inputs if some(inputs[FEWEST:]) else inputs[:FEWEST]))
    else:
        y, *final, _ = forward(inputs, how, saving)
    return y, tuple(final[: len(cell.state_names)])


def _any_requires_grad(tensors: Sequence[Tensor | None]) -> bool:
    for tensor in tensors:  # noqa: SIM110
        if tensor is not None and tensor.requires_grad:
            return True
    return False


def code_of(cell: Cell, sweep: object, x: Tensor, weights: Weights, along: Along) -> int | None:
    """What the core calls a cell, where `sweep` would run it on the core just as it is; else None."""
    if sweep not in (native, automatic) or transform():
        return None
    return None if weights.weight_hr is not None or lack(cell, x, **along) else number_of(cell)
