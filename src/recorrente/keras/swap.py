"""Puts the recurrent layers of a Keras model on our sweeps, and back, and tells what each runs on.

Only the class of a layer changes, so that its weights, its name, its states and the optimizer's slots stay.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import keras
import torch

from recorrente.errors import InputError
from recorrente.keras.layers import BACKEND, GRU, LSTM, OnCore, SimpleRNN
from recorrente.native import target

__all__ = ["Where", "accelerate", "explain", "restore"]

M = TypeVar("M")

OURS: dict[type, type] = {keras.layers.SimpleRNN: SimpleRNN, keras.layers.GRU: GRU, keras.layers.LSTM: LSTM}


def accelerate(model: M) -> M:
    """Makes every `SimpleRNN`, `GRU` and `LSTM` inside a Keras model or layer ours, in place.

    Built, loaded, compiled or trained makes no difference; what was compiled is compiled anew at its next use, so hand
    in the model that was, not a part of it. A subclass of Keras' layers may loop in its own way, and stays.

    Returns:
        The same `model`.

    Raises:
        InputError: it is no layer or model of Keras 3.

    Example:
        >>> model = keras.Sequential([keras.Input((5, 3)), keras.layers.Bidirectional(keras.layers.LSTM(4))])
        >>> accelerate(model) is model
        True
        >>> isinstance(model.layers[0].forward_layer, LSTM)
        True
        >>> type(restore(model).layers[0].forward_layer) is keras.layers.LSTM
        True
    """
    return _swapped(model, OURS)


def restore(model: M) -> M:
    """Undoes `accelerate`: every layer of exactly our classes is Keras' own again, in place.

    A model that is saved after it can be loaded where there is no recorrente.
    """
    return _swapped(model, {ours: theirs for theirs, ours in OURS.items()})


class Where(NamedTuple):
    """Where one layer runs: `path` is `native` or `keras`, `reason` what keeps it from the core."""

    layer: str
    path: str
    reason: str

    def __str__(self) -> str:
        if self.path == "native":
            return f"{self.layer} -> the core, {target()}, up to {torch.get_num_threads()} threads, for {BACKEND}"
        return f"{self.layer} -> Keras' own loop: {self.reason}"


def explain(model: Any) -> list[Where]:
    """What the recurrent layers inside a Keras model or layer run on.

    Example:
        >>> print(explain(GRU(8, activation="relu", name="gru"))[0])
        gru -> Keras' own loop: activation relu is not tanh
    """
    found = []
    for layer in _layers(model):
        if isinstance(layer, OnCore):
            lacking = layer.lack()
            found.append(Where(layer.name, "keras" if lacking else "native", lacking))  # type: ignore[attr-defined]
        elif isinstance(layer, keras.layers.RNN):
            name = type(layer).__name__
            reason = f"the class is Keras' own {name}"
            cure = "; recorrente.keras.accelerate(model) makes it ours" if type(layer) in OURS else ""
            found.append(Where(layer.name, "keras", reason + cure))
    return found


def _layers(model: Any) -> list[Any]:
    if not isinstance(model, keras.layers.Layer):
        came = f"a {type(model).__module__}.{type(model).__name__}"
        raise InputError("model", came=came, wanted=f"a layer or model of Keras {keras.__version__}")
    return list(model._flatten_layers())


def _swapped(model: M, classes: dict[type, type]) -> M:
    for layer in _layers(model):
        if type(layer) in classes:
            object.__setattr__(layer, "__class__", classes[type(layer)])
    for layer in _layers(model):
        if isinstance(layer, keras.Model) and layer.compiled:
            _compile_anew(layer)
    return model


def _compile_anew(model: Any) -> None:
    """Forgets the functions that were traced with the layers as they were."""
    model.train_function = model.test_function = model.predict_function = None
    if model.jit_compile:
        model.jit_compile = False  # Keras skips a value that is there already
        model.jit_compile = True  # it asks the layers once more, and warns where one of them cannot
