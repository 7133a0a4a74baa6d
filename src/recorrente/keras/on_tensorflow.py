"""The sweep for Keras' TensorFlow backend: the core as operations of TensorFlow's, with their own gradient.

They run eagerly, in `tf.function` and in `Model.fit`'s compiled step, and no Python runs where they do. XLA cannot
compile them: a model with such a layer says so (`supports_jit`), and Keras then compiles its step without XLA, with a
warning where `jit_compile=True` was asked for.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import tensorflow as tf
import torch
from keras import ops
from tensorflow.python.eager.record import should_record_backprop

from recorrente import _core
from recorrente.cells import Cell
from recorrente.errors import InputError
from recorrente.keras import order, turning
from recorrente.keras.turning import Theirs
from recorrente.native import number_of
from recorrente.notation import State, Weights

__all__ = ["on_cpu", "owns", "sweep", "weights"]

STATES_ARE_OVERWRITTEN = False  # a tensor never is

NAMES = ("x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "h0", "c0", "lengths", "drop")
GRADIENTS = NAMES[:7]  # in the order in which RecorrenteBackward gives them


def _operations() -> Any:
    """RecorrenteForward and RecorrenteBackward, which the core registers when TensorFlow loads its library."""
    ctypes.CDLL(_core.__file__, os.RTLD_NOLOAD | ctypes.RTLD_GLOBAL)  # so that the library finds the core
    found = tf.load_op_library(str(Path(_core.__file__).with_name("_tensorflow_ops.so")))
    if not hasattr(found, "recorrente_forward"):
        raise InputError(
            "recorrente.keras",
            came=f"TensorFlow {tf.__version__}, without the C functions that register operations",
            wanted="one that has them in its libtensorflow_framework",
            cure="2.18 and later do.",
        )
    for name in ("RecorrenteForward", "RecorrenteBackward"):
        tf.no_gradient(name)  # the sweep has its own, once
    return found


OPERATIONS = _operations()


def owns(array: Any) -> bool:
    """Whether an array is of this backend."""
    return isinstance(array, tf.Tensor)


def on_cpu(x: tf.Tensor) -> bool:
    """Whether it is there; what is traced runs on a GPU where TensorFlow sees one."""
    return "GPU" not in x.device if x.device else not tf.config.list_logical_devices("GPU")


def weights(cell: Any, dtype: str) -> Theirs:
    """As they are: operations of TensorFlow's that turn them would cost more than the copy beside the sweep."""
    kernel, recurrent = ops.cast(cell.kernel, dtype), ops.cast(cell.recurrent_kernel, dtype)
    return Theirs(kernel, recurrent, ops.cast(cell.bias, dtype) if cell.use_bias else None, order.turned(cell))


def sweep(
    cell: Cell,
    x: tf.Tensor,
    state: State,
    weights: Weights | Theirs,
    *,
    reverse: bool,
    lengths: tf.Tensor | None,
    drop: tf.Tensor | None,
    training: bool,
    sequences: bool,
) -> tuple[tf.Tensor | None, Any]:
    """A layer in one direction, batch first; what it is given is told in `recorrente.keras.layers`.

    Where `sequences` is false it gives the final state alone, so that no zeros come back as the gradient of outputs.
    Where `training` is false nothing is saved for a gradient; one that is asked for all the same runs the sweep again.
    """
    ends = None if lengths is None else tf.cast(lengths, tf.int64)
    how = weights.how if isinstance(weights, Theirs) else None
    four = (*weights[:3], None) if how else weights[:4]
    given = dict(zip(NAMES, (x, *four, *(*state, None)[:2], ends, drop), strict=True))
    code = number_of(cell)
    assert code is not None
    call = _Call(code, reverse, tuple(name for name in NAMES if given[name] is not None), how)
    tensors = [given[name] for name in call.names]
    outputs = call.differentiable(saving=training, dx=should_record_backprop([x]), sequences=sequences)(*tensors)
    return (outputs[0], outputs[1:]) if sequences else (None, outputs)


