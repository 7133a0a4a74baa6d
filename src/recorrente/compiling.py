"""Lets torch.compile trace our layers.

Dynamo refuses every instance of `nn.RNN`, `nn.GRU` and `nn.LSTM`, subclasses too, unless its `config.allow_rnn` is set:
torch's own forwards unroll over time there. Ours is one operator a layer and direction. Importing Dynamo takes as long
as importing torch, so the setting waits until somebody else imports it. It is torch's setting, hence global: a plain
`nn.LSTM` that is compiled in the same process is traced as well (docs/decisions/0003-eager-and-compiled.md).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

__all__ = ["let_dynamo_trace"]

CONFIG = "torch._dynamo.config"


class _WhenImported(MetaPathFinder):
    """Sets `allow_rnn` as soon as Dynamo's config has been imported, and leaves."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != CONFIG:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(CONFIG)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_allow(module: ModuleType) -> None:
                execute(module)
                module.allow_rnn = True  # type: ignore[attr-defined]

            spec.loader.exec_module = execute_and_allow  # type: ignore[method-assign]
        return spec


def let_dynamo_trace() -> None:
    """Sets `torch._dynamo.config.allow_rnn`, now or when Dynamo is imported."""
    if CONFIG in sys.modules:
        sys.modules[CONFIG].allow_rnn = True  # type: ignore[attr-defined]
    else:
        sys.meta_path.insert(0, _WhenImported())
