"""An even grid of times: what lies between two places, which cycles of a calendar it has, what time stands where.

A time is a whole number: microseconds since 1970 where it is a date, or the number itself where a table counts steps
or years. Knows no columns and no ways of writing; those are `times`' matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorrente.errors import InputError

__all__ = ["DAY", "HOUR", "MINUTE", "SECOND", "Spacing", "months_of", "refuse_sparse", "spacing_of"]

SECOND, MINUTE, HOUR, DAY = 10**6, 60 * 10**6, 3600 * 10**6, 86400 * 10**6  # microseconds
UNITS = ((7 * DAY, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second"), (1, "microsecond"))
JITTER = 0.1
"""Of a step: a time that is off by no more is put on the grid."""
FULLEST = 20
"""A grid has at most so many places for every row of the table."""
TWICE = 2
"""A cycle is told to the network where the training part holds it so often."""


@dataclass(frozen=True)
class Spacing:
    """An even grid of times.

    Attributes:
        unit: `microseconds`, `months`, or `number` where times are plain numbers, or the rows themselves.
        count: units from one place to the next.
        origin: the time at place 0; of months, how many since 1970.
        rest: of months, the microseconds from the first of the month; -1 for its last day.

    Example:
        >>> hours = Spacing("microseconds", 3600 * 10**6, 0)
        >>> hours.season, hours.words, hours.label(25)
        (24, '1 hour', '1970-01-02 01:00:00')
        >>> Spacing("months", 1, 0, -1).label(1)
        '1970-02-28'
    """

    unit: str
    count: int
    origin: int
    rest: int = 0

    def places(self, values: NDArray[np.int64]) -> NDArray[np.float64]:
        """Where times stand on the grid, `(N,)`; between two places where they are not on it."""
        if self.unit == "months":
            values = values.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
        return (values - self.origin) / self.count

    def times(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The times at those places."""
        values = self.origin + self.count * places
        if self.unit != "months":
            return values
        months = values.astype("datetime64[M]")
        if self.rest >= 0:
            return months.astype("datetime64[us]").astype(np.int64) + self.rest
        return (months + 1).astype("datetime64[us]").astype(np.int64) - DAY

    def label(self, place: int) -> str:
        """The time at a place, for people."""
        value = self.times(np.array([place]))
        if self.unit == "number":
            return str(value[0])
        text = str(value.astype("datetime64[us]")[0]).replace("T", " ").removesuffix(".000000")
        return text.removesuffix(" 00:00:00") if self._whole_days else text

    @property
    def _whole_days(self) -> bool:
        step = self.unit == "months" or self.count % DAY == 0
        start = self.rest if self.unit == "months" else self.origin
        return step and (start == -1 or start % DAY == 0)

    @property
    def words(self) -> str:
        """What lies between two places: `1 hour`, `15 minutes`, `1 month`."""
        if self.unit == "number":
            amount, name = self.count, "step"
        elif self.unit == "months":
            amount, name = (self.count // 12, "year") if self.count % 12 == 0 else (self.count, "month")
        else:
            size, name = next((size, name) for size, name in UNITS if self.count % size == 0)
            amount = self.count // size
        return f"{amount} {name}" + ("s" if amount > 1 else "")

    @property
    def season(self) -> int:
        """Steps after which much is as it was: a day, a week of days, a year of weeks or months; 1 if there is none."""
        if self.unit == "months":
            return 12 // self.count if self.count < 12 and 12 % self.count == 0 else 1
        if self.unit == "number":
            return 1
        whole = ((DAY, HOUR), (HOUR, MINUTE)) if self.count >= MINUTE else ((MINUTE, SECOND),)
        if self.count in (DAY, 7 * DAY):
            return 7 if self.count == DAY else 52
        for cycle, least in whole:
            if self.count < cycle and cycle % self.count == 0 and cycle // self.count <= 288:
                return cycle // self.count if self.count >= least or cycle // self.count <= 96 else 1
        return 1

    def cycles(self, steps: int) -> list[str]:
        """Those of day, week and year that `steps` of training hold twice and that a step does not skip."""
        if self.unit == "number":
            return []
        step = self.count if self.unit == "microseconds" else self.count * 30 * DAY
        known = (("day", DAY), ("week", 7 * DAY), ("year", 365 * DAY))
        return [name for name, length in known if 2 * step <= length and steps * step >= TWICE * length]

    def calendar(self, places: NDArray[np.int64], cycles: Sequence[str]) -> NDArray[np.float32]:
        """Where in each cycle a place is, as a sine and a cosine, `(N, 2 * cycles)`."""
        values = self.times(places)
        made = []
        for name in cycles:
            phase = _phase(values, name)
            made += [np.sin(2 * np.pi * phase), np.cos(2 * np.pi * phase)]
        return np.stack(made, axis=1).astype(np.float32) if made else np.zeros((len(places), 0), np.float32)

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Spacing:
        """The same again."""
        return cls(**config)


def _phase(values: NDArray[np.int64], cycle: str) -> NDArray[np.float64]:
    if cycle == "day":
        return values % DAY / DAY
    if cycle == "week":
        return (values + 3 * DAY) % (7 * DAY) / (7 * DAY)  # 1970 began on a Thursday
    dates = values.astype("datetime64[us]")
    years = dates.astype("datetime64[Y]")
    length = (years + 1).astype("datetime64[us]") - years.astype("datetime64[us]")
    phase: NDArray[np.float64] = (dates - years.astype("datetime64[us]")) / length
    return phase


def spacing_of(name: str, series: Sequence[NDArray[np.int64]], *, dates: bool) -> Spacing:
    """The grid of several series' times, each sorted and without two alike.

    Args:
        name: of the table, for the error.
        series: the times of each.
        dates: whether they are microseconds.

    Raises:
        InputError: fewer than three times, or times that lie on no grid.
    """
    steps = np.concatenate([np.diff(values) for values in series]) if series else np.zeros(0, np.int64)
    if len(steps) < 2:
        raise InputError(name, came="a table of fewer than three times", wanted="a row for each of many steps")
    origin = min(int(values[0]) for values in series if len(values))
    made = (months_of(series) if dates else None) or Spacing(
        "microseconds" if dates else "number", _commonest(steps), origin
    )
    _refuse_uneven(name, made, series)
    return made


def _commonest(steps: NDArray[np.int64]) -> int:
    """The step that most have, if the others are multiples of it; else the middle one, a whole unit where near."""
    values, counts = np.unique(steps, return_counts=True)
    most = int(values[counts.argmax()])
    if most > 0 and counts.max() * 2 >= len(steps) and not (values % most).any():
        return most
    middle = int(np.median(steps))
    whole = (round(middle / size) * size for size, _ in UNITS)
    return next((step for step in whole if abs(step - middle) * 50 <= middle), max(middle, 1))


def months_of(series: Sequence[NDArray[np.int64]]) -> Spacing | None:
    """A grid of months, where all times are at the same day and hour of one, or on its last day."""
    values = np.concatenate(series)
    months = values.astype("datetime64[us]").astype("datetime64[M]")
    rest = values - months.astype("datetime64[us]").astype(np.int64)
    to_end = (months + 1).astype("datetime64[us]").astype(np.int64) - values
    steps = np.concatenate(
        [np.diff(one.astype("datetime64[us]").astype("datetime64[M]").astype(int)) for one in series]
    )
    if not len(steps) or steps.min() < 1 or not ((rest == rest[0]).all() or (to_end == DAY).all()):
        return None
    each = int(np.gcd.reduce(steps))
    return Spacing("months", each, int(months.astype(int).min()), int(rest[0]) if (rest == rest[0]).all() else -1)


def _refuse_uneven(name: str, spacing: Spacing, series: Sequence[NDArray[np.int64]]) -> None:
    for values in series:
        on = spacing.places(values)
        off = np.abs(on - on.round())
        if (off > JITTER).any() or (len(on) > 1 and np.diff(on.round()).min() < 1):
            worst = int(off.argmax())
            raise InputError(
                name,
                came=f"times that are not evenly spaced: most are {spacing.words} apart, and "
                f"{(off > JITTER).mean():.0%} do not fit, such as {_shown(spacing, values[worst])}",
                wanted="a row for every step of an even grid (rows may be missing)",
                cure="Bring it to one first: polars' group_by_dynamic takes the mean of each hour, say",
            )


def refuse_sparse(name: str, spacing: Spacing, series: Sequence[NDArray[np.int64]]) -> None:
    """Refuses times that would need a grid far larger than the table, as one does that is far from the others.

    Args:
        name: of the table, for the error.
        spacing: the grid.
        series: the times of each, sorted.

    Raises:
        InputError: more than 20 places for every row.
    """
    rows = sum(map(len, series))
    places = sum(float(np.ptp(spacing.places(values[[0, -1]]))) + 1 for values in series)
    if places > FULLEST * rows + 100:
        ends = min(values[0] for values in series), max(values[-1] for values in series)
        first, last = (_shown(spacing, value) for value in ends)
        came = f"{rows:,} rows over {places:,.0f} steps of {spacing.words}, from {first} to {last}"
        cure = "Are the times right? Mend the one that is far from the others, or leave out its row"
        raise InputError(name, came=came, wanted="times most of whose steps have a row", cure=cure)


def _shown(spacing: Spacing, value: int) -> str:
    if spacing.unit == "number":
        return str(value)
    text = str(np.datetime64(int(value), "us")).replace("T", " ").removesuffix(".000000")
    return text.removesuffix(" 00:00:00")
