"""Tables of numbers over time: CSV or Parquet files become series on an even grid.

What was found and what was mended is told in `notes`:

    rows out of order             sorted by time
    rows that are there twice     once; the same time with other values is refused, for it mostly means another series
    steps without a row           made, with nothing known in them
    cells without a value         left as NaN: what reads the series fills them and marks where
    cells that are no number      in a column of numbers: refused, or with `skip_bad` taken for missing
    rows of a CSV without a cell  left out: a blank line is no step
    1.234,5 or 1,234.5            1234.5; 1.234 is refused where nothing tells what it is
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recorrente.data.cells import counted, first_few
from recorrente.data.columns import FEW_TWICE, Asked, Columns, find_columns
from recorrente.data.sheets import Sheet, open_table, told_of_names
from recorrente.data.spacing import Spacing, refuse_sparse, spacing_of
from recorrente.data.time_columns import learnt_times
from recorrente.data.times import Times
from recorrente.data.values import Deciphered, decipher, numbers_of, present_in, told_of_numbers
from recorrente.errors import InputError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Table", "Track", "read", "series_of"]


@dataclass(frozen=True)
class Track:
    """One series; NaN where nothing is known.

    Attributes:
        name: of its group; nothing where the table is one series.
        start: its first place on the grid.
        targets, past, known: `(T, D)`, `(T, P)`, `(T, F)`, in float64 until the mean is taken off: float32 has no 1
            beside 1,700,000,000.
    """

    name: str
    start: int
    targets: NDArray[np.float64]
    past: NDArray[np.float64]
    known: NDArray[np.float64]

    def __len__(self) -> int:
        """T."""
        return len(self.targets)


@dataclass(frozen=True)
class Table:
    """A table as series: what its columns are, the grid, the series by name, and what was found and mended."""

    name: str
    columns: Columns
    spacing: Spacing
    tracks: tuple[Track, ...]
    notes: tuple[str, ...]


def read(path: Path, asked: Asked) -> Table:
    """The series of a file, its columns found by looking where nothing is said of them.

    Raises:
        InputError: a file that is no table, names of columns that are not there, no numbers, times that cannot be.
    """
    sheet = open_table(path, asked.encoding, asked.names)
    deciphered = decipher(sheet, {})
    columns, times, notes = find_columns(path, deciphered, asked)
    table = series_of(path, sheet, columns, None, deciphered=deciphered, times=times, skip_bad=asked.skip_bad)
    return replace(table, notes=(*told_of_names(sheet), *notes, *table.notes))


def series_of(
    path: Path,
    sheet: Sheet,
    columns: Columns,
    spacing: Spacing | None,
    *,
    deciphered: Deciphered | None = None,
    times: Times | None = None,
    skip_bad: bool = False,
) -> Table:
    """The series of a table whose columns are known, on a grid that is known or is found here.

    Args:
        path, sheet: the table.
        columns: what each is.
        spacing: the grid; None where it is to be found.
        deciphered, times: its numbers and its times, where they were read before.
        skip_bad: whether cells that cannot be read are taken for missing.

    Raises:
        InputError: a column that is missing, cells that cannot be read, two rows of one time, times off the grid.
    """
    if lost := [name for name in columns.names if name not in sheet.frame.columns]:
        raise InputError(str(path), came=f"a table without {', '.join(lost)}", wanted="the columns that were learnt")
    deciphered = deciphered or decipher(sheet, columns.decimals)
    notes = [f"left out: {counted(sheet.blank, 'row')} in which nothing stands"] if sheet.blank else []
    notes += told_of_numbers(path, deciphered, columns.of_values)
    times = times or learnt_times(path, deciphered.frame, columns.time, columns.written, spacing)
    values = times.values if times else np.arange(len(sheet.frame))
    cells, bad = _cells(sheet, deciphered.frame, columns)
    read = _Read(path, sheet.rows, values, cells)
    if times is not None:
        bad += [_no_time(sheet, columns.time, row) for row in np.flatnonzero(times.bad).tolist()]
        notes += ["times: told in UTC, for they have an offset or a zone"] if times.zoned else []
    _refuse_bad(path, bad, skip_bad, notes)
    keep = ~times.bad if times else np.ones(len(sheet.frame), bool)
    keys = _keys(sheet.frame, columns.groups)
    members = {name: np.flatnonzero((keys == name) & keep) for name in dict.fromkeys(keys[keep].tolist())}
    sorted_rows = {name: _in_order(read, name, rows, skip_bad=skip_bad, notes=notes) for name, rows in members.items()}
    series = [values[rows] for rows in sorted_rows.values()]
    spacing = spacing or spacing_of(str(path), series, dates=times.dates if times else False)
    refuse_sparse(str(path), spacing, series)
    tracks = [_track(read, name, rows, columns, spacing) for name, rows in sorted_rows.items()]
    _tell_missing(notes, columns, tracks, sum(map(len, sorted_rows.values())))
    return Table(path.resolve().name, columns, spacing, tuple(tracks), tuple(notes))


def _no_time(sheet: Sheet, names: Sequence[str], row: int) -> str:
    """How a row without a time is named, by what stands there."""
    cells = {name: sheet.frame[name][row] for name in names}
    told = ", ".join(f"{name}: {'empty' if cell is None else repr(cell)}" for name, cell in cells.items())
    return f"row {sheet.rows[row]}: no time ({told})"


def _refuse_bad(path: Path, bad: Sequence[str], skip_bad: bool, notes: list[str]) -> None:
    if not bad:
        return
    told = first_few(bad, "; ")
    if not skip_bad:
        cure = "Mend them, or take them for missing with --skip-bad"
        raise InputError(str(path), came=f"cells that cannot be read ({told})", wanted="numbers and times", cure=cure)
    notes.append(f"taken for missing, as it cannot be read: {told}")


def _cells(sheet: Sheet, frame: pl.DataFrame, columns: Columns) -> tuple[dict[str, NDArray[np.float64]], list[str]]:
    """The numbers of each column, `(N, 1)`, or of each of its words, `(N, levels)`; and the cells that are none."""
    made: dict[str, NDArray[np.float64]] = {}
    bad: list[str] = []
    for name in columns.of_values:
        present = present_in(sheet.frame[name])
        if name in columns.levels:
            text = np.array(present.to_list(), object).astype(str)
            made[name] = np.stack([text == word for word in columns.levels[name]], axis=1).astype(np.float64)
            continue
        values = numbers_of(frame[name])
        odd = (values.is_null() & present.is_not_null()).arg_true().to_list()
        if not frame[name].dtype.is_float():
            bad += [f"row {sheet.rows[row]}, {name}: {sheet.frame[name][row]!r}" for row in odd]
        made[name] = values.to_numpy().astype(np.float64)[:, None]  # null becomes NaN
    return made, bad


def _keys(frame: pl.DataFrame, groups: Sequence[str]) -> NDArray[Any]:
    if not groups:
        return np.full(len(frame), "", object)
    import polars as pl

    parts = [frame[name].cast(pl.String).fill_null("").str.strip_chars().to_list() for name in groups]
    return np.array([" / ".join(row) for row in zip(*parts, strict=True)], object)


@dataclass(frozen=True)
class _Read:
    """The rows of a table as numbers.

    Attributes:
        path: the table.
        numbers: `(N,)`, the number of each row in the file.
        times: `(N,)`, of each row.
        cells: of each column of values, `(N, 1)`, or `(N, levels)`.
    """

    path: Path
    numbers: NDArray[np.int64]
    times: NDArray[np.int64]
    cells: Mapping[str, NDArray[np.float64]]


def _in_order(read: _Read, name: str, rows: NDArray[np.intp], *, skip_bad: bool, notes: list[str]) -> NDArray[np.intp]:
    """The rows of a series by time, each time once."""
    of = f" of {name}" if name else ""
    at = read.times[rows]
    if (np.diff(at) < 0).any():
        early = int((np.diff(at) < 0).sum())
        whose = "its" if early == 1 else "their"
        notes.append(f"sorted by time: {counted(early, 'row')}{of} stood before {whose} time")
    rows = rows[np.argsort(at, kind="stable")]
    twice = np.flatnonzero(np.diff(read.times[rows]) == 0) + 1
    if not len(twice):
        return rows
    table = np.concatenate([*read.cells.values()], axis=1)
    same = np.array([np.array_equal(table[rows[k]], table[rows[k - 1]], equal_nan=True) for k in twice])
    several = (~same).sum() > FEW_TWICE * len(rows)  # no fault in a few rows
    if several or not (same.all() or skip_bad):
        first = read.numbers[rows[twice[~same][0]]]
        came = f"{int((~same).sum())} times that are there twice{of} with other values, first in row {first}"
        cure = "Are they several series? --group NAME tells them apart"
        cure += "" if several else ". --skip-bad keeps the first row of each time"
        raise InputError(str(read.path), came=came, wanted="one row for each time", cure=cure)
    alike = "the same" if len(twice) == 1 and same.all() else f"{int(same.sum())} of them the same"
    alike = "with other values" if len(twice) == 1 and not same.any() else alike
    notes.append(f"left out: {counted(len(twice), 'row')}{of} whose time was there already, {alike}")
    return np.delete(rows, twice)


def _track(read: _Read, name: str, rows: NDArray[np.intp], columns: Columns, spacing: Spacing) -> Track:
    """The series on the grid, NaN where there is no row."""
    exact = spacing.places(read.times[rows])
    places = exact.round().astype(np.int64)
    if (np.abs(exact - places) > 0.1).any() or (np.diff(places) < 1).any():
        came = f"times that do not fit steps of {spacing.words}"
        raise InputError(str(read.path), came=came, wanted="the grid that was learnt")
    T = int(places[-1] - places[0]) + 1

    def spread(names: Sequence[str]) -> NDArray[np.float64]:
        width = sum(read.cells[one].shape[1] for one in names)
        made = np.full((T, width), np.nan)
        if names:
            made[places - places[0]] = np.concatenate([read.cells[one][rows] for one in names], axis=1)
        return made

    parts = (columns.targets, columns.past, columns.known)
    return Track(name, int(places[0]), *map(spread, parts))


def _tell_missing(notes: list[str], columns: Columns, tracks: Sequence[Track], rows: int) -> None:
    steps = sum(map(len, tracks))
    if gaps := steps - rows:
        notes.append(f"gaps: {gaps:,} of {steps:,} steps had no row; now they have one, with nothing known in it")
    every = np.concatenate([track.targets for track in tracks])
    missing = np.isnan(every).sum(axis=0)
    if missing.any():
        told = ", ".join(f"{name} {count:,}" for name, count in zip(columns.targets, missing, strict=True) if count)
        notes.append(
            f"missing, of {steps:,} steps: {told}; filled forward and marked to read, never counted as a target"
        )
