"""Sweeps of one cell one above the other, in one direction or both, and what the layers made of them share.

`stack` knows no parameters; `Layer` knows them by torch's names, with what our layers take beside torch's arguments.
What a step computes is `cells`' matter, how it runs along time is `sweep`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from recorrente import cells
from recorrente.errors import InputError
from recorrente.given import ShapeError, floats_to, past
from recorrente.native import native
from recorrente.noise import QUIET, Noise
from recorrente.notation import State, Weights
from recorrente.sweep import Along, Credit, Sweep, said

__all__ = ["Layer", "stack"]

_CORE = native  # the sweep that gives a final state of its own making away
_WAYS = "", "_reverse"
_WITHOUT_BIAS = "weight_ih", "weight_hh"
_WITH_BIAS = *_WITHOUT_BIAS, "bias_ih", "bias_hh"


def stack(
    sweep: Sweep,
    cell: cells.Cell,
    x: Tensor,
    states: Sequence[State],
    weights: Sequence[Weights],
    *,
    directions: int = 1,
    dropout: float = 0.0,
    noise: Noise = QUIET,
    training: bool = False,
    residual: bool = False,
    lengths: Tensor | None = None,
    reset: Tensor | None = None,
    restarts: Sequence[State] | None = None,
) -> tuple[Tensor, list[State]]:
    """Sweeps of one cell, one above the other.

    Args:
        sweep: runs one layer in one direction.
        x: `(T, B, C)`.
        states, weights: one for each layer and direction, in torch's order: `l0, l0_reverse, l1, ...`.
        directions: 1, or 2 to read each layer's input both ways and put the outputs side by side.
        dropout: probability of a zero between layers; the caller gives 0 in evaluation.
        noise: what else is dropped; see `recorrente.noise`.
        training: whether `noise` is.
        residual: each layer's input is added to its output, where their widths are equal.
        lengths: `(B,)`, the steps of each row; None where all have T.
        reset: `(T, B)` bool, where the state starts anew.
        restarts: what it starts from then, in the order of `states`; zeros where None.

    Returns:
        The top layer's outputs `(T, B, directions*H)`, and the final states in the order of `states`.
    """
    final: list[State] = []
    for lowest in range(0, len(weights), directions):
        if lowest and dropout:
            x = nn.functional.dropout(x, dropout)
        dropped = x if noise is QUIET else noise.on_input(x, training)
        outputs = []
        for k in range(lowest, lowest + directions):
            along: Along = {}  # what there is: a short sequence pays for every word
            w = weights[k]
            if k > lowest:
                along["reverse"] = True
            if lengths is not None:
                along["lengths"] = lengths
            if reset is not None:
                along["reset"] = reset
                if restarts is not None:
                    along["restart"] = restarts[k]
            if noise is not QUIET:
                widths = (w.weight_hh.shape[1], len(w.weight_hh) // cell.gates)[: len(cell.state_names)]
                along |= said(noise.along(dropped, widths, training))
                w = noise.on_weights(w, training)
            y, state = sweep(cell, dropped, states[k], w, **along)
            outputs.append(y)
            final.append(state)
        y = torch.cat(outputs, dim=-1) if directions == 2 else outputs[0]
        x = _within(x, lengths) + y if residual and x.shape == y.shape else y
    return x, final


def _within(x: Tensor, lengths: Tensor | None) -> Tensor:
    """`x (T, B, C)` with zeros past each row's end."""
    return x if lengths is None else x.masked_fill(past(x, lengths), 0)


