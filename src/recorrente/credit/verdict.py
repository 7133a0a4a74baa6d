"""What a gradient's norms amount to, in a sentence with numbers and advice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Verdict", "judge"]

FAINT, LOUD = 0.01, 100.0


@dataclass(frozen=True)
class Verdict:
    """How a layer's gradient fares on its way back.

    Attributes:
        word: `vanishing`, `exploding`, `carried`, `none` or `not finite`.
        reach: steps back from the last step that has any gradient: to the nearest whose norm is under 1 % of the one
            there, where it vanishes; else to the first that has any; to the nearest that is not finite, where one is.
        factor: by what it is multiplied a step, on the geometric mean over these; 0 where there is no number for it.
        sentence: the same in words, with what to try.
    """

    word: str
    reach: int
    factor: float
    sentence: str


def judge(norms: Tensor, gates: Sequence[str] = ()) -> Verdict:
    """The verdict on `norms (T,)`, dL/dh_t in the order in which the sweep reads the steps.

    The way back starts at the last step that has any gradient. Vanishing: a norm on the way is under 1 % of the one
    there. Exploding: the first step's is over 100 times as large. Not finite: one of them is NaN or infinite, and says
    nothing of the others. `gates`: the names of the layer's, where it has some: then it is not told to try them.

    Example:
        >>> import torch
        >>> print(judge(0.5 ** torch.arange(30.0).flip(0)).sentence)
        The gradient falls under 1 % after 7 steps (x 0.5 a step): vanishing. Try an LSTM or GRU, an orthogonal start \
or a larger bias of the forget gate.
    """
    sizes = norms.double().tolist()
    if broken := [t for t, size in enumerate(sizes) if not math.isfinite(size)]:
        return _not_finite(sizes, broken)
    present = [t for t, size in enumerate(sizes) if size > 0]
    if not present:
        return Verdict("none", 0, 0.0, "No gradient reaches this layer. Is the loss a function of its outputs?")
    last, first = present[-1], sizes[present[0]]
    way = last - present[0]
    factor = (first / sizes[last]) ** (1 / way) if way else 1.0
    faint = next((t for t in range(last, -1, -1) if sizes[t] < FAINT * sizes[last]), None)
    if faint is not None:
        reach = last - faint
        factor = (sizes[faint] / sizes[last]) ** (1 / reach)
        said = f"The gradient falls under 1 % after {reach} steps (x {factor:.3g} a step): vanishing. "
        return Verdict("vanishing", reach, factor, said + _cure(gates))
    if first > LOUD * sizes[last]:
        said = (
            f"The gradient grows {first / sizes[last]:.3g} times over {way} steps (x {factor:.3g} a step): exploding. "
        )
        return Verdict("exploding", way, factor, said + "Clip its norm, start from smaller weights, or truncate.")
    return Verdict("carried", way, factor, f"The gradient reaches back {way} steps (x {factor:.3g} a step): carried.")


def _not_finite(sizes: Sequence[float], broken: Sequence[int]) -> Verdict:
    """The verdict where the norms of the steps `broken` are NaN or infinite."""
    last = max(t for t, size in enumerate(sizes) if size)  # NaN is truthy, as it should be
    said = f"The gradient is NaN or infinite at {len(broken)} of {len(sizes)} steps: not finite. "
    cure = "Look for such values in x, the weights and the loss; where training made them, lower its rate or clip."
    return Verdict("not finite", last - broken[-1], 0.0, said + cure)


def _cure(gates: Sequence[str]) -> str:
    """What to try where a gradient vanishes."""
    if len(gates) < 2:
        return "Try an LSTM or GRU, an orthogonal start or a larger bias of the forget gate."
    keeper = next((gate for gate in ("f", "z") if gate in gates), None)
    more = f", or a larger bias of {keeper}, the gate that keeps the state" if keeper else ""
    return f"Try an orthogonal start{more}."
