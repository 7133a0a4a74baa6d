"""Bytes that the core works in: large ones are used again.

The C library takes a block beyond 32 MiB from the system and gives it back when it is freed. Every call would then pay
for its pages anew: 15 ms for 46 MiB, next to 37 ms for the training step that they serve (T 200, B 32, H 128).
"""

from __future__ import annotations

import threading
import weakref

import numpy as np
import torch
from torch import Tensor

__all__ = ["buffer"]

LARGE = 32 * 2**20  # bytes; glibc's DEFAULT_MMAP_THRESHOLD_MAX
MOST_KEPT = 256 * 2**20  # bytes that are kept for the next call, together

_free: list[np.ndarray] = []
_lock = threading.RLock()  # again by the same thread: a block may come back while another is sought


def buffer(size: int) -> Tensor:
    """Bytes for the core alone, uninitialised; one at least, for it takes a null pointer to mean something."""
    if size <= LARGE:
        return torch.empty(max(size, 1), dtype=torch.uint8, device="cpu")
    block = _taken(size)
    held = block[:size]  # by the tensor, and by nothing else
    weakref.finalize(held, _give_back, block).atexit = False
    return torch.from_numpy(held)


def _taken(size: int) -> np.ndarray:
    """A block that was given back, if one fits well; those that do not are let go."""
    with _lock:
        for i, block in enumerate(_free):
            if size <= block.nbytes <= 2 * size:
                return _free.pop(i)
        _free.clear()
    return np.empty(size, dtype=np.uint8)


def _give_back(block: np.ndarray) -> None:
    with _lock:
        if sum(kept.nbytes for kept in _free) + block.nbytes <= MOST_KEPT:
            _free.append(block)
