"""Gradients forward in time: rules that need no past, for any pointwise cell.

Knows the derivatives of one step, unit by unit, and how a rule that goes forward in time stands in for one that goes
back. What a rule remembers of ds_t / dW is the matter of its own file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from recorrente.cells import Cell
from recorrente.credit.order import turned
from recorrente.errors import InputError
from recorrente.notation import State, Weights
from recorrente.sweep import Along, Sweep, said

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Learner", "Online", "Step"]


N = len(Weights._fields)


@dataclass(frozen=True)
class Step:
    """The derivatives of one step of a pointwise cell, and what it read; S parts of the state s = (h, ...).

    With a = W_ih x + b_ih, b = W_hh h + b_hh and s' = f(a, b, s), unit by unit.
    """

    by_input: Tensor  # (B, S, H, G): ds'_p / da_g
    by_state: Tensor  # (B, S, H, G): ds'_p / db_g
    direct: Tensor  # (B, S, S, H): ds'_p / ds_q beside the product with W_hh
    x: Tensor  # (B, C)
    h: Tensor  # (B, H), before the step
    weight_hh: Tensor  # (G*H, H)

    @property
    def own(self) -> Tensor:
        """ds'_p / dW of the unit's own rows with s held, (B, S, H, G, C + 1 + H + 1): by W_ih, b_ih, W_hh, b_hh."""
        one = self.x.new_ones(len(self.x), 1)
        read_x, read_h = torch.cat([self.x, one], dim=1), torch.cat([self.h, one], dim=1)
        by_ih = self.by_input[..., None] * read_x[:, None, None, None]
        return torch.cat([by_ih, self.by_state[..., None] * read_h[:, None, None, None]], dim=-1)

    @classmethod
    def of(cls, cell: Cell, x: Tensor, state: State, weights: Weights) -> tuple[State, Step]:
        """The state after a step that reads `x (B, C)`, and its derivatives."""
        w = [None if part is None else part.detach() for part in weights]
        assert w[0] is not None
        assert w[1] is not None
        return cls.at(cell, linear(x, w[0], w[2]), linear(state[0], w[1], w[3]), state, x, w[1])

    @classmethod
    def at(cls, cell: Cell, a: Tensor, b: Tensor, state: State, x: Tensor, weight_hh: Tensor) -> tuple[State, Step]:
        """The same from the pre-activations, (B, G*H), by autograd: the sum over units is for each unit its own."""
        with torch.enable_grad():
            a, b = a.detach().requires_grad_(), b.detach().requires_grad_()
            s = tuple(part.detach().requires_grad_() for part in state)
            after = cell.pointwise(a, b, s)
            rows = [
                torch.autograd.grad(
                    part.sum(), (a, b, *s), retain_graph=True, allow_unused=True, materialize_grads=True
                )
                for part in after
            ]
        B, H = state[0].shape

        def by_gate(i: int) -> Tensor:
            return torch.stack([row[i].view(B, cell.gates, H).mT for row in rows], dim=1)

        direct = torch.stack([torch.stack(row[2:], dim=1) for row in rows], dim=1)
        return tuple(part.detach() for part in after), cls(by_gate(0), by_gate(1), direct, x, state[0], weight_hh)


class Online(ABC):
    """A rule that carries an influence, (part of) ds_t / dW, forward in time, and needs no past.

    As a credit rule it gives the weights the gradient that it would have given them step by step, sum over t of
    dL/dh_t . influence_t, from the dL/dh_t that come from above; x is credited for its own step alone, so that layers
    below are not trained through time. `learner` is the same step by step, for weights that change at every step.
    Slower than going back in time, by Python's loop over the steps and by the influence's size.
    """

    @abstractmethod
    def nothing(self, cell: Cell, x: Tensor, state: State) -> Tensor:
        """The influence before the first step, for x `(B, C)` and the state it starts from."""

    @abstractmethod
    def after(self, influence: Tensor, step: Step) -> Tensor:
        """The influence after a step."""

    @abstractmethod
    def gradient(self, influence: Tensor, d: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """From d = dL/ds_t, (B, S, H): dL/dW as (G, H, C + 1 + H + 1), and dL/ds_0, (B, S, H)."""

    def learner(self, cell: Cell, weights: Weights, state: State) -> Learner:
        """Steps one by one, from `state`, each (B, H); `weights` are read at each step, and may change between."""
        return Learner(self, cell, weights, state)

    def through(self, sweep: Sweep) -> Sweep:
        """`sweep` with this rule's gradient in place of its own."""

        def online(
            cell: Cell, x: Tensor, state: State, weights: Weights, **along: Unpack[Along]
        ) -> tuple[Tensor, State]:
            _refuse(self, cell, weights)
            if more := said(along).keys() - {"reverse", "lengths"}:
                came = f"{self!r} and {', '.join(sorted(more))}"
                raise InputError("credit", came=came, wanted="lengths alone, or a rule that goes back in time")
            reverse, lengths = along.get("reverse", False), along.get("lengths")
            y, *final = _Function.apply(self, sweep, cell, reverse, lengths, x, *weights, *state)
            return y, tuple(final)

        return online


def _refuse(rule: Online, cell: Cell, weights: Weights) -> None:
    if type(cell).step is not Cell.step or weights.weight_hr is not None:
        came = "a projection" if weights.weight_hr is not None else f"{cell!r}, whose step is not pointwise"
        raise InputError("credit", came=f"{rule!r} and {came}", wanted="a pointwise cell, or another rule")
    if torch.compiler.is_compiling():
        raise NotImplementedError(f"{rule!r} under torch.compile: take Full or Truncated, or do not compile")


