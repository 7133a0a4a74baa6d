"""Networks between Keras and torch, weights and all: what the one computes the other computes too.

Gates and axes are told in `recorrente.keras.order`. Torch's layers have two biases where Keras' SimpleRNN and LSTM have
one, their sum; Keras' GRU keeps both.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import torch
from keras import ops
from torch import nn

from recorrente import layers as ours
from recorrente.errors import InputError
from recorrente.keras.layers import GRU, LSTM, SimpleRNN
from recorrente.keras.order import swapped
from recorrente.keras.swap import accelerate
from recorrente.recipe import load

__all__ = ["from_keras2", "from_run", "from_torch", "to_torch"]


def to_torch(model: Any) -> nn.Module:
    """A built Keras layer or Sequential model as modules of torch, with copies of its weights; batch first.

    Knows SimpleRNN, GRU and LSTM, each also in `Bidirectional`, and Dense; a Sequential of them becomes an
    `nn.Sequential`. The recurrent ones become ours, which are torch's classes. They give `(output, state)`, as torch's
    do, where `return_state` is set, and the output alone where not.

    Raises:
        InputError: a layer that torch's cannot be, and why.

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
    if isinstance(model, keras.Sequential):
        return nn.Sequential(*[to_torch(layer) for layer in model.layers])
    if isinstance(model, keras.layers.Dense):
        return _dense(model)
    if isinstance(model, keras.layers.Embedding):
        return nn.Embedding.from_pretrained(torch.tensor(model.get_weights()[0]), freeze=False)
    both = isinstance(model, keras.layers.Bidirectional)
    ways: list[Any] = [model.forward_layer, model.backward_layer] if both else [model]
    side_by_side = not both or (model.merge_mode == "concat" and ways[0].return_sequences)
    if not isinstance(ways[0], tuple(_KINDS)) or not side_by_side:
        raise _unknown(model, "SimpleRNN, GRU, LSTM, Dense, Embedding, or Bidirectional of sequences put side by side")
    if any(way.go_backwards != (k == 1) for k, way in enumerate(ways)):
        raise _unknown(model, "go_backwards=False: torch's layers read forwards, or both ways")
    first: Any = ways[0]
    layer = _recurrent(ways)
    return layer if first.return_state else Sequences(layer) if first.return_sequences else Last(layer)


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


def from_torch(module: nn.Module) -> keras.Sequential:
    """A network of torch's as a built Keras model with copies of its weights.

    Knows RNN, GRU, LSTM, Linear, Embedding, a Sequential of those, and our `Network`. Every layer of a stack becomes a
    Keras layer of its own, both directions a `Bidirectional`; they are ours. Recurrent layers give the outputs of all
    steps; a `Network` gives, as its `last` does, the head's output after the last one.

    Raises:
        InputError: a module that Keras' layers cannot be.

    Example:
        >>> model = from_torch(nn.LSTM(3, 4, num_layers=2, batch_first=True))
        >>> [layer.units for layer in model.layers], model.input_shape
        ([4, 4], (None, None, 3))
    """
    parts = _parts(module)
    recurrent = [part for part in parts if isinstance(part, nn.RNNBase)]
    only_last = recurrent[-1] if recurrent and isinstance(module, ours.Network) else None
    built = [pair for part in parts for pair in _keras_layers(part, sequences=part is not only_last)]
    model = keras.Sequential([_input(parts[0], bool(recurrent)), *[layer for layer, _ in built]])
    for layer, arrays in built:
        layer.set_weights(arrays)
    return model


def from_run(folder: str | Path) -> keras.Sequential:
    """The network of a run folder as a built Keras model; what the run does to its input first is the caller's."""
    return from_torch(load(folder).network)


