"""What every kind of data becomes: sequences side by side, with a target each."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Batch"]


@dataclass(frozen=True)
class Batch:
    """Some sequences, ready to be read."""

    x: Tensor  # (T, B, C)
    target: Tensor  # (B,)
    lengths: Tensor | None = None  # (B,) steps of each that count; None: all T

    def to(self, device: str) -> Batch:
        """The same on another device."""
        if self.x.device.type == device:
            return self
        lengths = None if self.lengths is None else self.lengths.to(device)
        return Batch(self.x.to(device), self.target.to(device), lengths)
