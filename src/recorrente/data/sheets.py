"""What stands in a file of a table, CSV or Parquet: its rows, their numbers, and the names of its columns.

What is in the cells, and what each column is, it leaves to `values` and `columns`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recorrente.data.cells import NUMBER, are_names, declared, delimiter_of, first_few
from recorrente.data.reading import decode, read_bytes
from recorrente.errors import InputError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Sheet", "open_table", "told_of_names"]

LOOKED_AT = 200
"""Rows of a CSV file by which it is told whether the first one names the columns."""


@dataclass(frozen=True)
class Sheet:
    """What stands in a file.

    Attributes:
        frame: of a CSV file every cell as text, of a Parquet file with its type.
        rows: `(N,)`, the number of each row in the file, from 1.
        blank: rows without a cell, which are left out.
        delimiter: what parts the cells; nothing in Parquet.
    """

    frame: pl.DataFrame
    rows: NDArray[np.int64]
    blank: int = 0
    delimiter: str = ""


def open_table(path: Path, encoding: str | None = None, named: Collection[str] = ()) -> Sheet:
    """A CSV or a Parquet file as it stands. Names of columns are without blanks around.

    Args:
        path: of the file.
        encoding: of its text; None finds it out.
        named: columns that somebody knows; a first row with one of them in it is one of names.

    Raises:
        InputError: polars is not installed; the file is empty, broken, or is no table.
    """
    try:
        import polars as pl
    except ImportError as error:
        cure = "Install it: pip install recorrente[table]"
        raise InputError("data", came="a table without the library polars", wanted="polars", cure=cure) from error
    content = read_bytes(path)
    parquet = content[:4] == b"PAR1"
    if not parquet and path.suffix.lower() in (".parquet", ".pq"):
        raise InputError(str(path), came="a file that is no Parquet", wanted="a table as Parquet, or as .csv")
    text = "" if parquet else decode(content, str(path), encoding)
    try:
        sheet = _parquet(content) if parquet else _csv(path, text, named)
    except (pl.exceptions.PolarsError, OSError) as error:
        came = f"a broken table ({_odd_row(text) or str(error).splitlines()[0]})"
        wanted = "a whole Parquet file" if parquet else "rows of as many cells as there are names"
        raise InputError(str(path), came=came, wanted=wanted) from error
    if not len(sheet.frame):
        raise InputError(str(path), came="a table without rows", wanted="a row for each step of time")
    names = [name.strip() or f"column {number}" for number, name in enumerate(sheet.frame.columns, 1)]
    _refuse_twins(path, names)
    sheet.frame.columns = names
    return sheet


def _odd_row(text: str) -> str:
    """The first row of a CSV file that has a quote too many, or more cells than there are names."""
    said, _ = declared(text.lstrip("\n"))
    lines = text.split("\n")
    begin = next((number for number, line in enumerate(lines) if line), 0) + bool(said)
    if text.count('"') % 2:
        odd = next(number for number, line in enumerate(lines, 1) if line.count('"') % 2)
        return f"row {odd} has a quote that may never be closed"
    rows = enumerate(csv.reader(lines[begin:], delimiter=said or delimiter_of("".join(lines[begin:][:1]))), begin + 1)
    try:
        wanted = len(next(rows, (0, []))[1])
        return next(
            (f"row {number} has {len(row)} cells, not {wanted}" for number, row in rows if len(row) > wanted), ""
        )
    except csv.Error as error:  # a cell of more than 128 KiB, as between two quotes that are none
        return str(error)


def _parquet(content: bytes) -> Sheet:
    import polars as pl

    frame = pl.read_parquet(content)
    return Sheet(frame, np.arange(1, len(frame) + 1))


def _csv(path: Path, text: str, named: Collection[str]) -> Sheet:
    import polars as pl

    said, begun = declared(text.lstrip("\n"))
    begun = begun.lstrip("\n")
    delimiter = said or delimiter_of(begun.split("\n", 1)[0])
    first = _first_rows(begun, delimiter)
    headed = bool(first) and are_names(first, named)
    if headed:  # polars would name the second one otherwise
        _refuse_twins(path, [cell.strip() for cell in first[0]])
    frame = pl.read_csv(begun.encode(), separator=delimiter, has_header=headed, infer_schema=False)
    if not headed:
        frame = frame.rename({name: f"column {k}" for k, name in enumerate(frame.columns, 1)})
    rows = np.arange(len(frame)) + text[: len(text) - len(begun)].count("\n") + 1 + headed
    there = _there(frame)
    return Sheet(frame.filter(pl.Series(there)), rows[there], int((~there).sum()), delimiter)


def _first_rows(text: str, delimiter: str) -> list[list[str]]:
    """Those that are no empty lines, up to one that is broken."""
    rows: list[list[str]] = []
    try:
        rows.extend(row for row in islice(csv.reader(io.StringIO(text), delimiter=delimiter), LOOKED_AT) if row)
    except csv.Error:  # what is broken there, polars or `_odd_row` tells
        return rows
    return rows


def _refuse_twins(path: Path, names: Sequence[str]) -> None:
    if twice := sorted({name or "nothing" for name in names if names.count(name) > 1}):
        raise InputError(str(path), came=f"two columns called {', '.join(twice)}", wanted="a name of its own for each")


def _there(frame: pl.DataFrame) -> NDArray[np.bool_]:
    """The rows that have a cell with something in it; of a single column "" is one, for it is no blank line."""
    if frame.width == 1:
        return frame.to_series().is_not_null().to_numpy()
    there = np.zeros(len(frame), bool)
    for column in frame:
        there |= (column.str.strip_chars() != "").fill_null(value=False).to_numpy()
    return there


def told_of_names(sheet: Sheet) -> list[str]:
    """What is told of a row of names that could be values."""
    numbers = [name for name in sheet.frame.columns if NUMBER.match(name)] if sheet.delimiter else []
    return [f"names: the first row, with the numbers {first_few(numbers)} in it"] if numbers else []