class Learner:
    """A cell that learns while it reads.

    Example:
        >>> import recorrente
        >>> from recorrente.credit import SnAp1
        >>> layer = recorrente.GRU(3, 5)
        >>> learner = SnAp1().learner(layer.cell, layer.weights()[0], (torch.zeros(2, 5),))
        >>> for x in torch.zeros(7, 2, 3):
        ...     h = learner.step(x)  # (B, H)
        ...     d = learner.gradient(2 * h)  # of the loss h . h of this step, by h
        ...     with torch.no_grad():
        ...         layer.weight_hh_l0 -= 0.1 * d.weight_hh
    """

    def __init__(self, rule: Online, cell: Cell, weights: Weights, state: State) -> None:
        _refuse(rule, cell, weights)
        self.rule, self.cell, self.weights = rule, cell, weights
        self.state = tuple(part.detach() for part in state)
        self.last: Step | None = None
        self.influence: Tensor | None = None

    def step(self, x: Tensor) -> Tensor:
        """Reads `x (B, C)`; the h after it, (B, H), without gradient."""
        with torch.no_grad():
            if self.influence is None:
                self.influence = self.rule.nothing(self.cell, x, self.state)
            self.state, self.last = Step.of(self.cell, x.detach(), self.state, self.weights)
            self.influence = self.rule.after(self.influence, self.last)
        return self.state[0]

    def gradient(self, dh: Tensor, *rest: Tensor) -> Weights:
        """The share of this step in the weights' gradient, from dL/dh of it (and dL/dc, if the loss has one)."""
        return self.both_gradients((dh, *rest))[0]

    def both_gradients(self, dstate: State) -> tuple[Weights, State]:
        """`gradient`, and dL/ds_0 where the rule knows it."""
        if self.last is None or self.influence is None:
            raise InputError("learner", came="gradient before any step", wanted="step(x) first")
        parts = [*dstate, *(torch.zeros_like(dstate[0]) for _ in self.state[len(dstate) :])]
        with torch.no_grad():
            found, start = self.rule.gradient(self.influence, torch.stack(parts, dim=1), self.last)
        C, H = self.last.x.shape[1], self.last.h.shape[1]
        ih, bias_ih, hh, bias_hh = found.flatten(0, 1).split([C, 1, H, 1], dim=1)
        biased = self.weights.bias_ih is not None
        biases = (bias_ih[:, 0], bias_hh[:, 0]) if biased else (None, None)
        return Weights(ih, hh, *biases), tuple(start.unbind(1))

    def dx(self, dstate: State) -> Tensor:
        """What x of the step alone gets from dL/ds of it, (B, C)."""
        assert self.last is not None
        da = (self.last.by_input * torch.stack(dstate, dim=1)[..., None]).sum(1)  # (B, H, G)
        return da.mT.flatten(1) @ self.weights.weight_ih.detach()


class _Function(torch.autograd.Function):
    """An online rule where autograd expects one that goes back."""

    @staticmethod
    def forward(ctx: Any, rule: Online, sweep: Sweep, cell: Cell, reverse: bool, *rest: Any) -> tuple[Tensor, ...]:
        lengths, x, tensors = rest[0], rest[1], rest[2:]
        ragged = {} if lengths is None else {"lengths": lengths}
        weights, state = Weights(*tensors[:N]), tensors[N:]
        y, final = sweep(cell, x, state, weights, reverse=reverse, **ragged)
        ctx.call = rule, cell, reverse
        ctx.save_for_backward(lengths, x, *tensors)
        return y, *(part.clone() if part is start else part for part, start in zip(final, state, strict=True))

    @staticmethod
    def backward(ctx: Any, dy: Tensor, *dstate: Tensor) -> tuple[Tensor | None, ...]:
        rule, cell, reverse = ctx.call
        if torch.is_grad_enabled():
            cure = "Full() can be differentiated again"
            raise InputError("create_graph", came=f"True, through {rule!r}", wanted="False", cure=cure)
        lengths, x, *tensors = ctx.saved_tensors
        if reverse:
            x, dy = turned(x, lengths), turned(dy, lengths)
        ends = torch.full((x.shape[1],), len(x)) if lengths is None else lengths
        weights = Weights(*tensors[:N])
        found = _forward_in_time(rule, cell, x, dy, dstate, weights, tuple(tensors[N:]), ends.to(x.device))
        dx = turned(found[0], lengths) if reverse else found[0]
        return None, None, None, None, None, dx, *found[1], *found[2]


def _forward_in_time(
    rule: Online, cell: Cell, x: Tensor, dy: Tensor, dstate: State, weights: Weights, state: State, ends: Tensor
) -> tuple[Tensor, list[Tensor | None], State]:
    """The gradients of x, of the weights and of the first state, step by step."""
    learner, dx = rule.learner(cell, weights, state), torch.zeros_like(x)
    total = [None if part is None else torch.zeros_like(part) for part in weights]
    start = [torch.where(ends[:, None] == 0, d, 0) for d in dstate]
    for t in range(len(x)):
        going, ending = (ends > t)[:, None], (ends == t + 1)[:, None]
        learner.step(torch.where(going, x[t], 0))
        d = [torch.where(ending, part, 0) for part in dstate]
        d[0] = d[0] + torch.where(going, dy[t], 0)
        dweights, dstart = learner.both_gradients(tuple(d))
        dx[t] = learner.dx(tuple(d))
        total = [None if a is None else a + b for a, b in zip(total, dweights, strict=True)]  # type: ignore[operator]
        start = [a + b for a, b in zip(start, dstart, strict=True)]
    return dx, total, tuple(start)
