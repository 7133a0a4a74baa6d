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
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import torch
from torch import Tensor, library, nn
from torch._C._functorch import is_batchedtensor as is_batched
from torch._subclasses.fake_tensor import DynamicOutputShapeException
from torch.autograd import forward_ad

from recorrente.cells import GRU, LSTM, Cell, CoupledLSTM, Elman, NormGRU, NormLSTM, PeepholeLSTM, ResetBeforeGRU
from recorrente.errors import InputError
from recorrente.memory import BUILT, buffer, unwritten, unwritten_like
from recorrente.notation import State, Weights
from recorrente.projection import folded
from recorrente.projection import lack as lack_of_projection
from recorrente.sweep import Along, along_of, reference

if TYPE_CHECKING:
    from typing_extensions import Unpack

if BUILT:
    from recorrente import _core

__all__ = ["SlowPathWarning", "automatic", "lack", "native", "target", "tracing", "transform"]


Maybe = TypeVar("Maybe", Tensor, Tensor | None)


class SlowPathWarning(UserWarning):
    """What could be expected to run on the core runs on the reference: right, but slow. The message says why."""


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
        y, *final, _ = torch.ops.recorrente.sweep(*inputs, *how, saving)
    elif saving:
        apply = _Differentiable.apply if torch._C._are_functorch_transforms_active() else _apply
        y, *final = apply(how, *map(_alive, inputs if _some(inputs[FEWEST:]) else inputs[:FEWEST]))
    else:
        y, *final, _ = forward(inputs, how, saving)
    return y, tuple(final[: len(cell.state_names)])


class Inputs(NamedTuple):
    """What a sweep is differentiable in, in the order of every list of gradients here."""

    x: Tensor  # (T, B, C)
    weight_ih: Tensor  # (G*H, C)
    weight_hh: Tensor  # (G*H, H)
    bias_ih: Tensor | None  # (G*H,)
    bias_hh: Tensor | None  # (G*H,)
    h0: Tensor | None = None  # (B, H); zeros where None
    c0: Tensor | None = None  # (B, H), where the cell has a c; zeros where None
    peephole: Tensor | None = None  # (3*H,)
    norm_ih: Tensor | None = None  # (G*H,)
    norm_hh: Tensor | None = None  # (G*H,)
    norm_c: Tensor | None = None  # (2, H)
    restart_h: Tensor | None = None  # (B, H)
    restart_c: Tensor | None = None  # (B, H)


class Way(NamedTuple):
    """What else a sweep goes by."""

    lengths: Tensor | None = None  # (B,) int64
    reset: Tensor | None = None  # (T, B) bool
    drop: Tensor | None = None  # (B, H), or (B, G*H)
    zone_h: Tensor | None = None  # (T, B, H), shares or bools
    zone_c: Tensor | None = None  # (T, B, H), likewise
    cell: int = 0
    reverse: bool = False


_PLAIN = frozenset({Tensor, nn.Parameter})  # other types may have a dispatch of their own
N_INPUTS, N_WAY = len(Inputs._fields), len(Way._fields)
OWN, RESTARTS = slice(7, 11), slice(11, 13)  # of Inputs: a cell's weights beside torch's, and what it restarts from
FEWEST = 7  # of Inputs, which are all that most sweeps have
NOTHING = torch.empty(0, dtype=torch.uint8, device="cpu")  # what is saved for no backward pass
MARK = 1  # byte more than the core asks for, so that there is one: null means something to it
FRESH, USED = 0, 1  # what the operator writes there, before a backward pass and after it


def given(x: Tensor, state: State, weights: Weights, along: Along) -> Inputs:
    """The arguments of a sweep, as the core wants them."""
    ih, hh, bias_ih, bias_hh, _, peephole, norm_ih, norm_hh, norm_c = weights
    (h0, c0), (restart_h, restart_c) = _two(state), _two(along.get("restart") or ())
    return Inputs(x, ih, hh, bias_ih, bias_hh, h0, c0, peephole, norm_ih, norm_hh, norm_c, restart_h, restart_c)


def _two(parts: Sequence[Tensor | None]) -> tuple[Tensor | None, Tensor | None]:
    """What there is of h and of c."""
    return (parts[0] if parts else None), (parts[1] if len(parts) > 1 else None)


def way(code: int, along: Along) -> Way:
    """The same of what is no input."""
    if not along:
        return _ALONE[code]
    zone_h, zone_c = _two(along.get("zone") or ())
    masks = along.get("lengths"), along.get("reset"), along.get("drop"), zone_h, zone_c
    return Way(*masks, code, along.get("reverse", False))


