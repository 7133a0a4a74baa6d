"""Keras' SimpleRNN, GRU and LSTM on our sweep: its constructors, weights, configs, masks and states, our steps.

Keras' own layer does all but the loop, which is `inner_loop`. What the core cannot run goes on to Keras' own loop, and
`recorrente.keras.explain` says why.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import keras
from keras import ops

from recorrente.errors import InputError
from recorrente.keras import fitting, masks, order
from recorrente.notation import Weights

__all__ = ["BACKEND", "GRU", "LSTM", "OnCore", "SimpleRNN"]

BACKEND: str = keras.config.backend()
BACKENDS = ("torch", "jax", "tensorflow")
if BACKEND not in BACKENDS:
    raise InputError(
        "KERAS_BACKEND", came=BACKEND, wanted=f"one of {', '.join(BACKENDS)}", cure="Set it before keras is imported."
    )
_backend: Any = import_module(f"recorrente.keras.on_{BACKEND}")


class OnCore:
    """What our three layers share: the loop of Keras' `RNN`, on the core where it can run there."""

    cell: Any
    return_sequences: bool
    go_backwards: bool
    zero_output_for_mask: bool
    stateful: bool
    unroll: bool

    @property
    def supports_jit(self) -> bool:
        """Whether XLA can compile it; TensorFlow's cannot, for it knows nothing of the core's operations."""
        return BACKEND != "tensorflow"

    @supports_jit.setter
    def supports_jit(self, value: bool) -> None:
        """Keras' constructors set it: true of their loop, and read when `restore` has made the layer theirs."""
        self.__dict__["supports_jit"] = value

    def lack(self, x: Any = None) -> str:
        """What keeps this layer from the core, for an input `x`; empty where nothing does."""
        lacking = order.lack(self.cell)
        if lacking:
            return lacking
        if getattr(self, "use_cudnn", "auto") is True:
            return "use_cudnn=True asks for cuDNN"
        if x is not None and not _backend.on_cpu(x):
            return "the input is not on the CPU"
        return ""

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        """Keras' loop: the last output, all outputs where they are wanted, and the final states."""
        training = bool(training)  # Keras also says None
        try:
            _refuse_other_backend(sequences)
            if not self.lack(sequences):
                return self._swept(sequences, initial_state, mask, training)
        except InputError as error:
            error._keras_call_info_injected = True  # type: ignore[attr-defined]  # or Keras makes it a RuntimeError
            raise
        return super().inner_loop(sequences, initial_state, mask, training=training)  # type: ignore[misc]

    def _swept(self, sequences: Any, initial_state: Any, mask: Any, training: bool) -> Any:
        """The same, on the core."""
        fitting.refuse_complex(sequences)
        fitting.refuse_features(self.cell, sequences)
        states = list(initial_state) if isinstance(initial_state, list | tuple) else [initial_state]
        states = fitting.whole_states(self.cell, sequences, states)
        if self.stateful and _backend.STATES_ARE_OVERWRITTEN:
            states = [ops.copy(state) for state in states]
        dtype = _computed_in(self.cell, sequences)
        weights = _backend.weights(self.cell, dtype)
        x, weights = self._dropped(sequences, weights) if training else (sequences, weights)
        drop = self._recurrent_mask(x, states[0]) if training else None
        x, *states = [ops.cast(array, dtype) for array in (x, *states)]
        if mask is not None:
            mask = fitting.whole_mask(x, mask)
            x = masks.packed(x, mask)
        y, final = _backend.sweep(
            order.ours(self.cell),
            x,
            tuple(states),
            weights,
            reverse=self.go_backwards,
            lengths=None if mask is None else masks.lengths(mask),
            drop=None if drop is None else ops.cast(drop, dtype),
            training=training,
            sequences=self.return_sequences,
        )
        return *self._told(y, final[0], mask, states[0]), list(final)

    def _dropped(self, x: Any, weights: Weights) -> tuple[Any, Weights]:
        """The input under the masks that Keras has drawn for this call; where each gate has one, side by side."""
        if not self._drops(self.cell.dropout):
            return x, weights
        drawn = self.cell.get_dropout_mask(x[:, 0, :])
        if not isinstance(drawn, list):
            return x * drawn[:, None, :], weights
        parts = [x * one[:, None, :] for one in order.by_gate(self.cell, drawn)]
        weights = order.weights(self.cell, _computed_in(self.cell, x))
        return ops.concatenate(parts, axis=-1), weights._replace(weight_ih=order.apart(weights.weight_ih, len(parts)))

    def _recurrent_mask(self, x: Any, h: Any) -> Any:
        """What Keras has drawn for h: None, `(B, H)`, or `(B, G*H)` where each gate has a mask."""
        if not self._drops(self.cell.recurrent_dropout):
            return None
        drawn = self.cell.get_recurrent_dropout_mask(h)  # of one row, where the initial state was
        drawn = ops.concatenate(order.by_gate(self.cell, drawn), axis=-1) if isinstance(drawn, list) else drawn
        return fitting.for_each_row(drawn, x)

    def _drops(self, rate: float) -> bool:
        """Keras' gated cells take a rate of 1 for none."""
        return bool(rate) and (rate < 1 or isinstance(self.cell, keras.layers.SimpleRNNCell))

    def _told(self, y: Any, last: Any, mask: Any, first: Any) -> tuple[Any, Any]:
        """The last output and all of them, as Keras gives them; `y` and `last` are the sweep's, `first` is h_0."""
        if mask is None:
            if not self.return_sequences:
                return last, last
            return last, ops.flip(y, axis=1) if self.go_backwards else y
        scanned = BACKEND == "jax" and not self.unroll
        before = first if scanned else ops.zeros_like(first)  # what Keras' loops say before a valid step
        if self.return_sequences:
            y = masks.spread(y, last, mask, before, backwards=self.go_backwards, zeros=self.zero_output_for_mask)
            return y[:, -1], y
        last = ops.where(masks.lengths(mask)[:, None] > 0, last, before)
        if self.zero_output_for_mask:
            ended = mask[:, 0] if self.go_backwards else mask[:, -1]
            last = ops.where(ended[:, None], last, ops.zeros_like(last))
        return last, last


