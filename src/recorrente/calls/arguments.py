"""What a sweep on the core is given, in the core's order, and what of it is refused.

The core sees pointers: all that it cannot check behind them is checked here. `_tensors.cpp` reads `Inputs` and `Way`
by place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from recorrente.calls.codes import CELLS
from recorrente.errors import InputError
from recorrente.memory import BUILT
from recorrente.notation import State, Weights
from recorrente.sweep import Along, along_of

if BUILT:
    from recorrente import _core

__all__ = [
    "FEWEST",
    "N_INPUTS",
    "N_WAY",
    "OWN",
    "RESTARTS",
    "Inputs",
    "Maybe",
    "Way",
    "alive",
    "along_given",
    "by_gate",
    "given",
    "in_bytes",
    "refuse",
    "refuse_kept",
    "refuse_lengths",
    "refuse_masks",
    "sizes",
    "some",
    "way",
]

Maybe = TypeVar("Maybe", Tensor, Tensor | None)


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


N_INPUTS, N_WAY = len(Inputs._fields), len(Way._fields)
OWN, RESTARTS = slice(7, 11), slice(11, 13)  # of Inputs: a cell's weights beside torch's, and what it restarts from
FEWEST = 7  # of Inputs, which are all that most sweeps have
_ALONE = {code: Way(cell=code) for code in CELLS}  # of a sweep with nothing along


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


def along_given(inputs: Inputs, way: Way, state: State) -> Along:
    """What `given` and `way` were made from."""
    restart = tuple(
        torch.zeros_like(like) if part is None else part
        for part, like in zip((inputs.restart_h, inputs.restart_c), state, strict=False)
    )
    return along_of(way[:5][: 3 + len(state)], way.reverse, restart)  # a zone for each part of the state


def sizes(inputs: Inputs) -> tuple[int, int, int]:
    """T, B and H."""
    T, B, _ = inputs.x.shape
    return T, B, inputs.weight_hh.shape[1]


def by_gate(inputs: Inputs, way: Way) -> bool:
    """Whether each gate has a mask of its own."""
    return way.drop is not None and way.drop.shape[-1] != inputs.weight_hh.shape[1]


def in_bytes(way: Way) -> bool:
    """Whether zones are bools."""
    return any(zone is not None and zone.dtype == torch.bool for zone in (way.zone_h, way.zone_c))


def some(parts: Sequence[Tensor | None]) -> bool:
    """Whether there is any: not by `==`, which is an operation for tensors, nor by a generator, which costs as much."""
    for part in parts:  # noqa: SIM110
        if part is not None:
            return True
    return False


def alive(tensor: Maybe) -> Maybe:
    """What a transform of torch.func has left behind wraps a tensor; torch's own operations look through that."""
    return None if tensor is None else torch._C._functorch.unwrap_if_dead(tensor)


def refuse(inputs: Inputs, way: Way) -> None:
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


def refuse_lengths(lengths: Tensor, B: int) -> None:
    """The same of the lengths, whose values the core checks itself."""
    _refuse_other("lengths", lengths, (B,), torch.int64)
    if not lengths.is_contiguous():
        raise InputError("lengths", came="strides", wanted="contiguous int64")


def refuse_masks(inputs: Inputs, way: Way) -> None:
    """The same of the rest of what is no input."""
    T, B, H = sizes(inputs)
    rows, dtype = len(inputs.weight_hh), inputs.x.dtype
    masks = (B, rows) if by_gate(inputs, way) else (B, H)
    zone = torch.bool if in_bytes(way) else dtype
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


def refuse_kept(inputs: Inputs, problem: _core.Problem, y: Tensor, saved: Tensor) -> None:
    """Refuses what a hook for saved tensors gave back for others than it was given."""
    _refuse_other("y", y, sizes(inputs), inputs.x.dtype)
    if saved.dtype != torch.uint8 or saved.nbytes < problem.saved_bytes() or not saved.is_contiguous():
        came = f"{tuple(saved.shape)} {saved.dtype} for the {problem.saved_bytes()} bytes that the sweep saved"
        cure = "Let hooks for saved tensors pass on what is no floating point number"
        raise InputError("saved_tensors_hooks", came=came, wanted="the same bytes", cure=cure)
