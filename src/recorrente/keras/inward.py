"""Modules of torch as Keras' layers, weights and all: what the one computes the other computes too.

Torch's layers have two biases where Keras' SimpleRNN and LSTM have one, their sum; Keras' GRU keeps both. What is
frozen stays so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import torch
from keras import ops
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

from recorrente import layers as ours
from recorrente.errors import InputError
from recorrente.keras.exchange import KINDS, NAMES, Last, Sequences, class_of, refuse_own_ways
from recorrente.keras.hooks import refuse_gradient_hook
from recorrente.keras.order import swapped
from recorrente.noise import Noise
from recorrente.recipe import load

__all__ = ["from_run", "from_torch"]

_RECURRENT = [one for kind in KINDS.values() for one in (kind.torchs, kind.ours)]
_KNOWN = frozenset(
    [nn.Linear, nn.Embedding, nn.Dropout, *NAMES, *_RECURRENT, nn.Sequential, Sequences, Last, ours.Network]
)
_METHODS = ("__call__", "forward", "hidden", "last", "at_end", "first_state", "zero_state")


def from_torch(module: nn.Module) -> keras.Sequential:
    """A network of torch's as a built Keras model with copies of its weights.

    Knows RNN, GRU, LSTM, Linear, Embedding, Dropout, ReLU, Tanh, Sigmoid, Softmax and Identity, a Sequential of those,
    what `to_torch` gives, and our `Network`. Every layer of a stack becomes a Keras layer of its own, both
    directions a `Bidirectional`; they are ours. Recurrent layers give the outputs of all steps; a `Network` gives,
    as its `last` does, the head's output after the last one. Rates of dropout come along.

    Raises:
        InputError: a module that Keras' layers cannot be, as one with a `forward` of its own or with hooks.

    Example:
        >>> model = from_torch(nn.LSTM(3, 4, num_layers=2, batch_first=True))
        >>> [layer.units for layer in model.layers], model.input_shape
        ([4, 4], (None, None, 3))
    """
    _refuse_what_cannot_be_read(module)
    parts, dtype = _parts(module), _keras_dtype(module)
    built = [one for part in parts for one in _keras_layers(part, dtype)]
    modules = [part.module for part in parts]
    _refuse_shared(modules)
    model = keras.Sequential([_input(modules, dtype), *[one.layer for one in built]])
    for one in built:
        one.fill()
    return model


def from_run(folder: str | Path) -> keras.Sequential:
    """The network of a run folder as a built Keras model; what the run does to its input first is the caller's."""
    return from_torch(load(folder).network)


def _refuse_what_cannot_be_read(module: Any) -> None:
    if not isinstance(module, nn.Module):
        raise InputError("module", came=class_of(module), wanted="a torch.nn.Module")
    for name, parameter in module.named_parameters():
        if parameter.is_meta or is_lazy(parameter):
            cure = "Load its weights, or call it once where it is lazy."
            raise InputError("module", came=f"{name} without numbers", wanted="parameters that have some", cure=cure)
        if not parameter.is_floating_point():
            raise InputError("module", came=f"{name} of {parameter.dtype}", wanted="parameters of floats")
        refuse_gradient_hook("module", name, parameter)
    if lazy := next((one for one in module.modules() if isinstance(one, LazyModuleMixin)), None):
        raise InputError("module", came=f"{lazy}, not called yet", wanted="one that was", cure="Call it once.")


def _refuse_shared(modules: list[nn.Module]) -> None:
    """Refuses weights that stand twice: Keras' would be copies, and learn each for itself."""
    seen: set[int] = set()
    for module in modules:
        for name, parameter in module.named_parameters(remove_duplicate=False):
            if parameter.requires_grad and id(parameter) in seen:
                came = f"a {type(module).__name__} whose {name} stands in the module twice"
                cure = "copy.deepcopy(layer) learns by itself; freeze it where only answers are wanted."
                raise InputError("module", came=came, wanted="each weight once", cure=cure)
            seen.add(id(parameter))


class _Part(NamedTuple):
    """One layer of a module; of a recurrent one that is `last` only the last output goes on."""

    module: nn.Module
    last: bool = False


