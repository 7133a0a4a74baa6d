"""A recurrence and its head, and what the head reads at the end of a row."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from recorrente.errors import InputError
from recorrente.given import past
from recorrente.notation import State

__all__ = ["Network"]


class Network(nn.Module):
    """A recurrence and its head: y_t = W_hy h_t + b_y.

    Args:
        recurrence: a layer of `recorrente.layers`, or any module that maps `(x, state)` to `(h, state)`.
        head: from h_t to y_t; a `torch.nn.Linear` of H inputs (2H when bidirectional).
        encoder: what x goes through first, step by step: an embedding, say; None leaves it as it is.
        pooled: the head reads the final state, the mean and the maximum of h over a row's steps side by side, three
            times as many inputs. Then `last` alone can be asked.

    Example:
        >>> from recorrente.layers import GRU
        >>> net = Network(GRU(28, 16), nn.Linear(16, 10))
        >>> y, state = net(torch.zeros(28, 4, 28))
        >>> y.shape, net.last(torch.zeros(28, 4, 28)).shape
        (torch.Size([28, 4, 10]), torch.Size([4, 10]))
    """

    def __init__(
        self, recurrence: nn.Module, head: nn.Module, encoder: nn.Module | None = None, *, pooled: bool = False
    ) -> None:
        super().__init__()
        self.recurrence, self.head, self.pooled = recurrence, head, pooled
        self.encoder = nn.Identity() if encoder is None else encoder

    def hidden(self, x: Tensor, state: State | None = None, *, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """H of every step, `(T, B, H)`, and the final state; `lengths (B,)` where the rows are not all of T steps."""
        ragged = {} if lengths is None else {"lengths": lengths}
        return self.recurrence(self.encoder(x), state, **ragged)

    def forward(self, x: Tensor, state: State | None = None, *, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Y of every step, `(T, B, K)`, and the final state.

        Raises:
            InputError: the head reads all steps together, and has nothing to say of one.
        """
        if self.pooled:
            raise InputError("pooled", came="True, and a y of every step is asked", wanted="last(), or pooled=False")
        h, state = self.hidden(x, state, lengths=lengths)
        return self.head(h), state

    def last(self, x: Tensor, state: State | None = None, *, lengths: Tensor | None = None) -> Tensor:
        """Y of the top layer's final state, `(B, K)`: after each row's last step, and in reverse after the first.

        Where `pooled`, of the mean and the maximum over its steps, too; then every row has a step at least.
        """
        return self.at_end(*self.hidden(x, state, lengths=lengths), lengths)

    def at_end(self, h: Tensor, final: Any, lengths: Tensor | None = None) -> Tensor:
        """The same from what `hidden` gave."""
        last = final[0] if isinstance(final, tuple) else final  # (L*directions, B, H)
        read = tuple(last[-getattr(self.recurrence, "directions", 1) :])
        y: Tensor = self.head(torch.cat(read + (_over_steps(h, lengths) if self.pooled else ()), dim=-1))
        return y


def _over_steps(h: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """The mean and the maximum of h `(T, B, H)` over the steps of each row, each `(B, H)`."""
    if lengths is None:
        return h.mean(0), h.amax(0)
    ended = past(h, lengths)
    return h.masked_fill(ended, 0).sum(0) / lengths.to(h.device)[:, None], h.masked_fill(ended, -math.inf).amax(0)
