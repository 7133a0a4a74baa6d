"""What a network said of windows of series, set beside what came and beside what is said without recurrence.

Everything is at mean 0 and deviation 1 over the training part, until it is told in the unit of its column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log10
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recorrente import baselines, forecasts
from recorrente.data import proportion
from recorrente.data.batch import Batch
from recorrente.data.windows import OWN, Laid, WindowReader, batches
from recorrente.encoders import Ahead
from recorrente.network import Network
from recorrente.tasks.forecast import Forecast

__all__ = ["TOGETHER", "Outcome", "Parts", "beside", "calibrate", "calibration", "scores", "shown", "spread", "table"]

TOGETHER = 2048
"""Windows in a batch that is only read."""
MOST_VALIDATED = 20_000
MOST_LINEAR = 20_000
"""Windows that the linear model learns from."""
PANELS, OF_EACH = 6, 3
"""Series that the report shows at the most, and windows of each."""

Values = NDArray[Any]


def spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Up to so many of them, evenly spread."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]


@dataclass(frozen=True)
class Parts:
    """The windows to learn from, to validate and to test on, `(M, 2)` each, and where on the grid training ends."""

    laid: Laid
    train_end: int
    fit: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def held(self) -> NDArray[np.int64]:
        """The windows to validate and to calibrate on: all, or so many of them as are worth the time."""
        return spread(self.validation, MOST_VALIDATED)


@dataclass(frozen=True)
class Outcome:
    """N windows of a series, what was said of each and what came.

    Attributes:
        laid, rows: where they were cut from.
        task: which quantiles.
        said, truth: `(N, horizon, Q)` and `(N, horizon)`; NaN where nothing came.
    """

    laid: Laid
    rows: NDArray[np.int64]
    task: Forecast
    said: Values
    truth: Values

    @classmethod
    @torch.inference_mode()
    def of(cls, network: Network, task: Forecast, laid: Laid, rows: NDArray[np.int64]) -> Outcome:
        """What the network says; it is left in evaluation mode."""
        said, truth, by = [], [], cast(Ahead, network.head).widening
        for batch, ordered in _ordered(network, task, laid, rows):
            level = batch.x[0, :, -2]
            said.append((task.widened(ordered, by) + level.unsqueeze(-1)).transpose(0, 1))
            truth.append((batch.target + level).T)
        straight = (laid.straight(torch.cat(one).numpy(), rows) for one in (said, truth))
        return cls(laid, rows, task, *straight)

    @property
    def median(self) -> Values:
        """The forecast: what is as likely to be passed as not."""
        return self.said[:, :, self.said.shape[2] // 2]

    @property
    def unit(self) -> tuple[Values, Values]:
        """The deviation and the mean of each row's column, `(N, 1)`."""
        reader = self.laid.reader
        at = self.laid.series[self.rows[:, 0]], self.rows[:, 1]
        return np.array(reader.deviation)[at][:, None], np.array(reader.mean)[at][:, None]

    def in_unit(self, values: Values) -> Values:
        """Values `(N, ...)` of these windows in the unit of their column."""
        size, mean = (one.reshape(-1, *[1] * (values.ndim - 1)) for one in self.unit)
        return values * size + mean

    def name(self, row: int) -> str:
        """Of the series and the column of a window."""
        reader, (o, d) = self.laid.reader, self.rows[row]
        series, column = reader.series[self.laid.series[o]], reader.columns.targets[d]
        return f"{series}: {column}" if series else column

    def time(self, row: int, step: int = 0) -> str:
        """Of a step to come."""
        return self.laid.reader.spacing.label(int(self.laid.place[self.rows[row, 0]]) + step)

    def take(self, chosen: Sequence[int] | NDArray[np.intp]) -> Outcome:
        """Those windows alone."""
        at = np.asarray(chosen, int)
        return Outcome(self.laid, self.rows[at], self.task, self.said[at], self.truth[at])


def _ordered(network: Network, task: Forecast, laid: Laid, rows: NDArray[np.int64]) -> Iterator[tuple[Batch, Tensor]]:
    """Windows, and the quantiles of each less its level, as the network was taught them."""
    network.eval()
    for batch in batches(laid, rows, TOGETHER):
        yield batch, task.ordered(task.logits(network, batch))


