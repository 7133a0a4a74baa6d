"""The C++ core as a sweep, and the choice of it.

`native` has the signature of `sweep.reference`. `lack` and `transform` say why the core cannot run something, and
`automatic` takes the one or the other by them, never in silence. Knows pointers and autograd; the manual of what is
called here is `core/include/recorrente/sweep.h`.

The core is reached in two ways that share everything but the wrapping: a `torch.autograd.Function` in eager mode, which
costs a third of what an operator of `torch.library` costs a call, and the operator `recorrente::sweep` under
`torch.compile` and `torch.export`, which want one node with known shapes (docs/decisions/0003-eager-and-compiled.md).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.autograd import forward_ad

from recorrente.cells import GRU, LSTM, Cell, Elman
from recorrente.errors import InputError
from recorrente.notation import State, Weights
from recorrente.sweep import reference

try:
    from recorrente import _core
except ImportError:  # a source tree that nobody has built
    BUILT = False
else:
    BUILT = True

__all__ = ["SlowPathWarning", "automatic", "lack", "native", "target", "transform"]


Maybe = TypeVar("Maybe", Tensor, Tensor | None)


class SlowPathWarning(UserWarning):
    """What could be expected to run on the core runs on the reference: right, but slow. The message says why."""


def target() -> str:
    """The vector code that the core runs on this machine (`avx512`, `avx2`, ...); `none` where it is not built."""
    return _core.target() if BUILT else "none"


def lack(cell: Cell, x: Tensor, *, projection: bool = False) -> str:
    """What the core lacks to run this sweep at all; empty where it has everything."""
    if not BUILT:
        return "the C++ core is not built (`pip install .` builds it)"
    if _code(cell) is None:
        return f"the core does not know {cell!r}"
    if projection:
        return "the core has no projection"
    if not x.is_cpu:
        return f"the core runs on the CPU, and the input is on {x.device}"
    if x.dtype not in _DTYPES:
        return f"the core computes in float32 and float64, and the input is {x.dtype}"
    return ""


def transform() -> str:
    """Which way of differentiating is at work that the core has no rule for; empty where none is."""
    if torch.compiler.is_compiling():
        return ""
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return "a transform of torch.func (vmap, grad, jvp, ...) is at work, and the core has no rule for it"
    if forward_ad._current_level >= 0:
        return "forward-mode differentiation is at work, and the core has no rule for it"
    return ""


def automatic(
    cell: Cell, x: Tensor, state: State, weights: Weights, *, reverse: bool = False, lengths: Tensor | None = None
) -> tuple[Tensor, State]:
    """`native` where the core can run this, `reference` where not; that is a `SlowPathWarning` for a cell it has."""
    reason = lack(cell, x, projection=weights.weight_hr is not None) or transform()
    if not reason:
        return native(cell, x, state, weights, reverse=reverse, lengths=lengths)
    if not BUILT or _code(cell) is not None:
        warnings.warn(f"this runs on the slow reference sweep: {reason}", SlowPathWarning, stacklevel=2)
    return reference(cell, x, state, weights, reverse=reverse, lengths=lengths)


def native(
    cell: Cell, x: Tensor, state: State, weights: Weights, *, reverse: bool = False, lengths: Tensor | None = None
) -> tuple[Tensor, State]:
    """`reference` on the C++ core, on as many threads as torch has: same arguments, same numbers within rounding.

    `lengths` is int64, contiguous and on the CPU. Nothing is saved for a backward pass that cannot come. One that is
    itself to be differentiated (`create_graph=True`) runs on the reference, and warns.

    Raises:
        NotImplementedError: for a cell that the core does not know.
        InputError: for tensors whose shapes or dtypes do not fit each other, or that are not on the CPU.
    """
    inputs = _Inputs(x, *weights[:4], *state)
    code = _code(cell)
    if code is None:
        raise NotImplementedError(lack(cell, x))
    saving = torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in inputs)
    if torch.compiler.is_compiling() or type(x) is not Tensor:
        y, *final, _ = torch.ops.recorrente.sweep(*inputs, lengths, code, reverse, saving)
    elif saving:
        y, *final = _Differentiable.apply(*inputs, lengths, code, reverse)
    else:
        y, *final, _ = _forward(inputs, lengths, code, reverse, saving)
    return y, tuple(final[: len(state)])


class _Inputs(NamedTuple):
    """What a sweep is differentiable in, in the order of every list of gradients here."""

    x: Tensor  # (T, B, C)
    weight_ih: Tensor  # (G*H, C)
    weight_hh: Tensor  # (G*H, H)
    bias_ih: Tensor | None  # (G*H,)
    bias_hh: Tensor | None  # (G*H,)
    h0: Tensor  # (B, H)
    c0: Tensor | None = None  # (B, H), LSTM only


def _refuse(inputs: _Inputs, lengths: Tensor | None, cell: int) -> None:
    """Refuses what the core, which sees only pointers, would read past the end of or take for another dtype."""
    (_, B, C), H = inputs.x.shape, inputs.weight_hh.shape[1]
    rows = _core.gates(cell) * H
    shapes = (inputs.x.shape, (rows, C), (rows, H), (rows,), (rows,), (B, H), (B, H))
    for name, tensor, shape in zip(inputs._fields, inputs, shapes, strict=True):
        if tensor is not None and (tensor.shape != shape or tensor.dtype != inputs.x.dtype or not tensor.is_cpu):
            came = f"{tuple(tensor.shape)} {tensor.dtype} on {tensor.device}"
            raise InputError(name, came=came, wanted=f"{tuple(shape)} {inputs.x.dtype} on the CPU, to fit the others")
    if lengths is not None and (lengths.shape != (B,) or lengths.dtype != torch.int64 or not lengths.is_contiguous()):
        raise InputError("lengths", came=f"{tuple(lengths.shape)} {lengths.dtype}", wanted=f"({B},) int64, contiguous")


# What the core calls its dtypes and cells, and back.
if BUILT:
    _DTYPES = {torch.float32: _core.F32, torch.float64: _core.F64}
    _ELMANS = {"tanh": _core.ELMAN_TANH, "relu": _core.ELMAN_RELU, "linear": _core.ELMAN_LINEAR}
    _CELLS = {code: Elman(f) for f, code in _ELMANS.items()} | {_core.GRU: GRU(), _core.LSTM: LSTM()}


def _code(cell: Cell) -> int | None:
    """What the core calls a cell. None for one that it does not know; a subclass of a known one may step otherwise."""
    if type(cell) is GRU:
        return _core.GRU
    if type(cell) is LSTM:
        return _core.LSTM
    return _ELMANS.get(cell.activation) if type(cell) is Elman and isinstance(cell.activation, str) else None


# From tensors to the core's integers. A list holds what was made on the way until the call has returned.


def _rows_contiguous(tensor: Maybe) -> Maybe:
    """The last index contiguous and no sign pending; other strides are the core's own to follow."""
    if tensor is None or (tensor.stride(-1) == 1 and not tensor.is_neg()):
        return tensor
    return tensor.resolve_neg().contiguous()


