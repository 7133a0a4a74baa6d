"""What each column of a table is: the time, the name of a series, what is foretold, what is known.

    date,shop,sold,price          a column of times, perhaps one that names the series, columns of numbers
    date,hour,sold                a column of days, and one of the hour
    year,month,day,hour,pm2.5     a time in parts

It is found by looking where nobody says, and told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recorrente.data.time_columns import find_time
from recorrente.data.times import READABLE, Times, order
from recorrente.data.values import (
    NUMERIC,
    Deciphered,
    first_of,
    is_whole,
    kind_of,
    levels_of,
    numbers_of,
    present_in,
)
from recorrente.errors import InputError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FEW_TWICE", "Asked", "Columns", "find_columns"]

FEW_TWICE = 0.1
"""The share of rows up to which a time that is there already is a fault and no sign of several series."""


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


def find_columns(path: Path, deciphered: Deciphered, asked: Asked) -> tuple[Columns, Times | None, list[str]]:
    """What each column is, the times, and how that is told.

    Args:
        path: of the table, for errors.
        deciphered: the table.
        asked: what is said of its columns.

    Raises:
        InputError: names of columns that are not there, or are said to be two things; no numbers to foretell.
    """
    frame = deciphered.frame
    said = _said(path, frame, asked)
    time, times = find_time(frame, said)
    taken = {*time, *(name for names in said.values() for name in names)}
    free = [name for name in frame.columns if name not in taken]
    groups = said["group"] if "group" in said else _groups(frame, times, free) if times else ()
    kinds = {name: kind_of(frame[name]) for name in free if name not in groups}
    numbers = [name for name, kind in kinds.items() if kind == "numbers"]
    targets = said.get("target", tuple(numbers))
    _refuse_targets(path, frame, targets, numbers)
    past = tuple(name for name, kind in kinds.items() if kind in ("numbers", "words") and name not in targets)
    known = said.get("known", ())
    for name in known:
        if kind_of(frame[name]) not in ("numbers", "words", "counter", "constant"):
            raise InputError("known", came=f"column {name!r}", wanted="numbers, or words of few kinds")
    levels = {name: levels_of(frame[name]) for name in (*past, *known) if kind_of(frame[name]) == "words"}
    written = times.written if times else ""
    decimals = {name: deciphered.decimals[name] for name in (*targets, *past, *known) if name in deciphered.decimals}
    columns = Columns(time, written, groups, targets, past, known, levels, decimals)
    return columns, times, _told(columns, kinds, every="target" not in said)


def _said(path: Path, frame: pl.DataFrame, asked: Asked) -> dict[str, tuple[str, ...]]:
    """The names that were said, by what their columns are."""
    said = {
        name: _split(name, value, frame, path)
        for name in ("target", "time", "group", "known")
        if (value := getattr(asked, name)) is not None
    }
    used = [name for names in said.values() for name in names]
    if twice := sorted({name for name in used if used.count(name) > 1}):
        raise InputError(twice[0], came="a column that is said to be two things", wanted="one of them")
    return said


def _split(argument: str, said: str, frame: pl.DataFrame, path: Path) -> tuple[str, ...]:
    """Names between commas, or one name with commas in it."""
    names = (said,) if said in frame.columns else tuple(name.strip() for name in said.split(","))
    for name in names:
        if name not in frame.columns:
            raise InputError(argument, came=repr(name), wanted=f"columns of {path.name}: {', '.join(frame.columns)}")
    return names


def _told(columns: Columns, kinds: Mapping[str, str], *, every: bool) -> list[str]:
    """What was found, a line each.

    Args:
        columns: what each is.
        kinds: of those of which nothing was said, and which are neither times nor names of series.
        every: whether all numbers are foretold, for nothing was said.
    """
    which = order(columns.written)
    time = f"{', '.join(columns.time)}{f', {which}' if which else ''}"
    notes = [f"time: {time or 'none found; the rows, in their order, are the steps'}"]
    if columns.groups:
        notes.append(f"series: one for each {', '.join(columns.groups)}")
    if aside := [f"{name} ({_WHY[kind]})" for name, kind in kinds.items() if kind in _WHY]:
        notes.append(f"left aside: {', '.join(aside)}")
    notes.append(f"foretold: {', '.join(columns.targets)}{'; --target names fewer' if every else ''}")
    if columns.past:
        notes.append(f"known up to the present: {', '.join(columns.past)}")
    if columns.known:
        notes.append(f"known of the future, too: {', '.join(columns.known)}")
    return notes


_WHY = {
    "nothing": "no value in it",
    "counter": "numbers of rows",
    "constant": "always the same",
    "text": "text",
    "times": "times",
}
"""Why a column is left aside, by its kind."""


def _refuse_targets(path: Path, frame: pl.DataFrame, targets: Sequence[str], numbers: Sequence[str]) -> None:
    if not targets:
        raise InputError(str(path), came="no column of numbers", wanted="one that changes over time, to be foretold")
    for name in targets:
        if numbers_of(frame[name]).count() < max(1, NUMERIC * present_in(frame[name]).count()):
            shown = f", whose values are such as {first_of(frame[name])!r}" if present_in(frame[name]).count() else ""
            came = f"column {name!r}{shown or ', in which no cell has a value'}"
            raise InputError("target", came=came, wanted=f"numbers: {', '.join(numbers) or 'there is no such column'}")


def _groups(frame: pl.DataFrame, times: Times, free: Sequence[str]) -> tuple[str, ...]:
    """The fewest columns of names that keep equal times apart; none where nothing does.

    Where few times are equal, that may be a fault of theirs, and series are only what has no holes.
    """
    import polars as pl

    there = pl.Series(~times.bad)
    rows = int(there.sum())
    twice = rows - len(np.unique(times.values[~times.bad]))
    if not twice:
        return ()
    ranks = {name: rank for name in free if (rank := _as_group(frame[name])) is not None}
    candidates = sorted(ranks, key=ranks.__getitem__)
    if not candidates:
        return ()
    keyed = frame.select(candidates).with_columns(_place=pl.Series(times.values))
    keyed = keyed.filter(there).unique()
    different = frame.select(candidates).filter(there)
    for many in (1, 2):
        for names in combinations(candidates, many):
            if keyed.select([*names, "_place"]).n_unique() == len(different) and (
                twice > FEW_TWICE * rows or _without_holes(keyed, names)
            ):
                return names
    return ()


def _as_group(column: pl.Series) -> int | None:
    """How readily a column is taken for names of series, 0 the most; None where it holds none.

    By the cells as they stand: NA may be a name, where another one is beside it.
    """
    if column.n_unique() * 3 > len(column):
        return None
    kind = kind_of(column)
    if kind in ("words", "text"):
        return ("words", "text").index(kind)
    if is_whole(column):
        return 2
    names = kind in ("constant", "nothing") and not numbers_of(column).count()
    return 3 if names and column.drop_nulls().n_unique() > 1 else None


def _without_holes(keyed: pl.DataFrame, names: Sequence[str]) -> bool:
    """Whether each of the series that these columns name has several rows, and nearly every step between them."""
    import polars as pl

    place, step = pl.col("_place"), int(np.diff(np.unique(keyed["_place"].to_numpy())).min())
    series = keyed.group_by(names).agg(rows=place.n_unique(), steps=(place.max() - place.min()) / step + 1)
    return bool(((series["rows"] > 1) & (series["rows"] >= READABLE * series["steps"])).all())
