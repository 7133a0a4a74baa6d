"""Gradients forward in time: rules that need no past, for any pointwise cell.

Knows the derivatives of one step, unit by unit, and how a rule that goes forward in time stands in for one that goes
back. What a rule remembers of ds_t / dW is the matter of its own file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch._C._functorch import TransformType
from torch.autograd import forward_ad
from torch.nn.functional import linear

from recorrente.cells import Cell
from recorrente.compiling import keep_apart
from recorrente.credit.once import refuse_beyond
from recorrente.credit.order import turned, turned_along
from recorrente.errors import InputError
from recorrente.native import transform
from recorrente.notation import State, Weights
from recorrente.sweep import Along, Masks, Sweep, along_of, masks_of, shares

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Learner", "Online", "Step"]


N = len(Weights._fields)

Zone = tuple[Tensor | None, ...]
"""Of each part of the state the share that stays at a step, (B, H); None where nothing does."""


@dataclass(frozen=True)
class Step:
    """The derivatives of one step of a pointwise cell, and what it read; S parts of the state s = (h, ...).

    With a = W_ih x + b_ih, b = W_hh (m * h) + b_hh and s' = (1 - z) * f(a, b, s) + z * s, unit by unit; m is what drops
    of h, 1 where there is no such, and z what stays of the old state, 0 where there is no such.
    """

    by_input: Tensor  # (B, S, H, G): ds'_p / da_g
    by_state: Tensor  # (B, S, H, G): ds'_p / db_g
    direct: Tensor  # (B, S, S, H): ds'_p / ds_q beside the product with W_hh
    x: Tensor  # (B, C)
    h: Tensor  # (B, H), before the step, as W_hh reads it: m * h
    weight_hh: Tensor  # (G*H, H)
    drop: Tensor | None = None  # (B, H): m

    @property
    def own(self) -> Tensor:
        """ds'_p / dW of the unit's own rows with s held, (B, S, H, G, C + 1 + H + 1): by W_ih, b_ih, W_hh, b_hh."""
        one = self.x.new_ones(len(self.x), 1)
        read_x, read_h = torch.cat([self.x, one], dim=1), torch.cat([self.h, one], dim=1)
        by_ih = self.by_input[..., None] * read_x[:, None, None, None]
        return torch.cat([by_ih, self.by_state[..., None] * read_h[:, None, None, None]], dim=-1)

    @property
    def dropping(self) -> Tensor:
        """m, or ones that spread to it."""
        return self.x.new_ones(1, 1) if self.drop is None else self.drop

    @classmethod
    def of(
        cls, cell: Cell, x: Tensor, state: State, weights: Weights, drop: Tensor | None = None, zone: Zone | None = None
    ) -> tuple[State, Step]:
        """The state after a step that reads `x (B, C)`, and its derivatives; `drop` and `zone` as of this step."""
        w = [None if part is None else part.detach() for part in weights]
        assert w[0] is not None
        assert w[1] is not None
        seen = state[0] if drop is None else state[0] * drop
        after, step = cls.at(cell, linear(x, w[0], w[2]), linear(seen, w[1], w[3]), state, x, w[1])
        step = replace(step, h=seen, drop=drop)
        return (after, step) if zone is None else step.zoned(after, state, zone)

    def zoned(self, after: State, before: State, zone: Zone) -> tuple[State, Step]:
        """The same where a share of the old state stays."""
        staying = [
            torch.zeros_like(old) if z is None else z.expand_as(old)
            for z, old in zip(shares(zone, before[0]), before, strict=True)
        ]
        z = torch.stack(staying, dim=1)  # (B, S, H)
        new = 1 - z[..., None]
        direct = self.direct * new[:, :, None, :, 0]
        direct.diagonal(dim1=1, dim2=2).add_(z.mT)  # (B, H, S)
        mixed = tuple(torch.lerp(a, b, share) for a, b, share in zip(after, before, staying, strict=True))
        return mixed, replace(self, by_input=self.by_input * new, by_state=self.by_state * new, direct=direct)

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
    At a reset a row's influence is nothing again; what drops of h, and what stays of the old state, is in the step.
    Slower than going back in time, by Python's loop over the steps and by the influence's size.
    """

    @abstractmethod
    def nothing(self, cell: Cell, x: Tensor, state: State) -> Tensor:
        """The influence before the first step, and after a reset, for x `(B, C)` and the state it starts from."""

    @abstractmethod
    def after(self, influence: Tensor, step: Step) -> Tensor:
        """The influence after a step."""

    @abstractmethod
    def gradient(self, influence: Tensor, d: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """From d = dL/ds_t, (B, S, H): dL/dW as (G, H, C + 1 + H + 1), and dL/ds_0 since the last reset, (B, S, H)."""

    def learner(self, cell: Cell, weights: Weights, state: State, restart: State | None = None) -> Learner:
        """Steps one by one, from `state`, each (B, H); `weights` are read at each step, and may change between.

        `restart` is the state after a reset; zeros where None.
        """
        return Learner(self, cell, weights, state, restart)

    def through(self, sweep: Sweep) -> Sweep:
        """`sweep` with this rule's gradient in place of its own."""

        def online(
            cell: Cell, x: Tensor, state: State, weights: Weights, **along: Unpack[Along]
        ) -> tuple[Tensor, State]:
            _refuse(self, cell, weights)
            if not (torch.is_grad_enabled() or _differentiated()):
                return sweep(cell, x, state, weights, **along)  # what goes forward is the sweep's own
            _refuse_by_gate(self, along.get("drop"), weights)
            masks = masks_of(along)
            if any(mask is not None and mask.requires_grad for mask in masks):
                raise InputError(
                    "credit", came=f"{self!r} and a mask with a gradient", wanted="masks without, or Full()"
                )
            if reason := transform():
                raise InputError("credit", came=f"{self!r}, and {reason}", wanted="Full()")
            reverse, restart = along.get("reverse", False), along.get("restart") or ()
            y, *final = _apart(self, sweep, cell, reverse, masks, x, *weights, *state, *restart)
            return y, tuple(final)

        return online


def _apart(*given: Any) -> tuple[Tensor, ...]:
    """The rule's own gradient: no graph of `torch.compile` holds it."""
    found: tuple[Tensor, ...] = _Function.apply(*given)
    return found


keep_apart(
    __name__,
    _apart.__name__,
    "Rtrl, SnAp1 and EProp make their gradient step by step, which no graph holds: take Full or Truncated, or compile "
    "without fullgraph=True",
)


def _refuse(rule: Online, cell: Cell, weights: Weights) -> None:
    if type(cell).step is not Cell.step or weights.weight_hr is not None:
        came = "a projection" if weights.weight_hr is not None else f"{cell!r}, whose step is not pointwise"
        raise InputError("credit", came=f"{rule!r} and {came}", wanted="a pointwise cell, or another rule")


def _refuse_by_gate(rule: Online, drop: Tensor | None, weights: Weights) -> None:
    H = weights.weight_hh.shape[1]
    if drop is not None and drop.shape[-1] != H:
        came = f"{tuple(drop.shape)}, a mask for each gate, and {rule!r}"
        raise InputError("drop", came=came, wanted=f"(B, H), H here {H}: one for all gates", cure="Full() takes both")


def _differentiated() -> bool:
    """Whether something asks for derivatives that does not go by the grad mode."""
    if torch.compiler.is_compiling():
        return False
    transforms = torch._C._functorch.get_interpreter_stack() or []
    return forward_ad._current_level >= 0 or any(one.key() != TransformType.Vmap for one in transforms)


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

    def __init__(self, rule: Online, cell: Cell, weights: Weights, state: State, restart: State | None = None) -> None:
        _refuse(rule, cell, weights)
        self.rule, self.cell, self.weights = rule, cell, weights
        self.state = tuple(part.detach() for part in state)
        self.restart = tuple(part.detach() for part in restart or map(torch.zeros_like, state))
        self.anew = torch.zeros(len(state[0]), 1, dtype=torch.bool, device=state[0].device)  # rows with a reset behind
        self.last: Step | None = None
        self.influence: Tensor | None = None

    def step(
        self, x: Tensor, *, reset: Tensor | None = None, drop: Tensor | None = None, zone: Zone | None = None
    ) -> Tensor:
        """Reads `x (B, C)`; the h after it, (B, H), without gradient.

        Args:
            x: of this step.
            reset: `(B,)` bool, the rows that start anew before it: what was before has no influence any more.
            drop: `(B, H)`, what h is multiplied with on its way into W_hh.
            zone: of each part of the state the share of the old that stays, `(B, H)` or None.
        """
        _refuse_by_gate(self.rule, drop, self.weights)
        with torch.no_grad():
            if self.influence is None:
                self.influence = self.rule.nothing(self.cell, x, self.state)
            if reset is not None:
                self._start_anew(x, reset)
            self.state, self.last = Step.of(self.cell, x.detach(), self.state, self.weights, drop, zone)
            self.influence = self.rule.after(self.influence, self.last)
        return self.state[0]

    def _start_anew(self, x: Tensor, reset: Tensor) -> None:
        assert self.influence is not None
        rows = reset[:, None]
        self.state = tuple(torch.where(rows, new, old) for new, old in zip(self.restart, self.state, strict=True))
        self.anew = self.anew | rows
        nothing = self.rule.nothing(self.cell, x, self.state)
        self.influence = torch.where(reset.view(-1, *[1] * (nothing.dim() - 1)), nothing, self.influence)

    def _stay(self, rows: Tensor, state: State, influence: Tensor | None) -> None:
        """Puts rows back to where they were before the step: past its end nothing of a row may grow."""
        assert self.influence is not None
        old = torch.zeros_like(self.influence) if influence is None else influence
        self.state = tuple(torch.where(rows[:, None], was, new) for was, new in zip(state, self.state, strict=True))
        self.influence = torch.where(rows.view(-1, *[1] * (old.dim() - 1)), old, self.influence)

    def gradient(self, dh: Tensor, *rest: Tensor) -> Weights:
        """The share of this step in the weights' gradient, from dL/dh of it (and dL/dc, if the loss has one)."""
        return self.both_gradients((dh, *rest))[0]

    def both_gradients(self, dstate: State) -> tuple[Weights, State]:
        """`gradient`, and dL/ds_0 where the rule knows it: of the restart, for the rows that are `anew`."""
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
    def forward(
        ctx: Any, rule: Online, sweep: Sweep, cell: Cell, reverse: bool, masks: Masks, *tensors: Any
    ) -> tuple[Tensor, ...]:
        ctx.call = rule, cell, reverse, len(masks)
        ctx.save_for_backward(*masks, *tensors)
        x, weights, state, restart = _parted(cell, tensors)
        along = along_of(masks, reverse, restart)
        y, final = sweep(cell, x, state, weights, **along)
        return y, *(part.clone() if part is start else part for part, start in zip(final, state, strict=True))

    @staticmethod
    def backward(ctx: Any, dy: Tensor, *dstate: Tensor) -> tuple[Tensor | None, ...]:
        rule, cell, reverse, count = ctx.call
        refuse_beyond((dy, *dstate), repr(rule))
        masks, tensors = ctx.saved_tensors[:count], ctx.saved_tensors[count:]
        x, weights, state, restart = _parted(cell, tensors)
        along, lengths = along_of(masks, reverse, restart), masks[0]
        if reverse:
            x, dy, along = turned(x, lengths), turned(dy, lengths), turned_along(along)
        learner = rule.learner(cell, weights, state, restart)
        dx, dweights, dstart, drestart = _forward_in_time(learner, x, dy, dstate, along)
        dx = turned(dx, lengths) if reverse else dx
        return *[None] * 5, dx, *dweights, *dstart, *(drestart if restart else ())


def _parted(cell: Cell, tensors: Sequence[Any]) -> tuple[Tensor, Weights, State, State | None]:
    """x, the weights, the state and, where there is one, the restart."""
    x, weights, states = tensors[0], Weights(*tensors[1 : N + 1]), tuple(tensors[N + 1 :])
    S = len(cell.state_names)
    return x, weights, states[:S], states[S:] or None


def _forward_in_time(
    learner: Learner, x: Tensor, dy: Tensor, dstate: State, along: Along
) -> tuple[Tensor, list[Tensor | None], State, State]:
    """The gradients of x, of the weights, of the first state and of the one after resets, step by step."""
    T, B, _ = x.shape
    lengths, reset, zone, drop = along.get("lengths"), along.get("reset"), along.get("zone"), along.get("drop")
    ends = torch.full((B,), T, device=x.device) if lengths is None else lengths.to(x.device)
    shortest = int(ends.min()) if B else T
    dx, total = torch.zeros_like(x), [None if part is None else torch.zeros_like(part) for part in learner.weights]
    start = [torch.where(ends[:, None] == 0, d, 0) for d in dstate]
    restart = [torch.zeros_like(d) for d in dstate]
    for t in range(T):
        going, ending = (ends > t)[:, None], (ends == t + 1)[:, None]
        staying = None if zone is None else tuple(None if z is None else z[t] for z in zone)
        before = (learner.state, learner.influence) if t >= shortest else None
        learner.step(torch.where(going, x[t], 0), reset=None if reset is None else reset[t], drop=drop, zone=staying)
        if before is not None:
            learner._stay(ends <= t, *before)
        d = [torch.where(ending, part, 0) for part in dstate]
        d[0] = d[0] + torch.where(going, dy[t], 0)
        dweights, dbegin = learner.both_gradients(tuple(d))
        dx[t] = learner.dx(tuple(d))
        total = [None if a is None else a + b for a, b in zip(total, dweights, strict=True)]  # type: ignore[operator]
        start = [a + b.masked_fill(learner.anew, 0) for a, b in zip(start, dbegin, strict=True)]
        restart = [a + b.masked_fill(~learner.anew, 0) for a, b in zip(restart, dbegin, strict=True)]
    return dx, total, tuple(start), tuple(restart)