def from_keras2(path: str | Path) -> Any:
    """The model of an `.h5` file that Keras 2 wrote, its SimpleRNN, GRU and LSTM ours; not compiled.

    Keras 3 itself refuses such a file, for Keras 2 wrote `time_major` into the config of every recurrent layer. It is
    taken out of a copy. CuDNNLSTM and CuDNNGRU, which Keras 3 has no layers for, stay refused.

    Raises:
        InputError: no file with a whole model in it, or a layer with `time_major=True`.
    """
    import h5py  # Keras brings it

    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(path, folder)
        with h5py.File(copy, "r+") as file:
            if "model_config" not in file.attrs:
                cure = "Build the model, and call model.load_weights(path)."
                raise InputError("path", came="weights alone", wanted="a file of model.save(...)", cure=cure)
            config = json.loads(file.attrs["model_config"])
            file.attrs["model_config"] = json.dumps(_without_time_major(config))
        return accelerate(keras.saving.load_model(copy, compile=False))


def _without_time_major(config: Any) -> Any:
    if isinstance(config, list):
        return [_without_time_major(part) for part in config]
    if not isinstance(config, dict):
        return config
    if config.get("time_major"):
        cure = "Keras 3 reads batch first: save the model with inputs turned round."
        raise InputError(config.get("name", "layer"), came="time_major=True", wanted="time_major=False", cure=cure)
    return {name: _without_time_major(part) for name, part in config.items() if name != "time_major"}


class _Kind(NamedTuple):
    """One kind of layer: torch's class, ours for torch, ours for Keras."""

    torchs: type[nn.RNNBase]
    ours: type[nn.RNNBase]
    keras: Any


_KINDS = {
    keras.layers.SimpleRNN: _Kind(nn.RNN, ours.RNN, SimpleRNN),
    keras.layers.GRU: _Kind(nn.GRU, ours.GRU, GRU),
    keras.layers.LSTM: _Kind(nn.LSTM, ours.LSTM, LSTM),
}
_ACTIVATIONS = {
    keras.activations.relu: nn.ReLU(),
    keras.activations.tanh: nn.Tanh(),
    keras.activations.sigmoid: nn.Sigmoid(),
    keras.activations.softmax: nn.Softmax(dim=-1),
}


def _unknown(model: Any, wanted: str) -> InputError:
    return InputError(model.name, came=f"a {type(model).__name__}", wanted=wanted)


def _dense(dense: Any) -> nn.Module:
    plain = dense.activation is keras.activations.linear
    if not plain and dense.activation not in _ACTIVATIONS:
        raise _unknown(dense, "activation None, relu, tanh, sigmoid or softmax")
    kernel, *bias = dense.get_weights()
    linear = nn.Linear(kernel.shape[0], kernel.shape[1], bias=bool(bias))
    _fill(linear, {"weight": kernel.T, **({"bias": bias[0]} if bias else {})})
    return linear if plain else nn.Sequential(linear, _ACTIVATIONS[dense.activation])


def _recurrent(ways: list[Any]) -> nn.RNNBase:
    """Ours for torch, of one Keras layer or of the two of a `Bidirectional`."""
    layer = ways[0]
    kind = next(kind for kind in _KINDS if isinstance(layer, kind))
    more = {}
    if kind is keras.layers.SimpleRNN:
        known = layer.activation in (keras.activations.tanh, keras.activations.relu)
        more = {"nonlinearity": layer.activation.__name__}
    else:
        known = (layer.activation, layer.recurrent_activation) == (keras.activations.tanh, keras.activations.sigmoid)
    if not known or not getattr(layer, "reset_after", True):
        raise _unknown(layer, "the activations of torch's layer, and reset_after=True, the only GRU that torch has")
    weights = [way.get_weights() for way in ways]
    sizes = weights[0][0].shape[0], layer.units
    made = _KINDS[kind].ours(*sizes, bias=layer.use_bias, batch_first=True, bidirectional=len(ways) == 2, **more)
    for suffix, arrays in zip(("_l0", "_l0_reverse"), weights, strict=False):
        _fill(made, {name + suffix: array for name, array in _to_torchs(kind, arrays, layer.units).items()})
    return made


