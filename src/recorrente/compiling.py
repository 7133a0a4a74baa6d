"""Lets torch.compile trace our layers, and keeps out of its graphs what it cannot trace.

Dynamo refuses every instance of `nn.RNN`, `nn.GRU` and `nn.LSTM`, subclasses too, unless its `config.allow_rnn` is set:
torch's own forwards unroll over time there. Ours is one operator a layer and direction. Importing Dynamo takes as long
as importing torch, so the setting waits until somebody else imports it. It is torch's setting, hence global: a plain
`nn.LSTM` that is compiled in the same process is traced as well (docs/decisions/0003-eager-and-compiled.md).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

__all__ = ["keep_apart", "let_dynamo_trace"]

CONFIG, DECORATORS = "torch._dynamo.config", "torch._dynamo.decorators"


class _WhenImported(MetaPathFinder):
    """Does something to a module as soon as it has been imported, and leaves."""

    def __init__(self, name: str, then: Callable[[ModuleType], None]) -> None:
        self.name, self.then = name, then

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(self.name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_then(module: ModuleType) -> None:
                execute(module)
                self.then(module)

            spec.loader.exec_module = execute_and_then  # type: ignore[method-assign]
        return spec


def _when_there(name: str, then: Callable[[ModuleType], None]) -> None:
    """Does it now, or when the module is imported."""
    if name in sys.modules:
        then(sys.modules[name])
    else:
        sys.meta_path.insert(0, _WhenImported(name, then))


def let_dynamo_trace() -> None:
    """Sets `torch._dynamo.config.allow_rnn`, now or when Dynamo is imported."""

    def allow(config: ModuleType) -> None:
        config.allow_rnn = True  # type: ignore[attr-defined]

    _when_there(CONFIG, allow)


def keep_apart(module: str, function: str, reason: str) -> None:
    """Lets a function of a module run as it is between two graphs; in its place a whole graph is refused.

    Args:
        module, function: names of what is in `sys.modules`; callers look the function up there when they call it.
        reason: what `torch.compile(fullgraph=True)` and `torch.export` say.
    """

    def disable(decorators: ModuleType) -> None:
        home = sys.modules[module]
        setattr(home, function, decorators.disable(getattr(home, function), reason=reason))

    _when_there(DECORATORS, disable)
