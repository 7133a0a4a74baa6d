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
from recorrente.keras.order import plain, swapped
from recorrente.keras.swap import accelerate
from recorrente.noise import Noise
from recorrente.recipe import load

__all__ = ["from_keras2", "from_run", "from_torch", "to_torch"]


def to_torch(model: Any) -> nn.Module:
    """A built Keras layer or Sequential model as modules of torch, with copies of its weights; batch first.

    Knows SimpleRNN, GRU and LSTM, each also in `Bidirectional`, Dense, Embedding and Dropout; a Sequential of them
    becomes an `nn.Sequential`. The recurrent ones become ours, which are torch's classes. They give `(output, state)`,
    as torch's do, where `return_state` is set, and the output alone where not. Rates of dropout come along; where Keras
    draws a mask for each gate, ours draw one for all.

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
    if isinstance(model, keras.layers.Dropout):
        return _dropout(model)
    if isinstance(model, keras.layers.Layer) and not model.built:
        raise InputError(model.name, came="a layer that is not built", wanted="one with weights", cure="Call it once.")
    if isinstance(model, keras.layers.Dense):
        return _dense(model)
    if isinstance(model, keras.layers.Embedding):
        return _embedding(model)
    both = isinstance(model, keras.layers.Bidirectional)
    ways: list[Any] = [model.forward_layer, model.backward_layer] if both else [model]
    side_by_side = not both or (model.merge_mode == "concat" and ways[0].return_sequences)
    if not isinstance(ways[0], tuple(_KINDS)) or not side_by_side:
        known = "SimpleRNN, GRU, LSTM, Dense, Embedding, Dropout, or Bidirectional of sequences put side by side"
        raise _unknown(model, known)
    if any(way.go_backwards != (k == 1) for k, way in enumerate(ways)):
        raise _unknown(model, "go_backwards=False: torch's layers read forwards, or both ways")
    if any(way.stateful for way in ways):
        raise _unknown(model, "stateful=False: torch's layers are given their state")
    if both and _look(ways[0]) != _look(ways[1]):
        raise _unknown(model, "two layers of one kind, alike but for their weights")
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

    Knows RNN, GRU, LSTM, Linear, Embedding, Dropout, a Sequential of those, what `to_torch` gives, and our `Network`.
    Every layer of a stack becomes a Keras layer of its own, both directions a `Bidirectional`; they are ours. Recurrent
    layers give the outputs of all steps; a `Network` gives, as its `last` does, the head's output after the last one.
    Rates of dropout come along.

    Raises:
        InputError: a module that Keras' layers cannot be.

    Example:
        >>> model = from_torch(nn.LSTM(3, 4, num_layers=2, batch_first=True))
        >>> [layer.units for layer in model.layers], model.input_shape
        ([4, 4], (None, None, 3))
    """
    parts = _parts(module)
    built = [pair for part in parts for pair in _keras_layers(part)]
    model = keras.Sequential([_input([part.module for part in parts]), *[layer for layer, _ in built]])
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


def _dropout(layer: Any) -> nn.Module:
    if layer.noise_shape is not None:
        raise _unknown(layer, "noise_shape=None")
    return nn.Dropout(layer.rate)


def _dense(dense: Any) -> nn.Module:
    _refuse_quantized(dense)
    activation = plain(dense.activation)
    bare = activation is keras.activations.linear
    if not bare and activation not in _ACTIVATIONS:
        raise _unknown(dense, "activation None, relu, tanh, sigmoid or softmax")
    arrays = {"weight": _array(dense.kernel).T, **({"bias": _array(dense.bias)} if dense.use_bias else {})}
    (outputs, inputs), dtype = arrays["weight"].shape, _torchs_dtype(arrays["weight"])
    linear = nn.Linear(inputs, outputs, bias=dense.use_bias, dtype=dtype)
    _fill(linear, arrays)
    return linear if bare else nn.Sequential(linear, _ACTIVATIONS[activation])


def _embedding(layer: Any) -> nn.Module:
    _refuse_quantized(layer)
    if layer.mask_zero:
        cure = "Set mask_zero to False where no row is padded; our layers for torch take lengths= instead of a mask."
        raise InputError(layer.name, came="mask_zero=True", wanted="an Embedding without a mask", cure=cure)
    return nn.Embedding.from_pretrained(torch.tensor(_array(layer.embeddings)), freeze=False)


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
    kind = [isinstance(layer, kind) for kind in _KINDS]
    return kind + [getattr(layer, name, None) for name in [*names, "return_sequences", "return_state"]]


def _recurrent(ways: list[Any]) -> nn.RNNBase:
    """Ours for torch, of one Keras layer or of the two of a `Bidirectional`."""
    layer = ways[0]
    kind = next(kind for kind in _KINDS if isinstance(layer, kind))
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
    made = _KINDS[kind].ours(*sizes, **more)
    for suffix, arrays in zip(("_l0", "_l0_reverse"), weights, strict=False):
        _fill(made, {name + suffix: array for name, array in _to_torchs(kind, arrays, layer.units).items()})
    return made


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


