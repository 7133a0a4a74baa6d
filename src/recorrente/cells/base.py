"""What a cell is: a pointwise function of its gates' pre-activations and its state, and nothing else.

A cell knows neither time, nor batches of layers, nor speed. `sweep` runs it along time, the credit rules take its
derivative, the analysis reads its gates; all of them from the one definition.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import linear

from recorrente.notation import State, Weights

__all__ = ["Cell", "product"]


def product(h: Tensor, weight_hh: Tensor, bias_hh: Tensor | None, drop: Tensor | None) -> Tensor:
    """W_hh (drop * h) + b_hh, `(B, G*H)`; where `drop` is `(B, G*H)`, each gate's part of W_hh sees an h of its own."""
    if drop is None or drop.shape == h.shape:
        return linear(h if drop is None else h * drop, weight_hh, bias_hh)
    H = h.shape[-1]
    seen = h[:, None] * drop.unflatten(-1, (-1, H))  # (B, G, H)
    parts = [linear(seen[:, g], weight) for g, weight in enumerate(weight_hh.split(H))]
    from_state = torch.cat(parts, dim=-1)
    return from_state if bias_hh is None else from_state + bias_hh


class Cell(ABC):
    """One step of a recurrence, written as its equations.

    A cell gives `gate_names` (their number is G, their order is the order of the weights' rows), `state_names`
    (the first is the output h) and `pointwise`. That is all that a new cell has to write.
    """

    name: ClassVar[str]
    gate_names: ClassVar[tuple[str, ...]]
    state_names: ClassVar[tuple[str, ...]]

    @property
    def gates(self) -> int:
        """G, the number of gates a unit."""
        return len(self.gate_names)

    @abstractmethod
    def pointwise(self, from_input: Tensor, from_state: Tensor, state: State) -> State:
        """The next state, unit by unit.

        Args:
            from_input: W_ih x_t + b_ih, `(B, G*H)`.
            from_state: W_hh h_{t-1} + b_hh, `(B, G*H)`.
            state: the state before the step, each `(B, H)`.

        Returns:
            The state after the step, each `(B, H)`, in the order of `state_names`.
        """

    def own_weights(self, H: int) -> dict[str, tuple[int, ...]]:
        """The shapes of the weights that it has beside W_ih, W_hh and the biases, by their names in `Weights`."""
        return {}

    def start_own_weights(self, weights: Weights) -> None:  # noqa: B027  # most have none
        """Gives those of a new layer their first values, where uniform ones like the others' will not do."""

    def gates_of(self, from_input: Tensor, from_state: Tensor, state: State) -> tuple[Tensor, ...]:
        """What each gate lets through, after its function, each `(B, H)`, in the order of `gate_names`.

        Raises:
            NotImplementedError: a cell that does not tell.
        """
        raise NotImplementedError(f"{self!r} does not tell its gates")

    def step(self, from_input: Tensor, state: State, weights: Weights, drop: Tensor | None = None) -> State:
        """One step of time: the product with the state, the pointwise function, and the projection where there is one.

        `drop` is that of `recorrente.sweep.Along`. A cell that is not pointwise overrides this.
        """
        from_state = product(state[0], weights.weight_hh, weights.bias_hh, drop)  # (B, G*H)
        h, *rest = self.pointwise(from_input, from_state, state)
        if weights.weight_hr is not None:
            h = linear(h, weights.weight_hr)  # (B, P)
        return (h, *rest)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
