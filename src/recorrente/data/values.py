"""What the cells of a table's columns hold: numbers, whichever way they are written, words, times, or nothing.

A cell is without a value where it is empty or holds NA, NaN, null, none, n/a, - or ?.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recorrente.data.cells import MISSING, OTHER, Numerals, first_few, with_point
from recorrente.data.sheets import Sheet
from recorrente.data.times import parse
from recorrente.errors import InputError

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "NUMERIC",
    "Deciphered",
    "decipher",
    "first_of",
    "is_whole",
    "kind_of",
    "levels_of",
    "numbers_of",
    "present_in",
    "told_of_numbers",
]

NUMERIC = 0.9
"""The share of a column's values that must be numbers for it to be a column of numbers."""
LEVELS = 20
"""A column of words with no more different ones is told to the network, a channel for each."""


def present_in(column: pl.Series) -> pl.Series:
    """The column with nulls for what counts as missing."""
    import polars as pl

    if column.dtype == pl.String:
        stripped = column.str.strip_chars()
        return stripped.set(stripped.str.to_lowercase().is_in(MISSING), None)
    return column


def numbers_of(column: pl.Series) -> pl.Series:
    """The column as float64, null where a cell holds no number."""
    import polars as pl

    if column.dtype == pl.Boolean or column.dtype.is_numeric():
        return column.cast(pl.Float64).fill_nan(None)
    if column.dtype != pl.String:
        return pl.Series(column.name, [None] * len(column), dtype=pl.Float64)
    values = present_in(column).cast(pl.Float64, strict=False)
    return values.set(~values.is_finite().fill_null(value=True), None)


def is_whole(column: pl.Series) -> bool:
    """Whether every cell holds a whole number."""
    values = numbers_of(column)
    return values.count() == len(column) and bool((values == values.round()).all())


def kind_of(column: pl.Series) -> str:
    """`numbers`, `words`, or why a column is nothing that a network can read."""
    present = present_in(column)
    if not present.count():
        return "nothing"
    values = numbers_of(column)
    if values.count() >= NUMERIC * present.count():
        numbers = values.drop_nulls().to_numpy()
        if len(numbers) == len(column) > 2 and numbers[0] in (0, 1) and (np.diff(numbers) == 1).all():
            return "counter"
        return "constant" if (numbers == numbers[0]).all() else "numbers"
    if present.n_unique() - bool(present.null_count()) <= LEVELS:
        return "constant" if present.drop_nulls().n_unique() == 1 else "words"
    return "times" if parse(column) else "text"


def levels_of(column: pl.Series) -> tuple[str, ...]:
    """The different words of a column, sorted."""
    import polars as pl

    return tuple(sorted(present_in(column).drop_nulls().cast(pl.String).unique().to_list()))


def first_of(column: pl.Series) -> object:
    """What stands in the first cell with a value; nothing where there is none."""
    present = present_in(column).drop_nulls()
    return present[0] if len(present) else ""


@dataclass(frozen=True)
class Deciphered:
    """A table with its numbers as Python writes them.

    Attributes:
        frame: the table.
        decimals: the mark before the decimals of each column that has one.
        doubtful: a cell of each column of which that cannot be told; its numbers have no decimals here.
        told: by column, what a cell was taken for that could be read otherwise; nothing where there is none.
    """

    frame: pl.DataFrame
    decimals: Mapping[str, str]
    doubtful: Mapping[str, str]
    told: Mapping[str, str]


def decipher(sheet: Sheet, learnt: Mapping[str, str]) -> Deciphered:
    """The numbers of a table, whichever way they are written; `learnt` are the marks of decimals known before."""
    import polars as pl

    texts = {column.name: present_in(column) for column in sheet.frame if column.dtype == pl.String}
    counted = {name: Numerals.of(cells) for name, cells in texts.items()}
    numbers = {
        name: one
        for name, one in counted.items()
        if one.count >= max(1, NUMERIC * texts[name].count()) or name in learnt
    }
    own = {one.own for one in numbers.values() if one.own}
    others = own.pop() if len(own) == 1 else ""
    marks = {
        name: one.own or one.beside(learnt.get(name, ""), others, sheet.delimiter)
        for name, one in numbers.items()
        if one.own or one.either
    }
    made = {name: with_point(sheet.frame[name], mark) for name, mark in marks.items()}
    decimals = {name: mark for name, mark in marks.items() if mark}
    return Deciphered(
        sheet.frame.with_columns(made.values()),
        decimals,
        {name: numbers[name].first for name in marks if name not in decimals},
        {
            name: _told(texts[name], made[name], mark, certain=bool(numbers[name].own))
            for name, mark in decimals.items()
        },
    )


def _told(cells: pl.Series, made: pl.Series, mark: str, *, certain: bool) -> str:
    """What the first cell was taken for that has a mark between thousands, or may have one."""
    import polars as pl

    marks = OTHER[mark] if certain else "".join(OTHER)
    at = (cells.str.contains(f"[{marks}]") & made.cast(pl.Float64, strict=False).is_not_null()).arg_true()
    return f"{cells[at[0]]} is {float(made[at[0]]):.15g}" if len(at) else ""


def told_of_numbers(path: Path, deciphered: Deciphered, names: Sequence[str]) -> list[str]:
    """What is told of numbers that could be read otherwise.

    Raises:
        InputError: numbers of which nothing tells how they are to be read.
    """
    for name in names:
        if name in deciphered.doubtful:
            cell = deciphered.doubtful[name]
            came = f"column {name!r}, in which {cell!r} may have decimals or be of thousands"
            cure = "Write it without a mark if it is of thousands; else give every cell as many decimals, as in 980.000"
            raise InputError(str(path), came=came, wanted="numbers that can be read in one way only", cure=cure)
    told = [f"{what} in {name}" for name in names if (what := deciphered.told.get(name))]
    return [f"numbers: {first_few(told, '; ', 'columns more')}"] if told else []