def _parts(module: nn.Module) -> list[_Part]:
    """The layers of a module, one after the other."""
    refuse_own_ways("module", module, _KNOWN, _METHODS)
    if isinstance(module, ours.Network):
        if module.pooled:
            raise InputError("module", came="a Network with pooled=True", wanted="one whose head reads the final state")
        return [*_parts(module.encoder), *_ended(_parts(module.recurrence)), *_parts(module.head)]
    if isinstance(module, Last):
        if getattr(module.layer, "bidirectional", False):
            came = "the last output of a layer that reads both ways, which of the way back is its first step's"
            cure = "A recorrente.layers.Network's head reads the final states of both."
            raise InputError("module", came=came, wanted="a layer that reads one way", cure=cure)
        return _ended(_parts(module.layer))
    if isinstance(module, Sequences):
        return _parts(module.layer)
    if isinstance(module, nn.Sequential):
        return [part for child in module for part in _parts(child)]  # one that stands twice, too
    return [] if isinstance(module, nn.Identity) else [_Part(module)]


def _ended(parts: list[_Part]) -> list[_Part]:
    """With the last output alone of the last recurrent layer."""
    recurrent = [k for k, part in enumerate(parts) if isinstance(part.module, nn.RNNBase)]
    return [part._replace(last=k == recurrent[-1]) if recurrent else part for k, part in enumerate(parts)]


def _input(modules: list[nn.Module], dtype: str | None) -> Any:
    """What the first layer reads: `(B, T, C)` where there are steps, and numbers of words where it embeds them."""
    steps = (None,) if any(isinstance(module, nn.RNNBase) for module in modules) else ()
    with_weights = [module for module in modules if any(True for _ in module.parameters())]
    if not with_weights:
        raise InputError("module", came="no layer with weights", wanted="one at least")
    first: Any = with_weights[0]
    if isinstance(first, nn.Embedding):
        return keras.Input(steps, dtype="int32")
    width = first.input_size if isinstance(first, nn.RNNBase) else first.in_features
    return keras.Input((*steps, width), dtype=dtype)


def _keras_dtype(module: nn.Module) -> str | None:
    """The policy of a float64 network's layers; any other's have the global one."""
    return "float64" if any(parameter.dtype == torch.float64 for parameter in module.parameters()) else None


class _Weight(NamedTuple):
    """A weight as Keras has it, and whether it learns."""

    array: np.ndarray
    learns: bool

    def turned(self) -> _Weight:
        return self._replace(array=self.array.T)


def _weight(tensor: torch.Tensor) -> _Weight:
    """In float64 where it is, in float32 where it is that or a half precision."""
    numbers = tensor.detach().cpu()
    return _Weight((numbers if numbers.dtype == torch.float64 else numbers.float()).numpy(), tensor.requires_grad)


class _Built(NamedTuple):
    """A Keras layer and what its weights are to be."""

    layer: Any
    weights: tuple[_Weight, ...] = ()

    def fill(self) -> None:
        self.layer.set_weights([one.array for one in self.weights])
        for variable, one in zip(self.layer.weights, self.weights, strict=True):
            variable.trainable = one.learns
        for layer in self.layer._flatten_layers():
            if layer.weights and not layer.trainable_weights:
                layer.trainable = False  # so that its config, and a file, say it too


def _keras_layers(part: _Part, dtype: str | None) -> list[_Built]:
    """The Keras layers that a part becomes."""
    module = part.module
    if isinstance(module, nn.Dropout):
        return [_Built(keras.layers.Dropout(module.p, dtype=dtype))]
    if type(module) in NAMES:
        return [_Built(_keras_activation(module, dtype))]
    if isinstance(module, nn.Linear):
        biases = [] if module.bias is None else [_weight(module.bias)]
        made = keras.layers.Dense(module.out_features, use_bias=module.bias is not None, dtype=dtype)
        return [_Built(made, (_weight(module.weight).turned(), *biases))]
    if isinstance(module, nn.Embedding):
        _refuse_what_keras_embeds_without(module)
        made = keras.layers.Embedding(module.num_embeddings, module.embedding_dim, dtype=dtype)
        return [_Built(made, (_weight(module.weight),))]
    kinds = [kind for kind, classes in KINDS.items() if isinstance(module, classes.torchs)]
    if not kinds or not isinstance(module, nn.RNNBase) or module.proj_size:
        wanted = "RNN, GRU or LSTM without projection, Linear, Embedding, Dropout, ReLU, Tanh, Sigmoid, Softmax"
        raise InputError("module", came=str(module), wanted=f"{wanted}, or a Sequential or Network of them")
    _refuse_what_keras_has_not(module)
    return _stack(kinds[0], module, dtype, last=part.last)


