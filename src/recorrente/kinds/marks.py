"""Marks by which it is seen whether data is still what a network learnt from and was tested on.

Knows dataclasses of arrays, numbers and words; what they mean, each kind knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from recorrente.errors import InputError

__all__ = ["TESTED", "changed", "marks", "moved", "same"]

Data = TypeVar("Data")

PARTS = ("train", "validation", "test", "train_text", "held_out_text", "table.tracks")
"""Where data has its parts; running text as it reads, and of a table, which is cut by time, all series."""
VERSION = "1"
"""Of what is digested and how; marks of another version tell nothing."""
TESTED = ("test", "held_out_text", "table.tracks")
"""Those that hold what is tested on."""


def marks(data: Any) -> dict[str, str]:
    """A digest of the contents of each part, by its name; none of data that is made where it is read.

    Example:
        >>> from recorrente.data import image
        >>> sorted(marks(image.load("digits")))
        ['test', 'train', 'version']
    """
    return {"version": VERSION} | {name: _digest(part) for name in PARTS if (part := _part(data, name)) is not None}


def changed(before: Mapping[str, str], data: Any, parts: Collection[str] = PARTS) -> list[str]:
    """Which of the parts are not what they were; none where nobody marked them."""
    if before.get("version") != VERSION:
        return []
    return [name for name in parts if name in before and before[name] != _digest(_part(data, name))]


def same(before: Mapping[str, str], data: Any) -> bool:
    """Whether it is the marked data itself, wherever it lies now."""
    return before.get("version") == VERSION and not changed(before, data)


def moved(before: Mapping[str, str], load: Callable[[], Data]) -> Data | None:
    """The marked data, where it only lies elsewhere now, in the parts that it had; None of other data.

    What cannot be loaded as the marked data was is other data, too: it is read next as that, and refused if it must be.
    """
    try:
        data = load()
    except InputError:
        return None
    return data if same(before, data) else None


def _part(data: Any, name: str) -> Any:
    try:
        return attrgetter(name)(data)
    except AttributeError:
        return None


def _digest(part: Any) -> str:
    sums = hashlib.blake2b(digest_size=16)
    _add(sums, part)
    return sums.hexdigest()


def _add(sums: hashlib.blake2b, part: Any) -> None:
    """Adds a part with its types and sizes, so that no two parts are told alike."""
    if isinstance(part, np.ndarray):
        sums.update(f"array {part.dtype.str} {part.shape}\n".encode())
        sums.update(np.ascontiguousarray(part).data)
    elif is_dataclass(part):
        for one in fields(part):
            _add(sums, getattr(part, one.name))
    elif isinstance(part, tuple | list) and not all(isinstance(one, str | int) for one in part):
        sums.update(f"{len(part)} items\n".encode())
        for one in part:
            _add(sums, one)
    else:
        sums.update(f"{part!r}\n".encode())
