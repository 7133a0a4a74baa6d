"""How the gradient is assigned through time, one file a rule, and what is seen of it."""

from recorrente.credit.checkpointed import Checkpointed
from recorrente.credit.eprop import EProp
from recorrente.credit.flow import Flow, gradient_flow
from recorrente.credit.full import Full
from recorrente.credit.names import named
from recorrente.credit.recompute import Recompute
from recorrente.credit.rtrl import Rtrl
from recorrente.credit.snap import SnAp1
from recorrente.credit.spectrum import lyapunov_exponents, singular_values
from recorrente.credit.truncated import Truncated
from recorrente.credit.verdict import Verdict, judge

__all__ = [
    "Checkpointed",
    "EProp",
    "Flow",
    "Full",
    "Recompute",
    "Rtrl",
    "SnAp1",
    "Truncated",
    "Verdict",
    "gradient_flow",
    "judge",
    "lyapunov_exponents",
    "named",
    "singular_values",
]
