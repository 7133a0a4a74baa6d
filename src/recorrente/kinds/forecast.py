"""Tables of numbers over time: what comes next, with an interval around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from recorrente.data import sheets, tables
from recorrente.data.batch import Batch
from recorrente.data.cells import counted
from recorrente.data.columns import Asked
from recorrente.data.known import KNOWN, files
from recorrente.data.progress import Progress
from recorrente.data.source import locate, of_known
from recorrente.data.tables import Table, Track
from recorrente.data.windows import Laid, WindowReader, batches
from recorrente.errors import InputError
from recorrente.evaluation import gradient_norms
from recorrente.kinds import outcome
from recorrente.kinds.base import Reading, Recipe, Results
from recorrente.kinds.outcome import Outcome, Parts
from recorrente.network import Network
from recorrente.shape import Shape
from recorrente.tasks.forecast import Forecast as Task
from recorrente.training import Feed, Plan

__all__ = ["Forecast", "ForecastData", "Said"]

TEST_SHARE = 0.2
LEAST_STEPS, MOST_STEPS = 30, 240
"""Batches in an epoch: a short series is read several times in one, of a long one every window is not."""
GRADIENT_BATCH = 32
TOLD = 3
"""Columns that a summary tells of; the others stand in the report."""
MEASURES = {"MAE": "mae", "RMSE": "rmse", "sMAPE %": "smape", "MASE": "mase"}


@dataclass(frozen=True)
class ForecastData:
    """A table, and what is asked of it.

    Attributes:
        table: the series.
        horizon, context, segment, season: see `WindowReader`.
        ends: the places of the grid where the parts to fit, to validate and to test end.
        notes: what was found and mended, a line each.
    """

    table: Table
    horizon: int
    context: int
    segment: int
    season: int
    ends: tuple[int, int, int]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Said:
    """What comes after the end of one series.

    Attributes:
        path: the table.
        series: the name of the group; nothing where the table is one series.
        target: the column.
        times: of each step to come.
        forecast, low, high: the median and the ends of the interval.
        interval: the share that should lie between them.
    """

    path: Path
    series: str
    target: str
    times: list[str]
    forecast: list[float]
    low: list[float]
    high: list[float]
    interval: float

    def rows(self) -> list[dict[str, str]]:
        """A row a step, by column."""
        names = ("forecast", "low", "high")
        series = {"series": self.series} if self.series else {}
        figures = outcome.figures(self.forecast, self.low, self.high)
        return [
            {"time": time, **series, "column": self.target}
            | {name: f"{value:.{figures}g}" for name, value in zip(names, values, strict=True)}
            for time, *values in zip(self.times, self.forecast, self.low, self.high, strict=True)
        ]


class Forecast:
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "forecast"
    cell = "gru"
    uses: tuple[str, ...] = ("embedding",)

    def shape(self, cell: str, reading: Reading, given: Mapping[str, Any]) -> Shape:
        return Shape(cell, **{"hidden": 64, "layers": 1, "embedding": 64, "dropout": 0.3, **given})

    def plan(self, source: str, cell: str, given: Mapping[str, Any]) -> Plan:
        if "window" in given:
            came = f"{given['window']} for a forecast"
            raise InputError("window", came=came, wanted="nothing", cure="--context says how many steps are read")
        own = {"epochs": 6, "batch": 256, "learning_rate": 2e-3, "validation": 0.1, "rise": 0.2}
        return Plan(**{**own, **given})

    def task(self, config: Mapping[str, Any]) -> Task:
        for name in config:
            if name != "quantiles":
                raise InputError(name, came=repr(config[name]), wanted="nothing said of it, where numbers are foretold")
        return Task(**{name: tuple(value) for name, value in config.items()})

    def task_config(self, task: Task) -> dict[str, Any]:
        return {"name": "forecast", "quantiles": list(task.quantiles)}

    def load(self, source: str | Path, reading: Reading, plan: Plan, progress: Progress) -> ForecastData:
        allowed = ("target", "time", "group", "known", "horizon", "context", "season", "encoding", "skip_bad")
        reading.only(self.name, *allowed)
        split: tuple[int, ...] = ()
        if of_known(source):
            known, reading = KNOWN[str(source)], reading.settled(source, self.name)
            path, split = files(known, progress)[0], known.split
        else:
            path = _file(locate(source))
        progress("read table", 0, 1)
        table = tables.read(path, _asked(reading))
        progress("read table", 1, 1)
        return _asked_of(table, reading, plan, split)

    def again(self, recipe: Recipe, source: str | Path, progress: Progress) -> ForecastData:
        """As it was learnt: the columns, the grid, the horizon."""
        if str(source) == recipe.source:
            return self.load(source, recipe.reading, recipe.plan, progress)
        reader: WindowReader = recipe.reader
        path = files(KNOWN[str(source)], progress)[0] if of_known(source) else _file(locate(source))
        table = _of_reader(path, recipe)
        ends = _ends(table, reader.horizon, recipe.plan.validation, ())
        return ForecastData(table, reader.horizon, reader.context, reader.segment, reader.season, ends, (*table.notes,))

    def classes(self, data: ForecastData) -> tuple[str, ...]:
        return ()

    def parts(self, data: ForecastData) -> str:
        begin, (first, second, third) = min(track.start for track in data.table.tracks), data.ends
        parts = (
            f"{first - begin:,} steps to learn from, {second - first:,} to validate on, {third - second:,} to test on"
        )
        return f"{parts}: by time, the last"

    def reader(self, data: ForecastData, reading: Reading, plan: Plan) -> WindowReader:
        return WindowReader.of(
            data.table,
            data.ends[0],
            horizon=data.horizon,
            context=data.context,
            segment=data.segment,
            season=data.season,
        )

    def reader_from(self, config: Mapping[str, Any]) -> WindowReader:
        return WindowReader.from_config(config)

    def network(self, recipe: Recipe) -> Network:
        reader: WindowReader = recipe.reader
        return recipe.shape.build_for_windows(
            reader.read,
            reader.foreknown,
            context=reader.context,
            horizon=reader.horizon,
            segment=reader.segment,
            series=reader.rows,
            quantiles=len(recipe.task.quantiles),
            absolute=reader.absolute,
        )

    def feed(self, recipe: Recipe, data: ForecastData) -> Feed:
        parts, plan = _parts(recipe, data), recipe.plan
        steps = min(max(-(-len(parts.fit) // plan.batch), LEAST_STEPS), MOST_STEPS)

        def train(epoch: int) -> Iterator[Batch]:
            return batches(parts.laid, parts.fit, plan.batch, steps=steps, seed=(plan.seed, epoch))

        def finish(network: Network) -> None:
            outcome.calibrate(network, recipe.task, parts)

        return Feed(train, lambda: batches(parts.laid, parts.held, outcome.TOGETHER), steps=steps, finish=finish)

    def scores(self, recipe: Recipe, network: Network, data: ForecastData) -> dict[str, Any]:
        parts = _parts(recipe, data)
        return outcome.scores(Outcome.of(network, recipe.task, parts.laid, parts.test), parts.train_end)

    def results(self, recipe: Recipe, network: Network, data: ForecastData) -> Results:
        parts = _parts(recipe, data)
        said, others = Outcome.of(network, recipe.task, parts.laid, parts.test), outcome.beside(parts)
        metrics = outcome.scores(said, parts.train_end, others) | outcome.calibration(network, parts)
        metrics["notes"] = list(data.notes) + _logarithms(recipe.reader)
        some = parts.laid.batch(outcome.spread(parts.fit, GRADIENT_BATCH))
        seen = outcome.shown(said, others) | {"gradient_norms": gradient_norms(network, recipe.task, some)}
        return Results(metrics, seen, *outcome.table(said))

    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> list[Said]:
        """What comes after the end of each table."""
        return [said for one in given for said in _after(recipe, network, _file(locate(one)))]

    def generate(self, recipe: Recipe, network: Network, prompt: str, **how: Any) -> NoReturn:
        cure = "Try: recorrente predict"
        raise InputError("run", came="a model of numbers", wanted="one that was trained on running text", cure=cure)

    def summary(self, metrics: Mapping[str, Any]) -> str:
        """The errors at mean 0 and deviation 1, beside the baselines; in the column's own unit where there is one."""
        size = f"{counted(metrics['test_size'], 'window')} of {counted(metrics['horizon'], 'step')}"
        interval = f"{metrics['interval']:.0%} interval holds {metrics['inside']:.1%}"
        lines = [f"test MSE {metrics['mse']:.4f}  MAE {metrics['mae']:.4f} (standardised)  {interval}  ({size})"]
        if beside := metrics.get("baselines", {}):
            told = ", ".join(f"{name} MSE {one['mse']:.4f} MAE {one['mae']:.4f}" for name, one in beside.items())
            lines.append(f"beside it: {told}")
        for one in metrics["columns"][:TOLD]:
            own = [f"{name} {one[key]:.4g}" for name, key in MEASURES.items() if one[key] is not None]
            lines.append(f"{one['column']}: {'  '.join(own)}")
        return "\n".join(lines)


