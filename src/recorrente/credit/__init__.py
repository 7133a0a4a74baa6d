"""How the gradient is assigned through time, one file a rule, and what is seen of it."""

from recorrente.credit.checkpointed import Checkpointed
from recorrente.credit.eprop import EProp
from recorrente.credit.flow import Flow, gradient_flow
from recorrente.credit.full import Full
from recorrente.credit.rtrl import Rtrl
from recorrente.credit.snap import SnAp1
from recorrente.credit.truncated import Truncated

__all__ = ["Checkpointed", "EProp", "Flow", "Full", "Rtrl", "SnAp1", "Truncated", "gradient_flow"]
