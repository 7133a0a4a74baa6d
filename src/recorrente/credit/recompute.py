"""The whole gradient with h kept, and the gates computed again for many steps at once. Knows how many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from recorrente.cells import Cell
from recorrente.credit.checkpointed import by_segments, whole_stretches
from recorrente.notation import State, Weights
from recorrente.sweep import Along, Sweep

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Recompute"]

PIECES, ROWS = 8, 2048  # about so many pieces or more, of about so many rows where there are enough


@dataclass(frozen=True)
class Recompute:
    """The gradient of `Full` from h alone: of T B (G + 1) H values that it keeps beside y, those of a piece stay.

    Once all h are known, no step has to wait for another: forward keeps y, and backward computes the gates of some 2048
    rows, or about an eighth of the sequence, as one product, then goes back through them. It is `Checkpointed` with
    segments chosen for speed, and with y kept until then whoever else drops it; `benchmarks/credit.py` measures both.

    The bits are those of `Checkpointed` with the same segments. Under recurrent dropout, and on what the core lacks,
    gates are computed again step by step. Backward cannot be differentiated again; of `torch.compile` holds what holds
    of `Checkpointed`.

    Example:
        >>> import recorrente, torch
        >>> layer = recorrente.LSTM(8, 16, credit=Recompute())
        >>> layer(torch.zeros(1000, 1, 8))[0].sum().backward()
    """

    @staticmethod
    def steps(T: int, B: int) -> int:
        """How many steps are computed again at once."""
        return max(1, min(-(-T // PIECES), max(16, ROWS // max(B, 1))))

    def through(self, sweep: Sweep) -> Sweep:
        """`sweep`, piece by piece, and once more on the way back."""

        def recomputed(
            cell: Cell, x: Tensor, state: State, weights: Weights, **along: Unpack[Along]
        ) -> tuple[Tensor, State]:
            T, B = x.shape[:2]
            n = whole_stretches(self.steps(T, B), T, B, x.dtype)
            return by_segments(sweep, n, cell, x, state, weights, along, keep=along.get("drop") is None)

        return recomputed
