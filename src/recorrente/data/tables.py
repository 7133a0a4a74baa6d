"""Tables of numbers over time: CSV or Parquet files become series on an even grid.

    date,shop,sold,price          a column of times, perhaps one that names the series, columns of numbers
    date,hour,sold                a column of days, and one of the hour
    year,month,day,hour,pm2.5     a time in parts

What each column is, is found by looking where nobody says, and told in `notes`; so is all that was mended:

    rows out of order             sorted by time
    rows that are there twice     once; the same time with other values is refused, for it mostly means another series
    steps without a row           made, with nothing known in them
    cells without a value         left as NaN: what reads the series fills them and marks where
    cells that are no number      in a column of numbers: refused, or with `skip_bad` taken for missing
    rows of a CSV without a cell  left out: a blank line is no step
    1.234,5 or 1,234.5            1234.5; 1.234 is refused where nothing tells what it is

A cell is without a value where it is empty or holds NA, NaN, null, none, n/a, - or ?.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recorrente.data.cells import (
    MISSING,
    NUMBER,
    OTHER,
    Numerals,
    are_names,
    counted,
    declared,
    delimiter_of,
    with_point,
)
from recorrente.data.reading import decode, read_bytes
from recorrente.data.times import (
    CLOCKS,
    PARTS,
    READABLE,
    Spacing,
    Times,
    beside_a_clock,
    composed,
    example,
    in_parts,
    is_full,
    order,
    parse,
    part_of,
    refuse_sparse,
    spacing_of,
)
from recorrente.errors import InputError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Asked", "Columns", "Sheet", "Table", "Track", "open_table", "read", "series_of"]

NUMERIC = 0.9
"""The share of a column's values that must be numbers for it to be a column of numbers."""
LEVELS = 20
"""A column of words with no more different ones is told to the network, a channel for each."""
FEW_TWICE = 0.1
"""The share of rows up to which a time that is there already is a fault and no sign of several series."""
LOOKED_AT = 200
"""Rows of a CSV file by which it is told whether the first one names the columns."""
QUARTERS = 4
"""No quarter has a higher number, and so has no month of a table that does not end in April."""
NAMED = 5
"""Bad cells that an error names; the others are counted."""


@dataclass(frozen=True)
class Asked:
    """What was said of a table's columns; nothing where it is to be found by looking. Names between commas."""

    target: str | None = None
    time: str | None = None
    group: str | None = None
    known: str | None = None
    skip_bad: bool = False
    encoding: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of columns, as they were said, and one by one."""
        said = [name for name in (self.target, self.time, self.group, self.known) if name]
        return (*said, *(name.strip() for names in said for name in names.split(",")))


@dataclass(frozen=True)
class Columns:
    """What each column is.

    Attributes:
        time: one, several that hold a time together, or none where the rows are the steps.
        written: how the times are.
        groups: those that name the series.
        targets: what is foretold.
        past: what is known up to the present besides.
        known: what is known of the future, too.
        levels: the words of each column of words among `past` and `known`.
        decimals: the mark before the decimals of each column of text that has one, a point or a comma.
    """

    time: tuple[str, ...]
    written: str
    groups: tuple[str, ...]
    targets: tuple[str, ...]
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    decimals: Mapping[str, str] = field(default_factory=dict)

    @property
    def of_values(self) -> tuple[str, ...]:
        """Those whose cells are read: `targets`, `past` and `known`."""
        return (*self.targets, *self.past, *self.known)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all that are needed."""
        return (*self.time, *self.groups, *self.of_values)

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Columns:
        """The same again."""
        lists = {name: tuple(value) for name, value in config.items() if isinstance(value, (list, tuple))}
        levels = {name: tuple(words) for name, words in config["levels"].items()}
        return cls(**{**config, **lists, "levels": levels})


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
    deciphered = _decipher(sheet, {})
    columns, times, notes = _find(path, deciphered, asked)
    table = series_of(path, sheet, columns, None, deciphered=deciphered, times=times, skip_bad=asked.skip_bad)
    return replace(table, notes=(*_named(sheet), *notes, *table.notes))


