"""Forward and backward through the core, from tensors: what it can read, where it lies, and what comes back.

Knows pointers and strides, and nothing of autograd; the manual of what is called here is
`core/include/recorrente/sweep.h`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from recorrente.calls.arguments import (
    FEWEST,
    N_INPUTS,
    OWN,
    RESTARTS,
    Inputs,
    Maybe,
    Way,
    alive,
    by_gate,
    in_bytes,
    refuse,
    refuse_kept,
    refuse_lengths,
    refuse_masks,
    sizes,
    some,
)
from recorrente.calls.codes import DTYPES, WITH_C
from recorrente.memory import BUILT, buffer, unwritten, unwritten_like

if BUILT:
    from recorrente import _core

    _core.use_exchange(getattr(Tensor, "__dlpack_c_exchange_api__", None))

__all__ = ["MARK", "NOTHING", "backward", "bias_sums", "forward", "unshared"]

NOTHING = torch.empty(0, dtype=torch.uint8, device="cpu")  # what is saved for no backward pass
MARK = 1  # byte more than the core asks for, so that there is one: null means something to it


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
    problem, (T, B, H), x = _problem(inputs, way), sizes(inputs), inputs.x
    if y is None:
        y = unwritten((T, B, H), x)
    h_n, c_n = x.new_empty((B, H)), x.new_empty((B, H)) if way.cell in WITH_C else None
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
    refuse_kept(inputs, problem, y, saved)
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
        refuse_lengths(way.lengths, inputs.x.shape[1])
    if not some(way[1:5]):
        return way
    refuse_masks(inputs, way)
    masks = (_rows_contiguous(way.drop), _rows_contiguous(way.zone_h), _rows_contiguous(way.zone_c))
    return Way(way.lengths, way.reset, *masks, way.cell, way.reverse)


def _read(inputs: Inputs, way: Way) -> tuple[Inputs, Way, list[int]]:
    """What the core can read, and where it is; refused where it does not fit."""
    pointers: list[int] | None = _core.pointers(inputs, way.cell)
    if pointers is None:
        inputs = Inputs._make(map(alive, inputs))
        refuse(inputs, way)
        inputs = _readable(inputs)
        pointers = _pointers(inputs)
    return inputs, _readable_masks(inputs, way), pointers


def _problem(inputs: Inputs, way: Way) -> _core.Problem:
    T, B, H = sizes(inputs)
    C = inputs.x.shape[2]
    plain = way.cell, DTYPES[inputs.x.dtype], T, B, C, H, way.reverse, torch.get_num_threads()
    if way.reset is None:
        return _core.Problem(*plain, lengths=_pointer(way.lengths))
    pointer, step, row = way.reset.data_ptr(), way.reset.stride(0), way.reset.stride(1)
    return _core.Problem(*plain, lengths=_pointer(way.lengths), reset=pointer, reset_step=step, reset_row=row)


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
    if not (add or replay or sums is not None or some(way[1:5]) or some(inputs[FEWEST:])):
        return None
    peephole, norm_ih, norm_hh, norm_c = map(_pointer, tuple(inputs)[OWN])
    dpeephole, dnorm_ih, dnorm_hh, dnorm_c = map(_pointer, d[OWN])
    dh_restart, dc_restart = map(_state, d[RESTARTS])
    return _core.Further(
        drop=_state(way.drop),
        drop_gate=inputs.weight_hh.shape[1] if by_gate(inputs, way) else 0,
        zone_bytes=in_bytes(way),
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
