"""Keras' recurrent layers on our core: `SimpleRNN`, `GRU` and `LSTM`, for the backends torch, JAX and TensorFlow.

Keras is an extra, `pip install "recorrente[keras]"`, and nothing else of the library knows of it.
"""

from __future__ import annotations

from recorrente.errors import InputError

try:
    import keras
except ImportError as error:
    raise InputError(
        "recorrente.keras", came="no Keras", wanted="Keras 3", cure='pip install "recorrente[keras]" installs it.'
    ) from error
if int(keras.__version__.split(".")[0]) < 3:
    raise InputError("recorrente.keras", came=f"Keras {keras.__version__}", wanted="Keras 3", cure="Upgrade it.")

from recorrente.keras.inward import from_run, from_torch
from recorrente.keras.keras2 import from_keras2
from recorrente.keras.layers import GRU, LSTM, SimpleRNN
from recorrente.keras.outward import to_torch
from recorrente.keras.swap import accelerate, explain, restore

__all__ = [
    "GRU",
    "LSTM",
    "SimpleRNN",
    "accelerate",
    "explain",
    "from_keras2",
    "from_run",
    "from_torch",
    "restore",
    "to_torch",
]
