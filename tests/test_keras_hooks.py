"""Hooks of torch on Keras' layers, their cells and weights: called as Keras calls them, or refused where nobody would.

Keras' layers are modules of torch on the backend torch alone.
"""

from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras_calls import BACKEND
from torch import nn

import recorrente.keras as rk
from recorrente.errors import InputError

pytestmark = pytest.mark.skipif(BACKEND != "torch", reason="Keras' layers are modules of torch there alone")
NAMES = ("SimpleRNN", "GRU", "LSTM")
REGISTER = (
    "register_forward_hook",
    "register_forward_pre_hook",
    "register_full_backward_hook",
    "register_full_backward_pre_hook",
)
X = np.random.default_rng(0).standard_normal((2, 4, 3)).astype("float32")
MASK = np.array([[True, True, True, False], [True, False, False, False]])


def built(home: Any, name: str, **options: Any) -> Any:
    keras.utils.set_random_seed(1)
    layer = getattr(home, name)(5, **options)
    layer.build(X.shape)
    return layer


def small(layer: Any) -> Any:
    return keras.Sequential([keras.Input((4, 3)), layer])


@pytest.mark.parametrize("register", REGISTER)
@pytest.mark.parametrize("name", NAMES)
def test_a_hook_of_a_cell_is_called_as_often_as_keras_calls_it(name: str, register: str) -> None:
    """Keras' own GRU and LSTM call their cells where there is a mask, and not where there is none."""
    for mask in (None, MASK):
        calls: dict[Any, int] = {}
        for home in (keras.layers, rk):
            layer, seen = built(home, name), []
            getattr(layer.cell, register)(lambda *_, seen=seen: seen.append(1))
            layer(torch.tensor(X, requires_grad=True), mask=mask).sum().backward()
            calls[home] = len(seen)
        assert calls[rk] == calls[keras.layers]
        assert calls[rk] or (mask is None and name != "SimpleRNN")


def test_a_hook_of_a_cell_goes_on_counting_when_its_layer_is_accelerated() -> None:
    model = small(keras.layers.SimpleRNN(5))
    handle = model.layers[0].cell.register_forward_hook(lambda cell, given, told: (2 * told[0], told[1]))
    wanted = model(X).detach()
    rk.accelerate(model)
    torch.testing.assert_close(model(X).detach(), wanted, rtol=0, atol=0)
    (where,) = rk.explain(model)
    assert (where.path, where.reason) == ("keras", "the cell has forward hooks, and Keras' own loop calls the cell")
    handle.remove()
    assert rk.explain(model)[0].path == "native"
    torch.testing.assert_close(2 * model(X).detach(), wanted)


@pytest.mark.parametrize("register", REGISTER[2:])
def test_a_backward_hook_of_a_layer_changes_its_gradient_as_keras_own(register: str) -> None:
    found = []
    for home in (keras.layers, rk):
        layer, x = built(home, "LSTM"), torch.tensor(X, requires_grad=True)
        getattr(layer, register)(lambda _, *d: tuple(3 * one if one is not None else None for one in d[0]))
        layer(x).sum().backward()
        found.append((x.grad, *[weight.value.grad for weight in layer.trainable_weights]))
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)


def backwards_hooked(module: Any) -> Any:
    module.register_full_backward_hook(lambda *_: None)
    return module


def backwards_hooked_before(module: Any) -> Any:
    module.register_full_backward_pre_hook(lambda *_: None)
    return module


def watched(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        parameter.register_hook(lambda d: 0 * d)
    return module


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (lambda: backwards_hooked(nn.LSTM(3, 4)), r"LSTM with backward hooks, wanted one without\. The handle.remove"),
        (lambda: nn.Sequential(nn.Linear(3, 4), backwards_hooked_before(nn.ReLU())), "ReLU with backward hooks"),
        (lambda: watched(nn.GRU(3, 4)), "weight_ih_l0 with a hook on its gradient"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_a_hook_that_keras_would_not_call_is_refused(module: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        rk.from_torch(module())


def hooked_layer() -> Any:
    model = small(keras.layers.Dense(4))
    backwards_hooked(model.layers[0])
    return model


def hooked_cell(register: str) -> Any:
    layer = built(rk, "LSTM")
    getattr(layer.cell, register)(lambda *_: None)
    return layer


def watched_kernel(*, trainable: bool) -> Any:
    layer = built(rk, "GRU", trainable=trainable)
    layer.cell.kernel.value.register_hook(lambda d: 0 * d)
    return layer


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (hooked_layer, "Dense with backward hooks"),
        (lambda: hooked_cell("register_forward_pre_hook"), "LSTMCell with forward hooks"),
        (lambda: hooked_cell("register_full_backward_hook"), "LSTMCell with backward hooks"),
        (lambda: watched_kernel(trainable=True), "kernel with a hook on its gradient"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_a_hook_that_torchs_modules_would_not_call_is_refused(model: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        rk.to_torch(model())


def test_a_hook_of_a_weight_that_does_not_learn_is_nothing() -> None:
    module = watched(nn.GRU(3, 4)).requires_grad_(False)
    assert isinstance(rk.from_torch(module).layers[0], rk.GRU)
