"""Keras' masks as lengths: `(B, T)` bool, true where a step counts; the state passes over the others unchanged.

The core knows rows that end early. A row with holes is packed, its valid steps first, and what comes out is spread
again. A mask that is right-padded already, as nearly all are, costs neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from recorrente.native import transform

__all__ = ["lengths", "packed", "spread"]


def lengths(mask: Any) -> Any:
    """The valid steps of each row, `(B,)`."""
    return ops.sum(ops.cast(mask, "int32"), axis=1)


def packed(x: Any, mask: Any) -> Any:
    """`x (B, T, C)` with the valid steps of each row first, in their order."""

    def gathered() -> Any:
        steps = ops.shape(mask)[1]
        place = ops.arange(steps, dtype="int32")[None, :]
        order = ops.argsort(ops.where(mask, place, place + steps), axis=1)  # no two are equal: any sort is stable
        return ops.take_along_axis(x, order[:, :, None], axis=1)

    return _either(mask, lambda: x, gathered)


def spread(y: Any, last: Any, mask: Any, before: Any, *, backwards: bool, zeros: bool) -> Any:
    """The outputs of `packed` steps as Keras gives them: in the order of reading, and masked steps say what was before.

    Args:
        y: `(B, T, H)`, the outputs of packed steps, at the place of each.
        last: `(B, H)`, the output of the last step that each row read.
        mask: `(B, T)`.
        before: `(B, H)`, what is said before the first valid step.
        backwards: read from the last step to the first.
        zeros: masked steps say zero instead.
    """
    some = ops.cast(mask, "int32")
    read = ops.cumsum(ops.flip(some, axis=1) if backwards else some, axis=1)  # (B, T): valid steps so far
    valid = (ops.flip(mask, axis=1) if backwards else mask)[:, :, None]
    before = before[:, None, :]

    def padded() -> Any:
        if backwards:
            return ops.where(valid, ops.flip(y, axis=1), before)
        return ops.where(valid, y, ops.where(read[:, -1:, None] > 0, last[:, None, :], before))

    def gathered() -> Any:
        place = read[:, -1:] - read if backwards else ops.maximum(read - 1, 0)
        place = ops.minimum(place, ops.shape(mask)[1] - 1)
        return ops.where(read[:, :, None] > 0, ops.take_along_axis(y, place[:, :, None], axis=1), before)

    told = _either(mask, padded, gathered)
    return ops.where(valid, told, ops.zeros_like(told)) if zeros else told


def _either(mask: Any, padded: Callable[[], Any], gathered: Callable[[], Any]) -> Any:
    """`padded()` for a right-padded mask; `gathered()`, which is right for all, where no branch can hang on data."""
    if transform():  # torch.vmap, ...
        return gathered()
    return ops.cond(ops.all(ops.logical_or(mask[:, :-1], ops.logical_not(mask[:, 1:]))), padded, gathered)
