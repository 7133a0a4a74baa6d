"""Keras' layers as modules of torch, weights and all: what the one computes the other computes too.

Torch's layers have two biases where Keras' SimpleRNN and LSTM have one, their sum, which the first is then. What is
frozen stays so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch
from keras import ops
from torch import nn

from recorrente.errors import InputError
from recorrente.keras.exchange import ACTIVATIONS, KINDS, Last, Sequences, class_of, refuse_own_ways
from recorrente.keras.hooks import refuse_gradient_hook
from recorrente.keras.order import plain, swapped

__all__ = ["to_torch"]


def to_torch(model: Any) -> nn.Module:
    """A built Keras layer or Sequential model as modules of torch, with copies of its weights; batch first.

    Knows SimpleRNN, GRU and LSTM, each also in `Bidirectional`, Dense, Embedding, Dropout, and layers that are an
    activation and no more; a Sequential of them becomes an `nn.Sequential`. The recurrent ones become ours, which are
    torch's classes. They give `(output, state)`, as torch's do, where `return_state` is set, and the output alone where
    not. Rates of dropout come along; where Keras draws a mask for each gate, ours draw one for all.

    Raises:
        InputError: a layer that torch's cannot be, and why; a subclass with a `call` or a loop of its own is none.

    Example:
        >>> model = keras.Sequential([keras.Input((5, 3)), keras.layers.LSTM(4), keras.layers.Dense(2)])
        >>> to_torch(model)
        Sequential(
          (0): Last(
            (layer): LSTM(3, 4, batch_first=True)
          )
          (1): Linear(in_features=4, out_features=2, bias=True)
        )
    """
    if not isinstance(model, keras.layers.Layer):
        raise InputError("model", came=class_of(model), wanted="a layer or Sequential model of Keras")
    made = _module(model)
    return made if model.trainable else made.requires_grad_(False)


def _module(model: Any) -> nn.Module:
    """What a layer or a Sequential becomes, the frozen variables in it frozen."""
    refuse_own_ways(model.name, model, _KNOWN, _METHODS)
    for variable in model.trainable_variables:
        refuse_gradient_hook(model.name, variable.path, variable.value)
    if isinstance(model, keras.Sequential):
        return nn.Sequential(*[to_torch(layer) for layer in model.layers])
    if made := _WITHOUT_WEIGHTS.get(type(model)):  # not what is made of one: SpatialDropout1D drops otherwise
        return made(model)
    if not model.built:
        raise InputError(model.name, came="a layer that is not built", wanted="one with weights", cure="Call it once.")
    if isinstance(model, keras.layers.Dense):
        return _dense(model)
    return _embedding(model) if isinstance(model, keras.layers.Embedding) else _recurrence(model)


def _recurrence(model: Any) -> nn.Module:
    both = isinstance(model, keras.layers.Bidirectional)
    ways: list[Any] = [model.forward_layer, model.backward_layer] if both else [model]
    side_by_side = not both or (model.merge_mode == "concat" and ways[0].return_sequences)
    if not isinstance(ways[0], tuple(KINDS)) or not side_by_side:
        known = "SimpleRNN, GRU, LSTM, Dense, Embedding, Dropout, Activation, ReLU, Softmax or Identity"
        known += ", or Bidirectional of sequences put side by side"
        raise _unknown(model, known)
    _refuse_own_loops(ways)
    if any(way.go_backwards != (k == 1) for k, way in enumerate(ways)):
        raise _unknown(model, "go_backwards=False: torch's layers read forwards, or both ways")
    if any(way.stateful for way in ways):
        raise _unknown(model, "stateful=False: torch's layers are given their state")
    if both and _look(ways[0]) != _look(ways[1]):
        raise _unknown(model, "two layers of one kind, alike but for their weights")
    first: Any = ways[0]
    layer = _recurrent(ways)
    return layer if first.return_state else Sequences(layer) if first.return_sequences else Last(layer)


def _refuse_own_loops(ways: list[Any]) -> None:
    """Of layers whose cells, too, may be someone's own."""
    for way in ways:
        refuse_own_ways(way.name, way, _KNOWN, _METHODS)
        if not isinstance(way.cell, _CELLS):
            raise _unknown(way.cell, "a cell of Keras' own")
        refuse_own_ways(way.cell.name, way.cell, _CELLS, _METHODS)


def _unknown(model: Any, wanted: str) -> InputError:
    return InputError(model.name, came=f"a {type(model).__name__}", wanted=wanted)


def _dropout(layer: Any) -> nn.Module:
    if layer.noise_shape is not None:
        raise _unknown(layer, "noise_shape=None")
    return nn.Dropout(layer.rate)


def _activation(layer: Any) -> nn.Module:
    """Of a layer that has an activation, and of an Activation layer."""
    activation = plain(layer.activation)
    if activation not in ACTIVATIONS:
        raise _unknown(layer, "activation None, relu, tanh, sigmoid or softmax")
    return ACTIVATIONS[activation]()


def _relu(layer: Any) -> nn.Module:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise _unknown(layer, "max_value=None, negative_slope=0 and threshold=0")
    return nn.ReLU()


def _softmax(layer: Any) -> nn.Module:
    if layer.axis != -1:
        raise _unknown(layer, "axis=-1")
    return nn.Softmax(dim=-1)


