"""Credit rules by name, as the command and a run's config write them."""

from __future__ import annotations

import re
from collections.abc import Callable

from recorrente.credit.checkpointed import Checkpointed
from recorrente.credit.eprop import EProp
from recorrente.credit.full import Full
from recorrente.credit.recompute import Recompute
from recorrente.credit.rtrl import Rtrl
from recorrente.credit.snap import SnAp1
from recorrente.credit.truncated import Truncated
from recorrente.errors import InputError
from recorrente.sweep import Credit

__all__ = ["FORMS", "named"]

RULES: dict[str, tuple[Callable[..., Credit], int, int]] = {  # and how few and how many numbers it takes
    "full": (Full, 0, 0),
    "truncated": (Truncated, 1, 2),
    "checkpointed": (Checkpointed, 0, 1),
    "recompute": (Recompute, 0, 0),
    "rtrl": (Rtrl, 0, 0),
    "snap1": (SnAp1, 0, 0),
    "eprop": (EProp, 0, 0),
}

FORMS = "full, truncated:WINDOW[,STRIDE], checkpointed[:SEGMENTS], recompute, rtrl, snap1, eprop"
"""What `named` reads."""


def named(text: str) -> Credit:
    """The rule of a name and its numbers.

    Raises:
        InputError: no such rule, or numbers that it does not take; it names `credit`, as the command does.

    Example:
        >>> named("truncated:20"), named("truncated:20,5"), named("checkpointed")
        (Truncated(window=20, stride=20), Truncated(window=20, stride=5), Checkpointed(segments=None, memory=None))
    """
    found = re.fullmatch(r"([a-z0-9]+)(?::(\d+(?:,\d+)*))?", text) if isinstance(text, str) else None
    rule, least, most = RULES.get(found[1], (Full, 1, 0)) if found else (Full, 1, 0)
    numbers = [int(number) for number in found[2].split(",")] if found and found[2] else []
    if not least <= len(numbers) <= most:
        raise InputError("credit", came=repr(text), wanted=f"one of {FORMS}")
    try:
        return rule(*numbers)
    except InputError as error:
        came = f"{text!r}, a {error.argument} of {error.came}"
        raise InputError("credit", came=came, wanted=error.wanted, cure=error.cure) from error
