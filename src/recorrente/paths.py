"""Says where the recurrent layers of a model would run, and why. Runs nothing faster and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.hooks import RemovableHandle

from recorrente.errors import InputError
from recorrente.layers import Recurrent, TorchLayer
from recorrente.native import lack, target, transform
from recorrente.stateful import Stateful

__all__ = ["Explanation", "Where", "explain"]

WANTED = "what the layer would be called with: an input first"


@dataclass(frozen=True)
class Where:
    """One layer's way.

    Args:
        name: the layer's, inside the model; empty for the model itself.
        layer: what it is, as it prints itself.
        path: `native` (the C++ core), `reference` (a Python loop over the steps) or `torch` (torch's own forward).
        target: the vector code of the core (`avx2`, ...); empty on the other paths.
        threads: the most that it may use.
        reason: what keeps it from the core; on the core, whether it saves for a backward pass.
        credit: the credit rule, as it prints itself; empty where the layer has none, which is the full gradient.
    """

    name: str
    layer: str
    path: str
    target: str
    threads: int
    reason: str
    credit: str = ""

    def __str__(self) -> str:
        where = f"{self.path} ({self.target}, up to {self.threads} threads)" if self.target else self.path
        rule = f"; credit: {self.credit}" if self.credit else ""
        return f"{self.name + ': ' if self.name else ''}{self.layer} -> {where}: {self.reason}{rule}"


@dataclass(frozen=True)
class Explanation:
    """The ways of all recurrent layers of a model, in the order of `named_modules`; prints one a line."""

    layers: tuple[Where, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.layers)) or "no recurrent layer was reached"

    __repr__ = __str__


def explain(module: nn.Module, *inputs: Any, **keywords: Any) -> Explanation:
    """What `module(*inputs, **keywords)` would run its recurrent layers on, here and now.

    Here and now: dtype and device of the input, grad mode, autocast and the number of threads count. A recurrent layer
    is only asked; any other module is run once without gradients, to see what reaches the layers inside.

    Args:
        module: a recurrent layer, ours or torch's, or a model of them.
        inputs, keywords: what it would be called with.

    Example:
        >>> print(explain(nn.GRU(4, 8), torch.zeros(5, 3, 4)))
        GRU(4, 8) -> torch: the class is torch.nn's own; recorrente.accelerate(model) makes it ours
    """
    grad = torch.is_grad_enabled()
    if isinstance(module, nn.RNNBase | Recurrent):
        return Explanation((_where("", module, inputs, keywords, grad),))
    layers = {name: part for name, part in module.named_modules() if isinstance(part, nn.RNNBase | Recurrent)}
    seen: dict[str, Where] = {}

    def watch(name: str, layer: nn.Module) -> RemovableHandle:
        def note(layer: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            seen.setdefault(name, _where(name, layer, inputs, keywords, grad))

        return layer.register_forward_pre_hook(note, with_kwargs=True)

    hooks = [watch(name, layer) for name, layer in layers.items()]
    try:
        with _unchanged(module), torch.no_grad():
            module(*inputs, **keywords)
    finally:
        for hook in hooks:
            hook.remove()
    return Explanation(tuple(seen[name] for name in layers if name in seen))


@contextmanager
def _unchanged(module: nn.Module) -> Iterator[None]:
    """Runs on copies of the buffers; afterwards they, kept states and the CPU's random numbers are as they were."""
    buffers = [(part, dict(part._buffers)) for part in module.modules()]
    states = [(part, part.state) for part in module.modules() if isinstance(part, Stateful)]
    try:
        for part, own in buffers:
            part._buffers.update({name: None if one is None else one.detach().clone() for name, one in own.items()})
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for part, own in buffers:
            part._buffers.clear()
            part._buffers.update(own)
        for kept, state in states:
            kept.state = state


def _where(name: str, layer: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any], grad: bool) -> Where:
    called = _by_name(layer, inputs, keywords)
    given = inputs[0] if inputs else next(iter(called.values()), None)
    if not isinstance(given, Tensor | PackedSequence):
        raise InputError("inputs", came=repr(given)[:60], wanted=WANTED)
    x = given.data if isinstance(given, PackedSequence) else given
    with torch.set_grad_enabled(grad):
        path, reason = _path(layer, x, called)
    if path == "native":
        saves = grad and any(tensor.requires_grad for tensor in (*_tensors(called), *layer.parameters()))
        reason = "saves for the backward pass" if saves else "saves nothing, for no gradient can come"
    return Where(
        name, str(layer), path, target() if path == "native" else "", torch.get_num_threads(), reason, _credit(layer)
    )


def _credit(layer: nn.Module) -> str:
    rule = getattr(layer, "credit", None)
    return "" if rule is None else repr(rule)


def _by_name(layer: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
    """What the layer's forward would be given, in its own order."""
    if not (inputs or keywords):
        return {}
    try:
        return dict(signature(layer.forward).bind(*inputs, **keywords).arguments)
    except TypeError as error:
        came = f"a call that {type(layer).__name__} does not take ({error})"
        raise InputError("inputs", came=came, wanted=WANTED) from None


def _tensors(called: dict[str, Any]) -> Iterator[Tensor]:
    """All that a layer is given: its input, and the tensors or tuples of such that are its states."""
    for given in called.values():
        if isinstance(given, PackedSequence):
            yield given.data
        else:
            parts = given if isinstance(given, tuple | list) else (given,)
            yield from (part for part in parts if isinstance(part, Tensor))


def _path(layer: nn.Module, x: Tensor, called: dict[str, Any]) -> tuple[str, str]:
    if isinstance(layer, Recurrent):
        reason = lack(layer.cell, x, zone=(x.detach(),) if layer.noise.zoneout else None) or transform()
        return ("reference" if reason else "native"), reason
    if not isinstance(layer, TorchLayer):
        return "torch", "the class is torch.nn's own; recorrente.accelerate(model) makes it ours"
    if x.is_cpu and torch.is_autocast_enabled("cpu"):
        x = x.to(layer.weight_ih_l0.dtype)
    if called.get("trace"):
        return "reference", "trace=True keeps every step, which the reference does"
    return layer.path(x, lengths=called.get("lengths") is not None, reset=called.get("reset") is not None)
