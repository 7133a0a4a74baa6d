"""What has a name both in Keras and in torch, and the modules that say what a Keras layer gives back.

Gates and axes are told in `recorrente.keras.order`. `outward` makes modules of layers, `inward` layers of modules.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import keras
import torch
from torch import nn

from recorrente import layers as ours
from recorrente.keras.layers import GRU, LSTM, SimpleRNN

__all__ = ["ACTIVATIONS", "KINDS", "NAMES", "Last", "Sequences", "class_of"]


class Sequences(nn.Module):
    """A recurrent layer whose state is not given back: its outputs `(B, T, H)`."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x)[0]
        return y


class Last(Sequences):
    """A recurrent layer of which only the last output `(B, H)` is wanted."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)[:, -1]


class Kind(NamedTuple):
    """One kind of layer: torch's class, ours for torch, ours for Keras."""

    torchs: type[nn.RNNBase]
    ours: type[nn.RNNBase]
    keras: Any


KINDS = {
    keras.layers.SimpleRNN: Kind(nn.RNN, ours.RNN, SimpleRNN),
    keras.layers.GRU: Kind(nn.GRU, ours.GRU, GRU),
    keras.layers.LSTM: Kind(nn.LSTM, ours.LSTM, LSTM),
}
ACTIVATIONS: dict[Any, Callable[[], nn.Module]] = {
    keras.activations.linear: nn.Identity,
    keras.activations.relu: nn.ReLU,
    keras.activations.tanh: nn.Tanh,
    keras.activations.sigmoid: nn.Sigmoid,
    keras.activations.softmax: partial(nn.Softmax, dim=-1),
}
NAMES = {type(make()): activation.__name__ for activation, make in ACTIVATIONS.items()}


def class_of(value: object) -> str:
    return f"a {type(value).__module__}.{type(value).__name__}"
