"""The letters of the whole library, and the types made of them.

    T  steps in time         B  sequences in a batch      C  inputs a step
    H  hidden units          G  gates a unit              L  layers

The last index is the fastest: `(T, B, C)` holds the C inputs of one step side by side. The same letters stand in
the C++ core, the docs and the tests. G is 1 for Elman, 3 for GRU (r z n), 4 for LSTM (i f g o), as in torch.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor

__all__ = ["SequenceModule", "State", "Weights"]

State = tuple[Tensor, ...]
"""What a cell carries between steps, each `(B, H)`: `(h,)` for Elman and GRU, `(h, c)` for LSTM. h comes first."""


class Weights(NamedTuple):
    """The parameters of one layer in one direction, named and ordered as in torch."""

    weight_ih: Tensor  # (G*H, C)
    weight_hh: Tensor  # (G*H, H), or (G*H, P) with a projection
    bias_ih: Tensor | None = None  # (G*H,)
    bias_hh: Tensor | None = None  # (G*H,)
    weight_hr: Tensor | None = None  # (P, H): LSTM's projection of h, arXiv 1402.1128
    peephole: Tensor | None = None  # (3*H,): from c to the gates i, f and o
    norm_ih: Tensor | None = None  # (G*H,): gains of the normalised W_ih x; biases are bias_ih
    norm_hh: Tensor | None = None  # (G*H,): of the normalised W_hh h
    norm_c: Tensor | None = None  # (2, H): gain and bias of the normalised c


class SequenceModule(Protocol):
    """Anything that reads a sequence and carries a state: `(x, state) -> (y, state)`.

    `x` is `(T, B, C)`, `y` is `(T, B, K)`. `state=None` starts from zeros. Reading a sequence in two parts, with the
    state of the first handed to the second, gives what reading it at once gives.
    """

    def __call__(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]: ...
