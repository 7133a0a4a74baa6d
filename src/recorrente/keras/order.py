"""A Keras cell as one of ours: which it is, and its weights in torch's shapes and order of gates.

Keras' kernels are `(C, G*H)` and `(H, G*H)`, torch's `(G*H, C)` and `(G*H, H)`. The gates of its LSTM are i f c o,
which are torch's i f g o; those of its GRU are z r h, where torch has r z n, with the same h' = z h + (1 - z) n.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from recorrente.cells import GRU, LSTM, Cell, Elman, ResetBeforeGRU
from recorrente.keras.hooks import hooks_of
from recorrente.keras.turning import Order
from recorrente.notation import Weights

__all__ = ["apart", "by_gate", "lack", "ours", "plain", "swapped", "turned", "weights"]

_ELMANS = {getattr(keras.activations, f): Elman(f) for f in ("tanh", "relu", "linear")}
_SAME = {getattr(ops, f): getattr(keras.activations, f) for f in ("tanh", "sigmoid", "relu")}


def lack(cell: Any) -> str:
    """Why no cell of ours is this one of Keras; empty where one is."""
    if own := _own_way(cell):
        return f"the cell has {own}, and Keras' own loop calls the cell"
    if type(cell) is keras.layers.SimpleRNNCell:
        known = plain(cell.activation) in _ELMANS
        return "" if known else f"activation {_name(cell.activation)} is none of tanh, relu and linear"
    if type(cell) not in (keras.layers.GRUCell, keras.layers.LSTMCell):
        return f"the cell is a {type(cell).__name__}"
    if plain(cell.activation) is not keras.activations.tanh:
        return f"activation {_name(cell.activation)} is not tanh"
    if plain(cell.recurrent_activation) is not keras.activations.sigmoid:
        return f"recurrent_activation {_name(cell.recurrent_activation)} is not sigmoid"
    return ""


def ours(cell: Any) -> Cell:
    """Our cell with the equations of Keras' one, which `lack` has passed."""
    if isinstance(cell, keras.layers.SimpleRNNCell):
        return _ELMANS[plain(cell.activation)]
    if isinstance(cell, keras.layers.LSTMCell):
        return LSTM()
    return GRU() if cell.reset_after else ResetBeforeGRU()


def weights(cell: Any, dtype: str) -> Weights:
    """The weights of a built cell as the core reads them; the gradient flows back into Keras' own."""
    arrays = [cell.kernel, cell.recurrent_kernel] + ([cell.bias] if cell.use_bias else [])
    kernel, recurrent, *bias = [ops.cast(array, dtype) for array in arrays]
    if isinstance(cell, keras.layers.GRUCell):
        kernel, recurrent, *bias = [swapped(array, cell.units) for array in (kernel, recurrent, *bias)]
    first, second = (bias[0], None) if bias else (None, None)
    if first is not None and len(first.shape) == 2:  # the GRU whose reset comes after the product has two
        first, second = first[0], first[1]
    return Weights(ops.transpose(kernel), ops.transpose(recurrent), first, second)


def turned(cell: Any) -> Order:
    """How the matrices of a cell are turned to what `weights` gives."""
    if isinstance(cell, keras.layers.GRUCell):
        return Order((1, 0, 2), cell.units)
    return Order((0,), cell.units * (4 if isinstance(cell, keras.layers.LSTMCell) else 1))


def by_gate(cell: Any, parts: list[Any]) -> list[Any]:
    """What Keras has for each gate, in our order."""
    return [parts[1], parts[0], parts[2]] if isinstance(cell, keras.layers.GRUCell) else parts


def apart(weight_ih: Any, G: int) -> Any:
    """W_ih `(G*H, C)` for an input `(..., G*C)` of which each gate reads a part: `(G*H, G*C)`, zeros elsewhere."""
    rows, C = weight_ih.shape
    own = ops.reshape(ops.eye(G, dtype=weight_ih.dtype), (G, 1, G, 1))
    return ops.reshape(ops.reshape(weight_ih, (G, rows // G, 1, C)) * own, (rows, G * C))


def swapped(array: Any, H: int) -> Any:
    """A GRU's weights `(..., 3*H)` with the gates z r h as r z n, or the other way round."""
    return ops.concatenate([array[..., H : 2 * H], array[..., :H], array[..., 2 * H :]], axis=-1)


def plain(activation: Any) -> Any:
    """The function of `keras.activations` that an activation is, where it is the same one of `keras.ops`."""
    return _SAME.get(activation, activation)


def _own_way(cell: Any) -> str:
    """What someone has put on or into this one cell, that a step would call."""
    return "a call of its own" if "call" in vars(cell) else hooks_of(cell)


def _name(activation: Any) -> str:
    return getattr(activation, "__name__", repr(activation))
