"""What comes at each step of a horizon: quantiles of it, and their loss.

Knows quantiles and targets; a target that is missing is NaN and counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recorrente.data.batch import Batch
from recorrente.errors import InputError
from recorrente.network import Network

__all__ = ["Forecast"]


@dataclass(frozen=True)
class Forecast:
    """The pinball loss of quantiles, twice, so that the median's is the absolute error.

        l_q = 2 max(q (y - f_q), (q - 1) (y - f_q)),  L = mean over q, the steps and the rows that have a target

    The q-quantile minimises l_q in expectation (Koenker and Bassett, Econometrica 46, 1978).

    Args:
        quantiles: rising, as many below the median as above, the median among them.

    Raises:
        InputError: other quantiles.

    Example:
        >>> f = torch.zeros(1, 2, 3)  # (horizon, B, Q)
        >>> round(float(Forecast().loss_of(f, torch.tensor([[1.0, torch.nan]]))), 4)
        1.0
    """

    score = "inside"
    """What the share of right answers is called: how many targets lie between the outer quantiles."""

    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)

    def __post_init__(self) -> None:
        q = list(self.quantiles)
        mirrored = [round(1 - one, 9) for one in reversed(q)]
        if not q or sorted(set(q)) != q or mirrored != [round(one, 9) for one in q] or 0.5 not in q or q[0] <= 0:
            wanted = "rising ones between 0 and 1 around the median, such as 0.1 0.5 0.9"
            raise InputError("quantiles", came=self.quantiles, wanted=wanted)

    @property
    def interval(self) -> float:
        """The share that the outer quantiles should hold."""
        return self.quantiles[-1] - self.quantiles[0]

    def logits(self, network: Network, batch: Batch) -> Tensor:
        """The quantiles of each step to come, `(horizon, B, Q)`; not yet in order."""
        return network(batch.x)[0]

    def loss_of(self, logits: Tensor, target: Tensor) -> Tensor:
        """L; `logits (horizon, B, Q)`, `target (horizon, B)` with NaN where there is none."""
        known = ~torch.isnan(target)
        error = (target[known].unsqueeze(-1) - logits[known]).unbind(-1)
        each = [torch.maximum(q * e, (q - 1) * e).sum() for q, e in zip(self.quantiles, error, strict=True)]
        total: Tensor = sum(each, start=logits.new_zeros(()))
        return 2 * total / (max(int(known.sum()), 1) * len(self.quantiles))

    @staticmethod
    def ordered(logits: Tensor) -> Tensor:
        """The quantiles in order: where two have crossed they change places, at no greater loss.

        Source: Chernozhukov et al., Econometrica 78 (2010).
        """
        return logits.sort(dim=-1).values

    def widened(self, ordered: Tensor, by: Tensor) -> Tensor:
        """Each pair of quantiles moved outward, never past the median or the pair within.

        Args:
            ordered: `(..., Q)`.
            by: `(Q // 2,)`, of the outermost pair first; inward where it is below 0.

        Example:
            >>> Forecast().widened(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5]))
            tensor([0.5000, 2.0000, 3.5000])
        """
        half = len(self.quantiles) // 2
        low, median, high = ordered.split([half, 1, half], dim=-1)
        low = torch.cat([low - by, median], dim=-1).flip(-1).cummin(-1).values.flip(-1)
        high = torch.cat([median, high + by.flip(0)], dim=-1).cummax(-1).values
        return torch.cat([low, high[..., 1:]], dim=-1)

    def correct(self, logits: Tensor, target: Tensor) -> Tensor:
        """How many targets lie between the outer quantiles."""
        ordered = self.ordered(logits)
        return ((ordered[..., 0] <= target) & (target <= ordered[..., -1])).sum()

    @staticmethod
    def count(target: Tensor) -> int:
        """How many targets there are."""
        return int((~torch.isnan(target)).sum())
