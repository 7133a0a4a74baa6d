"""What has a name both in Keras and in torch, and the modules that say what a Keras layer gives back.

A subclass or a hook that computes in its own way has no name there: `refuse_own_ways`.

Gates and axes are told in `recorrente.keras.order`. `outward` makes modules of layers, `inward` layers of modules.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, NamedTuple

import keras
import torch
from torch import nn

from recorrente import layers as ours
from recorrente.errors import InputError
from recorrente.keras.hooks import hooks_of
from recorrente.keras.layers import GRU, LSTM, SimpleRNN

__all__ = ["ACTIVATIONS", "KINDS", "NAMES", "Last", "Sequences", "class_of", "refuse_own_ways"]


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


def refuse_own_ways(argument: str, value: Any, classes: Collection[type], methods: tuple[str, ...]) -> None:
    """Refuses what may compute otherwise than the nearest of `classes` that it is of: by a method or hook of its own.

    Not seen is a subclass whose `methods` are that class's, and call others of its own.
    """
    for kind in [one for one in type(value).__mro__ if one in classes][:1]:
        own = [name for name in methods if hasattr(kind, name) and _function(value, name) is not getattr(kind, name)]
        if own:
            came, wanted = f"{class_of(value)} with its own {own[0]}", f"one with the {own[0]} of {kind.__name__}"
            cure = f"Give its weights to a plain {kind.__name__}, carry that over, and write anew what {own[0]} adds."
            raise InputError(argument, came=came, wanted=wanted, cure=cure)
    if hooks := hooks_of(value):
        cure = "The handle.remove() of what registered one takes it off"
        if "forward" in hooks:
            cure += "; torch.nn.utils.prune.remove, remove_weight_norm and remove_spectral_norm put what theirs do into"
            cure += " the weights"
        cure += "."
        raise InputError(argument, came=f"{class_of(value)} with {hooks}", wanted="one without", cure=cure)


def _function(value: Any, name: str) -> Any:
    """Behind a method; None where someone put a function of their own in its place."""
    return getattr(getattr(value, name), "__func__", None)