def _named(sheet: Sheet) -> list[str]:
    """What is told of a row of names that could be values."""
    numbers = [name for name in sheet.frame.columns if NUMBER.match(name)] if sheet.delimiter else []
    more = f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else ""
    return [f"names: the first row, with the numbers {', '.join(numbers[:NAMED])}{more} in it"] if numbers else []


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
    return Sheet(frame.filter(_series(there)), rows[there], int((~there).sum()), delimiter)


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


def _decipher(sheet: Sheet, learnt: Mapping[str, str]) -> Deciphered:
    """The numbers of a table, whichever way they are written; `learnt` are the marks of decimals known before."""
    import polars as pl

    texts = {column.name: _present(column) for column in sheet.frame if column.dtype == pl.String}
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


def _split(argument: str, said: str, frame: pl.DataFrame, path: Path) -> tuple[str, ...]:
    """Names between commas, or one name with commas in it."""
    names = (said,) if said in frame.columns else tuple(name.strip() for name in said.split(","))
    for name in names:
        if name not in frame.columns:
            raise InputError(argument, came=repr(name), wanted=f"columns of {path.name}: {', '.join(frame.columns)}")
    return names


def _find(path: Path, deciphered: Deciphered, asked: Asked) -> tuple[Columns, Times | None, list[str]]:
    """What each column is, the times, and how that is told."""
    frame = deciphered.frame
    said = {
        name: _split(name, value, frame, path)
        for name in ("target", "time", "group", "known")
        if (value := getattr(asked, name)) is not None
    }
    used = [name for names in said.values() for name in names]
    if twice := sorted({name for name in used if used.count(name) > 1}):
        raise InputError(twice[0], came="a column that is said to be two things", wanted="one of them")
    time, times = _time(path, frame, said)
    notes = [_time_told(time, times)]
    free = [name for name in frame.columns if name not in (*time, *used)]
    groups = said.get("group")
    if groups is None:
        groups = _groups(frame, times, free) if times else ()
    if groups:
        notes.append(f"series: one for each {', '.join(groups)}")
    free = [name for name in free if name not in groups]
    kinds = {name: _kind_of(frame[name]) for name in free}
    if aside := [name for name in free if kinds[name] in ("nothing", "counter", "constant", "text", "times")]:
        notes.append("left aside: " + ", ".join(f"{name} ({_WHY[kinds[name]]})" for name in aside))
    numbers = [name for name in free if kinds[name] == "numbers"]
    words = [name for name in free if kinds[name] == "words"]
    targets = said.get("target", tuple(numbers))
    _refuse_targets(path, frame, targets, numbers)
    past = tuple(name for name in free if name in (*numbers, *words) and name not in targets)
    known = said.get("known", ())
    for name in known:
        if _kind_of(frame[name]) not in ("numbers", "words", "counter", "constant"):
            raise InputError("known", came=f"column {name!r}", wanted="numbers, or words of few kinds")
    levels = {name: _levels(frame[name]) for name in (*past, *known) if _kind_of(frame[name]) == "words"}
    notes.append(f"foretold: {', '.join(targets)}" + ("" if "target" in said else "; --target names fewer"))
    if past:
        notes.append(f"known up to the present: {', '.join(past)}")
    if known:
        notes.append(f"known of the future, too: {', '.join(known)}")
    written = times.written if times else ""
    decimals = {name: deciphered.decimals[name] for name in (*targets, *past, *known) if name in deciphered.decimals}
    return Columns(time, written, groups, targets, past, known, levels, decimals), times, notes


def _time_told(names: Sequence[str], times: Times | None) -> str:
    if times is None:
        return "time: none found; the rows, in their order, are the steps"
    which = order(times.written)
    return f"time: {', '.join(names)}" + (f", {which}" if which else "")


_WHY = {
    "nothing": "no value in it",
    "counter": "numbers of rows",
    "constant": "always the same",
    "text": "text",
    "times": "times",
}


def _refuse_targets(path: Path, frame: pl.DataFrame, targets: Sequence[str], numbers: Sequence[str]) -> None:
    if not targets:
        raise InputError(str(path), came="no column of numbers", wanted="one that changes over time, to be foretold")
    for name in targets:
        if _numbers(frame[name]).count() < max(1, NUMERIC * _present(frame[name]).count()):
            shown = f", whose values are such as {_first(frame[name])!r}" if _present(frame[name]).count() else ""
            came = f"column {name!r}{shown or ', in which no cell has a value'}"
            raise InputError("target", came=came, wanted=f"numbers: {', '.join(numbers) or 'there is no such column'}")