class _Call:
    """A sweep of tensors: `names` says which of `NAMES` come, in this order.

    Where there is a `how`, the weights and their gradients are as Keras keeps them, and `bias_ih` is all its biases.
    """

    def __init__(self, cell: int, reverse: bool, names: tuple[str, ...], how: turning.Order | None = None) -> None:
        self.names = names
        self.parts = 2 if "c0" in names else 1
        gates, units = how or ((), 0)
        self.attributes = {"cell": cell, "reverse": reverse, "gates": list(gates), "units": units}

    def differentiable(self, *, saving: bool, dx: bool, sequences: bool) -> Any:
        """The sweep as a function of tensors.

        saving: keep what the gradient needs.
        dx: some tape wants the gradient of x.
        sequences: give y, and not the final state alone.
        """

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def run(*tensors: tf.Tensor) -> tuple[Any, Any]:
            y, *final, saved = self.forward(tensors, saving)

            def back(*gradients: tf.Tensor) -> list[tf.Tensor | None]:
                coming = [*([] if sequences else [None]), *gradients]
                kept = saved if saving else self.forward(tensors, True)[-1]
                return self.gradients(tensors, y, kept, coming, dx=dx)

            return (*([y] if sequences else []), *final), back

        return run

    def forward(self, tensors: tuple[tf.Tensor, ...], saving: bool) -> list[tf.Tensor]:
        """Y, the final state, and the bytes for `backward`, of which there are none unless `saving`."""
        x, h0 = tensors[0], tensors[self.names.index("h0")]
        y, *states, saved = OPERATIONS.recorrente_forward(*self._nine(tensors), saving=saving, **self._said())
        final = states[: self.parts]
        y.set_shape((*x.shape[:2], h0.shape[1]))
        for part in final:
            part.set_shape(h0.shape)
        return [y, *final, saved]

    def gradients(
        self,
        tensors: tuple[tf.Tensor, ...],
        y: tf.Tensor,
        saved: tf.Tensor,
        coming: list[tf.Tensor | None],
        *,
        dx: bool,
    ) -> list[tf.Tensor | None]:
        """The gradient of every tensor that came, None for lengths and masks.

        That of x, which costs a product at every step, is left out where no tape wants it. In a graph one may yet come
        from outside: then it is an operation of its own, which TensorFlow drops where nobody reads it.
        """
        wanted = [name for name in self.names if name in GRADIENTS and (dx or name != "x")]
        d = self.backward(tensors, y, saved, coming, wanted)
        if not dx:
            later = not tf.executing_eagerly()
            d = [self.backward(tensors, y, saved, coming, ["x"])[0] if later else None, *d]
        return [*d, *[None] * (len(tensors) - len(d))]

    def backward(
        self,
        tensors: tuple[tf.Tensor, ...],
        y: tf.Tensor,
        saved: tf.Tensor,
        coming: list[tf.Tensor | None],
        wanted: list[str],
    ) -> list[tf.Tensor]:
        """The gradients of the tensors that are named; `coming` are those of y and of the final state."""
        none = tf.zeros((0,), y.dtype)
        arriving = [none if d is None else d for d in [*coming, None, None][:3]]
        bits = sum(1 << GRADIENTS.index(name) for name in wanted)
        made = OPERATIONS.recorrente_backward(*self._nine(tensors), y, saved, *arriving, wanted=bits, **self._said())
        gradients = [made[GRADIENTS.index(name)] for name in wanted]
        for gradient, name in zip(gradients, wanted, strict=True):
            gradient.set_shape(tensors[self.names.index(name)].shape)
        return gradients

    def _nine(self, tensors: tuple[tf.Tensor, ...]) -> list[tf.Tensor]:
        """Those of `NAMES` as the operations take them: one without elements for each that did not come."""
        given = dict(zip(self.names, tensors, strict=True))
        if "lengths" not in given:
            given["lengths"] = tf.zeros((0,), tf.int64)
        none = tf.zeros((0,), tensors[0].dtype)
        return [given.get(name, none) for name in NAMES]

    def _said(self) -> dict[str, Any]:
        return {**self.attributes, "threads": torch.get_num_threads()}
