"""What is said when input is refused: the argument, what came, what is wanted, what to do.

Knows only how a refusal is worded. Every other file raises these; only `cli` turns them into exit codes.
"""

from __future__ import annotations

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


class RunError(InputError):
    """A run folder that cannot be read, or cannot be written."""
