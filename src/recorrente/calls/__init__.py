"""Calls of the C++ core from tensors, forward and backward, and what autograd and the compilers are told of them.

From `codes` and `arguments` over `passes`, which calls, to its two wrappings, `eager` and `operator`.
"""

from recorrente.calls.arguments import N_INPUTS, RESTARTS, Inputs, Way, given, way
from recorrente.calls.codes import DTYPES, gradient_stretch, number_of
from recorrente.calls.detour import SlowPathWarning, beyond, through_reference
from recorrente.calls.passes import backward, bias_sums, forward, unshared

__all__ = [
    "DTYPES",
    "N_INPUTS",
    "RESTARTS",
    "Inputs",
    "SlowPathWarning",
    "Way",
    "backward",
    "beyond",
    "bias_sums",
    "forward",
    "given",
    "gradient_stretch",
    "number_of",
    "through_reference",
    "unshared",
    "way",
]