def _to_torchs(kind: Any, arrays: list[np.ndarray], H: int) -> dict[str, np.ndarray]:
    if kind is keras.layers.GRU:
        arrays = [ops.convert_to_numpy(swapped(array, H)) for array in arrays]
    kernel, recurrent, *bias = arrays
    named = {"weight_ih": kernel.T, "weight_hh": recurrent.T}
    if bias:
        first, second = bias[0] if bias[0].ndim == 2 else (bias[0], np.zeros_like(bias[0]))
        named |= {"bias_ih": first, "bias_hh": second}
    return named


def _fill(module: nn.Module, arrays: dict[str, np.ndarray]) -> None:
    with torch.no_grad():
        for name, array in arrays.items():
            getattr(module, name).copy_(torch.from_numpy(np.ascontiguousarray(array)))


def _parts(module: nn.Module) -> list[nn.Module]:
    """The layers of a module, one after the other."""
    if isinstance(module, ours.Network):
        return [part for child in (module.encoder, module.recurrence, module.head) for part in _parts(child)]
    if isinstance(module, nn.Sequential | Sequences):
        return [part for child in module.children() for part in _parts(child)]
    return [] if isinstance(module, nn.Identity | nn.Dropout) else [module]


def _input(first: nn.Module, recurrent: bool) -> Any:
    """What the first layer reads: `(B, T, C)` where there are steps, and numbers of words where it embeds them."""
    steps = (None,) if recurrent else ()
    if isinstance(first, nn.Embedding):
        return keras.Input(steps, dtype="int32")
    return keras.Input((*steps, first.input_size if isinstance(first, nn.RNNBase) else first.in_features))


def _keras_layers(module: nn.Module, *, sequences: bool) -> list[tuple[Any, list[np.ndarray]]]:
    """The Keras layers that a part becomes, each with its weights; `sequences`: the top one gives all its outputs."""
    if isinstance(module, nn.Linear):
        arrays = [module.weight.T, *([] if module.bias is None else [module.bias])]
        dense = keras.layers.Dense(module.out_features, use_bias=module.bias is not None)
        return [(dense, [array.detach().numpy() for array in arrays])]
    if isinstance(module, nn.Embedding):
        return [(keras.layers.Embedding(module.num_embeddings, module.embedding_dim), [module.weight.detach().numpy()])]
    kinds = [kind for kind, classes in _KINDS.items() if isinstance(module, classes.torchs)]
    if not kinds or not isinstance(module, nn.RNNBase) or module.proj_size:
        wanted = "RNN, GRU or LSTM without projection, Linear, Embedding, or a Sequential or Network of them"
        raise InputError("module", came=str(module), wanted=wanted)
    last = module.num_layers - 1
    return [_keras_layer(kinds[0], module, k, sequences=sequences or k < last) for k in range(module.num_layers)]


def _keras_layer(kind: Any, module: nn.RNNBase, index: int, *, sequences: bool) -> tuple[Any, list[np.ndarray]]:
    more = {"activation": module.nonlinearity} if kind is keras.layers.SimpleRNN else {}
    made = _KINDS[kind].keras(module.hidden_size, use_bias=module.bias, return_sequences=sequences, **more)
    ways = ("", "_reverse")[: 2 if module.bidirectional else 1]
    arrays = [array for way in ways for array in _from_torchs(kind, module, f"_l{index}{way}")]
    return (keras.layers.Bidirectional(made) if module.bidirectional else made), arrays


def _from_torchs(kind: Any, module: nn.RNNBase, suffix: str) -> list[np.ndarray]:
    def array(name: str) -> np.ndarray:
        return getattr(module, name + suffix).detach().numpy()

    arrays = [array("weight_ih").T, array("weight_hh").T]
    if module.bias:
        biases = array("bias_ih"), array("bias_hh")
        arrays.append(np.stack(biases) if kind is keras.layers.GRU else biases[0] + biases[1])
    if kind is keras.layers.GRU:
        arrays = [ops.convert_to_numpy(swapped(one, module.hidden_size)) for one in arrays]
    return arrays
