"""The sweep for Keras' TensorFlow backend: the core called from a Python function in the graph, with its own gradient.

It runs eagerly, in `tf.function` and in `Model.fit`'s compiled step. XLA cannot compile a Python function: a model with
such a layer says so (`supports_jit`), and Keras then compiles its step without XLA, with a warning where
`jit_compile=True` was asked for.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np
import tensorflow as tf
import torch
from keras import ops
from tensorflow.python.eager.record import should_record_backprop

from recorrente import _core
from recorrente.cells import Cell
from recorrente.keras import order, turning
from recorrente.keras.turning import Theirs
from recorrente.native import number_of
from recorrente.notation import State, Weights

__all__ = ["on_cpu", "owns", "sweep", "weights"]

STATES_ARE_OVERWRITTEN = False  # a tensor never is

NAMES = ("x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "h0", "c0", "lengths", "drop")
DIFFERENTIABLE = NAMES[:7]
DTYPES = {"float32": _core.F32, "float64": _core.F64}
ALIGNMENT = 64  # bytes
FRESH, USED = 1, 0  # the byte after those that the core saves


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
    """A sweep of arrays: `names` says which of `NAMES` come, in this order.

    Where there is a `how`, the weights and their gradients are as Keras keeps them, and `bias_ih` is all its biases.
    """

    def __init__(self, cell: int, reverse: bool, names: tuple[str, ...], how: turning.Order | None = None) -> None:
        self.cell, self.reverse, self.names, self.how = cell, reverse, names, how
        self.parts = 2 if "c0" in names else 1

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
        types = [x.dtype] * (1 + self.parts) + [tf.uint8]
        made = tf.numpy_function(lambda *arrays: self._forward(arrays, saving), tensors, types, stateful=False)
        made[0].set_shape((*x.shape[:2], h0.shape[1]))
        for part in made[1:-1]:
            part.set_shape(h0.shape)
        return made

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
        wanted = [name for name in self.names if name in DIFFERENTIABLE and (dx or name != "x")]
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
        there = [d is not None for d in coming]

        def run(*arrays: np.ndarray) -> list[np.ndarray]:
            count = len(self.names)
            rest = iter(arrays[count + 2 :])
            gradients = [next(rest) if some else None for some in there]
            return self._backward(arrays[:count], arrays[count], arrays[count + 1], gradients, wanted)

        like = [tensors[self.names.index(name)] for name in wanted]
        operands = [*tensors, y, saved, *[d for d in coming if d is not None]]
        made = tf.numpy_function(run, operands, [tensor.dtype for tensor in like], stateful=False)
        for gradient, tensor in zip(made, like, strict=True):
            gradient.set_shape(tensor.shape)
        return made

    def _forward(self, arrays: tuple[np.ndarray, ...], saving: bool) -> list[np.ndarray]:
        given, problem = self._problem(arrays)
        (B, T, _), H, dtype = given["x"].shape, given["h0"].shape[1], given["x"].dtype
        y = _unwritten((B, T, H), dtype)
        final = [_unwritten((B, H), dtype) for _ in range(self.parts)]
        saved = _unwritten((problem.saved_bytes() + 1 if saving else 0,), np.dtype(np.uint8))
        saved[-1:] = FRESH
        states = [number for part in (*final, None)[:2] for number in _state(part)]
        out: list[Any] = [*_sequence(y), *states, _pointer(saved), self._further(given)]
        _core.forward(problem, *self._pointers(given), *out)
        return [y, *final, saved]

    def _backward(
        self,
        arrays: tuple[np.ndarray, ...],
        y: np.ndarray,
        saved: np.ndarray,
        coming: list[np.ndarray | None],
        wanted: list[str],
    ) -> list[np.ndarray]:
        given, problem = self._problem(arrays)
        if not _taken(saved):  # a persistent tape has been here before
            saved = self._forward(arrays, True)[-1]
        both = ["bias_hh"] if "bias_ih" in wanted and self.how and "bias_hh" in given else []
        d = {name: _unwritten(given[name].shape, given[name].dtype) for name in [*wanted, *both]}
        dy, *dfinal = [None if one is None else np.ascontiguousarray(one) for one in coming]
        arriving: list[Any] = [*_sequence(y), _pointer(saved), *_sequence(dy)]
        arriving += [number for part in (*dfinal, None)[:2] for number in _state(part)]
        states = [number for name in ("h0", "c0") for number in _state(d.get(name))]
        weights = [_pointer(d.get(name)) for name in NAMES[1:5]]
        out: list[Any] = [*_sequence(d.get("x")), *states, *weights, self._further(given)]
        _core.backward(problem, *self._pointers(given), *arriving, *out)
        if self.how:
            d = _as_keras(d, self.how)
        return [d[name] for name in wanted]

    def _problem(self, arrays: tuple[np.ndarray, ...]) -> tuple[dict[str, np.ndarray], _core.Problem]:
        given = {name: np.ascontiguousarray(array) for name, array in zip(self.names, arrays, strict=True)}
        if self.how:
            given = _as_ours(given, self.how)
        x = given["x"]
        B, T, C = x.shape
        sizes = self.cell, DTYPES[x.dtype.name], T, B, C, given["h0"].shape[1], self.reverse, torch.get_num_threads()
        return given, _core.Problem(*sizes, lengths=_pointer(given.get("lengths")))

    @staticmethod
    def _pointers(given: dict[str, np.ndarray]) -> list[Any]:
        weights = [_pointer(given.get(name)) for name in NAMES[1:5]]
        return [*weights, *_sequence(given["x"]), *_state(given["h0"]), *_state(given.get("c0"))]

    @staticmethod
    def _further(given: dict[str, np.ndarray]) -> _core.Further | None:
        if "drop" not in given:
            return None
        H, width = given["h0"].shape[1], given["drop"].shape[1]
        return _core.Further(drop=_state(given["drop"]), drop_gate=H if width != H else 0)


def _as_ours(given: dict[str, np.ndarray], how: turning.Order) -> dict[str, np.ndarray]:
    """The arrays of a call with Keras' weights as the core reads them."""
    given = dict(given)
    for name in ("weight_ih", "weight_hh"):
        theirs = given[name]
        given[name] = np.empty(theirs.shape[::-1], theirs.dtype)
        turning.to_ours(DTYPES[theirs.dtype.name], len(theirs), how, theirs.ctypes.data, given[name].ctypes.data)
    if "bias_ih" in given:
        given |= zip(("bias_ih", "bias_hh"), np.atleast_2d(_moved(given["bias_ih"], how)), strict=False)
    return given


