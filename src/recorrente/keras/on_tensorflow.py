"""The sweep for Keras' TensorFlow backend: the core called from a Python function in the graph, with its own gradient.

It runs eagerly, in `tf.function` and in `Model.fit`'s compiled step. XLA cannot compile a Python function: a model with
such a layer says so (`supports_jit`), and Keras then compiles its step without XLA, with a warning where
`jit_compile=True` was asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import torch

from recorrente import _core
from recorrente.cells import Cell
from recorrente.native import number_of
from recorrente.notation import State, Weights

__all__ = ["on_cpu", "owns", "sweep"]

STATES_ARE_OVERWRITTEN = False  # a tensor never is

NAMES = ("x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "h0", "c0", "lengths", "drop")
DIFFERENTIABLE = NAMES[:7]


def owns(array: Any) -> bool:
    """Whether an array is of this backend."""
    return isinstance(array, tf.Tensor)


def on_cpu(x: tf.Tensor) -> bool:
    """Whether it is there; what is traced runs on a GPU where TensorFlow sees one."""
    return "GPU" not in x.device if x.device else not tf.config.list_logical_devices("GPU")


def sweep(
    cell: Cell,
    x: tf.Tensor,
    state: State,
    weights: Weights,
    *,
    reverse: bool,
    lengths: tf.Tensor | None,
    drop: tf.Tensor | None,
    training: bool,
) -> tuple[tf.Tensor, Any]:
    """A layer in one direction, batch first; what it is given is told in `recorrente.keras.layers`.

    Where `training` is false nothing is saved for a gradient; one that is asked for all the same runs the sweep again.
    """
    ends = None if lengths is None else tf.cast(lengths, tf.int64)
    given = dict(zip(NAMES, (x, *weights[:4], *(*state, None)[:2], ends, drop), strict=True))
    code = number_of(cell)
    assert code is not None
    call = _Call(code, reverse, tuple(name for name in NAMES if given[name] is not None))
    y, *final = call.differentiable(training)(*[given[name] for name in call.names])
    return y, tuple(final)


class _Call:
    """A sweep of arrays: `names` says which of `NAMES` come, in this order."""

    def __init__(self, cell: int, reverse: bool, names: tuple[str, ...]) -> None:
        self.cell, self.reverse, self.names = cell, reverse, names
        self.wanted = [name for name in names if name in DIFFERENTIABLE]
        self.parts = 2 if "c0" in names else 1

    def differentiable(self, saving: bool) -> Any:
        """The sweep as a function of tensors, which gives y and the final state."""

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def run(*tensors: tf.Tensor) -> tuple[Any, Any]:
            y, *final, saved = self.forward(tensors, saving)

            def back(*gradients: tf.Tensor) -> list[tf.Tensor | None]:
                kept = saved if saving else self.forward(tensors, True)[-1]
                return self.backward(tensors, y, kept, gradients)

            return (y, *final), back

        return run

    def forward(self, tensors: tuple[tf.Tensor, ...], saving: bool) -> list[tf.Tensor]:
        """Y, the final state, and the bytes for `backward`, of which there are none unless `saving`."""
        x, h0 = tensors[0], tensors[self.names.index("h0")]
        types = [x.dtype] * (1 + self.parts) + [tf.uint8]
        made = tf.numpy_function(lambda *arrays: self._forward(arrays, saving), tensors, types, stateful=False)
        made[0].set_shape((*x.shape[:2], h0.shape[1]))
        for part in made[1:-1]:
            part.set_shape(h0.shape)
        return made

    def backward(
        self, tensors: tuple[tf.Tensor, ...], y: tf.Tensor, saved: tf.Tensor, gradients: tuple[tf.Tensor, ...]
    ) -> list[tf.Tensor | None]:
        """The gradient of every tensor that came, None for lengths and masks."""
        wanted = [tensors[self.names.index(name)] for name in self.wanted]
        types = [tensor.dtype for tensor in wanted]
        d = tf.numpy_function(self._backward, [*tensors, y, saved, *gradients], types, stateful=False)
        for gradient, tensor in zip(d, wanted, strict=True):
            gradient.set_shape(tensor.shape)
        return [*d, *[None] * (len(tensors) - len(d))]

    def _forward(self, arrays: tuple[np.ndarray, ...], saving: bool) -> list[np.ndarray]:
        given, problem = self._problem(arrays)
        (B, T, _), H, dtype = given["x"].shape, given["h0"].shape[1], given["x"].dtype
        y = np.empty((B, T, H), dtype)
        final = [np.empty((B, H), dtype) for _ in range(self.parts)]
        saved = np.empty(problem.saved_bytes() if saving else 0, np.uint8)
        workspace = np.empty(problem.forward_workspace_bytes(saving), np.uint8)
        states = [number for part in (*final, None)[:2] for number in _state(part)]
        out: list[Any] = [*_sequence(y), *states, _pointer(saved), _pointer(workspace), self._further(given)]
        _core.forward(problem, *self._pointers(given), *out)
        return [y, *final, saved]

    def _backward(self, *arrays: np.ndarray) -> list[np.ndarray]:
        count = len(self.names)
        given, problem = self._problem(arrays[:count])
        y, saved, dy, *dfinal = arrays[count:]
        saved = saved.copy()  # the core writes over it, and a persistent tape may come again
        d = {name: np.empty_like(given[name]) for name in self.wanted}
        workspace = np.empty(problem.backward_workspace_bytes(), np.uint8)
        coming: list[Any] = [*_sequence(y), _pointer(saved), *_sequence(dy)]
        coming += [number for part in (*dfinal, None)[:2] for number in _state(part)]
        states = [number for name in ("h0", "c0") for number in _state(d.get(name))]
        weights = [_pointer(d.get(name)) for name in NAMES[1:5]]
        out: list[Any] = [*_sequence(d["x"]), *states, *weights, _pointer(workspace), self._further(given)]
        _core.backward(problem, *self._pointers(given), *coming, *out)
        return [d[name] for name in self.wanted]

    def _problem(self, arrays: tuple[np.ndarray, ...]) -> tuple[dict[str, np.ndarray], _core.Problem]:
        given = {name: np.ascontiguousarray(array) for name, array in zip(self.names, arrays, strict=True)}
        x = given["x"]
        B, T, C = x.shape
        dtype = {"float32": _core.F32, "float64": _core.F64}[x.dtype.name]
        sizes = self.cell, dtype, T, B, C, given["h0"].shape[1], self.reverse, torch.get_num_threads()
        return given, _core.Problem(*sizes, lengths=_pointer(given.get("lengths")))

    @staticmethod
    def _pointers(given: dict[str, np.ndarray]) -> list[Any]:
        weights = [_pointer(given.get(name)) for name in NAMES[1:5]]
        return [*weights, *_sequence(given["x"]), *_state(given["h0"]), *_state(given.get("c0"))]

    @staticmethod
    def _further(given: dict[str, np.ndarray]) -> _core.Further | None:
        return _core.Further(drop=_state(given["drop"])) if "drop" in given else None


def _pointer(array: np.ndarray | None) -> int:
    """Its address; 0, which is the core's word for none, also where it has no elements."""
    return array.ctypes.data if array is not None and array.size else 0


def _state(array: np.ndarray | None) -> tuple[int, int]:
    return (0, 0) if array is None else (array.ctypes.data, array.shape[1])


def _sequence(array: np.ndarray) -> tuple[int, int, int]:
    """Of `(B, T, C)`, which the core reads as (T, B, C)."""
    _, T, C = array.shape
    return array.ctypes.data, C, T * C
