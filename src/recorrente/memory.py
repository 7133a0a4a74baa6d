"""Memory that the core works in and writes to: large blocks are kept from call to call (`_memory.cpp`)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

try:
    from recorrente import _core
except ImportError:  # a source tree that nobody has built
    BUILT = False
else:
    BUILT = True

__all__ = ["BUILT", "buffer", "empty_cache", "unwritten", "unwritten_like"]

LARGE = _core.LARGE if BUILT else 0
"""Bytes from which on they are kept."""


def buffer(size: int) -> Tensor:
    """Bytes for the core alone, uninitialised; one at least, for it takes a null pointer to mean something."""
    if BUILT and size >= LARGE:
        return _core.take(size)
    return torch.empty(max(size, 1), dtype=torch.uint8, device="cpu")


def unwritten(shape: Sequence[int], like: Tensor) -> Tensor:
    """A float32 or float64 tensor for the core to write, contiguous, of the dtype of `like`, which is on the CPU."""
    if math.prod(shape) * like.itemsize >= LARGE:
        return _core.take_result(shape, _core.F64 if like.dtype == torch.float64 else _core.F32)
    return like.new_empty(shape)


def unwritten_like(tensor: Tensor) -> Tensor:
    """The same of the shape of a tensor."""
    if tensor.nbytes < LARGE and tensor.is_contiguous():
        return torch.empty_like(tensor)  # half the price
    return unwritten(tensor.shape, tensor)


def empty_cache() -> None:
    """Gives the memory that training steps left for the next ones back to the system.

    What a step writes is tens of megabytes in a large layer. It is used again in the next step, for it would cost up to
    a third of that to ask the system for it anew. At most 1 GiB, or an eighth of the machine's memory, is
    kept so; tensors that are in use are not touched.

    Example:
        >>> import recorrente
        >>> recorrente.empty_cache()
    """
    if BUILT:
        _core.empty_cache()
