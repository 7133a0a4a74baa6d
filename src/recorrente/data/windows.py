"""Series become windows: what was, what is known of what comes, and what came.

A row of a batch is one target of one series at one moment o: `context` steps before it are read, `horizon` from it on
are foretold. Of each step the row holds, at mean 0 and deviation 1 over the training part,

    the target less its level, the last value before o, filled forward     1
    whether it was missing                                                 1
    what is known up to the present, filled forward                        P
    whether that was missing, where training saw such                      0..P
    what is known of the future, too: columns, then day, week and year     F
    the level                                                              1
    the number of the series                                               1

The target is less the level, too, and NaN where it is missing; to subtract it is SegRNN's (arXiv 2308.11200).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recorrente.data import proportion
from recorrente.data.batch import Batch
from recorrente.data.columns import Columns
from recorrente.data.spacing import Spacing
from recorrente.data.tables import Table, Track
from recorrente.errors import InputError

__all__ = ["Laid", "WindowReader", "batches", "filled_forward"]

OWN = 2
"""Columns of a step before the covariates: the target, and whether it was missing."""

FEWEST, SEASONS = 10, 2
"""A series with fewer values than that, or than two seasons have, is no measure of how far it goes up and down."""
LEAST = 1e-12
"""Of the mean: a deviation that is no more is a rounding of float64."""

Rows = tuple[tuple[float, ...], ...]
Values = NDArray[Any]


def filled_forward(values: Values, first: float = 0.0) -> Values:
    """NaN takes the value before it, `first` at the beginning; `(T, C)`.

    Example:
        >>> filled_forward(np.array([[np.nan], [1.0], [np.nan], [3.0]], np.float32)).ravel().tolist()
        [0.0, 1.0, 1.0, 3.0]
    """
    known = ~np.isnan(values)
    last = np.maximum.accumulate(np.where(known, np.arange(len(values))[:, None], -1), axis=0)
    taken = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(last >= 0, taken, np.float32(first))


@dataclass(frozen=True)
class WindowReader:
    """How a table becomes numbers, found from the training part alone; kept in `config.json`.

    Attributes:
        columns, spacing: what the table is.
        horizon, context, segment: steps foretold, steps read, and how many of them the network takes at once.
        season: steps of the seasonal naive forecast.
        series: their names.
        mean, deviation: of each target of each series, `(S, D)`; see `_of_each`.
        past, known: mean and deviation of each covariate.
        marked: the columns of `past` that are marked where they were missing.
        cycles: of the calendar, where `absolute`.
        absolute: whether the network is told the level and the calendar; so where the training part holds two years,
            for with less it cannot tell the time of the year from a drift, and where times are plain numbers. Not where
            a series outgrows itself (`proportion.outgrown`): levels to come are then none that were learnt.
        proportion: of each target of each series, `(S, D)`: mean / deviation where its logarithm is read, as its
            swings grow with its level (`proportion.proportional`); 0 where not.
    """

    columns: Columns
    spacing: Spacing
    horizon: int
    context: int
    segment: int
    season: int
    series: tuple[str, ...]
    mean: Rows
    deviation: Rows
    past: Rows
    known: Rows
    marked: tuple[int, ...]
    cycles: tuple[str, ...]
    absolute: bool
    proportion: Rows

    @classmethod
    def of(cls, table: Table, train_end: int, *, horizon: int, context: int, segment: int, season: int) -> WindowReader:
        """Made for the steps before `train_end` of a table."""
        parts = [track.__class__(track.name, track.start, *_before(track, train_end)) for track in table.tracks]
        past, known = (np.concatenate([getattr(part, name) for part in parts]) for name in ("past", "known"))
        own = _of_each([part.targets for part in parts], season)
        cycles = table.spacing.cycles(max(len(part) for part in parts))
        grown = any(proportion.outgrown(column) for part in parts for column in part.targets.T)
        absolute = ("year" in cycles or table.spacing.unit == "number") and not grown
        return cls(
            table.columns,
            table.spacing,
            horizon,
            context,
            segment,
            season,
            tuple(track.name for track in table.tracks),
            tuple(tuple(mean) for mean, _ in own),
            tuple(tuple(deviation) for _, deviation in own),
            tuple(map(tuple, _mean_and_deviation(past))),
            tuple(map(tuple, _mean_and_deviation(known))),
            tuple(int(k) for k in np.flatnonzero(np.isnan(past).any(axis=0))),
            tuple(cycles) if absolute else (),
            absolute,
            tuple(_proportion(part.targets, *one, season) for part, one in zip(parts, own, strict=True)),
        )

    @property
    def logarithms(self) -> tuple[str, ...]:
        """The series and columns of which the logarithm is read, by name."""
        rows = zip(self.series, self.proportion, strict=True)
        each = [(name, *one) for name, row in rows for one in zip(self.columns.targets, row, strict=True)]
        return tuple(f"{series}: {column}" if series else column for series, column, size in each if size > 0)

    @property
    def read(self) -> int:
        """Columns of a step of the past, without the level and the number of the series."""
        return OWN + len(self.past[0]) + len(self.marked) + self.foreknown

    @property
    def foreknown(self) -> int:
        """F, of a step of the future."""
        return len(self.known[0]) + 2 * len(self.cycles)

    @property
    def rows(self) -> int:
        """How many different series there are, each target of each."""
        return len(self.series) * len(self.columns.targets)

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return {**asdict(self), "columns": self.columns.to_config(), "spacing": self.spacing.to_config()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> WindowReader:
        """The same again."""
        made = {one.name: _tuples(config[one.name]) for one in fields(cls)}
        made |= {
            "columns": Columns.from_config(config["columns"]),
            "spacing": Spacing.from_config(config["spacing"]),
        }
        return cls(**made)

    def lay(self, tracks: Sequence[Track]) -> Laid:
        """The series as arrays that windows are cut from.

        Raises:
            InputError: a series that was not learnt.
        """
        strange = [track.name for track in tracks if track.name not in self.series]
        if strange:
            wanted = f"one of {', '.join(self.series[:20])}" if self.series != ("",) else "one series without a name"
            raise InputError("data", came=f"the series {', '.join(strange[:5])}", wanted=wanted)
        return Laid.of(self, tracks)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


def _proportion(targets: Values, mean: Sequence[float], deviation: Sequence[float], season: int) -> tuple[float, ...]:
    each = zip(targets.T, mean, deviation, strict=True)
    return tuple(m / s if proportion.proportional(column, season) else 0.0 for column, m, s in each)


def _before(track: Track, end: int) -> tuple[Values, ...]:
    T = max(end - track.start, 0)
    return track.targets[:T], track.past[:T], track.known[:T]


def _of_each(series: Sequence[Values], season: int) -> list[tuple[list[float], list[float]]]:
    """The mean and the deviation of each column of each series.

    A series that has begun only now, of which the others have twice as many values, is scaled by the deviation that
    is the middle one of theirs: its own few values say how high it stands, but not how far it swings. One without a
    value is scaled by all values.
    """
    count = np.stack([(~np.isnan(values)).sum(axis=0) for values in series])  # (S, D)
    few = count < np.minimum(max(SEASONS * season, FEWEST), count.max(axis=0) / 2)
    mean, deviation = np.stack([_moments(values) for values in series], axis=1)
    every = _moments(np.concatenate(series))
    for d in range(count.shape[1]):
        others = deviation[~few[:, d] & (deviation[:, d] > 0), d]
        deviation[few[:, d], d] = np.median(others) if len(others) else every[1][d]
    mean, deviation = (np.where(count > 0, own, one) for own, one in zip((mean, deviation), every, strict=True))
    return [(m.tolist(), s.tolist()) for m, s in zip(mean, np.where(deviation > 0, deviation, 1.0), strict=True)]


def _mean_and_deviation(values: Values) -> tuple[list[float], list[float]]:
    """Of each column, NaN apart; a deviation of 1 where there is none."""
    mean, deviation = _moments(values)
    return mean.tolist(), np.where(deviation > 0, deviation, 1.0).tolist()


def _moments(values: Values) -> tuple[Values, Values]:
    """The mean and the deviation of each column, NaN apart; a deviation of 0 where it is no more than a rounding."""
    count = np.maximum((~np.isnan(values)).sum(axis=0), 1)
    mean = np.nansum(values, axis=0, dtype=np.float64) / count
    deviation = np.sqrt(np.nansum((values - mean) ** 2, axis=0, dtype=np.float64) / count)
    return mean, np.where(deviation > LEAST * np.maximum(np.abs(mean), LEAST), deviation, 0.0)


@dataclass(frozen=True)
class Laid:
    """Series one after the other, scaled; N steps of all, D targets.

    Attributes:
        reader: how they were made.
        target: `(N, D)`, NaN where missing; bent where the logarithm is read.
        filled: `(N, D)`, filled forward, season by season for `seasonal`.
        inputs: `(N, P + marks)`.
        known: `(N, F)`.
        series, place, first: `(N,)`: number of the series, place on the grid, where the series begins.
    """

    reader: WindowReader
    target: torch.Tensor
    filled: torch.Tensor
    seasonal: torch.Tensor
    inputs: torch.Tensor
    known: torch.Tensor
    series: NDArray[np.int64]
    place: NDArray[np.int64]
    first: NDArray[np.int64]

    @classmethod
    def of(cls, reader: WindowReader, tracks: Sequence[Track]) -> Laid:
        """See `WindowReader.lay`."""
        parts: list[tuple[NDArray[Any], ...]] = []
        begin = 0
        for track in tracks:
            number, T = reader.series.index(track.name), len(track)
            target = (track.targets - np.array(reader.mean[number])) / np.array(reader.deviation[number])
            target = proportion.bent(target, np.array(reader.proportion[number]))
            past = (track.past - np.array(reader.past[0])) / np.array(reader.past[1])
            known = (track.known - np.array(reader.known[0])) / np.array(reader.known[1])
            place = track.start + np.arange(T)
            calendar = reader.spacing.calendar(place, reader.cycles)
            parts.append(
                (
                    target,
                    filled_forward(target),
                    _by_season(target, reader.season),
                    np.concatenate([filled_forward(past), np.isnan(past[:, list(reader.marked)])], axis=1),
                    np.concatenate([filled_forward(known), calendar], axis=1),
                    np.full(T, number),
                    place,
                    np.full(T, begin),
                )
            )
            begin += T
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        target, filled, seasonal, inputs, known = (torch.from_numpy(one.astype(np.float32)) for one in columns[:5])
        return cls(reader, target, filled, seasonal, inputs, known, *columns[5:])

    def straight(self, values: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
        """Values `(M, ...)` of windows as they are at mean 0 and deviation 1, where the logarithm was read, too."""
        size = np.array(self.reader.proportion)[self.series[rows[:, 0]], rows[:, 1]]
        return proportion.straight(values, size.reshape(-1, *[1] * (values.ndim - 1)))

    def origins(self, begin: int, end: int) -> NDArray[np.int64]:
        """The windows whose horizon lies in the places from `begin` to before `end`: `(M, 2)`, moment and target."""
        reader, N = self.reader, len(self.place)
        o = np.arange(N)
        last = o + reader.horizon - 1
        whole = (o - self.first >= reader.context) & (last < N) & (self.place >= begin)
        last = np.minimum(last, N - 1)
        whole &= (self.first[last] == self.first) & (self.place[last] < end)
        return self._each_target(o[whole])

    def ends(self) -> NDArray[np.int64]:
        """The moment after the last value of each series, for each target: `(S * D, 2)`."""
        ends = []
        for first in np.unique(self.first):
            steps = np.flatnonzero(self.first == first)
            seen = (~torch.isnan(self.target[steps])).any(dim=1).numpy()
            ends.append(steps[0] + (int(np.flatnonzero(seen)[-1]) + 1 if seen.any() else 0))
        return self._each_target(np.array(ends))

    def _each_target(self, moments: NDArray[np.int64]) -> NDArray[np.int64]:
        D = self.target.shape[1]
        return np.stack([np.repeat(moments, D), np.tile(np.arange(D), len(moments))], axis=1)

    def useful(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those rows that have something to learn: a value in the context, and one in the horizon."""
        seen = np.concatenate([np.zeros((1, self.target.shape[1]), int), (~np.isnan(self.target.numpy())).cumsum(0)])
        o, d = rows.T
        before = seen[o, d] - seen[o - self.reader.context, d]
        after = seen[o + self.reader.horizon, d] - seen[o, d]
        return rows[(before > 0) & (after > 0)]

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """Those windows; see the top of this file. `x (context + horizon, B, C)`, `target (horizon, B)`."""
        reader = self.reader
        L, h = reader.context, reader.horizon
        o, d = torch.from_numpy(rows).T
        past = o + torch.arange(-L, 0)[:, None]  # (L, B)
        after = o + torch.arange(h)[:, None]  # (h, B)
        number = torch.from_numpy(self.series)[o] * self.target.shape[1] + d
        level = self.filled[o - 1, d]
        x = torch.zeros(L + h, len(rows), reader.read + 2)
        x[:L, :, 0] = self.filled[past, d] - level
        x[:L, :, 1] = torch.isnan(self.target[past, d])
        width = self.inputs.shape[1]
        x[:L, :, OWN : OWN + width] = self.inputs[past]
        x[:, :, OWN + width : -2] = self.known[torch.cat([past, after])]
        x[:, :, -2] = level
        x[:, :, -1] = number
        return Batch(x, self.target[after, d] - level)


