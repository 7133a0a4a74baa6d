"""The whole gradient in little memory: states kept at borders, each segment run again on the way back.

Knows segments. `by_segments` takes any sweep, and hands it one segment at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.weak import TensorWeakRef

from recorrente import calls, native
from recorrente.cells import Cell
from recorrente.compiling import keep_apart
from recorrente.credit.once import refuse_beyond
from recorrente.errors import InputError
from recorrente.memory import unwritten, unwritten_like
from recorrente.notation import State, Weights
from recorrente.sweep import Along, Sweep, along_of, cut, masks_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Checkpointed"]

N = len(Weights._fields)
SEGMENTS = 64  # each costs the packing of the weights three times


@dataclass(frozen=True)
class Checkpointed:
    """The gradient of `Full`, with the state kept at the borders of segments and the gates only of one segment.

    T steps are cut into k segments of n = ceil(T/k). Forward keeps the state at each border and nothing else; backward
    goes from the last segment to the first, runs each forward once more and then back. Beside y, memory holds

        k B S H  (states, S of them a unit)   +   n B ((G + 3) H + C)  (what one segment saves)

    values instead of T B (G + 1) H, and is least near k = sqrt(T (G + 3 + C/H) / S). With layer norm, a unit
    saves 2 G + 1 values more at a step: for G + 3 read 3 G + 4. Time grows by one forward sweep, and by a little for
    each segment. On the core it grows by less where few rows leave the sweep waiting at each step: if somebody still
    holds y as it was when backward comes to this layer, no step has to wait for the one before it. A variable of yours
    does; what comes after the layer mostly has let go of it by then. `Recompute` keeps y for that.

    On the C++ core every gradient has the bits of `Full`, where the rows of a segment, n B, are a multiple of the
    stretch of rows over which the core sums the gradients of weights (192 to 768), and all rows have T steps. n is
    rounded to that where it then stays within twice of what was asked. Elsewhere, and with `lengths`, the gradients of
    weights and biases differ from those of `Full` by the rounding of a sum of k terms, and no other number does.

    Backward cannot be differentiated again. Under `torch.compile` the sweep runs between two graphs, as it does
    eagerly; `fullgraph=True` and `torch.export` refuse it.

    Source: T. Chen et al., arXiv 1604.06174, for chains; A. Gruslys et al., arXiv 1606.03401, for BPTT.

    Args:
        segments: k, about, at most T; more are T.
        memory: bytes that one layer and direction may hold beside y and dx, by the formula above; as few segments as
            that allows. It is the C++ core's; the reference, which runs other cells, keeps some three times as much.
            (A block that an earlier call left, up to four times as large, may be taken for it.)
        Neither: 64 segments, or the k of least memory where that is fewer: some 5 % of what `Full` keeps.

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
        normed = "norm_ih" in cell.own_weights(H)
        saved = 3 * cell.gates + 4 if normed else cell.gates + 3  # a unit
        border, step = len(cell.state_names) * H, saved * H + C  # values, a row
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

    def steps_for(self, k: int, T: int, B: int, dtype: torch.dtype) -> int:
        """N, so that segments end where the core's sums of gradients do, as far as that is near."""
        n = max(1, -(-T // k))
        if self.memory is None:
            return whole_stretches(n, T, B, dtype)
        return n // (whole := _stretch(B, dtype)) * whole or n

    def through(self, sweep: Sweep) -> Sweep:
        """`sweep`, segment by segment, and once more on the way back."""

        def checkpointed(
            cell: Cell, x: Tensor, state: State, weights: Weights, **along: Unpack[Along]
        ) -> tuple[Tensor, State]:
            k = self.segments_for(cell, *_sizes(x, state), x.element_size())
            n = len(x) if k == 1 else self.steps_for(k, len(x), x.shape[1], x.dtype)
            return by_segments(sweep, n, cell, x, state, weights, along)

        return checkpointed


def by_segments(
    sweep: Sweep, n: int, cell: Cell, x: Tensor, state: State, weights: Weights, along: Along, *, keep: bool = False
) -> tuple[Tensor, State]:
    """`sweep` in segments of n steps, each run again on the way back; `keep`: y is kept for that.

    In one piece under a transform of torch.func, which gives the same gradient, and no way back to run it again on.
    """
    needed = any(t is not None and t.requires_grad for t in (x, *state, *weights, *(along.get("restart") or ())))
    if n >= len(x) or not (torch.is_grad_enabled() and needed) or native.transform():
        return sweep(cell, x, state, weights, **along)
    return _apart(sweep, n, cell, x, state, weights, along, keep)


def _apart(
    sweep: Sweep, n: int, cell: Cell, x: Tensor, state: State, weights: Weights, along: Along, keep: bool
) -> tuple[Tensor, State]:
    """The same where there is a way back: no graph of `torch.compile` holds it."""
    code = native.code_of(cell, sweep, x, weights, along)
    if code is None:
        restart = along.get("restart") or ()
        y, *final = _Function.apply(Segments(sweep, cell, along, n), x, *weights, *state, *restart)
    else:
        y, *final = _OnCore.apply(code, along, n, keep, *calls.given(x, state, weights, along))
    return y, tuple(final)


keep_apart(
    __name__,
    _apart.__name__,
    "Checkpointed and Recompute run a sweep again on the way back, which no graph holds: take Full or Truncated, or "
    "compile without fullgraph=True",
)


def whole_stretches(n: int, T: int, B: int, dtype: torch.dtype) -> int:
    """N rounded up, so that segments end where the core's sums of gradients do; as it was where that is far."""
    up = -(-n // (whole := _stretch(B, dtype))) * whole
    return up if up <= min(2 * n, T) else n


def _stretch(B: int, dtype: torch.dtype) -> int:
    """Steps of B rows that are whole stretches of those sums."""
    rows = calls.gradient_stretch(dtype)
    return rows // math.gcd(rows, max(B, 1))


def _sizes(x: Tensor, state: State) -> tuple[int, int, int, int]:
    return x.shape[0], x.shape[1], x.shape[2], state[-1].shape[-1]


def borders(T: int, n: int, along: Along) -> list[tuple[int, int]]:
    """First step and end of each segment of n steps, in the order in which a sweep reads them."""
    if along.get("reverse"):
        return [(max(end - n, 0), end) for end in range(T, 0, -n)]
    return [(first, min(first + n, T)) for first in range(0, T, n)]


@dataclass(frozen=True)
class Segments:
    """A sweep in segments of n steps."""

    sweep: Sweep
    cell: Cell
    along: Along
    n: int

    def run(
        self, x: Tensor, state: State, weights: Weights, restart: State, first: int, end: int
    ) -> tuple[Tensor, State]:
        """One segment: `x` is that of its steps alone; an empty `restart` is none."""
        along = cut(self.along, first, end)
        if restart:
            along["restart"] = restart
        return self.sweep(self.cell, x, state, weights, **along)


class _OnCore(torch.autograd.Function):
    """Segments on the core, which adds the gradients of the weights up, from the last segment to the first.

    Its inputs after the fourth are the core's.
    """

    @staticmethod
    def forward(ctx: Any, code: int, along: Along, n: int, keep: bool, *tensors: Any) -> tuple[Tensor, ...]:
        whole = calls.Inputs(*tensors)
        x, state = whole.x, [part for part in (whole.h0, whole.c0) if part is not None]
        pairs = borders(len(x), n, along)
        y = unwritten((*x.shape[:2], state[0].shape[1]), x)
        kept = [part.new_empty(len(pairs), *part.shape) for part in state]
        for i, (first, end) in enumerate(pairs):
            for all_of_it, part in zip(kept, state, strict=True):
                all_of_it[i] = part
            piece, way = _piece(whole, kept, i, code, along, first, end)
            _, h_n, c_n, _ = calls.forward(piece, way, saving=False, y=y[first:end])
            state = [h_n] if c_n is None else [h_n, c_n]
        masks = masks_of(along)
        ctx.call, ctx.y = (code, along.get("reverse", False), n, len(kept), len(masks)), _Lent(y)
        ctx.save_for_backward(*whole, *kept, *masks, *([y] if keep else []))
        ctx.set_materialize_grads(False)
        return y, *state

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, *dstate: Tensor | None) -> tuple[Any, ...]:
        refuse_beyond((dy, *dstate), "Checkpointed or Recompute")
        (code, reverse, n, parts, count), (*saved,) = ctx.call, ctx.saved_tensors
        inputs, states = calls.N_INPUTS, calls.N_INPUTS + parts
        whole, kept, masks = calls.Inputs(*saved[:inputs]), saved[inputs:states], saved[states : states + count]
        along, (y,) = along_of(tuple(masks), reverse), saved[states + count :] or [None]
        if y is None and along.get("drop") is None:
            y = ctx.y.back()
        asked = ctx.needs_input_grad[4:]
        wanted = [
            want or at in (5, 6) for at, want in enumerate(asked)
        ]  # a segment hands the state's to the one before
        dx = unwritten_like(whole.x) if asked[0] else None
        d: list[Tensor | None] = [None] * calls.N_INPUTS
        d[5 : 5 + len(kept)] = dstate
        onto, sums = None, calls.bias_sums(whole)
        pairs = borders(len(whole.x), n, along)
        scratch = unwritten((n if y is None else 0, *kept[0].shape[1:]), whole.x)
        for i in range(len(pairs) - 1, -1, -1):
            first, end = pairs[i]
            piece, way = _piece(whole, kept, i, code, along, first, end)
            again = scratch[: end - first] if y is None else y[first:end]
            gates = calls.forward(piece, way, saving=True, y=again, replay=y is not None)[3]
            coming, d_piece = (None if of is None else of[first:end] for of in (dy, dx))
            found = calls.backward(
                (coming, d[5], d[6]), piece, way, again, gates, wanted, dx=d_piece, onto=onto, sums=sums
            )
            del gates  # the next segment's take its memory
            pairs_of = zip(d[calls.RESTARTS], found[calls.RESTARTS], strict=True)
            restarts = [a if b is None else b if a is None else a + b for a, b in pairs_of]
            d = onto = [None, *found[1 : calls.RESTARTS.start], *restarts]
        rest = (part if want else None for part, want in zip(d[1:], asked[1:], strict=True))
        return None, None, None, None, dx, *rest


class _Lent:
    """A tensor that others may drop, change or give another memory."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor, self._as_it_was = TensorWeakRef(tensor), self._state_of(tensor)

    @staticmethod
    def _state_of(tensor: Tensor) -> tuple[object, ...]:
        storage = tensor.untyped_storage()
        return tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride(), storage.nbytes(), tensor._version

    def back(self) -> Tensor | None:
        """It, where it is as it was; what goes past torch's count of changes, as `y.data.mul_`, is not seen."""
        tensor = self._tensor()
        return tensor if tensor is not None and self._state_of(tensor) == self._as_it_was else None


def _piece(
    whole: calls.Inputs, kept: Sequence[Tensor], i: int, code: int, along: Along, first: int, end: int
) -> tuple[calls.Inputs, calls.Way]:
    """What segment i, the steps [first, end), is run with."""
    c0 = kept[1][i] if len(kept) > 1 else None
    return whole._replace(x=whole.x[first:end], h0=kept[0][i], c0=c0), calls.way(code, cut(along, first, end))


class _Function(torch.autograd.Function):
    """`Segments` as one node of autograd. Its inputs after the first: x, the weights, the state, the restart if any."""

    @staticmethod
    def forward(ctx: Any, run: Segments, x: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        S = len(run.cell.state_names)
        weights, state, restart = Weights(*rest[:N]), rest[N : N + S], rest[N + S :]
        pairs = borders(len(x), run.n, run.along)
        y = x.new_empty(*x.shape[:2], state[0].shape[-1])
        # One piece of memory for all: small ones between the large ones that come and go would hold those apart.
        kept = [part.new_empty(len(pairs), *part.shape) for part in state]
        for i, (first, end) in enumerate(pairs):
            for all_of_it, part in zip(kept, state, strict=True):
                all_of_it[i] = part
            y[first:end], state = run.run(x[first:end], state, weights, restart, first, end)
        masks = masks_of(run.along)
        ctx.run, ctx.count = replace(run, along={"reverse": run.along.get("reverse", False)}), len(masks)
        ctx.save_for_backward(*masks, x, *weights, *restart, *kept)
        ctx.set_materialize_grads(False)
        return y, *state

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, *dstate: Tensor | None) -> tuple[Any, ...]:
        refuse_beyond((dy, *dstate), "Checkpointed or Recompute")
        masks, (x, *rest) = ctx.saved_tensors[: ctx.count], ctx.saved_tensors[ctx.count :]
        run, S = replace(ctx.run, along=along_of(masks, ctx.run.along["reverse"])), len(dstate)
        same, parts = rest[:-S], rest[-S:]  # what every segment reads: the weights and the restart
        wanted = [want for i, want in enumerate(ctx.needs_input_grad[1:]) if not N < i <= N + S]  # x, and those
        kept = list(zip(*(part.unbind() for part in parts), strict=True))
        dx = torch.empty_like(x) if wanted[0] else None
        total: list[Tensor | None] = [None] * len(same)
        for (first, end), start in zip(borders(len(x), run.n, run.along)[::-1], kept[::-1], strict=True):
            coming = None if dy is None else dy[first:end], *dstate
            dpiece, dsame, dstate = _back(run, first, end, [x[first:end], *same], start, coming, wanted)
            if dx is not None:
                dx[first:end] = 0 if dpiece is None else dpiece
            for i, d in enumerate(dsame):
                if d is not None:
                    total[i] = d if total[i] is None else total[i].add_(d)  # type: ignore[union-attr]
        return None, dx, *total[:N], *dstate, *total[N:]


def _back(
    run: Segments,
    first: int,
    end: int,
    read: list[Tensor | None],
    start: State,
    coming: tuple[Tensor | None, ...],
    wanted: Sequence[bool],
) -> tuple[Tensor | None, list[Tensor | None], tuple[Tensor | None, ...]]:
    """One segment forward and back: the gradients of its x, of the rest of `read`, and of the state it starts from."""
    leaves = [*_leaves(read, wanted), *(part.detach().requires_grad_() for part in start)]
    x, *same = leaves[: len(read)]
    with torch.enable_grad():
        begun, weights, restart = tuple(leaves[len(read) :]), Weights(*same[:N]), tuple(same[N:])  # type: ignore[arg-type]
        y, final = run.run(x, begun, weights, restart, first, end)  # type: ignore[arg-type]
    ends = [(out, d) for out, d in zip((y, *final), coming, strict=True) if d is not None and out.requires_grad]
    if not ends:
        return None, [None] * len(same), (None,) * len(start)
    outs, d_outs = zip(*ends, strict=True)
    asked = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
    found = iter(torch.autograd.grad(outs, asked, d_outs, allow_unused=True))
    d = [next(found) if leaf is not None and leaf.requires_grad else None for leaf in leaves]
    return d[0], d[1 : len(read)], tuple(d[len(read) :])


def _leaves(tensors: Sequence[Tensor | None], wanted: Sequence[bool]) -> Iterator[Tensor | None]:
    for tensor, want in zip(tensors, wanted, strict=True):
        yield None if tensor is None else tensor.detach().requires_grad_(want)
