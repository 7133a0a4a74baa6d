"""What machine this is and what is installed on it, told without importing torch."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import recorrente
from recorrente import _core

__all__ = ["EXTRAS", "describe"]

EXTRAS: dict[str, tuple[str, ...]] = {
    "text": ("tokenizers",),
    "audio": ("soundfile", "librosa"),
    "video": ("av",),
    "table": ("polars",),
}
"""The optional extras, and the modules that each of them brings."""


def describe() -> dict[str, Any]:
    """What `recorrente info` prints, as plain values.

    Example:
        >>> describe()["recorrente"] == recorrente.__version__
        True
    """
    return {
        "recorrente": recorrente.__version__,
        "torch": _version("torch"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "threads": _threads(),
        "target": _core.target(),
        "targets": _core.targets(),
        "extras": {name: all(find_spec(module) is not None for module in EXTRAS[name]) for name in EXTRAS},
        "data": os.environ.get("RECORRENTE_DATA", ""),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _threads() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