def _some(parts: Sequence[Tensor | None]) -> bool:
    """Whether there is any: not by `==`, which is an operation for tensors, nor by a generator, which costs as much."""
    for part in parts:  # noqa: SIM110
        if part is not None:
            return True
    return False


def _alive(tensor: Maybe) -> Maybe:
    """What a transform of torch.func has left behind wraps a tensor; torch's own operations look through that."""
    return None if tensor is None else torch._C._functorch.unwrap_if_dead(tensor)


def _any_requires_grad(tensors: Sequence[Tensor | None]) -> bool:
    for tensor in tensors:  # noqa: SIM110
        if tensor is not None and tensor.requires_grad:
            return True
    return False


def _refuse(inputs: Inputs, way: Way) -> None:
    """Refuses what the core, which sees only pointers, would read past the end of or take for another dtype."""
    (_, B, C), H = inputs.x.shape, inputs.weight_hh.shape[1]
    rows, dtype, state = _core.gates(way.cell) * H, inputs.x.dtype, (B, H)
    shapes: tuple[tuple[int, ...], ...] = (
        inputs.x.shape,
        (rows, C),
        (rows, H),
        (rows,),
        (rows,),
        state,
        state,
        (3 * H,),
        (rows,),
        (rows,),
        (2, H),
        state,
        state,
    )
    for name, tensor, shape in zip(inputs._fields, inputs, shapes, strict=True):
        if tensor is not None:
            _refuse_other(name, tensor, shape, dtype)


def _refuse_lengths(lengths: Tensor, B: int) -> None:
    """The same of the lengths, whose values the core checks itself."""
    _refuse_other("lengths", lengths, (B,), torch.int64)
    if not lengths.is_contiguous():
        raise InputError("lengths", came="strides", wanted="contiguous int64")


def _refuse_masks(inputs: Inputs, way: Way) -> None:
    """The same of the rest of what is no input."""
    T, B, H = _sizes(inputs)
    rows, dtype = len(inputs.weight_hh), inputs.x.dtype
    masks = (B, rows) if _by_gate(inputs, way) else (B, H)
    zone = torch.bool if _in_bytes(way) else dtype
    shapes, dtypes = ((T, B), masks, (T, B, H), (T, B, H)), (torch.bool, dtype, zone, zone)
    for name, tensor, shape, wanted in zip(way._fields[1:5], way[1:5], shapes, dtypes, strict=True):
        if tensor is not None:
            _refuse_other(name, tensor, shape, wanted)


