"""Noise that a recurrent layer is trained with: masks, drawn anew for every call and the same in forward and backward.

Knows masks and what they mean to a sweep. All are drawn from torch's random state, so `torch.manual_seed` repeats them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import dropout

from recorrente.errors import InputError
from recorrente.notation import Weights
from recorrente.sweep import Along

__all__ = ["QUIET", "Noise"]


@dataclass(frozen=True)
class Noise:
    """What is dropped inside a layer, beside torch's own dropout between layers.

    Args:
        input_dropout: of x of each layer, one mask for all steps: x_t * m / (1 - p), m (B, C) zero with probability p.
        recurrent_dropout: of h on its way into W_hh, one mask for all steps: W_hh (h * m / (1 - p)), m (B, H).
        zoneout: the probability that a unit keeps its old value at a step, for h, or for h and c:
            h_t = m_t * h_{t-1} + (1 - m_t) * h~_t. In evaluation m_t is its mean, the probability, so that what the
            network was trained to expect is what it meets.
        weight_dropout: of the elements of W_hh, one mask for all steps and rows (DropConnect, as in AWD-LSTM).

    The dropouts are off in evaluation; zoneout then mixes without chance (`docs/decisions/0009-noise.md`).

    Sources: Gal and Ghahramani, arXiv 1512.05287 (one mask for all steps); Krueger et al., arXiv 1606.01305 (zoneout);
    Merity et al., arXiv 1708.02182 (weight dropout).

    Raises:
        InputError: a probability that is not in [0, 1).

    Example:
        >>> Noise(recurrent_dropout=0.25, zoneout=(0.1, 0.5)).zoneout
        (0.1, 0.5)
    """

    input_dropout: float = 0.0
    recurrent_dropout: float = 0.0
    zoneout: float | tuple[float, float] = 0.0
    weight_dropout: float = 0.0

    def __post_init__(self) -> None:
        chances = [("zoneout", p) for p in self._zones(2)]
        names = ("input_dropout", "recurrent_dropout", "weight_dropout")
        for name, p in chances + [(name, getattr(self, name)) for name in names]:
            if isinstance(p, bool) or not isinstance(p, Real) or not 0 <= float(p) < 1:
                both = ", or a tuple of two, for h and for c" if name == "zoneout" else ""
                raise InputError(name, came=repr(p), wanted=f"a probability, 0 or more and less than 1{both}")
        if not any(self._zones(2)):
            object.__setattr__(self, "zoneout", 0.0)  # two zeros are none

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy: where there is none, `QUIET` itself, which layers know at a glance."""
        return _again, (type(self), self.input_dropout, self.recurrent_dropout, self.zoneout, self.weight_dropout)

    def __repr__(self) -> str:
        said = {name: value for name, value in vars(self).items() if value}
        return ", ".join(f"{name}={value}" for name, value in said.items())

    def _zones(self, parts: int) -> tuple[float, ...]:
        both = self.zoneout if isinstance(self.zoneout, tuple) else (self.zoneout,) * 2
        if len(both) != 2:
            raise InputError("zoneout", came=repr(self.zoneout), wanted="a probability, or one for h and one for c")
        return both[:parts]

    def refuse_parts_beyond(self, parts: int) -> None:
        """Refuses a zoneout of c for a state of so many `parts` that has no c: it would have no effect."""
        if any(self._zones(2)[parts:]) and isinstance(self.zoneout, tuple):
            wanted = "one probability, or 0 for c: this cell's state is h alone"
            raise InputError("zoneout", came=repr(self.zoneout), wanted=wanted)

    def on_input(self, x: Tensor, training: bool) -> Tensor:
        """`x (T, B, C)` with one mask for all its steps."""
        if not (training and self.input_dropout):
            return x
        return x * dropout(x.new_ones(1, *x.shape[1:]), self.input_dropout)

    def on_weights(self, weights: Weights, training: bool) -> Weights:
        """The weights with a part of W_hh dropped."""
        if not (training and self.weight_dropout):
            return weights
        return weights._replace(weight_hh=dropout(weights.weight_hh, self.weight_dropout))

    def in_step(self, training: bool) -> bool:
        """Whether any of it is at work between one step and the next."""
        return bool(training and self.recurrent_dropout) or any(self._zones(2))

    def along(self, x: Tensor, widths: tuple[int, ...], training: bool) -> Along:
        """What of it the sweep itself has to do, for `x (T, B, C)` and a state of such widths."""
        made: Along = {}
        T, B, _ = x.shape
        if training and self.recurrent_dropout:
            made["drop"] = dropout(x.new_ones(B, widths[0]), self.recurrent_dropout)
        zones = self._zones(len(widths))
        if any(zones):
            made["zone"] = tuple(
                self._zone(p, (T, B, width), x, training) if p else None for p, width in zip(zones, widths, strict=True)
            )
        return made

    @staticmethod
    def _zone(p: float, shape: tuple[int, int, int], x: Tensor, training: bool) -> Tensor:
        return _chosen(p, shape, x) if training else x.new_full((1, 1, shape[-1]), p).expand(shape)


QUIET = Noise()
"""None of it."""


def _again(kind: type[Noise], *chances: Any) -> Noise:
    made = kind(*chances)
    return QUIET if made == QUIET else made


def _chosen(p: float, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """True with probability p, to 1/65536: 16 bits each, for `bernoulli_` takes ten times as long.

    On a CPU numpy draws and compares, in half of torch's time, from a seed that torch draws.
    """
    count, limit = math.prod(shape), round(p * 2**16)
    if torch._C._are_functorch_transforms_active():  # which look at each operation by itself, and refuse `random_`
        return torch.randint(2**16, shape, device=like.device) < limit
    words = -(-count // 4)
    if like.is_cpu and not torch.compiler.is_compiling():
        bits = np.random.SFC64(int(torch.randint(2**63 - 1, (), device="cpu"))).random_raw(words).view(np.uint16)
        return torch.from_numpy(bits[:count].reshape(shape) < limit)
    drawn = torch.randint(-(2**63), 2**63 - 1, (words,), device=like.device)  # int64; `random_` goes into no graph
    return drawn.view(torch.int16)[:count].view(shape) < limit - 2**15