def _fill(module: nn.Module, arrays: dict[str, np.ndarray]) -> None:
    with torch.no_grad():
        for name, array in arrays.items():
            getattr(module, name).copy_(torch.from_numpy(np.ascontiguousarray(array)))


class _Part(NamedTuple):
    """One layer of a module; of a recurrent one that is `last` only the last output goes on."""

    module: nn.Module
    last: bool = False


def _parts(module: nn.Module) -> list[_Part]:
    """The layers of a module, one after the other."""
    if isinstance(module, ours.Network):
        if module.pooled:
            raise InputError("module", came="a Network with pooled=True", wanted="one whose head reads the final state")
        return [*_parts(module.encoder), *_ended(_parts(module.recurrence)), *_parts(module.head)]
    if isinstance(module, Last):
        return _ended(_parts(module.layer))
    if isinstance(module, nn.Sequential | Sequences):
        return [part for child in module.children() for part in _parts(child)]
    return [] if isinstance(module, nn.Identity) else [_Part(module)]


def _ended(parts: list[_Part]) -> list[_Part]:
    """With the last output alone of the last recurrent layer."""
    recurrent = [k for k, part in enumerate(parts) if isinstance(part.module, nn.RNNBase)]
    return [part._replace(last=k == recurrent[-1]) if recurrent else part for k, part in enumerate(parts)]


def _input(modules: list[nn.Module]) -> Any:
    """What the first layer reads: `(B, T, C)` where there are steps, and numbers of words where it embeds them."""
    steps = (None,) if any(isinstance(module, nn.RNNBase) for module in modules) else ()
    with_weights = [module for module in modules if not isinstance(module, nn.Dropout)]
    if not with_weights:
        raise InputError("module", came="no layer with weights", wanted="one at least")
    first: Any = with_weights[0]
    if isinstance(first, nn.Embedding):
        return keras.Input(steps, dtype="int32")
    width = first.input_size if isinstance(first, nn.RNNBase) else first.in_features
    return keras.Input((*steps, width), dtype=_keras_dtype(first))


def _keras_dtype(module: nn.Module) -> str | None:
    """The policy of a float64 module; any other has the global one."""
    return "float64" if next(module.parameters()).dtype == torch.float64 else None


Built = list[tuple[Any, list[np.ndarray]]]  # Keras layers, each with its weights


def _keras_layers(part: _Part) -> Built:
    """The Keras layers that a part becomes."""
    module = part.module
    if isinstance(module, nn.Dropout):
        return [(keras.layers.Dropout(module.p), [])]
    if isinstance(module, nn.Linear):
        arrays = [module.weight.T, *([] if module.bias is None else [module.bias])]
        how = {"use_bias": module.bias is not None, "dtype": _keras_dtype(module)}
        return [(keras.layers.Dense(module.out_features, **how), [array.detach().numpy() for array in arrays])]
    if isinstance(module, nn.Embedding):
        sizes = module.num_embeddings, module.embedding_dim
        return [(keras.layers.Embedding(*sizes, dtype=_keras_dtype(module)), [module.weight.detach().numpy()])]
    kinds = [kind for kind, classes in _KINDS.items() if isinstance(module, classes.torchs)]
    if not kinds or not isinstance(module, nn.RNNBase) or module.proj_size:
        wanted = "RNN, GRU or LSTM without projection, Linear, Embedding, Dropout, or a Sequential or Network of them"
        raise InputError("module", came=str(module), wanted=wanted)
    _refuse_what_keras_has_not(module)
    return _stack(kinds[0], module, last=part.last)


def _refuse_what_keras_has_not(module: nn.RNNBase) -> None:
    """What our layers for torch can do beside torch's."""
    own = {name: getattr(module, name, None) for name in ("learned_state", "residual", "credit")}
    noise = getattr(module, "noise", None)
    own |= {name: getattr(noise, name, None) for name in ("zoneout", "weight_dropout")}
    for name, value in own.items():
        if value and value != (0.0, 0.0):
            cure = "Set it to None if only the network's answers are wanted." if name == "credit" else ""
            raise InputError("module", came=f"a layer with {name}={value}", wanted="what Keras' layers have", cure=cure)


def _stack(kind: Any, module: nn.RNNBase, *, last: bool) -> Built:
    """A Keras layer for each of a stack, and torch's dropout between them."""
    top, built = module.num_layers - 1, Built()
    for k in range(module.num_layers):
        built.append(_keras_layer(kind, module, k, sequences=k < top or not last))
        if module.dropout and k < top:
            built.append((keras.layers.Dropout(module.dropout), []))
    return built


def _keras_layer(kind: Any, module: nn.RNNBase, index: int, *, sequences: bool) -> tuple[Any, list[np.ndarray]]:
    more: dict[str, Any] = {"activation": module.nonlinearity} if kind is keras.layers.SimpleRNN else {}
    noise: Any = getattr(module, "noise", Noise())
    more |= {"dropout": noise.input_dropout, "recurrent_dropout": noise.recurrent_dropout}
    more |= {"use_bias": module.bias, "return_sequences": sequences, "dtype": _keras_dtype(module)}
    made = _KINDS[kind].keras(module.hidden_size, **more)
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
