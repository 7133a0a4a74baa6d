"""The Elman network: the plain recurrence, with any activation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from recorrente.cells.base import Cell
from recorrente.errors import InputError
from recorrente.notation import State

__all__ = ["Elman"]


def _unchanged(a: Tensor) -> Tensor:
    return a


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "linear": _unchanged,
}


class Elman(Cell):
    """h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    Source: J. L. Elman, "Finding structure in time", Cognitive Science 14 (1990); with tanh or relu it is
    `torch.nn.RNN`. One gate, whose name is `a`.

    Args:
        activation: f, by name (`tanh`, `relu`, `linear`) or as a function of a tensor, element by element.

    Example:
        >>> Elman("relu")
        Elman('relu')
        >>> Elman(torch.sin).pointwise(torch.zeros(1, 3), torch.zeros(1, 3), ())
        (tensor([[0., 0., 0.]]),)
    """

    name = "elman"
    gate_names = ("a",)
    state_names = ("h",)

    def __init__(self, activation: str | Callable[[Tensor], Tensor] = "tanh") -> None:
        if isinstance(activation, str) and activation not in ACTIVATIONS:
            raise InputError(
                "activation", came=repr(activation), wanted=f"one of {', '.join(ACTIVATIONS)}, or a function"
            )
        self.activation = activation
        self.f = ACTIVATIONS[activation] if isinstance(activation, str) else activation

    def pointwise(self, from_input: Tensor, from_state: Tensor, state: State) -> State:
        return (self.f(from_input + from_state),)

    def gates_of(self, from_input: Tensor, from_state: Tensor, state: State) -> tuple[Tensor, ...]:
        return self.pointwise(from_input, from_state, state)

    def __repr__(self) -> str:
        return f"Elman({self.activation!r})"