def _as_keras(d: dict[str, np.ndarray], how: turning.Order) -> dict[str, np.ndarray]:
    """Gradients as Keras keeps what they belong to."""
    told = dict(d)
    for name in sorted(d.keys() & {"weight_ih", "weight_hh"}):
        ours = d[name]
        told[name] = _unwritten(ours.shape[::-1], ours.dtype)
        turning.to_keras(DTYPES[ours.dtype.name], ours.shape[1], how, ours.ctypes.data, told[name].ctypes.data)
    if "bias_ih" in d:
        rows = np.stack([d["bias_ih"], d["bias_hh"]]) if "bias_hh" in d else d["bias_ih"]
        told["bias_ih"] = _unwritten(rows.shape, rows.dtype)
        told["bias_ih"][...] = _moved(rows, how)
    return told


def _moved(array: np.ndarray, how: turning.Order) -> np.ndarray:
    """The gates along the last index in the other order; the orders that there are undo themselves."""
    return array.reshape(*array.shape[:-1], -1, how.units)[..., list(how.gates), :].reshape(array.shape)


def _unwritten(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array at a multiple of 64 bytes, which TensorFlow makes a tensor of as it is; any other it copies."""
    size = math.prod(shape) * dtype.itemsize
    room = np.empty(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size].view(dtype).reshape(shape)


def _taken(saved: np.ndarray) -> bool:
    """Takes the saved bytes, over which the core writes; false where somebody has.

    The last of them tells. What reaches a Python function of TensorFlow is the tensor's own memory, marked read-only;
    nobody but this call's gradients has it. No two threads are here at a time, for none lets go of Python's lock.
    """
    last = ctypes.c_ubyte.from_address(saved.ctypes.data + len(saved) - 1)
    fresh, last.value = last.value == FRESH, USED
    return fresh


def _pointer(array: np.ndarray | None) -> int:
    """Its address; 0, which is the core's word for none, also where it has no elements."""
    return array.ctypes.data if array is not None and array.size else 0


def _state(array: np.ndarray | None) -> tuple[int, int]:
    return (0, 0) if array is None else (array.ctypes.data, array.shape[1])


def _sequence(array: np.ndarray | None) -> tuple[int, int, int]:
    """Of `(B, T, C)`, which the core reads as (T, B, C)."""
    if array is None:
        return 0, 0, 0
    _, T, C = array.shape
    return array.ctypes.data, C, T * C
