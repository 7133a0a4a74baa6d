"""The whole gradient: back-propagation through time."""

from __future__ import annotations

from dataclasses import dataclass

from recorrente.sweep import Sweep

__all__ = ["Full"]


@dataclass(frozen=True)
class Full:
    """Every path counts: what a layer without a rule does, at no cost.

    With dh_t the gradient that comes to h_t from above, and J_t = dh_{t+1} / dh_t of one step,

        dL/dh_t = dh_t + J_t^T dL/dh_{t+1},        dL/dW = sum over t of (dh_t / dW)^T dL/dh_t.

    Source: P. J. Werbos, "Backpropagation through time: what it does and how to do it", Proc. IEEE 78 (1990).

    Example:
        >>> import torch, recorrente
        >>> layer = recorrente.GRU(3, 5, credit=Full())
        >>> y, h = layer(torch.zeros(7, 2, 3))
    """

    def through(self, sweep: Sweep) -> Sweep:
        """`sweep` itself."""
        return sweep
