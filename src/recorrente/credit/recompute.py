"""The whole gradient with the states kept, and the gates computed again for many steps at once.

Knows the core from inside, as `native` does: what a forward pass saves for N rows of one step is what it saves for the
N (step, row) pairs of a sweep, in the order of the steps. `tests/test_credit.py` holds the core to that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from recorrente import native
from recorrente.cells import Cell
from recorrente.credit.checkpointed import Checkpointed, borders
from recorrente.errors import InputError
from recorrente.memory import buffer
from recorrente.notation import State, Weights
from recorrente.sweep import Along, Sweep, said

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Recompute"]

PIECES, ROWS = 8, 2048  # at least so many pieces, of about so many rows where there are enough


@dataclass(frozen=True)
class Recompute:
    """The gradient of `Full` from h and c alone: of T B (G + 1) H values the c of an LSTM stays, T B H; h is y.

    Once all states are known, no step has to wait for another: forward keeps them, and backward computes the gates of
    some 2048 rows, or of an eighth of the sequence, as one product, then goes back through them.
    `benchmarks/credit.py` measures it beside `Checkpointed`.

    The bits are those of `Checkpointed` with the same pieces. On the core only, and without `lengths`, resets, masks,
    peepholes or layer norm: for those, and for what the core lacks, it is that `Checkpointed`. Backward cannot be
    differentiated again, and `torch.compile` does not take it.

    Example:
        >>> import recorrente
        >>> layer = recorrente.LSTM(8, 16, credit=Recompute())
        >>> layer(torch.zeros(1000, 1, 8))[0].sum().backward()
    """

    @staticmethod
    def steps(T: int, B: int) -> int:
        """How many steps are computed again at once."""
        return max(1, min(-(-T // PIECES), max(16, ROWS // max(B, 1))))

    def through(self, sweep: Sweep) -> Sweep:
        """`sweep` where the core does not run it, else the core's with the states kept."""

        def recomputed(
            cell: Cell, x: Tensor, state: State, weights: Weights, **along: Unpack[Along]
        ) -> tuple[Tensor, State]:
            lacking = native.lack(cell, x) or native.transform()
            more = any(t is not None for t in weights[4:]) or said(along).keys() - {"reverse"}
            needed = any(t is not None and t.requires_grad for t in (x, *state, *weights))
            n = self.steps(*x.shape[:2])
            plain = torch.is_grad_enabled() and needed and not torch.compiler.is_compiling()
            if lacking or more or not plain or n < 2 or not x.shape[1]:
                otherwise = Checkpointed(segments=max(1, -(-len(x) // n))).through(sweep)
                return otherwise(cell, x, state, weights, **along)
            code, reverse = native.number_of(cell), along.get("reverse", False)
            y, *final = _Function.apply(code, reverse, n, x, *weights[:4], *state)
            return y, tuple(final[: len(state)])

        return recomputed


class _Function(torch.autograd.Function):
    """The core's sweep, with nothing saved but states. Its inputs after the third are those of the core."""

    @staticmethod
    def forward(ctx: Any, code: int, reverse: bool, n: int, *inputs: Any) -> tuple[Tensor, ...]:
        whole = native.Inputs(*inputs)
        x, state = whole.x, (whole.h0, whole.c0)
        y, c, room = x.new_empty(*x.shape[:2], whole.h0.shape[1]), None, native.Room()
        if whole.c0 is not None:
            c = buffer(y.nbytes)[: y.nbytes].view(y.dtype).view(y.shape)
        for first, end in borders(len(x), n, {"reverse": reverse}):
            piece = whole._replace(x=x[first:end], h0=state[0], c0=state[1])
            way = native.Way(cell=code, reverse=reverse)
            _, h_n, c_n, saved = native.forward(piece, way, saving=c is not None, y=y[first:end], room=room)
            if c is not None:
                kept = _carried(saved, code, piece, end - first)
                c[first:end] = kept.flip(0) if reverse else kept
            state = (h_n, None if c is None else c_n)
        ctx.call = code, reverse, n
        ctx.save_for_backward(*whole, y, c)
        ctx.set_materialize_grads(False)
        return (y, state[0]) if state[1] is None else (y, state[0], state[1])

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, *dstate: Tensor | None) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            cure = "Full() can be differentiated again"
            raise InputError("create_graph", came="True, through Recompute", wanted="False", cure=cure)
        (code, reverse, n), saved = ctx.call, ctx.saved_tensors
        n_in = native.N_INPUTS
        whole, y, c = native.Inputs(*saved[:n_in]), saved[n_in], saved[n_in + 1]
        # Of the state: what a piece hands to the one before it.
        wanted = [*ctx.needs_input_grad[3:8], True, True, *[False] * (n_in - 7)]
        dx = torch.empty_like(whole.x) if wanted[0] else None
        dh, dc = (*dstate, None)[:2]
        dweights: list[Tensor | None] = [None] * 4
        onto: list[Tensor | None] | None = None
        room = native.Room()
        for first, end in borders(len(whole.x), n, {"reverse": reverse})[::-1]:
            piece, piece_y, gates = _again(whole, y, c, first, end, code, reverse, room)
            coming = None if dy is None else _ordered(dy[first:end], reverse), dh, dc
            way = native.Way(cell=code)
            found = native.backward(coming, piece, way, piece_y, gates, wanted, onto=onto, room=room)
            dpiece, *dweights, dh, dc = found[:7]
            if dx is not None and dpiece is not None:
                dx[first:end] = _ordered(dpiece, reverse)
            onto = [None, *dweights, *[None] * (n_in - 5)]
        start = (dh,) if whole.c0 is None else (dh, dc)
        return None, None, None, dx, *dweights, *start


def _ordered(part: Tensor, reverse: bool) -> Tensor:
    return part.flip(0) if reverse else part


def _again(
    whole: native.Inputs,
    y: Tensor,
    c: Tensor | None,
    first: int,
    end: int,
    code: int,
    reverse: bool,
    room: native.Room,
) -> tuple[native.Inputs, Tensor, Tensor]:
    """A piece in the order in which it is read, its y, and what a forward pass over it would have saved."""

    def before(kept: Tensor, start: Tensor) -> Tensor:  # the state before each step of the piece, (n, B, H)
        if first > 0 and not reverse:
            return kept[first - 1 : end - 1]
        at = end if reverse else first - 1
        given = kept[at] if 0 <= at < len(kept) else start
        inner = kept[first + 1 : end].flip(0) if reverse else kept[first : end - 1]
        return torch.cat([given[None], inner])

    x, h = _ordered(whole.x[first:end], reverse), before(y, whole.h0)
    cells = None if c is None or whole.c0 is None else before(c, whole.c0)
    piece = whole._replace(x=x, h0=h[0], c0=None if cells is None else cells[0])
    rows = whole._replace(
        x=x.flatten(0, 1)[None], h0=h.flatten(0, 1), c0=None if cells is None else cells.flatten(0, 1)
    )
    _, _, _, saved = native.forward(rows, native.Way(cell=code), saving=True, room=room)
    return piece, _ordered(y[first:end], reverse), saved


def _carried(saved: Tensor, code: int, piece: native.Inputs, n: int) -> Tensor:
    """The c of every step out of what was saved, (n, B, H) in the order in which they were read; a view."""
    B, H = piece.h0.shape
    slots, place = _place_of_c(code, piece.x.dtype, piece.x.shape[2], H)
    return saved.view(piece.x.dtype)[: n * B * slots].view(n, B, slots)[..., place : place + H]


@lru_cache(maxsize=64)
def _place_of_c(code: int, dtype: torch.dtype, C: int, H: int) -> tuple[int, int]:
    """Values saved a step and row, and where among them c begins: found by looking for the c that comes out."""
    generator = torch.Generator().manual_seed(0)

    def some(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    rows = native.cell_of(code).gates * H
    inputs = native.Inputs(some(1, 2, C), some(rows, C), some(rows, H), None, None, some(2, H), some(2, H))
    _, _, c, saved = native.forward(inputs, native.Way(cell=code), saving=True)
    kept = saved.view(dtype).view(2, -1)
    for place in range(kept.shape[1] - H + 1):
        if torch.equal(kept[:, place : place + H], c):
            return kept.shape[1], place
    raise RuntimeError("the core saves c in no place that Recompute knows: take Checkpointed")
