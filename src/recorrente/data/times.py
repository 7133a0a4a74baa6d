"""Columns become times: written in one of many ways, as whole numbers, in parts, or as days beside hours.

A time is a number as in `spacing`. Knows no files and no values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recorrente.data.spacing import DAY, HOUR, MINUTE, SECOND, months_of

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "CLOCKS",
    "PARTS",
    "READABLE",
    "Times",
    "beside_a_clock",
    "composed",
    "example",
    "in_parts",
    "is_full",
    "order",
    "parse",
    "part_of",
]

DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y%m%d"),
    *("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%y-%m-%d"),
)
HOURS = (":%M", ":%M:%S", ":%M:%S%.f")
FORMATS = (
    *DAYS,
    *(day + between + "%H" + rest for day, between, rest in product(DAYS, " T", HOURS)),
    *(day + " %I" + rest + " %p" for day, rest in product(DAYS, HOURS)),
    *("%Y-%m-%dT%H" + rest + "%z" for rest in HOURS),
    *("%Y-%m-%d %H" + rest + "%z" for rest in HOURS),
    *("%Y-%m", "%Y/%m", "%m/%Y", "%b %Y", "%B %Y", "%b-%Y"),
)
"""How times may be written, day first before month first; where several fit, `_doubt` says which."""
FIRST_YEAR = int(np.datetime64("0100-01-01", "us").astype(np.int64))
"""A year before it is the 24 of 01/02/24, taken for a whole one."""
NAMES = {
    *("date", "datetime", "time", "timestamp", "ts", "ds", "t", "step", "period"),
    *("day", "month", "year", "hour", "week"),
    *("data", "hora", "dia", "mes", "mês", "ano", "semana", "passo", "período", "periodo", "tempo", "instante"),
}
"""What a column of whole numbers is called that holds times."""
PARTS = (
    ("year", "ano"),
    ("month", "mes", "mês"),
    ("day", "dia"),
    ("hour", "hora"),
    ("minute", "minuto"),
)
"""What columns are called that hold a time together, the first two at least."""
LEAST_PARTS = (1, 1, 1, 0, 0)
"""What each of them is where there is no column of it."""
CLOCKS = ("hour", "hora", "time", "tempo", "horario", "horário")
"""What a column is called that holds the hour of a day which stands in another column."""
CLOCK_FORMATS = ("%H:%M", "%H:%M:%S", "%H:%M:%S%.f", "%H.%M.%S", "%I:%M %p", "%I:%M:%S %p")
MONTHS = "%Y%m"
"""How months are written without a mark between, as no day is: 202001."""
FIRST_OF_MONTHS, LAST_OF_MONTHS = 160_001, 239_912
"""Six figures outside of them are no month, but an hour with its minutes and seconds, or a number of something."""
MONTHS_RUN = 12
"""Months that follow each other without a gap, from which on they are months whatever their column is called."""
PER_SECOND = (1, 10**3, 10**6, 10**9)
"""How many units since 1970 are a second: seconds, milliseconds, microseconds, nanoseconds."""
READABLE = 0.9
"""The share of a column that must be times for it to be a column of times."""
TRIED = 200
"""Values that are tried with every way of writing."""


@dataclass(frozen=True)
class Times:
    """The times of a table's rows.

    Attributes:
        values: `(N,)`; see the top of `spacing`.
        bad: `(N,)`, where there is no time.
        dates: whether the values are microseconds since 1970.
        written: the format; nothing where it is not text.
        zoned: whether they had an offset or a zone, and are now in UTC.
    """

    values: NDArray[np.int64]
    bad: NDArray[np.bool_]
    dates: bool
    written: str = ""
    zoned: bool = False


def parse(column: pl.Series, written: str | None = None) -> Times | None:
    """The times in a column; None where it holds others things.

    Args:
        column: of dates, text or whole numbers.
        written: the format, where it is known.
    """
    import polars as pl

    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        return _of_dates(column.cast(pl.Datetime("us")) if column.dtype == pl.Date else column, "")
    if column.dtype.is_integer():
        return _of_written(column.cast(pl.String), written) if written else _of_numbers(column)
    if column.dtype != pl.String:
        return None
    text = column.str.strip_chars().str.strip_suffix("Z")
    return _of_written(text, written) if written else _of_text(text)


def _of_written(text: pl.Series, written: str) -> Times:
    return _of_dates(text.str.to_datetime(written, strict=False), written)


def _of_text(text: pl.Series) -> Times | None:
    import polars as pl

    sample = text.drop_nulls().head(TRIED)
    enough = max(1, READABLE * len(sample))
    fitting = [way for way in FORMATS if sample.str.to_datetime(way, strict=False).count() >= enough]
    read = [_of_written(text, way) for way in fitting]
    whole = [times for times in read if times.bad.sum() <= (1 - READABLE) * len(text)]
    if whole:
        return min(whole, key=_doubt)
    numbers = text.cast(pl.Int64, strict=False)
    return _of_numbers(numbers) if numbers.count() == text.count() > 0 else None


def _doubt(times: Times) -> tuple[int, bool, float, bool, int]:
    """What speaks against a way of writing; the least is taken.

    Times that are not there; years of two figures taken for whole ones; places of the grid, which are many where the
    months of several years are taken for days, or days for months. Where two grids have as many (twelve rows of one
    year), the first days of months go before days, and days before other days of months.
    """
    values = np.unique(times.values[~times.bad])
    if len(values) < 2:
        return int(times.bad.sum()), False, 0.0, False, 0
    span, months = int(values[-1] - values[0]), months_of([values])
    places = float(np.ptp(months.places(values))) if months else span / int(np.diff(values).min())
    firsts = months is not None and 0 <= months.rest < DAY
    return int(times.bad.sum()), bool(values[0] < FIRST_YEAR), places, not firsts, span


def _of_dates(column: pl.Series, written: str) -> Times:
    import polars as pl

    zone = getattr(column.dtype, "time_zone", None)
    if zone:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    whole = column.cast(pl.Datetime("us")).cast(pl.Int64)
    zoned = "%z" in written or zone not in (None, "UTC")  # polars calls a column of offsets UTC
    return Times(whole.fill_null(0).to_numpy(), whole.is_null().to_numpy(), dates=True, written=written, zoned=zoned)


def _of_numbers(column: pl.Series) -> Times | None:
    """Whole numbers as days (20161231), months (201612) or seconds since 1970, where they look it.

    Parts of seconds, too; other numbers as they are, if they are named so.
    """
    import polars as pl

    days = column.cast(pl.String).str.to_datetime("%Y%m%d", strict=False)
    low, high = (column.drop_nulls().min(), column.drop_nulls().max()) if column.count() else (0, 0)
    assert isinstance(low, int)
    assert isinstance(high, int)
    if 10_000_000 < low <= high < 100_000_000 and days.count() == column.count():
        return _of_dates(days, "%Y%m%d")
    named = column.name.strip().lower() in NAMES
    if months := _of_months(column, named=named):
        return months
    bad = column.is_null().to_numpy()
    values = column.fill_null(0).cast(pl.Int64).to_numpy()
    for each in PER_SECOND:
        if named and 10**8 * each < low <= high < 10**10 * each:
            return Times(values * (SECOND // each) if each <= SECOND else values // (each // SECOND), bad, dates=True)
    return Times(values, bad, dates=False) if named else None


def _of_months(column: pl.Series, *, named: bool) -> Times | None:
    """Numbers such as 202001 as months, where they are named a time, or run on from a December to a January.

    Months of the year differ, or 200101 of 2020, written from the year on, would be the January of 2001.
    """
    import polars as pl

    times = _of_written(column.set(~column.is_between(FIRST_OF_MONTHS, LAST_OF_MONTHS), None).cast(pl.String), MONTHS)
    if len(column) == 0 or times.bad.sum() > ((1 - READABLE) * len(column) if named else 0):
        return None
    months = np.unique(times.values[~times.bad].astype("datetime64[us]").astype("datetime64[M]").astype(int))
    runs_on = len(months) >= MONTHS_RUN and bool((np.diff(months) == 1).all()) and len(set(months // 12)) > 1
    return times if runs_on or (named and len(set(months % 12)) > 1) else None


def order(written: str) -> str:
    """Which of day and month stands first in a way of writing where others have it the other way round.

    Example:
        >>> order("%m/%d/%Y %H:%M"), order("%Y-%m-%d")
        ('month before day', '')
    """
    return {"%d": "day before month", "%m": "month before day"}.get(written[:2], "") if "%d" in written else ""


def example(written: str) -> str:
    """A time that is written so.

    Example:
        >>> example("%d/%m/%Y %H:%M")
        '25/11/2026 14:00'
    """
    return datetime(2026, 11, 25, 14, tzinfo=timezone.utc).strftime(written.replace("%.f", ""))


def part_of(name: str) -> str:
    """Which part of a time a column holds by its name, such as `month`; nothing where the name does not say."""
    return next((words[0] for words in PARTS if name.strip().lower() in words), "")


def in_parts(names: Sequence[str]) -> tuple[str, ...] | None:
    """The names from the year on; those that do not say which part they are take the places left, as they come.

    None where two are of one part, or where one between is missing.

    Example:
        >>> in_parts(["mes", "ano"]), in_parts(["y", "month", "dom"]), in_parts(["year", "day"])
        (('ano', 'mes'), ('y', 'month', 'dom'), None)
    """
    said = {part_of(name): name for name in names if part_of(name)}
    free = [name for name in names if not part_of(name)]
    if len(said) + len(free) < len(names) or len(names) > len(PARTS):
        return None
    parts = [words[0] for words in PARTS[: len(names)]]
    if not set(said) <= set(parts):
        return None
    return tuple(said[part] if part in said else free.pop(0) for part in parts)


def composed(columns: Sequence[pl.Series]) -> Times | None:
    """The times that columns of year, month, and perhaps day, hour, minute hold together; bad where they make none.

    In any order where they are called so; see `in_parts`.
    """
    import polars as pl

    names = in_parts([column.name for column in columns])
    if names is None or any(column.dtype.is_temporal() for column in columns):
        return None
    parts = [next(one for one in columns if one.name == name).cast(pl.Int64, strict=False) for name in names]
    bad = np.logical_or.reduce([part.is_null().to_numpy() for part in parts])
    read = [part.fill_null(1).to_numpy() for part in parts]
    read += [np.full(len(bad), least) for least in LEAST_PARTS[len(read) :]]
    year, month, day, hour, minute = read
    for part, low, high in zip((year, month, hour, minute), (1, 1, 0, 0), (9999, 12, 24, 59), strict=True):
        bad |= (part < low) | (part > high)  # the hours of a day are 0 to 23, or 1 to 24
    months = np.where(bad, 0, (year - 1970) * 12 + month - 1).astype("datetime64[M]")
    bad |= (day < 1) | (months.astype("datetime64[D]") + day - 1 >= (months + 1).astype("datetime64[D]"))
    if bad.sum() > (1 - READABLE) * len(bad):
        return None
    values = months.astype("datetime64[us]").astype(np.int64) + (day - 1) * DAY + hour * HOUR + minute * MINUTE
    return Times(np.where(bad, 0, values), bad, dates=True)


def beside_a_clock(days: Times, clock: pl.Series) -> Times | None:
    """The times of days and of the hours beside them, such as 14, 14:00 or 2:00 PM; None where those are no hours."""
    since = _of_clock(clock)
    bad = days.bad | (since < 0)
    if not days.dates or (days.values[~bad] % DAY).any() or bad.sum() > (1 - READABLE) * len(bad):
        return None
    return replace(days, values=np.where(bad, 0, days.values + since), bad=bad)


def _of_clock(column: pl.Series) -> NDArray[np.int64]:
    """Microseconds since midnight, -1 where there is no hour; the hours of a day are 0 to 23, or 1 to 24."""
    import polars as pl

    if column.dtype == pl.Time:
        return (column.cast(pl.Int64) // 1000).fill_null(-1).to_numpy()  # nanoseconds
    hours = column.cast(pl.Int64, strict=False).fill_null(-1).to_numpy()
    if column.dtype.is_integer() or (hours >= 0).any():
        return np.where((hours >= 0) & (hours <= 24), hours * HOUR, -1)
    if column.dtype != pl.String:
        return np.full(len(column), -1)
    text = column.str.strip_chars()
    read = [_of_clock(text.str.to_time(way, strict=False)) for way in CLOCK_FORMATS]
    return max(read, key=lambda since: int((since >= 0).sum()))


def is_full(times: Times) -> bool:
    """Whether nearly all times lie one step apart, and a day has several such steps."""
    steps, counts = np.unique(np.diff(np.unique(times.values[~times.bad])), return_counts=True)
    step = int(steps[counts.argmax()]) if len(steps) else DAY
    return step < DAY and DAY % step == 0 and bool(counts.max() >= READABLE * counts.sum())