def _logarithms(reader: WindowReader) -> list[str]:
    names = ", ".join(reader.logarithms)
    return [f"logarithms are read, for swings grow with the level: {names}"] if names else []


def _file(path: Path) -> Path:
    if path.is_dir():
        raise InputError(str(path), came="a folder", wanted="a table: a .csv or .parquet file")
    return path


def _asked(reading: Reading) -> Asked:
    names = ("target", "time", "group", "known", "encoding")
    return Asked(**{name: getattr(reading, name) for name in names}, skip_bad=bool(reading.skip_bad))


def _of_reader(path: Path, recipe: Recipe) -> Table:
    """Another table, read as the first one was."""
    sheet = sheets.open_table(path, recipe.reading.encoding, recipe.reader.columns.names)
    return tables.series_of(
        path, sheet, recipe.reader.columns, recipe.reader.spacing, skip_bad=bool(recipe.reading.skip_bad)
    )


def _asked_of(table: Table, reading: Reading, plan: Plan, split: tuple[int, ...]) -> ForecastData:
    """The horizon, the context and the rest, as they were said or as they suit the table."""
    steps = max(len(track) for track in table.tracks)
    short = reading.season is None and table.spacing.season * 6 > steps
    season = _number("season", reading.season, 1 if short else table.spacing.season)
    horizon = _number("horizon", reading.horizon, max(1, min(season if season > 1 else 12, steps // 10)))
    ends = _ends(table, horizon, plan.validation, split)
    segment = season if 1 < season <= horizon else -(-horizon // 4)
    room = ends[0] - min(track.start for track in table.tracks) - horizon
    context = _number("context", reading.context, max(min(_context(season, horizon), room // 2), season, 2))
    context = -(-context // segment) * segment
    if context + horizon > ends[0] - min(track.start for track in table.tracks):
        came = f"{steps} steps, {ends[0]} of them to learn from"
        wanted = f"at least a window of {context} steps and a horizon of {horizon} to learn from"
        raise InputError(table.name, came=came, wanted=wanted, cure="Shorten them by --context and --horizon")
    told = f"steps of {table.spacing.words}: {context} are read, {horizon} foretold; season {season}"
    if short:
        usual = table.spacing.season
        told += f", for {steps} steps are few for one of {usual}; --season {usual} takes it"
    return ForecastData(table, horizon, context, segment, season, ends, (*table.notes, told))


def _context(season: int, horizon: int) -> int:
    """Whole seasons, two at the least and three and a half horizons."""
    return -(-max(7 * horizon // 2, 2 * season, 24) // season) * season


def _number(name: str, said: int | None, otherwise: int) -> int:
    if said is not None and said < 1:
        raise InputError(name, came=said, wanted="an integer of 1 or more")
    return otherwise if said is None else said


def _ends(table: Table, horizon: int, validation: float, split: tuple[int, ...]) -> tuple[int, int, int]:
    """Where the parts end: by time, the same for all series, each part a horizon at least."""
    begin = min(track.start for track in table.tracks)
    end = max(track.start + len(track) for track in table.tracks)
    if split:
        first, second, third = begin + np.cumsum(split)
        return int(first), int(second), int(third)
    T = end - begin
    test, held = max(round(TEST_SHARE * T), horizon), max(round(validation * T), horizon)
    if T - test - held < horizon + 1:
        came = f"{T} steps"
        wanted = f"several times the horizon of {horizon}: to learn from, to validate and to test on"
        raise InputError(table.name, came=came, wanted=wanted, cure="Give a longer table, or a shorter --horizon")
    return end - test - held, end - test, end


def _parts(recipe: Recipe, data: ForecastData) -> Parts:
    """The windows of each part; none of them is empty."""
    laid = recipe.reader.lay(data.table.tracks)
    first, second, third = data.ends
    fit, validation = (laid.useful(laid.origins(*ends)) for ends in ((int(laid.place.min()), first), (first, second)))
    test = laid.origins(second, third)
    for name, rows in (("learn from", fit), ("validate on", validation), ("test on", laid.useful(test))):
        if not len(rows):
            came = f"no window of {data.context} + {data.horizon} steps with values in it to {name}"
            cure = "Give a longer table, or shorten --context and --horizon"
            raise InputError(data.table.name, came=came, wanted="some", cure=cure)
    return Parts(laid, first, fit, validation, test)


def _after(recipe: Recipe, network: Network, path: Path) -> list[Said]:
    """The horizon after the last value of each series of a table."""
    reader: WindowReader = recipe.reader
    table = _of_reader(path, recipe)
    laid = reader.lay([_longer(track, reader.horizon) for track in table.tracks])
    rows = laid.ends()
    short = rows[rows[:, 0] - laid.first[rows[:, 0]] < reader.context]
    if len(short):
        o, d = short[0]
        name = " ".join((reader.series[laid.series[o]], reader.columns.targets[d])).strip()
        came = f"{int(o - laid.first[o])} steps of {name}"
        raise InputError(str(path), came=came, wanted=f"at least the {reader.context} that are read")
    _refuse_unknown_future(path, table, laid, rows)
    said = Outcome.of(network, recipe.task, laid, rows)
    told = [said.in_unit(one) for one in (said.median, said.said[..., 0], said.said[..., -1])]
    made = []
    for k, (o, d) in enumerate(rows):
        series, column = reader.series[laid.series[o]], reader.columns.targets[d]
        times = [said.time(k, step) for step in range(reader.horizon)]
        middle, low, high = (one[k].tolist() for one in told)
        made.append(Said(path, series, column, times, middle, low, high, recipe.task.interval))
    return made


def _refuse_unknown_future(path: Path, table: Table, laid: Laid, rows: NDArray[np.int64]) -> None:
    """What was foreknown in training has to be there for every step to come."""
    names, horizon = table.columns.known, laid.reader.horizon
    for o, _ in rows if names else ():
        begin = int(laid.place[o])
        track = next(one for one in table.tracks if one.name == laid.reader.series[laid.series[o]])
        to_come = track.known[begin - track.start :][:horizon]
        if len(to_come) < horizon or np.isnan(to_come).any():
            since = laid.reader.spacing.label(begin)
            came = f"a table that does not tell {', '.join(names)} of the {horizon} steps from {since} on"
            cure = "Add a row for each of them, without a value of what is foretold"
            raise InputError(str(path), came=came, wanted="what is known of the future, as in training", cure=cure)


def _longer(track: Track, steps: int) -> Track:
    """With so many steps after its end, of which nothing is known."""

    def longer(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.pad(values, ((0, steps), (0, 0)), constant_values=np.nan)

    return Track(track.name, track.start, longer(track.targets), longer(track.past), longer(track.known))
