"""What a look at the gradient looks at: a layer of ours, and the x that it reads.

Knows which modules can be seen into. The others, and an x that does not fit, are refused here, by name.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from recorrente.errors import InputError
from recorrente.layers import Recurrent, TorchLayer
from recorrente.network import Network

__all__ = ["subject"]


def subject(module: Any, x: Tensor) -> tuple[Any, Tensor]:
    """The layer in `module`, and `x (T, B, C)` as that layer reads it: behind the encoder, where a network has one.

    Raises:
        InputError: a module that is none of ours, or an x that does not fit it, or without steps or rows.
    """
    layer = module.recurrence if isinstance(module, Network) else module
    if not isinstance(layer, Recurrent | TorchLayer):
        cure = "recorrente.accelerate(module) makes torch's layers ours" if isinstance(layer, nn.RNNBase) else ""
        wanted = "a layer of recorrente.layers, or a Network of one"
        raise InputError("module", came=repr(layer), wanted=wanted, cure=cure)
    if 0 in x.shape[:2]:
        raise InputError("x", came=f"shape {tuple(x.shape)}", wanted="(T, B, C), T and B of 1 or more")
    if isinstance(module, Network):
        with torch.no_grad():
            x = module.encoder(x)
    if x.dim() != 3 or x.shape[2] != layer.input_size or not x.shape[0] or not x.is_floating_point():
        came = f"{x.dtype} {tuple(x.shape)}" + (" behind the encoder" if isinstance(module, Network) else "")
        wanted = f"floats (T, B, C), T of 1 or more and C the input_size, here {layer.input_size}"
        raise InputError("x", came=came, wanted=wanted)
    return layer, x