def _keras_activation(module: Any, dtype: str | None) -> Any:
    if isinstance(module, nn.Softmax) and module.dim != -1:
        raise InputError("module", came=str(module), wanted="Softmax(dim=-1)")
    return keras.layers.Activation(NAMES[type(module)], dtype=dtype)


def _refuse_what_keras_embeds_without(module: nn.Embedding) -> None:
    """What torch's Embedding does beside looking vectors up; of a frozen one only the first makes a difference."""
    if module.max_norm is not None:
        cure = "Where no row of weight is longer, set it to None."
        raise InputError("module", came=f"max_norm={module.max_norm}", wanted="max_norm=None", cure=cure)
    for name, without in (("padding_idx", None), ("scale_grad_by_freq", False)):
        value = getattr(module, name)
        if value != without and module.weight.requires_grad:
            cure = f"Set it to {without}, or freeze the weight, if only the network's answers are wanted."
            raise InputError("module", came=f"{name}={value}", wanted=f"{name}={without}", cure=cure)


def _refuse_what_keras_has_not(module: nn.RNNBase) -> None:
    """What our layers for torch can do beside torch's."""
    own = {name: getattr(module, name, None) for name in ("learned_state", "residual", "credit")}
    noise = getattr(module, "noise", None)
    own |= {name: getattr(noise, name, None) for name in ("zoneout", "weight_dropout")}
    for name, value in own.items():
        if value and value != (0.0, 0.0):
            cure = "Set it to None if only the network's answers are wanted." if name == "credit" else ""
            raise InputError("module", came=f"a layer with {name}={value}", wanted="what Keras' layers have", cure=cure)


def _stack(kind: Any, module: nn.RNNBase, dtype: str | None, *, last: bool) -> list[_Built]:
    """A Keras layer for each of a stack, and torch's dropout between them."""
    top, built = module.num_layers - 1, []
    for k in range(module.num_layers):
        built.append(_keras_layer(kind, module, k, dtype, sequences=k < top or not last))
        if module.dropout and k < top:
            built.append(_Built(keras.layers.Dropout(module.dropout, dtype=dtype)))
    return built


def _keras_layer(kind: Any, module: nn.RNNBase, index: int, dtype: str | None, *, sequences: bool) -> _Built:
    more: dict[str, Any] = {"activation": module.nonlinearity} if kind is keras.layers.SimpleRNN else {}
    noise: Any = getattr(module, "noise", Noise())
    more |= {"dropout": noise.input_dropout, "recurrent_dropout": noise.recurrent_dropout}
    more |= {"use_bias": module.bias, "return_sequences": sequences, "dtype": dtype}
    made = KINDS[kind].keras(module.hidden_size, **more)
    ways = ("", "_reverse")[: 2 if module.bidirectional else 1]
    weights = [weight for way in ways for weight in _from_torchs(kind, module, f"_l{index}{way}")]
    return _Built(keras.layers.Bidirectional(made, dtype=dtype) if module.bidirectional else made, tuple(weights))


def _from_torchs(kind: Any, module: nn.RNNBase, suffix: str) -> list[_Weight]:
    names = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if module.bias else [])]
    ih, hh, *biases = [_weight(getattr(module, name + suffix)) for name in names]
    weights = [ih.turned(), hh.turned(), *([_joined(kind, *biases)] if biases else [])]
    if kind is keras.layers.GRU:
        swap = [ops.convert_to_numpy(swapped(one.array, module.hidden_size)) for one in weights]
        weights = [one._replace(array=array) for one, array in zip(weights, swap, strict=True)]
    return weights


def _joined(kind: Any, ih: _Weight, hh: _Weight) -> _Weight:
    """Keras' bias of torch's two: their sum, which learns where one of them does, or one array with both, in a GRU."""
    if kind is not keras.layers.GRU:
        return _Weight(ih.array + hh.array, ih.learns or hh.learns)
    if ih.learns != hh.learns:
        raise InputError("module", came="a GRU of which one bias is frozen", wanted="both, or neither: Keras' are one")
    return _Weight(np.stack([ih.array, hh.array]), ih.learns)
