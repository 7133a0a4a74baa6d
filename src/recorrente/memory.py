"""Bytes that the core works in: large ones are kept from call to call (`_memory.cpp`)."""

from __future__ import annotations

import torch
from torch import Tensor

try:
    from recorrente import _core
except ImportError:  # a source tree that nobody has built
    BUILT = False
else:
    BUILT = True

__all__ = ["BUILT", "buffer", "empty_cache"]

LARGE = 1 << 20
"""Bytes from which on they are kept."""


def buffer(size: int) -> Tensor:
    """Bytes for the core alone, uninitialised; one at least, for it takes a null pointer to mean something."""
    if BUILT and size >= LARGE:
        return _core.take(size)
    return torch.empty(max(size, 1), dtype=torch.uint8, device="cpu")


def empty_cache() -> None:
    """Gives the memory that training steps left for the next ones back to the system.

    What a backward pass reads is tens of megabytes in a large layer. It is used again in the next step, for it would
    cost up to a fifth of that to ask the system for it anew. At most 1 GiB, or an eighth of the machine's memory, is
    kept so; tensors that are in use are not touched.

    Example:
        >>> import recorrente
        >>> recorrente.empty_cache()
    """
    if BUILT:
        _core.empty_cache()
