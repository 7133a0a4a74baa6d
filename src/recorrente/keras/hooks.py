"""What someone had torch call around a module, which on the backend torch a Keras layer or cell is, too.

A loop that does not call a cell at every step calls none of its hooks, and a copy of a layer's weights has none. So
both ask here first.
"""

from __future__ import annotations

from typing import Any

from recorrente.errors import InputError

__all__ = ["hooks_of", "refuse_gradient_hook"]

_KINDS = {
    "forward": ("_forward_hooks", "_forward_pre_hooks"),
    "backward": ("_backward_hooks", "_backward_pre_hooks"),
}


def hooks_of(value: Any) -> str:
    """The hooks that a module has, in words; empty where it has none, or is no module of torch's."""
    kinds = [kind for kind, names in _KINDS.items() if any(getattr(value, name, None) for name in names)]
    return f"{' and '.join(kinds)} hooks" if kinds else ""


def refuse_gradient_hook(argument: str, name: str, weight: Any) -> None:
    """Refuses a weight that learns from what a hook makes of its gradient."""
    if getattr(weight, "requires_grad", False) and weight._backward_hooks:
        cure = "The handle.remove() of what registered it takes it off; a copy.deepcopy of the whole has none."
        came = f"{name} with a hook on its gradient"
        raise InputError(argument, came=came, wanted="weights that learn from the gradient as it is", cure=cure)
