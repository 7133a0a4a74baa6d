"""Products of Jacobians along time, by probes: singular values of dh_T / dh_t and Lyapunov exponents.

Knows J_t = ds_t / ds_{t-1} as an operation on vectors, from the derivatives of a cell unit by unit. It holds
T B H S (S + G) values and the probes; never a matrix for each step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recorrente.credit.online import Step
from recorrente.credit.subject import subject
from recorrente.credit.trace import Trace, traced
from recorrente.errors import InputError
from recorrente.notation import State

__all__ = ["Jacobians", "jacobians", "lyapunov_exponents", "singular_values"]

SPARE, POWERS = 24, 6  # probes beside those wanted, and power iterations: Halko et al., arXiv 0909.4061


@dataclass(frozen=True)
class Jacobians:
    """J_t of one layer and direction, in the order of its steps, to be applied to k probes (B, S, H, k)."""

    by_state: Tensor  # (T, B, S, H, G)
    direct: Tensor  # (T, B, S, S, H)
    weight_hh: Tensor  # (G*H, H)
    drop: Tensor | None = None  # (B, H), what h is multiplied with on its way into W_hh

    def __len__(self) -> int:
        """T, the number of steps."""
        return len(self.by_state)

    def push(self, t: int, v: Tensor) -> Tensor:
        """J_t v: from a change before step t to that after it."""
        B, _, H, k = v.shape
        products = (self.weight_hh @ self._dropped(v[:, 0])).view(B, -1, H, k)  # (B, G, H, k)
        passing = torch.einsum("bpqh,bqhk->bphk", self.direct[t], v)
        return passing + torch.einsum("bphg,bghk->bphk", self.by_state[t], products)

    def pull(self, t: int, u: Tensor) -> Tensor:
        """J_t^T u: from a gradient after step t to that before it."""
        passing = torch.einsum("bpqh,bphk->bqhk", self.direct[t], u)
        gates = torch.einsum("bphg,bphk->bghk", self.by_state[t], u).flatten(1, 2)  # (B, G*H, k)
        passing[:, 0] += self._dropped(self.weight_hh.T @ gates)
        return passing

    def _dropped(self, v: Tensor) -> Tensor:
        return v if self.drop is None else v * self.drop[..., None]


def jacobians(module: Any, x: Tensor, state: State | None = None) -> list[Jacobians]:
    """J_t of every layer and direction of `module`, along the trajectory of `x (T, B, C)` from its first state.

    Raises:
        InputError: a module that is none of ours, a cell that is not pointwise, or an x without steps or rows, or of
            another width.
    """
    layer, x = subject(module, x)
    seen: list[Trace] = []
    with torch.no_grad():
        layer.run(x, layer.first_state(x) if state is None else state, traced(seen))
    if not all(trace.pointwise for trace in seen):
        raise InputError("module", came=repr(layer.cell), wanted="a pointwise cell without projection")
    return [_of(trace) for trace in seen]


def _of(trace: Trace) -> Jacobians:
    """The derivatives of all steps at once: the steps are rows of one batch."""
    assert trace.from_input is not None
    order = torch.tensor(trace.order, device=trace.from_input.device)
    (T, B), weight = trace.inside.shape, trace.weights.weight_hh.detach()
    before = tuple(torch.cat([trace.before[t][p] for t in trace.order]) for p in range(len(trace.before[0])))
    a = trace.from_input[order].flatten(0, 1)
    after, step = Step.at(trace.cell, a, torch.cat([trace.from_state[t] for t in trace.order]), before, a, weight)
    if any(z is not None for z in trace.zone):
        zone = tuple(None if z is None else z.index_select(0, order).flatten(0, 1) for z in trace.zone)
        _, step = step.zoned(after, before, zone)
    return Jacobians(step.by_state.unflatten(0, (T, B)), step.direct.unflatten(0, (T, B)), weight, trace.drop)


def singular_values(module: Any, x: Tensor, *, lag: int, most: int = 8) -> Tensor:
    """The largest singular values of dh_T / dh_{T-lag}, (L, B, min(most, H)), along the trajectory of `x`.

    The way through h alone, and through the rest of the state as far as it starts and ends in h. By a randomised
    decomposition with 6 power iterations: exact where `most` + 24 is H or more; else the error of each is about its
    ratio to the (most + 24)-th to the power 13. NaN for a row whose trajectory is not finite.

    Args:
        module: a layer, or a `Network` of one and a head, with its encoder.
        x: `(T, B, C)`, or what the network's encoder makes that of; T and B count behind it.
        lag: T - t, from 0 to T.
        most: how many.

    Example:
        >>> import recorrente
        >>> singular_values(recorrente.GRU(3, 5), torch.randn(20, 2, 3), lag=10, most=4).shape
        torch.Size([1, 2, 4])
    """
    layer, x = subject(module, x)
    if not 0 <= lag <= len(x):
        raise InputError("lag", came=lag, wanted=f"steps from 0 to T, here {len(x)}")
    if most < 1:
        raise InputError("most", came=most, wanted="1 or more")
    return torch.stack([_singular_values(J, len(x) - lag, most) for J in jacobians(layer, x)])


def _singular_values(J: Jacobians, first: int, most: int) -> Tensor:
    _, B, S, H, _ = J.by_state.shape
    steps = range(first, len(J))

    def push(v: Tensor) -> Tensor:  # (B, H, k) -> (B, H, k)
        whole = torch.cat([v[:, None], v.new_zeros(B, S - 1, *v.shape[1:])], dim=1)
        for t in steps:
            whole = J.push(t, whole)
        return whole[:, 0]

    def pull(u: Tensor) -> Tensor:
        whole = torch.cat([u[:, None], u.new_zeros(B, S - 1, *u.shape[1:])], dim=1)
        for t in reversed(steps):
            whole = J.pull(t, whole)
        return whole[:, 0]

    generator = torch.Generator("cpu").manual_seed(0)
    probes = torch.randn(B, H, min(H, most + SPARE), generator=generator, dtype=torch.float64, device="cpu")
    q = torch.linalg.qr(probes.to(J.by_state)).Q
    for _ in range(POWERS):
        q = torch.linalg.qr(pull(torch.linalg.qr(push(q)).Q)).Q
    return _svdvals(push(q))[:, :most]


def _svdvals(v: Tensor) -> Tensor:
    """Of each matrix, in falling order; NaN where it is not finite, at which torch's would stop."""
    broken = ~v.isfinite().flatten(1).all(dim=1)
    return torch.linalg.svdvals(v.masked_fill(broken[:, None, None], 0)).masked_fill(broken[:, None], torch.nan)