def _contiguous(tensor: Maybe) -> Maybe:
    return None if tensor is None else tensor.resolve_neg().contiguous()


def _readable(inputs: _Inputs) -> _Inputs:
    return _Inputs(
        _rows_contiguous(inputs.x),
        _contiguous(inputs.weight_ih),
        _contiguous(inputs.weight_hh),
        _contiguous(inputs.bias_ih),
        _contiguous(inputs.bias_hh),
        _rows_contiguous(inputs.h0),
        _rows_contiguous(inputs.c0),
    )


def _pointer(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _state(tensor: Tensor | None) -> tuple[int, int]:
    return (0, 0) if tensor is None else (tensor.data_ptr(), tensor.stride(0))


def _sequence(tensor: Tensor | None) -> tuple[int, int, int]:
    return (0, 0, 0) if tensor is None else (tensor.data_ptr(), tensor.stride(0), tensor.stride(1))


def _pointers(inputs: _Inputs) -> list[int]:
    x, *weights, h0, c0 = inputs
    return [*map(_pointer, weights), *_sequence(x), *_state(h0), *_state(c0)]


def _problem(inputs: _Inputs, lengths: Tensor | None, cell: int, reverse: bool) -> _core.Problem:
    T, B, C = inputs.x.shape
    H = inputs.weight_hh.shape[1]
    threads = torch.get_num_threads()
    return _core.Problem(cell, _DTYPES[inputs.x.dtype], T, B, C, H, reverse, threads, lengths=_pointer(lengths))


def _buffer(size: int) -> Tensor:
    """Bytes for the core alone; one at least, for it takes a null pointer to mean something."""
    return torch.empty(max(size, 1), dtype=torch.uint8, device="cpu")


def _outputs(inputs: _Inputs) -> tuple[Tensor, Tensor, Tensor]:
    """Unwritten: y (T, B, H), h_n (B, H), c_n (B, H) or empty."""
    x, h0, c0 = inputs.x, inputs.h0, inputs.c0
    T, (B, H) = x.shape[0], h0.shape
    return x.new_empty(T, B, H), x.new_empty(B, H), x.new_empty(0 if c0 is None else B, H)


def _forward(
    inputs: _Inputs, lengths: Tensor | None, cell: int, reverse: bool, saving: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The outputs, and the bytes that `_backward` reads: none unless `saving`."""
    _refuse(inputs, lengths, cell)
    problem = _problem(inputs, lengths, cell, reverse)
    inputs = _readable(inputs)
    y, h_n, c_n = _outputs(inputs)
    saved = _buffer(problem.saved_bytes()) if saving else torch.empty(0, dtype=torch.uint8, device="cpu")
    workspace = _buffer(problem.forward_workspace_bytes(saving))
    out = [*_sequence(y), *_state(h_n), *_state(c_n), _pointer(saved)]
    _core.forward(problem, *_pointers(inputs) + out + [_pointer(workspace)])
    return y, h_n, c_n, saved


def _backward(
    gradients: Sequence[Tensor | None],
    inputs: _Inputs,
    lengths: Tensor | None,
    y: Tensor,
    saved: Tensor,
    cell: int,
    reverse: bool,
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """The gradients of `inputs`, None where not wanted, from those of y, h_n and c_n. Uses `saved` up."""
    problem = _problem(inputs, lengths, cell, reverse)
    inputs = _readable(inputs)
    dy, dh_n, dc_n = map(_rows_contiguous, gradients)
    d = [t.new_empty(t.shape) if t is not None and want else None for t, want in zip(inputs, wanted, strict=True)]
    dx, *dweights, dh0, dc0 = d
    workspace = _buffer(problem.backward_workspace_bytes())
    given = [*_sequence(y), _pointer(saved), *_sequence(dy), *_state(dh_n), *_state(dc_n)]
    out = [*_sequence(dx), *_state(dh0), *_state(dc0), *map(_pointer, dweights)]
    _core.backward(problem, *_pointers(inputs) + given + out + [_pointer(workspace)])
    return d


def _unshared(saved: Tensor) -> Tensor:
    """`saved` itself where autograd drops it after this backward pass, else a copy, for the core writes over it."""
    return saved.clone() if torch._C._autograd._get_current_graph_task_keep_graph() else saved


def _through_reference(
    gradients: Sequence[Tensor | None],
    inputs: _Inputs,
    lengths: Tensor | None,
    cell: int,
    reverse: bool,
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """What `_backward` gives, as a graph that autograd can differentiate once more."""
    warnings.warn(
        "this backward pass runs on the slow reference sweep: create_graph=True asks for a gradient that can be "
        "differentiated again, and the core's cannot",
        SlowPathWarning,
        stacklevel=2,
    )
    roles = [None if t is None else t.view_as(t) for t in inputs]  # one tensor may play two roles: a graph node each
    role = _Inputs(*roles)  # type: ignore[arg-type]
    start = (role.h0,) if role.c0 is None else (role.h0, role.c0)
    weights = Weights(role.weight_ih, role.weight_hh, role.bias_ih, role.bias_hh)
    y, final = reference(_CELLS[cell], role.x, start, weights, reverse=reverse, lengths=lengths)
    ends = [(out, d) for out, d in zip((y, *final), gradients, strict=False) if d is not None and out.requires_grad]
    asked = [t for t, want in zip(roles, wanted, strict=True) if want and t is not None]
    outs, d_outs = zip(*ends, strict=True) if ends else ((), ())
    found = iter(torch.autograd.grad(outs, asked, d_outs, create_graph=True, allow_unused=True))
    return [next(found) if want else None for want in wanted]


def _remember(ctx: Any, inputs: Sequence[Any], made: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.cell, ctx.reverse = inputs
    ctx.save_for_backward(*tensors, *made)
    ctx.set_materialize_grads(False)


class _Differentiable(torch.autograd.Function):
    """The sweep in eager mode."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        lengths, cell, reverse = inputs[7:]
        y, h_n, c_n, saved = _forward(_Inputs(*inputs[:7]), lengths, cell, reverse, saving=True)
        _remember(ctx, inputs, (y, saved))
        return y, h_n, c_n

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        *inputs, lengths, y, saved = ctx.saved_tensors
        call, wanted = (ctx.cell, ctx.reverse), ctx.needs_input_grad[:7]
        if torch.is_grad_enabled():
            d = _through_reference(gradients, _Inputs(*inputs), lengths, *call, wanted)
        else:
            d = _backward(gradients, _Inputs(*inputs), lengths, y, _unshared(saved), *call, wanted)
        return (*d, None, None, None)


# The sweep as an operator, for the compilers.

_INPUTS = "Tensor x, Tensor weight_ih, Tensor weight_hh, Tensor? bias_ih, Tensor? bias_hh, Tensor h0, Tensor? c0"
_library = torch.library.Library("recorrente", "DEF")


def _sweep(*arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _forward(_Inputs(*arguments[:7]), *arguments[7:])


def _sweep_backward(*arguments: Any) -> list[Tensor]:
    gradients, inputs, (lengths, y, saved, *call) = arguments[:3], _Inputs(*arguments[3:10]), arguments[10:]
    return [d for d in _backward(gradients, inputs, lengths, y, _unshared(saved), *call) if d is not None]


def _sweep_shapes(*arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    inputs, saving = _Inputs(*arguments[:7]), arguments[-1]
    bytes_saved = torch.library.get_ctx().new_dynamic_size() if saving else 0  # the core alone knows: lengths count
    return *_outputs(inputs), inputs.x.new_empty(bytes_saved, dtype=torch.uint8)


def _sweep_backward_shapes(*arguments: Any) -> list[Tensor]:
    return [t.new_empty(t.shape) for t, want in zip(arguments[3:10], arguments[-1], strict=True) if want]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    y, _, _, saved = output
    ctx.mark_non_differentiable(saved)
    ctx.saving = inputs[-1]
    _remember(ctx, inputs[:-1], (y, saved))


def _compiled_backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
    if not ctx.saving:
        raise RuntimeError("recorrente::sweep ran with saving=False, and has nothing to go back with")
    wanted = ctx.needs_input_grad[:7]
    d = iter(torch.ops.recorrente.sweep_backward(*gradients[:3], *ctx.saved_tensors, ctx.cell, ctx.reverse, wanted))
    return (*(next(d) if want else None for want in wanted), None, None, None, None)


def _register(schema: str, kernel: Callable[..., Any], shapes: Callable[..., Any]) -> None:
    name = schema.partition("(")[0]
    _library.define(schema, tags=torch.Tag.pt2_compliant_tag)
    _library.impl(name, kernel, "CPU")
    torch.library.register_fake(f"recorrente::{name}", shapes, lib=_library)


_register(
    f"sweep({_INPUTS}, Tensor? lengths, int cell, bool reverse, bool saving)"
    " -> (Tensor y, Tensor h_n, Tensor c_n, Tensor saved)",
    _sweep,
    _sweep_shapes,
)
_register(
    f"sweep_backward(Tensor? dy, Tensor? dh_n, Tensor? dc_n, {_INPUTS}, Tensor? lengths, Tensor y, Tensor saved,"
    " int cell, bool reverse, bool[] wanted) -> Tensor[]",
    _sweep_backward,
    _sweep_backward_shapes,
)
torch.library.register_autograd("recorrente::sweep", _compiled_backward, setup_context=_setup, lib=_library)
