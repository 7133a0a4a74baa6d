"""What is said when input is refused: the argument, what came, what is wanted, what to do.

Knows only how a refusal is worded. Every other file raises these; only `cli` turns them into exit codes.
"""

from __future__ import annotations

from typing import Any

__all__ = ["InputError", "RunError"]


class InputError(ValueError):
    """An argument, file or folder that cannot be used.

    Args:
        argument: the name of the argument or the path, as the caller knows it.
        came: what was given.
        wanted: what would have been right.
        cure: what to do about it, if that is more than giving what is wanted.

    Example:
        >>> print(InputError("hidden", came=0, wanted="an integer of 1 or more"))
        hidden: got 0, wanted an integer of 1 or more
    """

    def __init__(self, argument: str, *, came: object, wanted: str, cure: str = "") -> None:
        self.argument, self.came, self.wanted, self.cure = argument, came, wanted, cure
        super().__init__(f"{argument}: got {came}, wanted {wanted}" + (f". {cure}" if cure else ""))

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy: what came as it was worded, which any process can read."""
        return _once_more, (type(self), self.argument, str(self.came), self.wanted, self.cure)


def _once_more(kind: type[InputError], argument: str, came: str, wanted: str, cure: str) -> InputError:
    return kind(argument, came=came, wanted=wanted, cure=cure)


class RunError(InputError):
    """A run folder that cannot be read, or cannot be written."""