def _first(column: pl.Series) -> object:
    present = _present(column).drop_nulls()
    return present[0] if len(present) else ""


def _time(path: Path, frame: pl.DataFrame, said: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], Times | None]:
    """The columns that hold the time, and the times."""
    if "time" in said:
        names = tuple(said["time"])
        times = _times(frame, names, None)
        if times is None or _are_quarters(frame, names):
            raise _no_times(frame, names)
        return names, times
    used = {name for names in said.values() for name in names}
    free = [name for name in frame.columns if name not in used]
    parts = _parts(free)
    found = _one_column(frame, free)
    if len(parts) > 1 and (times := composed([frame[name] for name in parts])):
        dates = found[1] if found else None
        if dates is None or not dates.dates or _different(times) > _different(dates):
            return parts, times
    return found or ((), None)


def _one_column(frame: pl.DataFrame, free: Sequence[str]) -> tuple[tuple[str, ...], Times | None] | None:
    """The first column that reads as times, and one of hours beside it; None where there is none.

    The number of a day, a month or a year is a time only where no dates are.
    """
    counting = None
    for name in free:
        if not (times := parse(frame[name])) or not (times.dates or times.written or _counts(times)):
            continue
        if times.dates or not part_of(name):
            return _with_a_clock(frame, name, times, free)
        counting = counting or _with_a_clock(frame, name, times, free)
    return counting


def _different(times: Times) -> int:
    return len(np.unique(times.values[~times.bad]))


def _with_a_clock(
    frame: pl.DataFrame, day: str, days: Times, free: Sequence[str]
) -> tuple[tuple[str, ...], Times | None]:
    """The column of days, and that of hours beside it where the two together run on hour by hour."""
    for name in free:
        if name == day or name.strip().lower() not in CLOCKS:
            continue
        times = beside_a_clock(days, frame[name])
        if times is not None and is_full(times):
            return (day, name), times
    return (day,), days


def _times(frame: pl.DataFrame, names: Sequence[str], written: str | None) -> Times | None:
    """The times in those columns, whatever they are called, for somebody says that they are there; None if not."""
    if not names:
        return None
    if len(names) > 1 and not written and (times := composed([frame[name] for name in names])):
        return times
    column = frame[names[0]]
    times = parse(column, written) or parse(column.alias("time"))
    if len(names) == 1 or times is None:
        return times
    return beside_a_clock(times, frame[names[1]]) if len(names) == 2 else None


def _are_quarters(frame: pl.DataFrame, names: Sequence[str]) -> bool:
    """Whether what stands in the place of the month is not called one, and never comes to May."""
    arranged = in_parts(names)
    if len(names) < 2 or arranged is None or part_of(arranged[1]):
        return False
    last = _numbers(frame[arranged[1]]).max()
    return isinstance(last, float) and last <= QUARTERS


def _no_times(frame: pl.DataFrame, names: Sequence[str]) -> InputError:
    """What is told of columns that hold no time: of several parts, those that are called as none."""
    strange = [name for name in names if not part_of(name)] if len(names) > 1 else []
    first = strange[-1] if strange else names[0]
    came = f"column {', '.join(strange or names)}, whose values are such as {_first(frame[first])!r}"
    days = parse(frame[names[0]])
    if not strange or (days and days.dates):
        wanted = "times, such as 2026-11-25 14:00, or whole numbers that count"
        return InputError("time", came=came, wanted=wanted)
    wanted = "year, month, day, hour and minute, as far as there are any, in columns that are called so"
    cure = "A quarter is told by its first month: write 1, 4, 7 or 10 in a column called month"
    return InputError("time", came=came, wanted=wanted, cure=cure)


def _counts(times: Times) -> bool:
    """Whether plain numbers grow from row to row, or from row to row of each series."""
    return bool((np.diff(times.values[~times.bad]) > 0).mean() > 0.5) if len(times.values) > 1 else False


