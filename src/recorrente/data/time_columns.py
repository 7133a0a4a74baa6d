"""Which columns of a table hold its times: one, a day and the hour beside it, or a time in parts.

How times are written in them is `times`' matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recorrente.data.spacing import Spacing
from recorrente.data.times import (
    CLOCKS,
    PARTS,
    READABLE,
    Times,
    beside_a_clock,
    composed,
    example,
    in_parts,
    is_full,
    parse,
    part_of,
)
from recorrente.data.values import first_of, numbers_of
from recorrente.errors import InputError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["find_time", "learnt_times"]

QUARTERS = 4
"""No quarter has a higher number, and so has no month of a table that does not end in April."""


def find_time(frame: pl.DataFrame, said: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], Times | None]:
    """The columns that hold the time, and the times; nothing where the rows are the steps.

    Args:
        frame: the table.
        said: the names of columns of which is known what they are, by what they are, such as `time`.

    Raises:
        InputError: columns that are said to hold the time, and do not.
    """
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
    last = numbers_of(frame[arranged[1]]).max()
    return isinstance(last, float) and last <= QUARTERS


def _no_times(frame: pl.DataFrame, names: Sequence[str]) -> InputError:
    """What is told of columns that hold no time: of several parts, those that are called as none."""
    strange = [name for name in names if not part_of(name)] if len(names) > 1 else []
    first = strange[-1] if strange else names[0]
    came = f"column {', '.join(strange or names)}, whose values are such as {first_of(frame[first])!r}"
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


def learnt_times(
    path: Path, frame: pl.DataFrame, columns: Sequence[str], written: str, spacing: Spacing | None
) -> Times | None:
    """The times of a table that is read as another one was; None where the rows are the steps.

    Args:
        path, frame: the table.
        columns, written, spacing: where its times are, how they are written, and their grid, as they were learnt.

    Raises:
        InputError: they are none, or are of another kind or written in another way.
    """
    if not columns:
        return None
    import polars as pl

    names = ", ".join(columns)
    times = _times(frame, columns, written)
    if times is None:
        raise InputError(str(path), came=f"no times in {names}", wanted="times as they were learnt")
    if times.bad.sum() > (1 - READABLE) * len(frame):
        wanted = f"times as they were learnt{f', such as {example(written)}' if written else ''}"
        unlike = first_of(frame[columns[0]].filter(pl.Series(times.bad)))
        came = f"times such as {unlike!r} in {names}"
        raise InputError(str(path), came=came, wanted=wanted, cure="Write them so, or learn from this table")
    if spacing is not None and times.dates != (spacing.unit != "number"):
        came, wanted = ("dates", "plain numbers") if times.dates else ("plain numbers", "dates")
        cure = "" if times.dates else "Seconds are dates where all of them are after 1973: is one far from the others?"
        raise InputError(str(path), came=f"{came} in {names}", wanted=f"{wanted}, as were learnt", cure=cure)
    return times
