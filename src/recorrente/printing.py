"""What a command prints: a table for people, JSON for programs, a line that says why it ends.

Results go to stdout, refusals to stderr.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

__all__ = ["fail", "in_words", "print_json", "print_table", "short"]


def print_json(told: Any) -> None:
    """For programs. What is no finite number is null: JSON has no word for it."""
    print(json.dumps(_finite(told), indent=2, ensure_ascii=False, allow_nan=False))


def _finite(told: Any) -> Any:
    if isinstance(told, Mapping):
        return {name: _finite(value) for name, value in told.items()}
    if isinstance(told, list | tuple):
        return [_finite(value) for value in told]
    return None if isinstance(told, float) and not math.isfinite(told) else told


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows for people in a terminal; tab-separated values, with a first row of names, for anything else."""
    if not sys.stdout.isatty():
        csv.writer(sys.stdout, dialect="excel-tab", lineterminator="\n").writerows([columns, *rows])
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(value) for value in row))
    Console().print(table)


def short(value: object) -> str:
    """A cell of a table: four decimals of a number that has some."""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def in_words(value: object) -> str:
    """A value, several of them, or what is there and what is not, on a line."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {'yes' if there else 'no'}" for name, there in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value) if value != "" else "not set"


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends the command in a line that says why."""
    print(f"recorrente: {message}", file=sys.stderr)
    raise SystemExit(code)
