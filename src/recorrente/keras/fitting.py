"""Whether what a layer is given fits it, and one row for all, which Keras broadcasts, made whole.

Knows shapes as far as they are known before a run: in a graph of TensorFlow's some are None, and fit everything.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from recorrente.errors import InputError

__all__ = ["for_each_row", "refuse_complex", "refuse_features", "whole_mask", "whole_states"]

Shape = tuple[Any, ...]


def refuse_complex(x: Any) -> None:
    """Refuses sequences of which arithmetic in floats would lose the imaginary part."""
    dtype = keras.backend.standardize_dtype(x.dtype)
    if dtype.startswith("complex"):
        cure = "Put the real and the imaginary part side by side: (B, T, 2*C)."
        raise InputError("sequences", came=dtype, wanted="real numbers", cure=cure)


def refuse_features(cell: Any, x: Any) -> None:
    """Refuses sequences that are not `(B, T, C)` of the C that the layer was built for."""
    C = cell.kernel.shape[0]
    if not _fits(tuple(x.shape), (None, None, C)):
        raise InputError("sequences", came=_said(x.shape), wanted=f"(B, T, {C}), for which the layer was built")


def whole_states(cell: Any, x: Any, states: list[Any]) -> list[Any]:
    """The initial states, each `(B, H)`."""
    sizes = cell.state_size if isinstance(cell.state_size, list | tuple) else [cell.state_size]
    if len(states) != len(sizes):
        raise InputError("initial_state", came=f"{len(states)} arrays", wanted=f"{len(sizes)}")
    return [_whole("initial_state", state, x, size) for state, size in zip(states, sizes, strict=True)]


def whole_mask(x: Any, mask: Any) -> Any:
    """The mask, `(B, T)` bool; it may come as `(B, T, 1)`."""
    mask = ops.cast(mask[0] if isinstance(mask, list | tuple) else mask, "bool")
    if len(mask.shape) == 3 and mask.shape[2] == 1:
        mask = mask[:, :, 0]
    return _whole("mask", mask, x, x.shape[1])


def for_each_row(array: Any, x: Any) -> Any:
    """`(B, N)` of an array that may come as `(1, N)`, which TensorFlow perhaps learns when it runs.

    Its operation hands on what is whole then as it is, without a copy.
    """
    if array.shape[0] not in (1, None) or x.shape[0] == 1:
        return array
    return ops.broadcast_to(array, (ops.shape(x)[0], ops.shape(array)[1]))


def _whole(name: str, array: Any, x: Any, width: Any) -> Any:
    came, wanted = tuple(array.shape), (x.shape[0], width)
    if not _fits(came, wanted) and not _fits(came, (1, width)):
        raise InputError(name, came=_said(came), wanted=f"{_said(wanted)}, for the sequences are {_said(x.shape)}")
    return for_each_row(array, x)


def _fits(came: Shape, wanted: Shape) -> bool:
    known = zip(came, wanted, strict=False)
    return len(came) == len(wanted) and all(a is None or b is None or a == b for a, b in known)


def _said(shape: Any) -> str:
    return str(tuple(shape)).replace("None", "any")
