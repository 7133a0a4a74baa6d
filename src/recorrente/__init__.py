"""recorrente: recurrent neural networks on PyTorch, trained by exact back-propagation through time.

Names are loaded when they are first used, so that the command answers before torch is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recorrente import cells, credit
    from recorrente.layers import GRU, LSTM, RNN, Recurrent
    from recorrente.memory import empty_cache
    from recorrente.native import SlowPathWarning
    from recorrente.paths import explain
    from recorrente.recipe import Plan, Shape, load, resume, train
    from recorrente.stateful import Stateful
    from recorrente.swap import accelerate, restore

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Plan",
    "Recurrent",
    "Shape",
    "SlowPathWarning",
    "Stateful",
    "__version__",
    "accelerate",
    "cells",
    "credit",
    "empty_cache",
    "explain",
    "load",
    "restore",
    "resume",
    "train",
]

__version__ = "0.1.0"

_NAMES = {
    "layers": ("RNN", "GRU", "LSTM", "Recurrent"),
    "stateful": ("Stateful",),
    "memory": ("empty_cache",),
    "native": ("SlowPathWarning",),
    "swap": ("accelerate", "restore"),
    "paths": ("explain",),
    "recipe": ("Plan", "Shape", "load", "resume", "train"),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}
_MODULES = ("cells", "credit", "keras")  # keras is an extra, and not among the names of `import *`


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"recorrente.{_HOME[name]}"), name)
    if name in _MODULES:
        return import_module(f"recorrente.{name}")
    raise AttributeError(f"module 'recorrente' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
