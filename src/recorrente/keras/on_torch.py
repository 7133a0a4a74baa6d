"""The sweep for Keras' torch backend: the ops of our layers, and weights turned in one node of autograd's graph."""

from __future__ import annotations

from typing import Any

import torch
from keras import ops
from torch import Tensor
from torch.nn import Parameter

from recorrente import _core
from recorrente.cells import Cell
from recorrente.keras import order, turning
from recorrente.native import automatic, transform
from recorrente.notation import State, Weights
from recorrente.sweep import said

__all__ = ["on_cpu", "owns", "sweep", "weights"]

STATES_ARE_OVERWRITTEN = True  # a Keras variable is assigned to in place, even where autograd still needs what it held

DTYPES = {torch.float32: _core.F32, torch.float64: _core.F64}


def owns(array: Any) -> bool:
    """Whether an array is of this backend."""
    return isinstance(array, torch.Tensor)


def on_cpu(x: torch.Tensor) -> bool:
    return x.is_cpu


def weights(cell: Any, dtype: str) -> Weights:
    """`order.weights`, copied once for both passes; in operations where a compiler or a transform must see them."""
    kernel, recurrent, bias = (
        None if array is None else ops.cast(array, dtype)
        for array in (cell.kernel, cell.recurrent_kernel, cell.bias if cell.use_bias else None)
    )
    plain = type(kernel) in (Tensor, Parameter) and kernel.is_cpu
    if not plain or torch.compiler.is_compiling() or transform():
        return order.weights(cell, dtype)
    how = order.turned(cell)
    same = bias is None or len(how.gates) == 1
    ih, hh, *rest = _Turned.apply(how, kernel, recurrent, None if same else bias)
    first, second = (bias, None) if same else (*rest, None)[:2]
    return Weights(ih, hh, first, second)


class _Turned(torch.autograd.Function):
    """The matrices of Keras as ours, and the biases of gates in another order: one each for input and state, or one."""

    @staticmethod
    def forward(
        ctx: Any, how: turning.Order, kernel: Tensor, recurrent: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, ...]:
        ctx.how, ctx.rows = how, () if bias is None else bias.shape[:-1]
        ctx.set_materialize_grads(False)
        moved = () if bias is None else torch.atleast_2d(_moved(bias, how)).unbind()
        return _to_ours(kernel, how), _to_ours(recurrent, how), *(row.clone() for row in moved)

    @staticmethod
    def backward(ctx: Any, d_ih: Tensor | None, d_hh: Tensor | None, *d_biases: Tensor | None) -> Any:
        d_bias = None
        there = next((d for d in d_biases if d is not None), None)
        if there is not None:
            rows = [torch.zeros_like(there) if d is None else d for d in d_biases]
            d_bias = _moved(torch.stack(rows).reshape(*ctx.rows, -1), ctx.how)
        return None, _to_keras(d_ih, ctx.how), _to_keras(d_hh, ctx.how), d_bias


def _moved(array: Tensor, how: turning.Order) -> Tensor:
    """The gates along the last index in the other order; the orders that there are undo themselves."""
    return array.unflatten(-1, (-1, how.units))[..., list(how.gates), :].flatten(-2)


def _to_ours(matrix: Tensor, how: turning.Order) -> Tensor:
    matrix = matrix.contiguous()
    made = matrix.new_empty(matrix.shape[::-1])
    turning.to_ours(DTYPES[matrix.dtype], len(matrix), how, matrix.data_ptr(), made.data_ptr())
    return made


def _to_keras(matrix: Tensor | None, how: turning.Order) -> Tensor | None:
    if matrix is None:
        return None
    if torch.is_grad_enabled():  # a gradient that is itself to be differentiated
        return _moved(matrix.T, how)
    matrix = matrix.contiguous()
    made = matrix.new_empty(matrix.shape[::-1])
    turning.to_keras(DTYPES[matrix.dtype], matrix.shape[1], how, matrix.data_ptr(), made.data_ptr())
    return made


def sweep(
    cell: Cell,
    x: torch.Tensor,
    state: State,
    weights: Weights,
    *,
    reverse: bool,
    lengths: torch.Tensor | None,
    drop: torch.Tensor | None,
    training: bool,
    sequences: bool,
) -> tuple[torch.Tensor, State]:
    """A layer in one direction, batch first; what it is given is told in `recorrente.keras.layers`."""
    ends = None if lengths is None else lengths.to("cpu", torch.int64).contiguous()
    along = said({"reverse": reverse, "lengths": ends, "drop": drop})
    y, final = automatic(cell, x.transpose(0, 1), state, weights, **along)
    return y.transpose(0, 1), final
