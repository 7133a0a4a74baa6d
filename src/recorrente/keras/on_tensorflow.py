"""The sweep for Keras' TensorFlow backend: the core as operations of TensorFlow's, one the gradient of the other.

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

from recorrente import _core
from recorrente.calls import number_of
from recorrente.cells import Cell
from recorrente.errors import InputError
from recorrente.keras import order
from recorrente.keras.turning import Theirs
from recorrente.notation import State, Weights

__all__ = ["on_cpu", "owns", "sweep", "weights"]

STATES_ARE_OVERWRITTEN = False  # a tensor never is

NAMES = ("x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "h0", "c0", "lengths", "drop")
SAID = ("cell", "reverse", "threads", "gates", "units")  # attributes of both operations


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
    return found


OPERATIONS = _operations()


def owns(array: Any) -> bool:
    """Whether an array is of this backend."""
    return isinstance(array, tf.Tensor | tf.Variable)


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
) -> tuple[tf.Tensor, Any]:
    """A layer in one direction, batch first; what it is given is told in `recorrente.keras.layers`.

    Where `sequences` is false nobody reads y, and no zeros go back as its gradient. Where `training` is false nothing
    is saved for a gradient; one that is asked for all the same runs the sweep again.
    """
    code = number_of(cell)
    assert code is not None
    gates, units = weights.how if isinstance(weights, Theirs) else ((), 0)
    about = {"cell": code, "reverse": reverse, "threads": torch.get_num_threads(), "gates": list(gates), "units": units}
    none = tf.zeros((0,), x.dtype)
    four = (*weights[:3], None) if isinstance(weights, Theirs) else weights[:4]
    nine = [none if one is None else one for one in (x, *four, *(*state, None)[:2], lengths, drop)]
    nine[7] = tf.zeros((0,), tf.int64) if lengths is None else tf.cast(lengths, tf.int64)
    y, *final, _ = OPERATIONS.recorrente_forward(*nine, saving=training, sequences=sequences, **about)
    final = final[: len(state)]
    y.set_shape((*x.shape[:2], state[0].shape[1]))
    for part in final:
        part.set_shape(state[0].shape)
    return y, final


@tf.RegisterGradient("RecorrenteForward")  # type: ignore[untyped-decorator]
def _gradient(forward: Any, *coming: tf.Tensor) -> list[tf.Tensor | None]:
    """Of the seven that have one, those that are wanted; a graph that is asked afterwards does not say which."""
    skipped = getattr(forward, "skip_input_indices", None) or ()
    about = {name: forward.get_attr(name) for name in SAID}
    nine, (y, _, _, saved) = list(forward.inputs), forward.outputs
    if not forward.get_attr("saving"):
        saved = OPERATIONS.recorrente_forward(*nine, saving=True, sequences=True, **about)[3]
    none = tf.zeros((0,), y.dtype)
    arriving = [none if d is None else d for d in coming[:3]]
    if not forward.get_attr("sequences"):
        arriving[0] = none

    def backward(wanted: list[int]) -> dict[int, tf.Tensor]:
        bits = sum(1 << one for one in wanted)
        made = OPERATIONS.recorrente_backward(*nine, y, saved, *arriving, wanted=bits, **about)
        return {one: made[one] for one in wanted}

    wanted = [one for one in range(7) if one not in skipped]
    apart = [0] if _comes_from_outside(forward) else []
    made = backward([one for one in wanted if one not in apart]) | (backward(apart) if apart else {})
    for one, gradient in made.items():
        gradient.set_shape(nine[one].shape)
    return [made.get(one) for one in range(9)]


def _comes_from_outside(forward: Any) -> bool:
    """Whether x comes into a graph, where its gradient is perhaps not asked for.

    It costs a product at every step. As an operation of its own TensorFlow drops it where nobody reads it.
    """
    return isinstance(forward, tf.Operation) and forward.inputs[0].op.type == "Placeholder"


@tf.RegisterGradient("RecorrenteBackward")  # type: ignore[untyped-decorator]
def _second(backward: Any, *coming: tf.Tensor) -> list[tf.Tensor | None]:
    """Refuses, but for zeros: what TensorFlow puts into a graph for a gradient that nobody asks of."""
    refusal = InputError(
        "gradient",
        came="a second or a forward-mode derivative of a recurrent layer on the core",
        wanted="a first one in reverse mode",
        cure="recorrente.keras.restore(model) gives Keras' own layers, which have all.",
    )
    if not isinstance(backward, tf.Operation):
        raise refusal
    nothing = tf.reduce_all([tf.reduce_all(tf.equal(d, 0)) for d in coming])
    with tf.control_dependencies([tf.debugging.Assert(nothing, [str(refusal)])]):
        return [tf.zeros_like(one) if one.dtype.is_floating else None for one in backward.inputs]
