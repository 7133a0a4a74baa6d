"""The sweep for Keras' torch backend: that of our layers, with the weights turned in the same node of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from keras import ops
from torch import Tensor
from torch.nn import Parameter

from recorrente import calls
from recorrente.calls import number_of
from recorrente.cells import Cell
from recorrente.keras import order, turning
from recorrente.keras.turning import Order, Theirs
from recorrente.memory import BUILT
from recorrente.native import automatic, transform
from recorrente.notation import State, Weights
from recorrente.sweep import said

__all__ = ["on_cpu", "owns", "sweep", "weights"]

STATES_ARE_OVERWRITTEN = True  # a Keras variable is assigned to in place, even where autograd still needs what it held

PLAIN = (Tensor, Parameter)  # no subclass that watches what is done with it


def owns(array: Any) -> bool:
    """Whether an array is of this backend."""
    return isinstance(array, torch.Tensor)


def on_cpu(x: torch.Tensor) -> bool:
    return x.is_cpu


def weights(cell: Any, dtype: str) -> Weights | Theirs:
    """As they are, to be turned inside the sweep's node; turned by operations for a compiler or a transform."""
    kernel, recurrent = ops.cast(cell.kernel, dtype), ops.cast(cell.recurrent_kernel, dtype)
    bias = ops.cast(cell.bias, dtype) if cell.use_bias else None
    plain = type(kernel) in PLAIN and kernel.is_cpu
    if not (BUILT and plain) or torch.compiler.is_compiling() or transform():
        return order.weights(cell, dtype)
    return Theirs(kernel, recurrent, bias, order.turned(cell))


def sweep(
    cell: Cell,
    x: torch.Tensor,
    state: State,
    weights: Weights | Theirs,
    *,
    reverse: bool,
    lengths: torch.Tensor | None,
    drop: torch.Tensor | None,
    training: bool,
    sequences: bool,
) -> tuple[torch.Tensor, State]:
    """A layer in one direction, batch first; what it is given is told in `recorrente.keras.layers`."""
    ends = None if lengths is None else lengths.to("cpu", torch.int64).contiguous()
    if isinstance(weights, Theirs):
        code = number_of(cell)
        assert code is not None
        how = How(weights.how, code, reverse)
        tensors = x, *weights[:3], *(*state, None)[:2], ends, drop
        saving = torch.is_grad_enabled() and any(one is not None and one.requires_grad for one in tensors[:6])
        y, *final = _Sweep.apply(how, *tensors) if saving else _forward(how, tensors, saving=False)[1]
        return y, tuple(final[: len(state)])
    along = said({"reverse": reverse, "lengths": ends, "drop": drop})
    y, final = automatic(cell, x.transpose(0, 1), state, weights, **along)
    return y.transpose(0, 1), final


class How(NamedTuple):
    """What a sweep goes by that is no tensor."""

    turned: Order
    cell: int
    reverse: bool


def _forward(how: How, tensors: Sequence[Any], *, saving: bool) -> tuple[calls.Inputs, Any, Tensor]:
    """The arguments as the core wants them; y batch first, h_n and c_n; and the bytes for the gradient.

    `tensors` are x, the kernel, the recurrent kernel, the bias, h0, c0, lengths and drop.
    """
    x, kernel, recurrent, bias, h0, c0, lengths, drop = tensors
    turned = _to_ours(kernel, how.turned), _to_ours(recurrent, how.turned)
    inputs = calls.Inputs(x.transpose(0, 1), *turned, *_biases(bias, how.turned), h0, c0)
    way = calls.Way(lengths=lengths, drop=drop, cell=how.cell, reverse=how.reverse)
    y, h_n, c_n, saved = calls.forward(inputs, way, saving)
    return inputs, (y.transpose(0, 1), h_n, c_n), saved


class _Sweep(torch.autograd.Function):
    """The sweep of Keras' weights: turned, swept and their gradients turned back in one node."""

    @staticmethod
    def forward(ctx: Any, how: How, *tensors: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        inputs, told, saved = _forward(how, tensors, saving=True)
        ctx.how = how
        ctx.save_for_backward(*tensors, inputs.weight_ih, inputs.weight_hh, told[0], saved)
        ctx.set_materialize_grads(False)
        y, h_n, c_n = told
        return y, h_n, c_n

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, dh_n: Tensor | None, dc_n: Tensor | None) -> tuple[Tensor | None, ...]:
        *tensors, ih, hh, y, saved = ctx.saved_tensors
        x, kernel, recurrent, bias, h0, c0, lengths, drop = tensors
        coming = None if dy is None else dy.transpose(0, 1), dh_n, dc_n
        order, reason = ctx.how.turned, calls.beyond(coming)
        if reason:  # all of it in operations
            ih, hh = _moved(kernel, order).T, _moved(recurrent, order).T
        inputs = calls.Inputs(x.transpose(0, 1), ih, hh, *_biases(bias, order), h0, c0)
        way = calls.Way(lengths=lengths, drop=drop, cell=ctx.how.cell, reverse=ctx.how.reverse)
        of_x, of_kernel, of_recurrent, of_bias, *of_state = ctx.needs_input_grad[1:7]
        wanted = of_x, of_kernel, of_recurrent, of_bias, of_bias, *of_state, *[False] * (len(inputs) - 7)
        if reason:
            there = [want and one is not None for want, one in zip(wanted, inputs, strict=True)]
            d = calls.through_reference(reason, coming, inputs, way, there)
        else:
            d = calls.backward(coming, inputs, way, y.transpose(0, 1), calls.unshared(saved), wanted)
        dx, d_ih, d_hh, *d_biases = d[:5]
        to_keras = _moved_back if reason else _to_keras
        dx, matrices = None if dx is None else dx.transpose(0, 1), (to_keras(d_ih, order), to_keras(d_hh, order))
        return None, dx, *matrices, _joined(d_biases, bias, order), *d[5:7], None, None


def _moved(array: Tensor, order: Order) -> Tensor:
    """The gates along the last index in the other order; the orders that there are undo themselves."""
    if len(order.gates) == 1:
        return array
    return torch.cat([array[..., gate * order.units : (gate + 1) * order.units] for gate in order.gates], -1)


def _biases(bias: Tensor | None, order: Order) -> tuple[Tensor | None, Tensor | None]:
    """The input's and the state's, in our order."""
    if bias is None:
        return None, None
    moved = _moved(bias, order)
    return (moved, None) if moved.ndim == 1 else (moved[0], moved[1])


def _joined(d: list[Tensor | None], bias: Tensor | None, order: Order) -> Tensor | None:
    """The gradient of Keras' bias from those of ours."""
    first, second = d
    if first is None or bias is None:
        return None
    return _moved(first if bias.ndim == 1 or second is None else torch.stack([first, second]), order)


def _to_ours(matrix: Tensor, order: Order) -> Tensor:
    matrix = matrix.contiguous()
    made = matrix.new_empty(matrix.shape[::-1])
    turning.to_ours(calls.DTYPES[matrix.dtype], len(matrix), order, matrix.data_ptr(), made.data_ptr())
    return made


def _moved_back(matrix: Tensor | None, order: Order) -> Tensor | None:
    """What `_to_keras` gives, in operations."""
    return None if matrix is None else _moved(matrix.T, order)


def _to_keras(matrix: Tensor | None, order: Order) -> Tensor | None:
    if matrix is None:
        return None
    made = matrix.new_empty(matrix.shape[::-1])
    turning.to_keras(calls.DTYPES[matrix.dtype], matrix.shape[1], order, matrix.data_ptr(), made.data_ptr())
    return made
