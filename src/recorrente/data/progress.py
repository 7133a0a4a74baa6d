"""How a long wait is told: readers and downloads call it, whoever shows a bar passes it in."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "silent"]

Progress = Callable[[str, int, int], None]
"""`(what, done, total)`, called as `done` grows; total is 0 while it is not known."""


def silent(what: str, done: int, total: int) -> None:
    """The progress that nobody watches."""