def lyapunov_exponents(module: Any, x: Tensor, *, most: int = 4, settle: int = 0) -> Tensor:
    """The largest Lyapunov exponents along the trajectory of `x`, (L, B, min(most, S*H)), natural logarithm a step.

    Over 0: two trajectories that start close part ways, and gradients explode; under 0: they meet, and gradients
    vanish. Of the whole state (h, and c of an LSTM), from the diagonals of R in a QR at every step.

    Source: G. Benettin et al., Meccanica 15 (1980).

    Args:
        module: a layer, or a `Network` of one and a head, with its encoder.
        x: `(T, B, C)`, or what the network's encoder makes that of; T and B count behind it.
        most: how many.
        settle: steps at the start that are not counted.

    Example:
        >>> import recorrente
        >>> lyapunov_exponents(recorrente.LSTM(3, 5), torch.randn(50, 2, 3), most=2).shape
        torch.Size([1, 2, 2])
    """
    layer, x = subject(module, x)
    if not 0 <= settle < len(x):
        raise InputError("settle", came=settle, wanted=f"fewer steps than T, here {len(x)}")
    if most < 1:
        raise InputError("most", came=most, wanted="1 or more")
    return torch.stack([_exponents(J, most, settle) for J in jacobians(layer, x)])


def _exponents(J: Jacobians, most: int, settle: int) -> Tensor:
    T, B, S, H, _ = J.by_state.shape
    k = min(most, S * H)
    generator = torch.Generator("cpu").manual_seed(0)
    probes = torch.randn(B, S * H, k, generator=generator, dtype=torch.float64, device="cpu")
    q, total = torch.linalg.qr(probes.to(J.by_state)).Q, J.by_state.new_zeros(B, k)
    for t in range(T):
        q, r = torch.linalg.qr(J.push(t, q.view(B, S, H, k)).reshape(B, S * H, k))
        if t >= settle:
            total += r.diagonal(dim1=1, dim2=2).abs().log()
    return (total / (T - settle)).sort(dim=1, descending=True).values
