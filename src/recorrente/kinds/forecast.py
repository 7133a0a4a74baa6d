"""Tables of numbers over time: what comes next, with an interval around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray

from recorrente import baselines, forecasts
from recorrente.data import tables
from recorrente.data.batch import Batch
from recorrente.data.known import KNOWN, files
from recorrente.data.progress import Progress
from recorrente.data.source import locate, of_known
from recorrente.data.tables import Asked, Table, Track
from recorrente.data.windows import OWN, Laid, WindowReader, batches
from recorrente.errors import InputError
from recorrente.evaluation import gradient_norms
from recorrente.kinds.base import Reading, Recipe, Results
from recorrente.layers import Network
from recorrente.shape import Shape
from recorrente.tasks.forecast import Forecast as Task
from recorrente.training import Feed, Plan

__all__ = ["Forecast", "ForecastData", "Said"]

TEST_SHARE = 0.2
TOGETHER = 2048
"""Windows in a batch that is only read."""
LEAST_STEPS, MOST_STEPS = 30, 240
"""Batches in an epoch: a short series is read several times in one, of a long one every window is not."""
MOST_VALIDATED = 20_000
MOST_LINEAR = 20_000
"""Windows that the linear model learns from."""
GRADIENT_BATCH = 32
SHOWN, PANELS = 3, 6
"""Windows of the report for each series, and series at the most."""


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
        return [
            {"time": time, **series, "column": self.target}
            | {name: f"{value:.6g}" for name, value in zip(names, values, strict=True)}
            for time, *values in zip(self.times, self.forecast, self.low, self.high, strict=True)
        ]


class Forecast:
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "forecast"
    cell = "gru"

    def shape(self, cell: str, reading: Reading, given: Mapping[str, Any]) -> Shape:
        return Shape(cell, **{"hidden": 64, "layers": 1, "embedding": 64, "dropout": 0.3, **given})

    def plan(self, source: str, cell: str, given: Mapping[str, Any]) -> Plan:
        if "window" in given:
            came = f"{given['window']} for a forecast"
            raise InputError("window", came=came, wanted="nothing", cure="--context says how many steps are read")
        own = {"epochs": 8, "batch": 256, "learning_rate": 2e-3, "validation": 0.1, "rise": 0.2}
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
            known = KNOWN[str(source)]
            unsaid: dict[str, Any] = {k: v for k, v in known.reading.items() if getattr(reading, k) is None}
            reading = replace(reading, **unsaid)
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
        )

    def feed(self, recipe: Recipe, data: ForecastData) -> Feed:
        parts, plan = _Parts.of(recipe, data), recipe.plan
        steps = min(max(-(-len(parts.fit) // plan.batch), LEAST_STEPS), MOST_STEPS)

        def train(epoch: int) -> Iterator[Batch]:
            return batches(parts.laid, parts.fit, plan.batch, steps=steps, seed=(plan.seed, epoch))

        some = _spread(parts.validation, MOST_VALIDATED)
        return Feed(train, lambda: batches(parts.laid, some, TOGETHER), steps=steps)

    def scores(self, recipe: Recipe, network: Network, data: ForecastData) -> dict[str, Any]:
        parts = _Parts.of(recipe, data)
        return _scores(recipe, parts, _Outcome.of(recipe, network, parts.laid, parts.test))

    def results(self, recipe: Recipe, network: Network, data: ForecastData) -> Results:
        parts = _Parts.of(recipe, data)
        outcome = _Outcome.of(recipe, network, parts.laid, parts.test)
        beside = _beside(parts)
        metrics = _scores(recipe, parts, outcome, beside) | {"notes": list(data.notes)}
        first = next(iter(batches(parts.laid, parts.fit[:GRADIENT_BATCH], GRADIENT_BATCH)))
        seen = _shown(recipe, parts, outcome, beside)
        seen["gradient_norms"] = gradient_norms(network, recipe.task, first)
        return Results(metrics, seen, *_table(recipe, parts, outcome))

    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> list[Said]:
        """What comes after the end of each table."""
        return [said for one in given for said in _after(recipe, network, _file(locate(one)))]

    def generate(self, recipe: Recipe, network: Network, prompt: str, **how: Any) -> NoReturn:
        cure = "Try: recorrente predict"
        raise InputError("run", came="a model of numbers", wanted="one that was trained on running text", cure=cure)

    def summary(self, metrics: Mapping[str, Any]) -> str:
        """The errors at mean 0 and deviation 1, beside the baselines; in the column's own unit where there is one."""
        size = f"{metrics['test_size']:,} windows of {metrics['horizon']} steps"
        interval = f"{metrics['interval']:.0%} interval holds {metrics['inside']:.1%}"
        lines = [f"test MSE {metrics['mse']:.4f}  MAE {metrics['mae']:.4f} (standardised)  {interval}  ({size})"]
        if beside := metrics.get("baselines", {}):
            told = ", ".join(f"{name} MSE {one['mse']:.4f} MAE {one['mae']:.4f}" for name, one in beside.items())
            lines.append(f"beside it: {told}")
        for one in metrics["columns"][:SHOWN]:
            own = f"MAE {one['mae']:.4g}  RMSE {one['rmse']:.4g}  sMAPE {one['smape']:.3g} %  MASE {one['mase']:.3f}"
            lines.append(f"{one['column']}: {own}")
        return "\n".join(lines)


