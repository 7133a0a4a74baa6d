"""The sweep for Keras' JAX backend: the core as two functions that XLA calls, one the gradient of the other.

They run under `jit`, `grad` and `vmap` (row after row there). JAX says by itself that they have no forward-mode
derivative and no second one.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax.custom_derivatives import SymbolicZero

from recorrente import _core
from recorrente.calls import number_of
from recorrente.cells import Cell
from recorrente.errors import InputError
from recorrente.keras.order import weights
from recorrente.notation import State, Weights

__all__ = ["on_cpu", "owns", "sweep", "weights"]

STATES_ARE_OVERWRITTEN = False  # an array never is

Arrays = tuple[jax.Array, ...]

NAMES = ("x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "h0", "c0", "lengths", "drop")

for _name, _function in {"forward": _core.xla_forward, "backward": _core.xla_backward}.items():
    jax.ffi.register_ffi_target(f"recorrente_{_name}", _function(), platform="cpu")


def owns(array: Any) -> bool:
    """Whether an array is of this backend."""
    return isinstance(array, jax.Array | np.ndarray)


def on_cpu(x: jax.Array) -> bool:
    """Whether it is there; what is traced is taken to be on JAX's default device."""
    if not isinstance(x, jax.Array) or isinstance(x, jax.core.Tracer):
        return jax.default_backend() == "cpu"
    return all(device.platform == "cpu" for device in x.devices())


def sweep(
    cell: Cell,
    x: jax.Array,
    state: State,
    weights: Weights,
    *,
    reverse: bool,
    lengths: jax.Array | None,
    drop: jax.Array | None,
    training: bool,
    sequences: bool,
) -> tuple[jax.Array, Any]:
    """A layer in one direction, batch first; what it is given is told in `recorrente.keras.layers`."""
    missing = jnp.zeros(0, x.dtype)
    bias_ih, bias_hh = (missing if bias is None else bias for bias in weights[2:4])
    h0, c0 = (*state, missing)[:2]
    ends = jnp.zeros(0, "int32") if lengths is None else lengths.astype("int32")
    code = number_of(cell)
    assert code is not None
    how = How(code, reverse, torch.get_num_threads())
    given = x, weights.weight_ih, weights.weight_hh, bias_ih, bias_hh, h0, c0, ends, missing if drop is None else drop
    _refuse_misfits(cell, given)
    y, h_n, c_n = _sweep(how, *given)
    return y, (h_n, c_n)[: len(state)]


def _refuse_misfits(cell: Cell, given: tuple[Any, ...]) -> None:
    """What XLA would read past the end of, or take for other numbers: shapes and dtypes, known when it is traced."""
    x, h0 = given[0], given[5]
    if x.ndim != 3 or x.dtype not in ("float32", "float64"):
        raise InputError("x", came=_seen(x), wanted="(B, T, C) of float32 or float64")
    (B, _, C), H = x.shape, h0.shape[-1]
    rows, c0 = cell.gates * H, (B, H) if "c" in cell.state_names else (0,)
    biases = [(rows,), (0,)]
    fit: list[Any] = [[x.shape], [(rows, C)], [(rows, H)], biases, biases, [(B, H)], [c0], [(B,), (0,)]]
    fit.append([(B, H), (B, rows), (0,)])
    for name, array, shapes in zip(NAMES, given, fit, strict=True):
        dtype = "int32" if name == "lengths" else x.dtype.name
        if array.shape not in shapes or array.dtype != dtype:
            beside = f"for x is {x.shape} and h0 {h0.shape}"
            raise InputError(name, came=_seen(array), wanted=f"{shapes[0]} of {dtype}, {beside}")


def _seen(array: jax.Array) -> str:
    return f"{array.shape} of {array.dtype}"


class How(NamedTuple):
    """What a sweep goes by that is no array."""

    cell: int
    reverse: bool
    threads: int


@jax.tree_util.register_static
class Wanted(tuple[bool, ...]):
    """Of which of the first seven arrays the gradient is wanted; kept between the passes, and no array."""


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _sweep(how: How, *given: jax.Array) -> Arrays:
    return _forward(how, given, 0)[:3]


def _saving(how: How, *primals: Any) -> tuple[Arrays, Any]:
    given, wanted = tuple(one.value for one in primals), Wanted(one.perturbed for one in primals[:7])
    (B, T, C), H = given[0].shape, given[5].shape[1]
    dtype = {"float32": _core.F32, "float64": _core.F64}[given[0].dtype.name]
    y, h_n, c_n, saved = _forward(how, given, _core.Problem(how.cell, dtype, T, B, C, H).saved_bytes())
    return (y, h_n, c_n), (given, y, saved, wanted)


def _back(how: How, kept: Any, gradients: tuple[Any, ...]) -> tuple[jax.Array | None, ...]:
    """The gradients that are wanted. What nothing came for, as y where only its end is read, is told by no elements."""
    given, y, saved, wanted = kept
    nothing = jnp.zeros(0, y.dtype)
    coming = [nothing if isinstance(d, SymbolicZero) else d for d in gradients]
    shapes = [_shape(one if want else nothing) for one, want in zip(given[:7], wanted, strict=True)]
    call = jax.ffi.ffi_call(
        "recorrente_backward",
        [*shapes, _shape(saved)],
        vmap_method="sequential",
        input_output_aliases={len(given) + 1: 7},
    )
    *d, _ = call(*given, y, saved, *coming, **_attributes(how))
    return (*(one if want else None for one, want in zip(d, wanted, strict=True)), None, None)


_sweep.defvjp(_saving, _back, symbolic_zeros=True)


def _forward(how: How, given: Arrays, bytes_saved: int) -> Arrays:
    x, h0, c0 = given[0], given[5], given[6]
    y = jax.ShapeDtypeStruct((*x.shape[:2], h0.shape[1]), x.dtype)
    results = [y, *_shapes((h0, c0)), jax.ShapeDtypeStruct((bytes_saved,), jnp.uint8)]
    call = jax.ffi.ffi_call("recorrente_forward", results, vmap_method="sequential")
    return tuple(call(*given, **_attributes(how)))


def _attributes(how: How) -> dict[str, Any]:
    return {name: np.int64(value) for name, value in how._asdict().items()}


def _shape(array: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)


def _shapes(arrays: Arrays) -> list[jax.ShapeDtypeStruct]:
    return [_shape(array) for array in arrays]