def _refuse_other(name: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    if tensor.shape != shape or tensor.dtype != dtype or not tensor.is_cpu:
        came = f"{tuple(tensor.shape)} {tensor.dtype} on {tensor.device}"
        raise InputError(name, came=came, wanted=f"{tuple(shape)} {dtype} on the CPU, to fit the others")
    if not _has_memory(tensor):
        came = f"a {type(tensor).__name__} without memory of its own"
        raise InputError(name, came=came, wanted="a tensor with values")


def _has_memory(tensor: Tensor) -> bool:
    """Not so a wrapper of other tensors, as DTensor is, or zeros that nobody has written down."""
    try:
        return not tensor.numel() or bool(tensor.data_ptr())
    except RuntimeError:  # torch's own word on it, for some of them
        return False


def _refuse_kept(inputs: Inputs, problem: _core.Problem, y: Tensor, saved: Tensor) -> None:
    """Refuses what a hook for saved tensors gave back for others than it was given."""
    _refuse_other("y", y, _sizes(inputs), inputs.x.dtype)
    if saved.dtype != torch.uint8 or saved.nbytes < problem.saved_bytes() or not saved.is_contiguous():
        came = f"{tuple(saved.shape)} {saved.dtype} for the {problem.saved_bytes()} bytes that the sweep saved"
        cure = "Let hooks for saved tensors pass on what is no floating point number"
        raise InputError("saved_tensors_hooks", came=came, wanted="the same bytes", cure=cure)


def _by_gate(inputs: Inputs, way: Way) -> bool:
    """Whether each gate has a mask of its own."""
    return way.drop is not None and way.drop.shape[-1] != inputs.weight_hh.shape[1]


def _in_bytes(way: Way) -> bool:
    """Whether zones are bools."""
    return any(zone is not None and zone.dtype == torch.bool for zone in (way.zone_h, way.zone_c))


# What the core calls its dtypes and cells, and back.
if BUILT:
    DTYPES = {torch.float32: _core.F32, torch.float64: _core.F64}
    _ELMANS = {"tanh": _core.ELMAN_TANH, "relu": _core.ELMAN_RELU, "linear": _core.ELMAN_LINEAR}
    _CELLS = {code: Elman(f) for f, code in _ELMANS.items()} | {
        _core.GRU: GRU(),
        _core.LSTM: LSTM(),
        _core.LSTM_PEEPHOLE: PeepholeLSTM(),
        _core.LSTM_COUPLED: CoupledLSTM(),
        _core.GRU_BEFORE: ResetBeforeGRU(),
        _core.GRU_NORM: NormGRU(),
        _core.LSTM_NORM: NormLSTM(),
    }
    _core.use_exchange(getattr(Tensor, "__dlpack_c_exchange_api__", None))
    _STRETCHES = {dtype: _core.gradient_stretch(code) for dtype, code in DTYPES.items()}
    _WITH_C = {code for code, cell in _CELLS.items() if len(cell.state_names) == 2}
    _CODES = {type(cell): code for code, cell in _CELLS.items() if not isinstance(cell, Elman)}
    _ALONE = {code: Way(cell=code) for code in _CELLS}  # of a sweep with nothing along


def number_of(cell: Cell) -> int | None:
    """What the core calls a cell. None for one that it does not know; a subclass of a known one may step otherwise."""
    if type(cell) is Elman:
        return _ELMANS.get(cell.activation) if isinstance(cell.activation, str) else None
    return _CODES.get(type(cell))


def cell_of(code: int) -> Cell:
    """The cell behind a code of the core."""
    return _CELLS[code]


def code_of(cell: Cell, sweep: object, x: Tensor, weights: Weights, along: Along) -> int | None:
    """What the core calls a cell, where `sweep` would run it on the core just as it is; else None."""
    if sweep not in (native, automatic) or transform():
        return None
    return None if weights.weight_hr is not None or lack(cell, x, **along) else number_of(cell)


def gradient_stretch(dtype: torch.dtype) -> int:
    """Over so many rows at a time the core sums the gradients of weights; 1 where there is no core."""
    return _STRETCHES.get(dtype, 1) if BUILT else 1


# From tensors to the core's integers. A list holds what was made on the way until the call has returned.


def _rows_contiguous(tensor: Maybe) -> Maybe:
    """The last index contiguous and no sign pending; other strides are the core's own to follow."""
    if tensor is None or (tensor.stride(-1) == 1 and not tensor.is_neg()):
        return tensor
    return tensor.resolve_neg().contiguous()


def _contiguous(tensor: Maybe) -> Maybe:
    return None if tensor is None else tensor.resolve_neg().contiguous()


def _readable(inputs: Inputs) -> Inputs:
    if all(t is None or (t.is_contiguous() and not t.is_neg()) for t in inputs):
        return inputs
    x, ih, hh, bias_ih, bias_hh, h0, c0 = inputs[:7]
    return Inputs(
        _rows_contiguous(x),
        _contiguous(ih),
        _contiguous(hh),
        _contiguous(bias_ih),
        _contiguous(bias_hh),
        _rows_contiguous(h0),
        _rows_contiguous(c0),
        *map(_contiguous, tuple(inputs)[OWN]),
        *map(_rows_contiguous, tuple(inputs)[RESTARTS]),
    )


def _pointer(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _state(tensor: Tensor | None) -> tuple[int, int]:
    return (0, 0) if tensor is None else (tensor.data_ptr(), tensor.stride(0))


def _sequence(tensor: Tensor | None) -> tuple[int, int, int]:
    return (0, 0, 0) if tensor is None else (tensor.data_ptr(), tensor.stride(0), tensor.stride(1))


def _pointers(inputs: Inputs) -> list[int]:
    x, *weights, h0, c0 = inputs[:7]
    return [*map(_pointer, weights), *_sequence(x), *_state(h0), *_state(c0)]


def _readable_masks(inputs: Inputs, way: Way) -> Way:
    """The last index contiguous; what is broadcast over steps and rows stays so."""
    if way.lengths is not None:
        _refuse_lengths(way.lengths, inputs.x.shape[1])
    if not _some(way[1:5]):
        return way
    _refuse_masks(inputs, way)
    masks = (_rows_contiguous(way.drop), _rows_contiguous(way.zone_h), _rows_contiguous(way.zone_c))
    return Way(way.lengths, way.reset, *masks, way.cell, way.reverse)


def _read(inputs: Inputs, way: Way) -> tuple[Inputs, Way, list[int]]:
    """What the core can read, and where it is; refused where it does not fit."""
    pointers: list[int] | None = _core.pointers(inputs, way.cell)
    if pointers is None:
        inputs = Inputs._make(map(_alive, inputs))
        _refuse(inputs, way)
        inputs = _readable(inputs)
        pointers = _pointers(inputs)
    return inputs, _readable_masks(inputs, way), pointers


def _problem(inputs: Inputs, way: Way) -> _core.Problem:
    T, B, C = inputs.x.shape
    H = inputs.weight_hh.shape[1]
    sizes = way.cell, DTYPES[inputs.x.dtype], T, B, C, H, way.reverse, torch.get_num_threads()
    if way.reset is None:
        return _core.Problem(*sizes, lengths=_pointer(way.lengths))
    pointer, step, row = way.reset.data_ptr(), way.reset.stride(0), way.reset.stride(1)
    return _core.Problem(*sizes, lengths=_pointer(way.lengths), reset=pointer, reset_step=step, reset_row=row)


def _further(
    inputs: Inputs,
    way: Way,
    d: Sequence[Tensor | None] = (None,) * N_INPUTS,
    *,
    add: bool = False,
    replay: bool = False,
    sums: Tensor | None = None,
) -> _core.Further | None:
    """What most calls do without, as an argument of its own; `d`: the gradients of `inputs`."""
    if not (add or replay or sums is not None or _some(way[1:5]) or _some(inputs[FEWEST:])):
        return None
    peephole, norm_ih, norm_hh, norm_c = map(_pointer, tuple(inputs)[OWN])
    dpeephole, dnorm_ih, dnorm_hh, dnorm_c = map(_pointer, d[OWN])
    dh_restart, dc_restart = map(_state, d[RESTARTS])
    return _core.Further(
        drop=_state(way.drop),
        drop_gate=inputs.weight_hh.shape[1] if _by_gate(inputs, way) else 0,
        zone_bytes=_in_bytes(way),
        zone_h=_sequence(way.zone_h),
        zone_c=_sequence(way.zone_c),
        restart_h=_state(inputs.restart_h),
        restart_c=_state(inputs.restart_c),
        dh_restart=dh_restart,
        dc_restart=dc_restart,
        peephole=peephole,
        norm_ih=norm_ih,
        norm_hh=norm_hh,
        norm_c=norm_c,
        dpeephole=dpeephole,
        dnorm_ih=dnorm_ih,
        dnorm_hh=dnorm_hh,
        dnorm_c=dnorm_c,
        bias_sums=_pointer(sums),
        add=add,
        replay=replay,
    )


def _sizes(inputs: Inputs) -> tuple[int, int, int]:
    """T, B and H."""
    T, B, _ = inputs.x.shape
    return T, B, inputs.weight_hh.shape[1]


def forward(
    inputs: Inputs,
    way: Way,
    saving: bool,
    *,
    y: Tensor | None = None,
    replay: bool = False,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """y, h_n and c_n, and the bytes that `backward` reads: none unless `saving`.

    Where `y` is given, y is written there, or with `replay` read, which takes no `drop`: it is what this call gave
    before, and the bytes are made again from it, for many steps at once.
    """
    if y is None:  # all in one, where nothing more is needed; Python's way, which follows, judges it and takes the rest
        done = _core.plain_forward(inputs, way, saving, torch.get_num_threads())
        if done is not None:
            y, h_n, c_n, saved = done
            return y, h_n, c_n, NOTHING if saved is None else saved
    inputs, way, pointers = _read(inputs, way)
    problem, (T, B, H), x = _problem(inputs, way), _sizes(inputs), inputs.x
    if y is None:
        y = unwritten((T, B, H), x)
    h_n, c_n = x.new_empty((B, H)), x.new_empty((B, H)) if way.cell in _WITH_C else None
    saved = buffer(problem.saved_bytes() + MARK) if saving else NOTHING
    out = [*_sequence(y), *_state(h_n), *_state(c_n), _pointer(saved)]
    call: list[Any] = [*pointers, *out, _further(inputs, way, replay=replay)]
    _core.forward(problem, *call)
    return y, h_n, c_n, saved


def backward(
    gradients: Sequence[Tensor | None],
    inputs: Inputs,
    way: Way,
    y: Tensor,
    saved: Tensor,
    wanted: Sequence[bool],
    *,
    dx: Tensor | None = None,
    onto: Sequence[Tensor | None] | None = None,
    sums: Tensor | None = None,
) -> list[Tensor | None]:
    """The gradients of `inputs`, None where not wanted, from those of y, h_n and c_n. Uses `saved` up.

    Where `dx` is given, whose last index is contiguous, that of x is written there; `onto` holds, in the places of the
    weights, gradients of an earlier call to which this one's are added; `sums` is the `bias_sums` of such calls.
    """
    if dx is None and onto is None and sums is None:  # likewise
        done = _core.plain_backward(gradients, inputs, way, y, saved, wanted, torch.get_num_threads())
        if done is not None:
            return done
    inputs, way, pointers = _read(inputs, way)
    problem = _problem(inputs, way)
    _refuse_kept(inputs, problem, y, saved)
    y = _rows_contiguous(y)
    dy, dh_n, dc_n = map(_rows_contiguous, gradients)
    d = _made(dx, onto)
    for i, want in enumerate(wanted):
        if want and d[i] is None and (t := inputs[i]) is not None:
            d[i] = unwritten_like(t)
    dx, dw_ih, dw_hh, dbias_ih, dbias_hh, dh0, dc0 = d[:FEWEST]
    coming = [*_sequence(y), _pointer(saved), *_sequence(dy), *_state(dh_n), *_state(dc_n)]
    out = [*_sequence(dx), *_state(dh0), *_state(dc0), *map(_pointer, (dw_ih, dw_hh, dbias_ih, dbias_hh))]
    call: list[Any] = [*pointers, *coming, *out, _further(inputs, way, d, add=onto is not None, sums=sums)]
    _core.backward(problem, *call)
    return d


def bias_sums(inputs: Inputs) -> Tensor | None:
    """Zeros in which `backward` carries the gradients of biases from call to call; None with layer norm."""
    if inputs.norm_ih is not None:
        return None
    return torch.zeros(2, len(inputs.weight_hh), dtype=torch.float64, device="cpu")


def _made(dx: Tensor | None, onto: Sequence[Tensor | None] | None) -> list[Tensor | None]:
    """Where the gradients of `Inputs` are to be written, as far as there is a place for them."""
    made: list[Tensor | None] = [None] * N_INPUTS
    made[0] = dx
    if onto is not None:
        made[1:5], made[OWN] = onto[1:5], onto[OWN]
    return made


def unshared(saved: Tensor) -> Tensor:
    """`saved` itself where autograd drops it after this backward pass, else a copy, for the core writes over it."""
    return saved.clone() if torch._C._autograd._get_current_graph_task_keep_graph() else saved


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
    cell, (_, *state) = cell_of(way.cell), _sizes(inputs)
    parts = (inputs.h0, inputs.c0)[: len(cell.state_names)]
    start = tuple(inputs.x.new_zeros(state) if part is None else part for part in parts)
    own = dict(zip(Inputs._fields[OWN], tuple(inputs)[OWN], strict=True))
    weights = Weights(inputs.weight_ih, inputs.weight_hh, inputs.bias_ih, inputs.bias_hh, **own)
    y, final = reference(cell, inputs.x, start, weights, **_along(inputs, way, start))
    return y, *final


def _ends(outs: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Where there is something to go back from, and the gradient that comes there."""
    ends = [(out, d) for out, d in zip(outs, gradients, strict=False) if d is not None and out.requires_grad]
    return tuple(out for out, _ in ends), tuple(d for _, d in ends)


def _along(inputs: Inputs, way: Way, state: State) -> Along:
    """What `given` and `way` were made from."""
    restart = tuple(
        torch.zeros_like(like) if part is None else part
        for part, like in zip((inputs.restart_h, inputs.restart_c), state, strict=False)
    )
    return along_of(way[:5][: 3 + len(state)], way.reverse, restart)  # a zone for each part of the state


class _Differentiable(torch.autograd.Function):
    """The sweep in eager mode."""

    @staticmethod
    def forward(ctx: Any, way: Way, *tensors: Any) -> tuple[Tensor, ...]:
        y, h_n, c_n, saved = forward(Inputs(*tensors), way, saving=True)
        *masks, cell, reverse = way
        if not _some(masks):
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


# torch's `apply` without the Python before it, which looks for a transform of torch.func, refuses one with a word, and
# looks through what one left behind: 2 us of a call.
_apply = super(torch.autograd.Function, _Differentiable).apply


# The sweep as an operator, for the compilers.

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
    x, (T, B, H) = inputs.x, _sizes(inputs)
    c_n = x.new_empty((B, H) if cell in _WITH_C else 0)
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