def _file(path: Path) -> Path:
    if path.is_dir():
        raise InputError(str(path), came="a folder", wanted="a table: a .csv or .parquet file")
    return path


def _asked(reading: Reading) -> Asked:
    names = ("target", "time", "group", "known", "encoding")
    return Asked(**{name: getattr(reading, name) for name in names}, skip_bad=bool(reading.skip_bad))


def _of_reader(path: Path, recipe: Recipe) -> Table:
    """Another table, read as the first one was."""
    frame = tables.open_table(path, recipe.reading.encoding)
    return tables.series_of(
        path, frame, recipe.reader.columns, recipe.reader.spacing, skip_bad=bool(recipe.reading.skip_bad)
    )


def _asked_of(table: Table, reading: Reading, plan: Plan, split: tuple[int, ...]) -> ForecastData:
    """The horizon, the context and the rest, as they were said or as they suit the table."""
    steps = max(len(track) for track in table.tracks)
    season = _number("season", reading.season, table.spacing.season)
    season = season if reading.season or season * 6 <= steps else 1
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
    told = f"a {table.spacing.words} a step; {context} are read, {horizon} foretold; season {season}"
    return ForecastData(table, horizon, context, segment, season, ends, (*table.notes, told))


def _context(season: int, horizon: int) -> int:
    """Whole seasons, three horizons at the least."""
    return -(-max(3 * horizon, 2 * season, 24) // season) * season


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


def _spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Up to so many, evenly spread."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]


@dataclass(frozen=True)
class _Parts:
    """The windows of each part."""

    laid: Laid
    train_end: int
    fit: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    @classmethod
    def of(cls, recipe: Recipe, data: ForecastData) -> _Parts:
        laid = recipe.reader.lay(data.table.tracks)
        first, second, third = data.ends
        begin = int(laid.place.min())
        parts = laid.origins(begin, first), laid.origins(first, second), laid.origins(second, third)
        fit, validation = map(laid.useful, parts[:2])
        for name, rows in (("learn from", fit), ("validate on", validation), ("test on", laid.useful(parts[2]))):
            if not len(rows):
                came = f"no window of {data.context} + {data.horizon} steps with values in it to {name}"
                cure = "Give a longer table, or shorten --context and --horizon"
                raise InputError(data.table.name, came=came, wanted="some", cure=cure)
        return cls(laid, first, fit, validation, parts[2])


@dataclass(frozen=True)
class _Outcome:
    """What was said and what came, at mean 0 and deviation 1: `(N, horizon, Q)` and `(N, horizon)`; and the loss."""

    said: NDArray[np.float32]
    truth: NDArray[np.float32]

    @classmethod
    @torch.inference_mode()
    def of(cls, recipe: Recipe, network: Network, laid: Laid, rows: NDArray[np.int64]) -> _Outcome:
        network.eval()
        task: Task = recipe.task
        said, truth = [], []
        for batch in batches(laid, rows, TOGETHER):
            level = batch.x[0, :, 2]
            said.append((task.ordered(task.logits(network, batch)) + level.unsqueeze(-1)).transpose(0, 1))
            truth.append((batch.target + level).T)
        return cls(torch.cat(said).numpy(), torch.cat(truth).numpy())

    def median(self) -> NDArray[np.float32]:
        return self.said[:, :, self.said.shape[2] // 2]


def _unit(reader: WindowReader, rows: NDArray[np.int64], laid: Laid) -> tuple[NDArray[Any], NDArray[Any]]:
    """The deviation and the mean of each row's column, `(N, 1)`."""
    at = laid.series[rows[:, 0]], rows[:, 1]
    return np.array(reader.deviation)[at][:, None], np.array(reader.mean)[at][:, None]


def _scores(
    recipe: Recipe, parts: _Parts, outcome: _Outcome, beside: Mapping[str, NDArray[Any]] | None = None
) -> dict[str, Any]:
    """All that is told of forecasts: standardised over all windows, and in the unit of each column."""
    task: Task = recipe.task
    truth, said = outcome.truth, outcome.said
    every: dict[str, Any] = {
        "mse": forecasts.mse(truth, outcome.median()),
        "mae": forecasts.mae(truth, outcome.median()),
        "loss": forecasts.quantile_loss(truth, said, task.quantiles),
        "inside": forecasts.inside(truth, said[..., 0], said[..., -1]),
        "interval": task.interval,
        "test_size": len(truth),
        "horizon": truth.shape[1],
    }
    if beside is not None:
        every["baselines"] = {
            name: {"mse": forecasts.mse(truth, one), "mae": forecasts.mae(truth, one)} for name, one in beside.items()
        }
    return every | {"columns": _by_column(recipe, parts, outcome, beside or {})}


def _by_column(
    recipe: Recipe, parts: _Parts, outcome: _Outcome, beside: Mapping[str, NDArray[Any]]
) -> list[dict[str, Any]]:
    """The measures of each column in its own unit, the network's and those of the baselines."""
    reader: WindowReader = recipe.reader
    size, mean = _unit(reader, parts.test, parts.laid)
    truth = outcome.truth * size + mean
    scales = _mase_scales(parts)
    told = []
    for d, name in enumerate(reader.columns.targets):
        of = parts.test[:, 1] == d
        scale = scales[parts.laid.series[parts.test[of, 0]], d][:, None]

        def measured(said: NDArray[Any], of: NDArray[np.bool_] = of, scale: NDArray[Any] = scale) -> dict[str, float]:
            own = (said * size + mean)[of]
            return {
                "mae": forecasts.mae(truth[of], own),
                "rmse": forecasts.rmse(truth[of], own),
                "smape": forecasts.smape(truth[of], own),
                "mase": forecasts.mae(outcome.truth[of] / scale, said[of] / scale),
            }

        inside = forecasts.inside(outcome.truth[of], outcome.said[of, :, 0], outcome.said[of, :, -1])
        others = {other: measured(said) for other, said in beside.items()}
        told.append({"column": name, **measured(outcome.median()), "inside": inside, "baselines": others})
    return told


def _mase_scales(parts: _Parts) -> NDArray[np.float64]:
    """What divides the error of each target of each series, `(S, D)`, standardised."""
    laid = parts.laid
    values, training = laid.target.numpy(), laid.place < parts.train_end
    made = np.full((len(laid.reader.series), values.shape[1]), np.nan)
    for number in np.unique(laid.series):
        own = values[training & (laid.series == number)]
        made[number] = [forecasts.mase_scale(own[:, d], laid.reader.season) for d in range(values.shape[1])]
    return made


def _beside(parts: _Parts) -> dict[str, NDArray[Any]]:
    """What the baselines say of the test windows, `(N, horizon)`."""
    laid, reader = parts.laid, parts.laid.reader
    o, d = parts.test.T
    before = laid.seasonal.numpy()[o + np.arange(-reader.season, 0)[:, None], d]
    made = {"seasonal naive": baselines.seasonal_naive(before, reader.season, reader.horizon).T}
    linear = np.full_like(made["seasonal naive"], np.nan)
    for column in range(laid.target.shape[1]):
        rows = [_spread(part[part[:, 1] == column], MOST_LINEAR) for part in (parts.fit, parts.validation)]
        (fit, after), (held, wanted) = (_flat(laid, one) for one in rows)
        if (~np.isnan(after).any(axis=1)).sum() < 2 or np.isnan(wanted).all():
            return made
        model = baselines.LinearForecast(fit, after, held, wanted)
        for some in np.array_split(np.flatnonzero(d == column), -(-len(o) // TOGETHER)):
            if len(some):
                told, _ = _flat(laid, parts.test[some])
                linear[some] = model(told) + laid.filled.numpy()[o[some] - 1, column][:, None]
    return made | {"linear": linear}


def _flat(laid: Laid, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a linear model is told, the window, the level and the covariates of its last step; and what came."""
    batch = laid.batch(rows)
    L = laid.reader.context
    window, level, covariates = batch.x[:L, :, 0].T, batch.x[0, :, 2:3], batch.x[L - 1, :, OWN:-1]
    return torch.cat([window, level, covariates], dim=1).numpy(), batch.target.T.numpy()


def _apart(parts: _Parts, horizon: int) -> NDArray[np.intp]:
    """The test windows whose horizons do not overlap, the latest of each series among them."""
    o = parts.test[:, 0]
    last = {int(first): int(o[parts.laid.first[o] == first].max()) for first in np.unique(parts.laid.first[o])}
    until = np.array([last[int(first)] for first in parts.laid.first[o]])
    return np.flatnonzero((until - o) % horizon == 0)


def _table(recipe: Recipe, parts: _Parts, outcome: _Outcome) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """`predictions.csv`: the windows that do not overlap, step by step."""
    reader: WindowReader = recipe.reader
    chosen = _apart(parts, reader.horizon)
    size, mean = _unit(reader, parts.test[chosen], parts.laid)
    truth = outcome.truth[chosen] * size + mean
    said = outcome.said[chosen][..., [0, outcome.said.shape[2] // 2, -1]] * size[..., None] + mean[..., None]
    rows: list[tuple[object, ...]] = []
    for (o, d), came, told in zip(parts.test[chosen], truth, said, strict=True):
        name = reader.series[parts.laid.series[o]]
        for step in range(reader.horizon):
            time = reader.spacing.label(int(parts.laid.place[o]) + step)
            numbers = [f"{value:.6g}" for value in (came[step], told[step, 1], told[step, 0], told[step, 2])]
            rows.append((len(rows), time, name, reader.columns.targets[d], *numbers))
    return ("index", "time", "series", "column", "target", "prediction", "low", "high"), rows


def _shown(
    recipe: Recipe, parts: _Parts, outcome: _Outcome, beside: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """What the report is drawn from: some windows with all that was said, and the error at each step to come."""
    reader: WindowReader = recipe.reader
    chosen, step = _panels(parts, reader), np.arange(reader.horizon)
    rows = parts.test[chosen]
    size, mean = _unit(reader, rows, parts.laid)
    shown = min(reader.context, 2 * max(reader.horizon, reader.season))
    before = parts.laid.target.numpy()[rows[:, :1] + np.arange(-shown, 0), rows[:, 1:]]
    others = {f"shown_{name.replace(' ', '_')}": one[chosen] * size + mean for name, one in beside.items()}
    steps = {"network": outcome.median(), **beside}
    errors = [[forecasts.mae(outcome.truth[:, k], one[:, k]) for k in step] for one in steps.values()]
    return {
        "shown_names": np.array([_name(reader, parts.laid, row) for row in rows]),
        "shown_times": np.array([reader.spacing.label(int(parts.laid.place[o])) for o, _ in rows]),
        "shown_before": before * size + mean,
        "shown_truth": outcome.truth[chosen] * size + mean,
        "shown_said": outcome.said[chosen] * size[..., None] + mean[..., None],
        **others,
        "ahead_names": np.array(list(steps)),
        "ahead_mae": np.array(errors),
    }


def _name(reader: WindowReader, laid: Laid, row: NDArray[np.int64]) -> str:
    series, column = reader.series[laid.series[row[0]]], reader.columns.targets[row[1]]
    return f"{series}: {column}" if series else column


def _panels(parts: _Parts, reader: WindowReader) -> list[int]:
    """Windows to look at: of the first few series, evenly spread over the test part."""
    own = parts.laid.series[parts.test[:, 0]] * len(reader.columns.targets) + parts.test[:, 1]
    chosen = []
    for number in np.unique(own)[:PANELS]:
        of = np.flatnonzero(own == number)
        chosen += [int(k) for k in _spread(of, 2 * SHOWN)[1::2]][:SHOWN]
    return chosen


def _after(recipe: Recipe, network: Network, path: Path) -> list[Said]:
    """The horizon after the last value of each series of a table."""
    reader: WindowReader = recipe.reader
    table = _of_reader(path, recipe)
    laid = reader.lay([_longer(track, reader.horizon) for track in table.tracks])
    rows = laid.ends()
    short = rows[rows[:, 0] - laid.first[np.minimum(rows[:, 0], len(laid.first) - 1)] < reader.context]
    if len(short):
        came = f"{int(short[0, 0] - laid.first[short[0, 0]])} steps of {_name(reader, laid, short[0])}"
        raise InputError(str(path), came=came, wanted=f"at least the {reader.context} that are read")
    _refuse_unknown_future(path, table, laid, rows)
    outcome = _Outcome.of(recipe, network, laid, rows)
    size, mean = _unit(reader, rows, laid)
    said = outcome.said * size[..., None] + mean[..., None]
    made = []
    for (o, d), one in zip(rows, said, strict=True):
        times = [reader.spacing.label(int(laid.place[o]) + step) for step in range(reader.horizon)]
        middle, low, high = (one[:, k].tolist() for k in (one.shape[1] // 2, 0, -1))
        series, name = reader.series[laid.series[o]], reader.columns.targets[d]
        made.append(Said(path, series, name, times, middle, low, high, recipe.task.interval))
    return made


def _refuse_unknown_future(path: Path, table: Table, laid: Laid, rows: NDArray[np.int64]) -> None:
    """What was foreknown in training has to be there for every step to come."""
    names, horizon = table.columns.known, laid.reader.horizon
    for o, _ in rows if names else ():
        begin = int(laid.place[o])
        track = next(one for one in table.tracks if one.name == laid.reader.series[laid.series[o]])
        to_come = track.known[begin - track.start :][:horizon]
        if len(to_come) < horizon or np.isnan(to_come).any():
            came = f"a table that does not tell {', '.join(names)} of the {horizon} steps from {_label(laid, o)} on"
            cure = "Add a row for each of them, without a value of what is foretold"
            raise InputError(str(path), came=came, wanted="what is known of the future, as in training", cure=cure)


def _label(laid: Laid, o: int) -> str:
    return laid.reader.spacing.label(int(laid.place[o]))


def _longer(track: Track, steps: int) -> Track:
    """With so many steps after its end, of which nothing is known."""

    def longer(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.pad(values, ((0, steps), (0, 0)), constant_values=np.nan)

    return Track(track.name, track.start, longer(track.targets), longer(track.past), longer(track.known))