def _by_season(values: Values, season: int) -> Values:
    """Filled forward from the same place of the season before; what then is missing, from the step before."""
    T, D = values.shape
    whole = -(-T // season) * season
    padded = np.full((whole, D), np.nan, values.dtype)
    padded[:T] = values
    stacked = padded.reshape(whole // season, season * D)
    known = np.maximum.accumulate(np.where(~np.isnan(stacked), np.arange(len(stacked))[:, None], -1), axis=0)
    filled = np.where(known >= 0, np.take_along_axis(stacked, np.maximum(known, 0), axis=0), np.nan)
    return filled_forward(filled.reshape(whole, D)[:T].astype(np.float32))


def batches(
    laid: Laid, rows: NDArray[np.int64], size: int, *, steps: int = 0, seed: Sequence[int] | None = None
) -> Iterator[Batch]:
    """Windows as batches: each once and in order, or `steps` batches in a random order, anew when all are read.

    Args:
        laid: what they are cut from.
        rows: `(M, 2)`, as `Laid.origins` gives them.
        size: B.
        steps: how many batches; all where there is no seed.
        seed: of the order.
    """
    if seed is None:
        for begin in range(0, len(rows), size):
            yield laid.batch(rows[begin : begin + size])
        return
    random = np.random.default_rng(seed)
    size = min(size, len(rows))
    order = np.zeros(0, int)
    for _ in range(steps):
        if len(order) < size:
            order = np.concatenate([order, random.permutation(len(rows))])
        yield laid.batch(rows[order[:size]])
        order = order[size:]
