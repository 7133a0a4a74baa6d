"""A call of a Keras layer and its gradients as plain arrays, for whichever backend Keras has."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import keras
import numpy as np

BACKEND = keras.config.backend()


def cotangents(outputs: list[Any]) -> list[np.ndarray]:
    random = np.random.default_rng(5)
    return [random.standard_normal(tuple(output.shape)).astype("float32") for output in outputs]


def called(layer: Any, inputs: dict[str, np.ndarray], **keywords: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Every output of `layer(x, initial_state=[h0, ...])`, and what a random cotangent gives of all inputs and weights.

    inputs: `x`, and where there are any the parts of the initial state, in order.
    keywords: `mask`, `training`.
    """
    outputs, gradients = {"torch": _torch, "jax": _jax, "tensorflow": _tensorflow}[BACKEND](layer, inputs, keywords)
    return [as_array(output) for output in outputs], [as_array(gradient) for gradient in gradients]


def process(code: str, folder: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `code` says and ends with in a Python of its own."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def as_array(given: Any) -> np.ndarray:
    wide = "float64" if keras.backend.standardize_dtype(given.dtype) == "float64" else "float32"
    return keras.ops.convert_to_numpy(keras.ops.cast(given, wide))


def _arguments(tensors: list[Any], keywords: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    x, *states = tensors
    return (x,), keywords | ({"initial_state": states} if states else {})


def _scalar(result: Any) -> tuple[Any, list[Any]]:
    outputs = list(result) if isinstance(result, list | tuple) else [result]
    with_ = zip(outputs, cotangents(outputs), strict=True)
    return sum(keras.ops.sum(output * keras.ops.cast(d, output.dtype)) for output, d in with_), outputs


def _torch(layer: Any, inputs: dict[str, np.ndarray], keywords: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    import torch

    tensors = [torch.tensor(array, requires_grad=True) for array in inputs.values()]
    args, keywords = _arguments(tensors, keywords)
    loss, outputs = _scalar(layer(*args, **keywords))
    gradients = torch.autograd.grad(loss, [*tensors, *[weight.value for weight in layer.trainable_weights]])
    return [output.detach() for output in outputs], list(gradients)


def _tensorflow(layer: Any, inputs: dict[str, np.ndarray], keywords: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    import tensorflow as tf

    tensors = [tf.constant(array) for array in inputs.values()]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        args, keywords = _arguments(tensors, keywords)
        loss, outputs = _scalar(layer(*args, **keywords))
    return outputs, tape.gradient(loss, [*tensors, *[weight.value for weight in layer.trainable_weights]])


def _jax(layer: Any, inputs: dict[str, np.ndarray], keywords: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    import jax

    still = [weight.value for weight in layer.non_trainable_variables]

    def loss(tensors: list[Any], weights: list[Any]) -> tuple[Any, tuple[list[Any], list[Any]]]:
        args, words = _arguments(tensors, keywords)
        result, after = layer.stateless_call(weights, still, *args, **words)
        scalar, outputs = _scalar(result)
        return scalar, (outputs, after)

    weights = [weight.value for weight in layer.trainable_weights]
    gradient = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
    (_, (outputs, after)), (d_inputs, d_weights) = gradient(list(inputs.values()), weights)
    for variable, value in zip(layer.non_trainable_variables, after, strict=True):
        variable.assign(value)
    return outputs, [*d_inputs, *d_weights]