@torch.inference_mode()
def calibrate(network: Network, task: Forecast, parts: Parts) -> None:
    """Sets how far the quantiles are moved, by the part that was held out; see `forecasts.widening`.

    One number for each pair of quantiles, over all series, columns and steps to come: a validation part of one season
    holds too few windows for more.
    """
    made = [(ordered, batch.target) for batch, ordered in _ordered(network, task, parts.laid, parts.held)]
    said, truth = (torch.cat(one, dim=1).numpy() for one in zip(*made, strict=True))
    quantiles, Q = task.quantiles, len(task.quantiles)
    by = [
        forecasts.widening(truth, said[..., k], said[..., Q - 1 - k], quantiles[Q - 1 - k] - quantiles[k])
        for k in range(Q // 2)
    ]
    cast(Ahead, network.head).widening.copy_(torch.tensor(by))


def calibration(network: Network, parts: Parts) -> dict[str, Any]:
    """What is told of it: how far the outermost quantiles were moved, and by how many values."""
    o, d = parts.held.T
    came = parts.laid.target.numpy()[o + np.arange(parts.laid.reader.horizon)[:, None], d]
    widening = cast(Ahead, network.head).widening
    return {"widening": float(widening[0]) if len(widening) else 0.0, "calibrated_on": int((~np.isnan(came)).sum())}


def scores(outcome: Outcome, train_end: int, others: Mapping[str, Values] | None = None) -> dict[str, Any]:
    """All that is told of forecasts: standardised over all windows, and in the unit of each column.

    All errors are those of the median. A measure of nothing is None.
    """
    truth, said, task = outcome.truth, outcome.said, outcome.task
    every: dict[str, Any] = {
        "mse": forecasts.mse(truth, outcome.median),
        "mae": forecasts.mae(truth, outcome.median),
        "loss": forecasts.quantile_loss(truth, said, task.quantiles),
        "inside": forecasts.inside(truth, said[..., 0], said[..., -1]),
        "interval": task.interval,
        "test_size": len(truth),
        "horizon": truth.shape[1],
    }
    if others is not None:
        measures = {"mse": forecasts.mse, "mae": forecasts.mae}
        every["baselines"] = {
            name: {key: measure(truth, one) for key, measure in measures.items()} for name, one in others.items()
        }
    return every | {"columns": _by_column(outcome, train_end, others or {})}


def _by_column(outcome: Outcome, train_end: int, others: Mapping[str, Values]) -> list[dict[str, Any]]:
    laid, told = outcome.laid, []
    scales = _mase_scales(laid, train_end)
    for d, name in enumerate(laid.reader.columns.targets):
        at = np.flatnonzero(outcome.rows[:, 1] == d)
        own = outcome.take(at)
        scale = scales[laid.series[own.rows[:, 0]], d][:, None]
        inside = forecasts.inside(own.truth, own.said[..., 0], own.said[..., -1])
        row = {"column": name, **_measures(own, scale, own.median), "inside": _known(inside)}
        told.append(row | {"baselines": {one: _measures(own, scale, said[at]) for one, said in others.items()}})
    return told


def _measures(outcome: Outcome, scale: Values, said: Values) -> dict[str, float | None]:
    truth, own = outcome.in_unit(outcome.truth), outcome.in_unit(said)
    made = {
        "mae": forecasts.mae(truth, own),
        "rmse": forecasts.rmse(truth, own),
        "smape": forecasts.smape(truth, own),
        "mase": forecasts.mae(outcome.truth / scale, said / scale),
    }
    return {name: _known(value) for name, value in made.items()}


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _mase_scales(laid: Laid, train_end: int) -> Values:
    """What divides the error of each target of each series, `(S, D)`."""
    values, training = laid.target.numpy(), laid.place < train_end
    made = np.full((len(laid.reader.series), values.shape[1]), np.nan)
    for number in np.unique(laid.series):
        own = values[training & (laid.series == number)]
        own = proportion.straight(own, np.array(laid.reader.proportion[number]))
        made[number] = [forecasts.mase_scale(own[:, d], laid.reader.season) for d in range(values.shape[1])]
    return made


def beside(parts: Parts) -> dict[str, Values]:
    """What is said of the test windows without recurrence, `(N, horizon)`, by name.

    The seasonal naive forecast is left out where no window has a season of its series before it. The linear model of a
    column learns from the windows of all series; it is left out where too few are whole. Both read what the network
    reads, logarithms where it does.
    """
    return {name: parts.laid.straight(said, parts.test) for name, said in _beside(parts).items()}


def _beside(parts: Parts) -> dict[str, Values]:
    laid, reader = parts.laid, parts.laid.reader
    o, d = parts.test.T
    naive = baselines.seasonal_naive(_season_before(laid, parts.test), reader.season, reader.horizon).T
    made = {} if np.isnan(naive).all() else {"seasonal naive": naive}
    linear = np.full_like(naive, np.nan)
    for column in range(laid.target.shape[1]):
        chosen = (spread(part[part[:, 1] == column], MOST_LINEAR) for part in (parts.fit, parts.validation))
        (fit, after), (held, wanted) = (_flat(laid, one) for one in chosen)
        if (~np.isnan(after).any(axis=1)).sum() < 2 or np.isnan(wanted).all():
            return made
        model = baselines.LinearForecast(fit, after, held, wanted)
        at = np.flatnonzero(d == column)
        for some in (at[k : k + TOGETHER] for k in range(0, len(at), TOGETHER)):
            linear[some] = model(_flat(laid, parts.test[some])[0]) + laid.filled.numpy()[o[some] - 1, column][:, None]
    return made | {"linear": linear}


def _season_before(laid: Laid, rows: NDArray[np.int64]) -> Values:
    """The season before each window, `(season, N)`; NaN before the first row of its series."""
    o, d = rows.T
    at = o + np.arange(-laid.reader.season, 0)[:, None]
    first = laid.first[o]
    return np.where(at >= first, laid.seasonal.numpy()[np.maximum(at, first), d], np.nan).astype(np.float32)


def _flat(laid: Laid, rows: NDArray[np.int64]) -> tuple[Values, Values]:
    """What a linear model is told, the window, the level and the covariates of its last step; and what came."""
    batch = laid.batch(rows)
    L = laid.reader.context
    window, level, covariates = batch.x[:L, :, 0].T, batch.x[0, :, -2:-1], batch.x[L - 1, :, OWN:-2]
    return torch.cat([window, level, covariates], dim=1).numpy(), batch.target.T.numpy()


def figures(middle: Sequence[float], low: Sequence[float], high: Sequence[float]) -> int:
    """How many figures of each number are written: six, and more where the interval would not be seen.

    Example:
        >>> figures([20.5], [19.0], [22.0]), figures([1700000000.0], [1699999998.0], [1700000002.0])
        (6, 13)
    """
    each = zip(middle, low, high, strict=True)
    hidden = max((abs(one) / (most - least) for one, least, most in each if most > least), default=1)
    return max(6, 4 + ceil(log10(min(hidden, 1e13)))) if hidden > 1 else 6  # where all went astray it is no number


def table(outcome: Outcome) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """`predictions.csv`: the windows that do not overlap, step by step, in the unit of their column."""
    own, reader = outcome.take(_apart(outcome)), outcome.laid.reader
    told = [own.in_unit(one) for one in (own.truth, own.median, own.said[..., 0], own.said[..., -1])]
    shown = figures(*(one.ravel().tolist() for one in told[1:]))
    rows: list[tuple[object, ...]] = []
    for k, (o, d) in enumerate(own.rows):
        series = reader.series[own.laid.series[o]]
        for step in range(reader.horizon):
            numbers = [f"{one[k, step]:.{shown}g}" for one in told]
            rows.append((len(rows), own.time(k, step), series, reader.columns.targets[d], *numbers))
    return ("index", "time", "series", "column", "target", "prediction", "low", "high"), rows


def _apart(outcome: Outcome) -> NDArray[np.intp]:
    """The windows whose horizons do not overlap, the latest of each series among them."""
    o, first = outcome.rows[:, 0], outcome.laid.first[outcome.rows[:, 0]]
    last = np.zeros(len(o), int)
    for one in np.unique(first):
        last[first == one] = o[first == one].max()
    return np.flatnonzero((last - o) % outcome.truth.shape[1] == 0)


def shown(outcome: Outcome, others: Mapping[str, Values]) -> dict[str, Values]:
    """What the report is drawn from: some windows with all that was said, and the error at each step to come."""
    reader = outcome.laid.reader
    chosen = _panels(outcome)
    own = outcome.take(chosen)
    steps = min(reader.context, 2 * max(reader.horizon, reader.season))
    before = own.laid.target.numpy()[own.rows[:, :1] + np.arange(-steps, 0), own.rows[:, 1:]]
    before = own.laid.straight(before, own.rows)
    said = {"network": outcome.median, **others}
    ahead = range(reader.horizon)
    return {
        "shown_names": np.array([own.name(k) for k in range(len(own.rows))]),
        "shown_times": np.array([own.time(k) for k in range(len(own.rows))]),
        "shown_before": own.in_unit(before),
        "shown_truth": own.in_unit(own.truth),
        "shown_said": own.in_unit(own.said),
        **{f"shown_{name.replace(' ', '_')}": own.in_unit(one[chosen]) for name, one in others.items()},
        "ahead_names": np.array(list(said)),
        "ahead_mae": np.array(
            [[forecasts.mae(outcome.truth[:, k], one[:, k]) for k in ahead] for one in said.values()]
        ),
    }


def _panels(outcome: Outcome) -> list[int]:
    """Windows to look at: of the first few series, evenly spread over the test part."""
    reader: WindowReader = outcome.laid.reader
    of = outcome.laid.series[outcome.rows[:, 0]] * len(reader.columns.targets) + outcome.rows[:, 1]
    chosen: list[int] = []
    for number in np.unique(of)[:PANELS]:
        chosen += spread(np.flatnonzero(of == number), 2 * OF_EACH)[1::2][:OF_EACH].tolist()
    return chosen