_WITHOUT_WEIGHTS: dict[Any, Callable[[Any], nn.Module]] = {
    keras.layers.Dropout: _dropout,
    keras.layers.Activation: _activation,
    keras.layers.ReLU: _relu,
    keras.layers.Softmax: _softmax,
    keras.layers.Identity: lambda _: nn.Identity(),
}
_WITH_WEIGHTS: list[Any] = [keras.Sequential, keras.layers.Dense, keras.layers.Embedding, keras.layers.Bidirectional]
_KNOWN = frozenset([*_WITH_WEIGHTS, *_WITHOUT_WEIGHTS, *KINDS, *[kind.keras for kind in KINDS.values()]])
_CELLS = (keras.layers.SimpleRNNCell, keras.layers.GRUCell, keras.layers.LSTMCell)
_METHODS = ("__call__", "call", "inner_loop", "get_initial_state")


def _dense(dense: Any) -> nn.Module:
    _refuse_quantized(dense)
    activation = _activation(dense)
    variables = {"weight": dense.kernel, **({"bias": dense.bias} if dense.use_bias else {})}
    arrays = {name: _array(variable).T for name, variable in variables.items()}
    (outputs, inputs), dtype = arrays["weight"].shape, _torchs_dtype(arrays["weight"])
    linear = nn.Linear(inputs, outputs, bias=dense.use_bias, dtype=dtype)
    _fill(linear, arrays, variables)
    return linear if isinstance(activation, nn.Identity) else nn.Sequential(linear, activation)


def _embedding(layer: Any) -> nn.Module:
    _refuse_quantized(layer)
    if layer.mask_zero:
        cure = "Set mask_zero to False where no row is padded; our layers for torch take lengths= instead of a mask."
        raise InputError(layer.name, came="mask_zero=True", wanted="an Embedding without a mask", cure=cure)
    array = _array(layer.embeddings)
    rows, width = array.shape
    made = nn.Embedding(rows, width, dtype=_torchs_dtype(array))
    _fill(made, {"weight": array}, {"weight": layer.embeddings})
    return made


def _refuse_quantized(layer: Any) -> None:
    mode = getattr(layer, "quantization_mode", None)
    if mode is not None:
        raise InputError(layer.name, came=f"weights quantized to {mode}", wanted="weights as they were trained")


def _array(variable: Any) -> np.ndarray:
    """In float64 where it is, in float32 where it is that or a half precision."""
    array = ops.convert_to_numpy(variable)
    return array if array.dtype == np.float64 else array.astype(np.float32)


def _torchs_dtype(array: np.ndarray) -> torch.dtype:
    return torch.float64 if array.dtype == np.float64 else torch.float32


def _look(layer: Any) -> list[Any]:
    """What two directions have in common."""
    names = ["units", "use_bias", "activation", "recurrent_activation", "reset_after", "dropout", "recurrent_dropout"]
    kind = [isinstance(layer, kind) for kind in KINDS]
    return kind + [getattr(layer, name, None) for name in [*names, "return_sequences", "return_state"]]


def _recurrent(ways: list[Any]) -> nn.RNNBase:
    """Ours for torch, of one Keras layer or of the two of a `Bidirectional`."""
    layer = ways[0]
    kind = next(kind for kind in KINDS if isinstance(layer, kind))
    more: dict[str, Any] = {"input_dropout": layer.dropout, "recurrent_dropout": layer.recurrent_dropout}
    if kind is keras.layers.SimpleRNN:
        known = plain(layer.activation) in (keras.activations.tanh, keras.activations.relu)
        more |= {"nonlinearity": plain(layer.activation).__name__}
    else:
        activations = plain(layer.activation), plain(layer.recurrent_activation)
        known = activations == (keras.activations.tanh, keras.activations.sigmoid)
    if not known or not getattr(layer, "reset_after", True):
        raise _unknown(layer, "the activations of torch's layer, and reset_after=True, the only GRU that torch has")
    weights = [_arrays(way.cell) for way in ways]
    sizes, dtype = (weights[0][0].shape[0], layer.units), _torchs_dtype(weights[0][0])
    more |= {"bias": layer.use_bias, "batch_first": True, "bidirectional": len(ways) == 2, "dtype": dtype}
    made = KINDS[kind].ours(*sizes, **more)
    for suffix, way, arrays in zip(("_l0", "_l0_reverse"), ways, weights, strict=False):
        _fill(made, _to_torchs(kind, arrays, layer.units), _variables(way.cell), suffix)
    return made


def _variables(cell: Any) -> dict[str, Any]:
    """Which of a Keras cell's each parameter of torch's comes from."""
    named = {"weight_ih": cell.kernel, "weight_hh": cell.recurrent_kernel}
    return named | {"bias_ih": cell.bias, "bias_hh": cell.bias}


def _arrays(cell: Any) -> list[np.ndarray]:
    """The kernel, the recurrent kernel, and the bias where there is one."""
    return [_array(one) for one in (cell.kernel, cell.recurrent_kernel, *([cell.bias] if cell.use_bias else []))]


def _to_torchs(kind: Any, arrays: list[np.ndarray], H: int) -> dict[str, np.ndarray]:
    if kind is keras.layers.GRU:
        arrays = [ops.convert_to_numpy(swapped(array, H)) for array in arrays]
    kernel, recurrent, *bias = arrays
    named = {"weight_ih": kernel.T, "weight_hh": recurrent.T}
    if bias:
        first, second = bias[0] if bias[0].ndim == 2 else (bias[0], np.zeros_like(bias[0]))
        named |= {"bias_ih": first, "bias_hh": second}
    return named


def _fill(module: nn.Module, arrays: dict[str, np.ndarray], variables: dict[str, Any], suffix: str = "") -> None:
    """Copies arrays into the parameters of their names, each frozen where Keras' variable is."""
    for name, array in arrays.items():
        parameter = getattr(module, name + suffix)
        parameter.data.copy_(torch.from_numpy(np.ascontiguousarray(array)))
        parameter.requires_grad_(getattr(variables[name], "trainable", True))  # what LoRA adds to is no variable