def _parts(names: Iterable[str]) -> tuple[str, ...]:
    """The columns of year, month, day, hour and minute, as far as they are there without a hole."""
    lower = {name.strip().lower(): name for name in names}
    found = [next((lower[word] for word in words if word in lower), None) for words in PARTS]
    whole = found[: found.index(None)] if None in found else found
    return tuple(name for name in whole if name is not None)


def _groups(frame: pl.DataFrame, times: Times, free: Sequence[str]) -> tuple[str, ...]:
    """The fewest columns of names that keep equal times apart; none where nothing does.

    Where few times are equal, that may be a fault of theirs, and series are only what has no holes.
    """
    there = int((~times.bad).sum())
    twice = there - len(np.unique(times.values[~times.bad]))
    if not twice:
        return ()
    ranks = {name: rank for name in free if (rank := _as_group(frame[name])) is not None}
    candidates = sorted(ranks, key=ranks.__getitem__)
    if not candidates:
        return ()
    keyed = frame.select(candidates).with_columns(_place=_series(times.values))
    keyed = keyed.filter(_series(~times.bad)).unique()
    different = frame.select(candidates).filter(_series(~times.bad))
    for many in (1, 2):
        for names in combinations(candidates, many):
            if keyed.select([*names, "_place"]).n_unique() == len(different) and (
                twice > FEW_TWICE * there or _without_holes(keyed, names)
            ):
                return names
    return ()


def _as_group(column: pl.Series) -> int | None:
    """How readily a column is taken for names of series, 0 the most; None where it holds none.

    By the cells as they stand: NA may be a name, where another one is beside it.
    """
    if column.n_unique() * 3 > len(column):
        return None
    kind = _kind_of(column)
    if kind in ("words", "text"):
        return ("words", "text").index(kind)
    if _whole(column):
        return 2
    names = kind in ("constant", "nothing") and not _numbers(column).count()
    return 3 if names and column.drop_nulls().n_unique() > 1 else None


def _without_holes(keyed: pl.DataFrame, names: Sequence[str]) -> bool:
    """Whether each of the series that these columns name has several rows, and nearly every step between them."""
    import polars as pl

    place, step = pl.col("_place"), int(np.diff(np.unique(keyed["_place"].to_numpy())).min())
    series = keyed.group_by(names).agg(rows=place.n_unique(), steps=(place.max() - place.min()) / step + 1)
    return bool(((series["rows"] > 1) & (series["rows"] >= READABLE * series["steps"])).all())


def _series(values: NDArray[Any]) -> pl.Series:
    import polars as pl

    return pl.Series(values)


def _present(column: pl.Series) -> pl.Series:
    """The column with nulls for what counts as missing."""
    import polars as pl

    if column.dtype == pl.String:
        stripped = column.str.strip_chars()
        return stripped.set(stripped.str.to_lowercase().is_in(MISSING), None)
    return column


def _numbers(column: pl.Series) -> pl.Series:
    """The column as float64, null where a cell holds no number."""
    import polars as pl

    if column.dtype == pl.Boolean or column.dtype.is_numeric():
        return column.cast(pl.Float64).fill_nan(None)
    if column.dtype != pl.String:
        return pl.Series(column.name, [None] * len(column), dtype=pl.Float64)
    values = _present(column).cast(pl.Float64, strict=False)
    return values.set(~values.is_finite().fill_null(value=True), None)


def _whole(column: pl.Series) -> bool:
    values = _numbers(column)
    return values.count() == len(column) and bool((values == values.round()).all())


def _kind_of(column: pl.Series) -> str:
    """`numbers`, `words`, or why a column is nothing that a network can read."""
    present = _present(column)
    if not present.count():
        return "nothing"
    values = _numbers(column)
    if values.count() >= NUMERIC * present.count():
        numbers = values.drop_nulls().to_numpy()
        if len(numbers) == len(column) > 2 and numbers[0] in (0, 1) and (np.diff(numbers) == 1).all():
            return "counter"
        return "constant" if (numbers == numbers[0]).all() else "numbers"
    if present.n_unique() - bool(present.null_count()) <= LEVELS:
        return "constant" if present.drop_nulls().n_unique() == 1 else "words"
    return "times" if parse(column) else "text"