def _computed_in(cell: Any, x: Any) -> str:
    """The dtype of the arithmetic: float64 where the policy or x is, else float32; integers go by the policy."""
    dtypes = cell.compute_dtype, keras.backend.standardize_dtype(x.dtype)
    return "float64" if "float64" in dtypes else "float32"


def _refuse_other_backend(x: Any) -> None:
    now = keras.config.backend()
    if now != BACKEND or not _backend.owns(x):
        came = f"backend {now}" if now != BACKEND else f"a {type(x).__module__}.{type(x).__name__}"
        cure = "A process has one backend: set KERAS_BACKEND before keras is imported, and build the layers anew."
        raise InputError(
            "sequences", came=came, wanted=f"{BACKEND}'s, which recorrente.keras was loaded for", cure=cure
        )


@keras.saving.register_keras_serializable(package="recorrente")
class SimpleRNN(OnCore, keras.layers.SimpleRNN):
    """`keras.layers.SimpleRNN` on our sweep: h_t = f(x_t W + b + h_{t-1} U), f tanh, relu or linear.

    Its arguments, weights and results are Keras'; any other activation runs on Keras' own loop.

    Example:
        >>> layer = SimpleRNN(8, return_sequences=True)
        >>> layer(keras.ops.zeros((2, 5, 3))).shape, isinstance(layer, keras.layers.SimpleRNN)
        (torch.Size([2, 5, 8]), True)
    """


@keras.saving.register_keras_serializable(package="recorrente")
class GRU(OnCore, keras.layers.GRU):
    """`keras.layers.GRU` on our sweep, with the reset after the product (Keras' default) or before it.

    Its arguments, weights and results are Keras'. Other activations than tanh and sigmoid run on Keras' own loop.
    """


@keras.saving.register_keras_serializable(package="recorrente")
class LSTM(OnCore, keras.layers.LSTM):
    """`keras.layers.LSTM` on our sweep; what runs on Keras' own loop is told at `GRU`."""
