"""What a rule refuses whose way back is no operation of torch's: it is gone once, and for one gradient at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from recorrente import calls
from recorrente.errors import InputError

__all__ = ["refuse_beyond"]


def refuse_beyond(gradients: Sequence[Tensor | None], rule: str) -> None:
    """Refuses a backward pass that is to be differentiated again, or to carry many gradients at once.

    Args:
        gradients: that come from y and the final state.
        rule: its name, for the error.

    Raises:
        InputError: one of them.
    """
    if not calls.beyond(gradients):
        return
    again = torch.is_grad_enabled()
    name, cure = "create_graph" if again else "is_grads_batched", "Full() can be differentiated again"
    came = f"True, or vmap, through {rule}" if not again else f"True, through {rule}"
    raise InputError(name, came=came, wanted="False", cure=cure if again else "Full() takes many gradients at once")
