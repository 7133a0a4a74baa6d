"""What a caller gives a layer beside its input, read and refused: lengths, resets, what to start from anew.

Knows the caller's forms, lists and packed rows among them, and gives what sweeps want; and which steps are past a
row's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from recorrente.errors import InputError

__all__ = [
    "ShapeError",
    "autocast",
    "floats_to",
    "lengths_of",
    "packed_reset",
    "past",
    "refuse_restart_alone",
    "reset_of",
]


class ShapeError(InputError, RuntimeError):
    """Input that torch.nn refuses too: an `InputError`, and the `RuntimeError` that code written for torch catches."""


def lengths_of(lengths: Tensor | Sequence[int], T: int, B: int) -> Tensor:
    """What the caller gave as `lengths`, as the sweeps want it: (B,), int64, on the CPU."""
    # What fits is asked, not converted: each of torch's conversions costs 10 us where its code has left the caches.
    given = lengths if isinstance(lengths, Tensor) else _as_integers(lengths)
    if given.dtype.is_floating_point or given.dtype == torch.bool or given.shape != (B,):
        raise InputError("lengths", came=f"{given.dtype} {tuple(given.shape)}", wanted=f"integers ({B},), one a row")
    if not (given.dtype == torch.int64 and given.is_cpu and given.is_contiguous()):
        given = given.to("cpu", torch.int64).contiguous()
    if not torch.compiler.is_compiling():
        came = given.tolist()
        if came and not 0 <= min(came) <= max(came) <= T:
            raise InputError("lengths", came=came, wanted=f"numbers from 0 to T, here {T}")
    return given


def _as_integers(lengths: Any) -> Tensor:
    try:
        made = torch.as_tensor(lengths, device="cpu")
        return made.clone() if hasattr(lengths, "__array_interface__") else made  # which may be changed before backward
    except (TypeError, ValueError, RuntimeError):
        raise InputError("lengths", came=repr(lengths), wanted="integers, one a row") from None


def reset_of(reset: Any, T: int, B: int, *, batch_first: bool, batched: bool) -> Tensor:
    """What the caller gave as `reset`, as the sweeps want it: (T, B), bool."""
    shape = ((B, T) if batch_first else (T, B)) if batched else (T,)
    if not isinstance(reset, Tensor) or reset.dtype != torch.bool or reset.shape != shape:
        came = f"{reset.dtype} {tuple(reset.shape)}" if isinstance(reset, Tensor) else repr(reset)
        raise InputError(
            "reset", came=came, wanted=f"a bool tensor {shape}, as the input, true where a row starts anew"
        )
    return reset[:, None] if not batched else reset.t() if batch_first else reset


def refuse_restart_alone(reset: object, restart: object) -> None:
    """Refuses what to start from without the steps at which."""
    if restart is not None and reset is None:
        raise InputError("restart", came="it without reset", wanted="reset=, the steps before which it is started from")


def packed_reset(reset: Any, beside: PackedSequence, T: int, B: int) -> Tensor:
    """The same for a packed input: (T, B), the rows in the packed order."""
    if not isinstance(reset, PackedSequence):
        reset = reset_of(reset, T, B, batch_first=False, batched=True)
        return reset if beside.sorted_indices is None else reset.index_select(1, beside.sorted_indices)
    orders = [
        torch.arange(B, device="cpu") if p.sorted_indices is None else p.sorted_indices.cpu() for p in (reset, beside)
    ]
    alike = torch.equal(reset.batch_sizes, beside.batch_sizes) and torch.equal(*orders)
    if reset.data.dtype != torch.bool or reset.data.dim() != 1 or not alike:
        came = f"a PackedSequence of {reset.data.dtype} {tuple(reset.data.shape)}, of {len(reset.batch_sizes)} steps"
        raise InputError("reset", came=came, wanted=f"bools {tuple(beside.data.shape[:1])}, packed as the input is")
    return pad_packed_sequence(PackedSequence(reset.data, reset.batch_sizes))[0]


def autocast(x: Tensor) -> bool:
    """Whether `x` is on the CPU, and autocast on there."""
    return x.is_cpu and torch.is_autocast_enabled("cpu")


def floats_to(value: Any, dtype: torch.dtype) -> Any:
    """An input or a state with its floating point numbers in `dtype`."""
    if isinstance(value, PackedSequence):
        return value.to(dtype) if value.data.is_floating_point() else value
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    return None if value is None else tuple(floats_to(part, dtype) for part in value)


def past(x: Tensor, lengths: Tensor) -> Tensor:
    """Which steps of `x` are past a row's end, `(T, B, 1)`."""
    return (torch.arange(len(x), device=x.device)[:, None] >= lengths.to(x.device))[..., None]