class Layer(nn.Module):
    """What our layers share: torch's parameters by name, and a run of a cell's sweeps."""

    cell: cells.Cell
    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    bidirectional: bool
    dropout: float
    proj_size: int = 0
    _credit: Credit | None = None
    noise: Noise = QUIET
    residual: bool = False
    learned_state: bool = False

    def _extend(self, credit: Credit | None, residual: bool, learned_state: bool, noise: Noise) -> None:
        """What our layers take beside torch's arguments."""
        self.credit, self.residual, self.learned_state = credit, residual, learned_state
        noise.refuse_parts_beyond(len(self.cell.state_names))
        self.noise = QUIET if noise == QUIET else noise
        if learned_state:
            like = next(self.parameters())
            rows = self.num_layers * self.directions
            for name, width in zip(self._learned(), self.widths, strict=True):
                self.register_parameter(name, nn.Parameter(like.new_zeros(rows, width)))

    def _learned(self) -> tuple[str, ...]:
        """The names of the Parameters that it starts from."""
        return tuple(f"{name}_0" for name in self.cell.state_names) if self.learned_state else ()

    def _forget_learned_state(self) -> None:
        for name in self._learned():
            nn.init.zeros_(getattr(self, name))

    def _said(self) -> str:
        """What was chosen of it, for the layer's repr."""
        said = [repr(self.noise)] if repr(self.noise) else []
        said += [f"{name}=True" for name in ("residual", "learned_state") if getattr(self, name)]
        return ", ".join(said if self._credit is None else [*said, f"credit={self._credit!r}"])

    @property
    def credit(self) -> Credit | None:
        """How the gradient is assigned through time, a rule of `recorrente.credit`; None is `Full()`."""
        return self._credit

    @credit.setter
    def credit(self, rule: Credit | None) -> None:
        if rule is not None and (isinstance(rule, type) or not isinstance(rule, Credit)):
            wanted = "a rule of recorrente.credit, such as Truncated(20), or None"
            raise InputError("credit", came=repr(rule), wanted=wanted)
        self._credit = rule

    def credited(self, sweep: Sweep) -> Sweep:
        """`sweep` with the gradient of this layer's rule."""
        return sweep if self._credit is None else self._credit.through(sweep)

    @property
    def directions(self) -> int:
        """1, or 2 when bidirectional."""
        return 2 if self.bidirectional else 1

    @property
    def widths(self) -> tuple[int, ...]:
        """The width of each part of the state: H, but P for the h of an LSTM with projections."""
        return (self.proj_size or self.hidden_size, self.hidden_size)[: len(self.cell.state_names)]

    def weights(self) -> list[Weights]:
        """The parameters, one `Weights` for each layer and direction, in torch's order."""
        fields = _WITH_BIAS if self.bias else _WITHOUT_BIAS
        own = (*self.cell.own_weights(self.hidden_size), *(("weight_hr",) if self.proj_size else ()))
        parameters = self._parameters  # not by getattr, which looks in three places, at every call
        groups = []
        for suffix in [f"_l{layer}{way}" for layer in range(self.num_layers) for way in _WAYS[: self.directions]]:
            weights = Weights(*[_parameter(self, parameters, field + suffix) for field in fields])
            if own:
                weights = weights._replace(**{name: _parameter(self, parameters, name + suffix) for name in own})
            groups.append(weights)
        return groups

    def zero_state(self, x: Tensor) -> State:
        """Zeros to start from, each `(L*directions, B, H)`, for `x` `(T, B, C)`."""
        rows = self.num_layers * self.directions
        return tuple(x.new_zeros(rows, x.shape[1], width) for width in self.widths)

    def first_state(self, x: Tensor) -> State:
        """What it starts from where nothing is given: the learned state, or zeros."""
        if not self.learned_state:
            return self.zero_state(x)
        learned = [getattr(self, name) for name in self._learned()]
        return tuple(part.unsqueeze(1).expand(-1, x.shape[1], -1) for part in learned)

    def run(
        self,
        x: Tensor,
        state: State,
        sweep: Sweep,
        *,
        lengths: Tensor | None = None,
        reset: Tensor | None = None,
        restart: State | None = None,
    ) -> tuple[Tensor, State]:
        """All layers over `x (T, B, C)` from `state`, each `(L*directions, B, H)`, with `sweep` for every one.

        An empty state is zeros, for a sweep that takes it so.
        """

        def each(state: State) -> list[State]:
            if not state:
                return [()] * (self.num_layers * self.directions)
            return [*zip(*(part.unbind() for part in state), strict=True)]

        if reset is not None and restart is None and self.learned_state:
            restart = self.first_state(x)
        y, final = stack(
            sweep,
            self.cell,
            x,
            each(state),
            self.weights(),
            directions=self.directions,
            dropout=self.dropout if self.training else 0.0,
            noise=self.noise,
            training=self.training,
            residual=self.residual,
            lengths=lengths,
            reset=reset,
            restarts=None if restart is None else each(restart),
        )
        if len(final) == 1:
            return y, _one_layers(final[0], ours=sweep is _CORE and not self.proj_size)
        return y, tuple(torch.stack(part) for part in zip(*final, strict=True))

    def _floats(self, *given: Any) -> tuple[Any, ...]:
        """The same in the dtype of the parameters, in which all arithmetic is, autocast or not."""
        dtype = _parameter(self, self._parameters, "weight_ih_l0").dtype
        return tuple(floats_to(one, dtype) for one in given)

    def _node(self, x: fx.Proxy, state: Any, **how: Any) -> fx.Proxy:
        """One node for this layer in a graph that torch.fx records, as torch has for its own."""
        said = {name: value for name, value in how.items() if value is not None and value is not False}
        given = (x,) if state is None else (x, state)
        tracer: Any = x.tracer
        if tracer.root is self:
            raise InputError("root", came=repr(self), wanted="a model around it: torch.nn.Sequential(layer), say")
        return tracer.create_proxy("call_module", tracer.path_of_module(self), given, said)

    def _refuse(self, x: Tensor) -> None:
        """Refuses an `x` that does not fit the parameters."""
        if x.shape[-1] != self.input_size:
            raise ShapeError("input", came=f"{x.shape[-1]} values a step", wanted=f"input_size, here {self.input_size}")
        dtype = _parameter(self, self._parameters, "weight_ih_l0").dtype
        if x.dtype != dtype:
            raise ShapeError("input", came=x.dtype, wanted=f"{dtype}, as the parameters", cure="Convert one: .to(...)")

    def start(self, hx: Tensor | State | None, x: Tensor, *, batched: bool = True) -> State:
        """What the caller gave as `hx` as a state for `x (T, B, C)`; the learned state or zeros for None."""
        if hx is None:
            return self.first_state(x)
        state = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        if len(state) != len(self.widths):
            wanted = " and ".join(f"{name}_0" for name in self.cell.state_names)
            raise ShapeError("hx", came=f"{len(state)} tensors", wanted=f"{wanted}, in a tuple")
        for name, part, width in zip(self.cell.state_names, state, self.widths, strict=True):
            shape = (self.num_layers * self.directions, *([x.shape[1]] if batched else []), width)
            if part.shape != shape or part.dtype != x.dtype:
                came = f"shape {tuple(part.shape)}, {part.dtype}"
                raise ShapeError(f"{name}_0", came=came, wanted=f"shape {shape}, {x.dtype}")
        return state if batched else tuple(part.unsqueeze(1) for part in state)


def _one_layers(state: State, *, ours: bool) -> State:
    """Each part `(B, H)` as `(1, B, H)`, and no view, which `detach_` would refuse.

    In place where it is `ours`, new from the core and kept by nobody, for a copy costs a training step 2 us.
    """
    if ours and not torch.compiler.is_compiling():
        return tuple([part.unsqueeze_(0) for part in state])
    return tuple([torch.stack([part]) for part in state])


def _parameter(layer: nn.Module, parameters: Mapping[str, Tensor | None], name: str) -> Tensor:
    """A parameter of a layer, or what stands in its place: a parametrization, a functional call's own tensor."""
    found = parameters.get(name)
    return getattr(layer, name) if found is None else found
