"""Puts the recurrent layers of an existing model on our sweeps, and back.

Only the class of each layer changes, so everything that hangs on the object stays: Parameters, names, hooks, buffers,
training mode, and the optimiser that holds the Parameters. (The file is not called `accelerate`: a module of that name
would hide the function in `recorrente`.)
"""

from __future__ import annotations

import warnings
from typing import TypeVar

from torch import nn

from recorrente.layers import GRU, LSTM, RNN, TorchLayer

__all__ = ["accelerate", "restore"]

M = TypeVar("M", bound=nn.Module)

OURS: dict[type[nn.Module], type[nn.Module]] = {nn.RNN: RNN, nn.GRU: GRU, nn.LSTM: LSTM}


def accelerate(module: M) -> M:
    """Makes every `nn.RNN`, `nn.GRU` and `nn.LSTM` inside `module` ours, in place.

    A subclass of them has a forward that may be its own: it is left alone, with a warning that names it.

    Args:
        module: any model, or one such layer.

    Returns:
        The same `module`.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.LSTM(4, 8, batch_first=True))
        >>> optimizer = torch.optim.Adam(model.parameters())
        >>> weight = model[0].weight_hh_l0
        >>> accelerate(model)[0].weight_hh_l0 is weight
        True
        >>> isinstance(model[0], LSTM), isinstance(model[0], nn.LSTM)
        (True, True)
        >>> type(restore(model)[0]) is nn.LSTM
        True
    """
    for name, child in list(module.named_modules()):
        if type(child) in OURS:
            child.__class__ = OURS[type(child)]
        elif isinstance(child, tuple(OURS)) and not isinstance(child, TorchLayer):
            warnings.warn(
                f"{name or 'the module'} stays as it is: {type(child).__name__} is a subclass of torch's layer, "
                "and its forward may be its own",
                stacklevel=2,
            )
    return module


def restore(module: M) -> M:
    """Undoes `accelerate`: every layer of exactly our classes inside `module` is torch's again, in place.

    What torch's layers do not know (a credit rule, noise, residual connections, a learned state) goes, with a warning;
    a learned state's Parameters go with it. A subclass of ours is left alone, with a warning that names it.
    """
    theirs = {ours: torchs for torchs, ours in OURS.items()}
    for name, child in list(module.named_modules()):
        if type(child) in theirs:
            if lost := child.forget_what_torch_lacks():
                warnings.warn(f"{name or 'the module'} loses {lost}: torch's layers know no such thing", stacklevel=2)
            child.__class__ = theirs[type(child)]
        elif isinstance(child, TorchLayer):
            warnings.warn(
                f"{name or 'the module'} stays as it is: {type(child).__name__} is a subclass of ours (a "
                "parametrization makes one), and has no twin of torch's",
                stacklevel=2,
            )
    return module