def _levels(column: pl.Series) -> tuple[str, ...]:
    import polars as pl

    return tuple(sorted(_present(column).drop_nulls().cast(pl.String).unique().to_list()))


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
    deciphered = deciphered or _decipher(sheet, columns.decimals)
    notes = _written(path, sheet, deciphered, columns.of_values)
    times = times or _learnt_times(path, deciphered.frame, columns, spacing)
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


def _written(path: Path, sheet: Sheet, deciphered: Deciphered, names: Sequence[str]) -> list[str]:
    """What is told of blank rows and of numbers that could be read otherwise.

    Raises:
        InputError: numbers of which nothing tells how they are to be read.
    """
    for name in names:
        if name in deciphered.doubtful:
            cell = deciphered.doubtful[name]
            came = f"column {name!r}, in which {cell!r} may have decimals or be of thousands"
            cure = "Write it without a mark if it is of thousands; else give every cell as many decimals, as in 980.000"
            raise InputError(str(path), came=came, wanted="numbers that can be read in one way only", cure=cure)
    notes = [f"left out: {counted(sheet.blank, 'row')} in which nothing stands"] if sheet.blank else []
    if told := [f"{what} in {name}" for name in names if (what := deciphered.told.get(name))]:
        more = f" and {len(told) - NAMED} columns more" if len(told) > NAMED else ""
        notes.append(f"numbers: {'; '.join(told[:NAMED])}{more}")
    return notes


def _learnt_times(path: Path, frame: pl.DataFrame, columns: Columns, spacing: Spacing | None) -> Times | None:
    """The times of a table that is read as another one was; None where the rows are the steps.

    Raises:
        InputError: they are none, or are of another kind or written in another way.
    """
    if not columns.time:
        return None
    names = ", ".join(columns.time)
    times = _times(frame, columns.time, columns.written)
    if times is None:
        raise InputError(str(path), came=f"no times in {names}", wanted="times as they were learnt")
    if times.bad.sum() > (1 - READABLE) * len(frame):
        wanted = f"times as they were learnt{f', such as {example(columns.written)}' if columns.written else ''}"
        came = f"times such as {_first(frame[columns.time[0]].filter(_series(times.bad)))!r} in {names}"
        raise InputError(str(path), came=came, wanted=wanted, cure="Write them so, or learn from this table")
    if spacing is not None and times.dates != (spacing.unit != "number"):
        came, wanted = ("dates", "plain numbers") if times.dates else ("plain numbers", "dates")
        cure = "" if times.dates else "Seconds are dates where all of them are after 1973: is one far from the others?"
        raise InputError(str(path), came=f"{came} in {names}", wanted=f"{wanted}, as were learnt", cure=cure)
    return times


def _no_time(sheet: Sheet, names: Sequence[str], row: int) -> str:
    """How a row without a time is named, by what stands there."""
    cells = {name: sheet.frame[name][row] for name in names}
    told = ", ".join(f"{name}: {'empty' if cell is None else repr(cell)}" for name, cell in cells.items())
    return f"row {sheet.rows[row]}: no time ({told})"


def _refuse_bad(path: Path, bad: Sequence[str], skip_bad: bool, notes: list[str]) -> None:
    if not bad:
        return
    more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    told = f"{'; '.join(bad[:NAMED])}{more}"
    if not skip_bad:
        cure = "Mend them, or take them for missing with --skip-bad"
        raise InputError(str(path), came=f"cells that cannot be read ({told})", wanted="numbers and times", cure=cure)
    notes.append(f"taken for missing, as it cannot be read: {told}")


def _cells(sheet: Sheet, frame: pl.DataFrame, columns: Columns) -> tuple[dict[str, NDArray[np.float64]], list[str]]:
    """The numbers of each column, `(N, 1)`, or of each of its words, `(N, levels)`; and the cells that are none."""
    made: dict[str, NDArray[np.float64]] = {}
    bad: list[str] = []
    for name in columns.of_values:
        present = _present(sheet.frame[name])
        if name in columns.levels:
            text = np.array(present.to_list(), object).astype(str)
            made[name] = np.stack([text == word for word in columns.levels[name]], axis=1).astype(np.float64)
            continue
        values = _numbers(frame[name])
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
