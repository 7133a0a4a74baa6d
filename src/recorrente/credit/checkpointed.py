"""The whole gradient in little memory: states kept at borders, each segment run again on the way back.

Knows segments. It takes any sweep, and hands it one segment at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recorrente.cells import Cell
from recorrente.errors import InputError
from recorrente.notation import State, Weights
from recorrente.sweep import Sweep

__all__ = ["Checkpointed"]

SEGMENTS = 64  # each costs the packing of the weights three times


@dataclass(frozen=True)
class Checkpointed:
    """The gradient of `Full`, with the state kept at the borders of segments and the gates only of one segment.

    T steps are cut into k segments of n = ceil(T/k). Forward keeps the state at each border and nothing else; backward
    goes from the last segment to the first, runs each forward once more and then back. Beside y, memory holds

        k B S H  (states, S of them a unit)   +   n B ((G + 3) H + C)  (what one segment saves)

    values instead of T B (G + 1) H, and is least near k = sqrt(T (G + 3 + C/H) / S). Time grows by one forward sweep,
    and by a little for each segment.

    Recomputation changes no bit: on the C++ core every gradient has the bits of sweeps over the same segments one after
    the other. Against `Full`, which is one sweep, y and the final state have the same bits, and so have the gradients
    of x and of the initial state for Elman and LSTM; for GRU they differ by rounding, as its core adds up three terms
    of dh in another order at a border. The gradients of the weights are sums over time: each segment's is added to that
    of the later ones, where `Full` adds from the first step on, and they differ by the rounding of a sum of k terms.
    (Equal bits there want a core that adds a segment's gradient to one that is there, from the last step to the first.)

    Backward cannot be differentiated again, and `torch.compile` does not take it.

    Source: T. Chen et al., arXiv 1604.06174, for chains; A. Gruslys et al., arXiv 1606.03401, for BPTT.

    Args:
        segments: k, at most T; more are T.
        memory: bytes that one layer and direction may hold beside y and dx, by the formula above; as few segments as
            that allows. It is the C++ core's; the reference, which runs other cells, keeps some three times as much.
        Neither: 64 segments, or the k of least memory where that is fewer: some 3 % of what `Full` keeps.

    Raises:
        InputError: both, or a number under 1; on the first call, less memory than the least.

    Example:
        >>> import recorrente
        >>> layer = recorrente.LSTM(8, 16, credit=Checkpointed(segments=10))
        >>> layer(torch.zeros(1000, 1, 8))[0].sum().backward()
        >>> Checkpointed(memory=2**20).segments_for(layer.cell, 1000, 1, 8, 16)
        1
    """

    segments: int | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        if self.segments is not None and self.memory is not None:
            raise InputError("memory", came="it and segments", wanted="the one or the other")
        for name in ("segments", "memory"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise InputError(name, came=repr(value), wanted="an integer of 1 or more")

    def segments_for(self, cell: Cell, T: int, B: int, C: int, H: int, itemsize: int = 4) -> int:
        """K for a sweep of these sizes, in values of `itemsize` bytes."""
        if self.segments is not None:
            return max(1, min(self.segments, T))
        border, step = len(cell.state_names) * H, (cell.gates + 3) * H + C  # values, a row
        least = max(1, min(T, round(math.sqrt(T * step / border))))
        if self.memory is None:
            return min(least, SEGMENTS)

        def held(k: int) -> int:
            return B * itemsize * (k * border + -(-T // k) * step)

        if held(least) > self.memory:
            cure = "Give more, fewer rows or fewer units"
            raise InputError("memory", came=f"{self.memory} bytes", wanted=f"{held(least)} for this sweep", cure=cure)
        low, high = 1, least  # held falls up to `least`
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if held(middle) <= self.memory else (middle + 1, high)
        return low

    def through(self, sweep: Sweep) -> Sweep:
        """`sweep`, segment by segment, and once more on the way back."""

        def checkpointed(
            cell: Cell,
            x: Tensor,
            state: State,
            weights: Weights,
            *,
            reverse: bool = False,
            lengths: Tensor | None = None,
        ) -> tuple[Tensor, State]:
            k = self.segments_for(cell, *_sizes(x, state), x.element_size())
            needed = any(t is not None and t.requires_grad for t in (x, *state, *weights))
            if k == 1 or not (torch.is_grad_enabled() and needed):
                ragged = {} if lengths is None else {"lengths": lengths}
                return sweep(cell, x, state, weights, reverse=reverse, **ragged)
            if torch.compiler.is_compiling():
                raise NotImplementedError("Checkpointed under torch.compile: take Full or Truncated, or do not compile")
            run = Segments(sweep, cell, reverse, lengths, -(-len(x) // k))
            y, *final = _Function.apply(run, x, *weights, *state)
            return y, tuple(final)

        return checkpointed


def _sizes(x: Tensor, state: State) -> tuple[int, int, int, int]:
    return x.shape[0], x.shape[1], x.shape[2], state[-1].shape[-1]


@dataclass(frozen=True)
class Segments:
    """A sweep in segments of n steps, in the order in which it reads them."""

    sweep: Sweep
    cell: Cell
    reverse: bool
    lengths: Tensor | None
    n: int

    def borders(self, T: int) -> list[tuple[int, int]]:
        """First step and end of each segment."""
        pairs = [(a, min(a + self.n, T)) for a in range(0, T, self.n)]
        return pairs[::-1] if self.reverse else pairs

    def run(self, x: Tensor, state: State, weights: Weights, first: int, end: int) -> tuple[Tensor, State]:
        """One segment: `x` is that of its steps alone."""
        ragged = {} if self.lengths is None else {"lengths": (self.lengths - first).clamp(0, end - first)}
        return self.sweep(self.cell, x, state, weights, reverse=self.reverse, **ragged)


class _Function(torch.autograd.Function):
    """`Segments` as one node of autograd. Its inputs after the first: x, the five weights, the state."""

    @staticmethod
    def forward(ctx: Any, run: Segments, x: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        weights, state = Weights(*rest[:5]), tuple(rest[5:])
        borders = run.borders(len(x))
        y = x.new_empty(*x.shape[:2], state[0].shape[-1])
        # One piece of memory for all: small ones between the large ones that come and go would hold those apart.
        kept = [part.new_empty(len(borders), *part.shape) for part in state]
        for i, (first, end) in enumerate(borders):
            for all_of_it, part in zip(kept, state, strict=True):
                all_of_it[i] = part
            y[first:end], state = run.run(x[first:end], state, weights, first, end)
        ctx.run = run
        ctx.save_for_backward(x, *weights, *kept)
        ctx.set_materialize_grads(False)
        return y, *state

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, *dstate: Tensor | None) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            raise InputError(
                "create_graph",
                came="True, through Checkpointed",
                wanted="False",
                cure="Full() can be differentiated again",
            )
        x, *rest = ctx.saved_tensors
        run, weights, wanted = ctx.run, rest[:5], ctx.needs_input_grad[1:]
        kept = list(zip(*(part.unbind() for part in rest[5:]), strict=True))
        dx = torch.empty_like(x) if wanted[0] else None
        total: list[Tensor | None] = [None] * 5
        for (first, end), start in zip(run.borders(len(x))[::-1], kept[::-1], strict=True):
            piece = x[first:end], weights, start
            coming = None if dy is None else dy[first:end], *dstate
            dpiece, dweights, dstate = _back(run, first, end, piece, coming, wanted)
            if dx is not None:
                dx[first:end] = 0 if dpiece is None else dpiece
            for i, d in enumerate(dweights):
                if d is not None:
                    total[i] = d if total[i] is None else total[i].add_(d)  # type: ignore[union-attr]
        return None, dx, *total, *dstate


def _back(
    run: Segments,
    first: int,
    end: int,
    piece: tuple[Tensor, list[Tensor | None], State],
    coming: tuple[Tensor | None, ...],
    wanted: tuple[bool, ...],
) -> tuple[Tensor | None, list[Tensor | None], tuple[Tensor | None, ...]]:
    """One segment forward and back: the gradients of its x, of the weights and of the state that it starts from."""
    x, weights, state = piece
    leaves = list(_leaves([x, *weights], wanted[:6])) + [part.detach().requires_grad_() for part in state]
    with torch.enable_grad():
        start = tuple(part for part in leaves[6:] if part is not None)
        y, final = run.run(leaves[0], start, Weights(*leaves[1:6]), first, end)  # type: ignore[arg-type]
    ends = [(out, d) for out, d in zip((y, *final), coming, strict=True) if d is not None and out.requires_grad]
    if not ends:
        return None, [None] * 5, (None,) * len(state)
    outs, d_outs = zip(*ends, strict=True)
    asked = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
    found = iter(torch.autograd.grad(outs, asked, d_outs, allow_unused=True))
    d = [next(found) if leaf is not None and leaf.requires_grad else None for leaf in leaves]
    return d[0], d[1:6], tuple(d[6:])


def _leaves(tensors: list[Tensor | None], wanted: tuple[bool, ...]) -> Iterator[Tensor | None]:
    for tensor, want in zip(tensors, wanted, strict=True):
        yield None if tensor is None else tensor.detach().requires_grad_(want)
