"""Series of numbers with a class each: sensors, gestures, heartbeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from recorrente import baselines
from recorrente.data import ragged, series
from recorrente.data.progress import Progress
from recorrente.data.series import Series as Part
from recorrente.data.series import SeriesData
from recorrente.errors import InputError
from recorrente.evaluation import Predictions, gradient_norms, step_by_step
from recorrente.kinds.base import Prediction, Reading, Recipe
from recorrente.kinds.classified import Ragged
from recorrente.network import Network
from recorrente.shape import Shape
from recorrente.training import Plan

__all__ = ["Scaled", "Series", "resampled"]

SHOWN, GRADIENT_BATCH = 3, 32
NOISE, LOUDER, STRETCH, CUT = 0.1, 0.1, 0.1, 0.2
"""Of augmentation: in standard deviations, and shares of the size and, the last two, of the length."""
CALENDAR = 32
"""Steps, few of them: where all series have the same number and no more, each is taken to have a meaning of its own, an
hour of the day or a day of the month, and none is cut off."""


@dataclass(frozen=True)
class Scaled:
    """Each channel at mean 0 and deviation 1 over the training series, and how it changes from step to step.

    Attributes:
        mean, deviation: of each channel.
        change: the deviation of the scaled channel's changes.
        steps: of the longest training series.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    change: tuple[float, ...]
    steps: int = 0

    @classmethod
    def of(cls, values: Sequence[NDArray[np.float32]]) -> Scaled:
        """Made for the training series, in float64: in float32 the mean of a million steps at 1013 hPa is off by 7."""
        every = np.concatenate(values)
        mean, spread = (of(axis=0, dtype=np.float64) for of in (every.mean, every.std))
        spread = _or_one(spread, spread > np.finfo(np.float32).eps * np.abs(mean))
        steps = np.concatenate([np.diff(one, axis=0, prepend=one[:1]) for one in values]) / spread
        moving = _or_one(steps.std(axis=0), steps.std(axis=0) > 1e-6)
        return cls(_plain(mean), _plain(spread), _plain(moving), max(map(len, values)))

    @property
    def channels(self) -> int:
        """C."""
        return len(self.mean)

    @property
    def width(self) -> int:
        """Of a step: 2C."""
        return 2 * self.channels

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(T, 2C)` from `(T, C)`: values, then changes."""
        scaled = (values - np.array(self.mean)) / np.array(self.deviation)
        change = np.diff(scaled, axis=0, prepend=scaled[:1]) / np.array(self.change)
        return np.concatenate([scaled, change], axis=1).astype(np.float32)

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Scaled:
        """What `to_config` wrote."""
        mean, deviation, change = (tuple(config[name]) for name in ("mean", "deviation", "change"))
        return cls(mean, deviation, change, config.get("steps", 0))


def _plain(numbers: NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(numbers.astype(float).tolist())


def _or_one(scale: NDArray[np.floating], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The scale of what varies; 1 for what stands still, that nothing is made large of it, however small its unit."""
    return np.where(there, scale, 1.0)


class Series(Ragged):
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "series"
    counted = "series"
    own_shape: ClassVar[Mapping[str, Any]] = {
        "hidden": 64,
        "layers": 2,
        "bidirectional": True,
        "dropout": 0.3,
        "initial": "scales",
    }
    own_plan: ClassVar[Mapping[str, Any]] = {"epochs": 60, "batch": 16, "learning_rate": 5e-3}
    own_task: ClassVar[Mapping[str, Any]] = {"label_smoothing": 0.1}
    coordinates: ClassVar[int | None] = None  # of each point in arrays (T, J, coordinates)
    least_steps: ClassVar[int] = 10

    def shape(self, cell: str, reading: Reading, given: Mapping[str, Any]) -> Shape:
        """An Elman cell has no gates whose time scales could be spread."""
        plain = {"initial": "orthogonal"} if cell == "elman" else {}
        return super().shape(cell, reading, {**plain, **given})

    def load(
        self, source: str | Path, reading: Reading, plan: Plan, progress: Progress, learnt: Sequence[str] | None = None
    ) -> SeriesData:
        reading.only(self.name)
        return series.load(source, seed=plan.seed, learnt=learnt, progress=progress)

    def again(self, recipe: Recipe, source: str | Path, progress: Progress) -> SeriesData:
        data: SeriesData = super().again(recipe, source, progress)
        _check_channels("data", data.test.values[0], recipe.reader.channels)
        return data

    def reader(self, data: SeriesData, reading: Reading, plan: Plan) -> Any:
        return Scaled.of(data.train.values)

    def reader_from(self, config: Mapping[str, Any]) -> Any:
        return Scaled.from_config(config)

    def network(self, recipe: Recipe) -> Network:
        """`scales` alone spreads over the steps of the longest series; where they are few, it is `orthogonal`."""
        shape, steps = recipe.shape, recipe.reader.steps
        few = shape.initial == "scales" and steps <= CALENDAR
        shape = replace(shape, initial="orthogonal") if few else shape.remembering(steps)
        return shape.build(recipe.reader.width, len(recipe.classes))

    def encode(self, recipe: Recipe, part: Part) -> tuple[list[NDArray[np.float32]], tuple[int, ...]]:
        return [recipe.reader(one) for one in part.values], part.labels

    def varied(
        self, recipe: Recipe, part: Part, sequences: ragged.Sequences, random: np.random.Generator
    ) -> ragged.Sequences:
        """A little otherwise in every epoch."""
        lengths = {len(one) for one in part.values}
        cut = 0.0 if len(lengths) == 1 and max(lengths) <= CALENDAR else CUT
        return [recipe.reader(_varied(one, recipe.reader, random, cut)) for one in part.values]

    def beside(self, recipe: Recipe, data: SeriesData, predictions: Predictions) -> dict[str, Any]:
        train, test = ([resampled(recipe.reader(one)) for one in part.values] for part in (data.train, data.test))
        nearest = baselines.nearest(np.stack(train), data.train.labels, np.stack(test), data.test.labels)
        most = baselines.majority(data.train.labels, data.test.labels)
        return {"baselines": {"majority class": most, "nearest neighbour": nearest}}

    def observe(
        self, recipe: Recipe, network: Network, data: SeriesData, predictions: Predictions
    ) -> dict[str, NDArray[Any]]:
        """What the report is drawn from: series as they arrive, the gradient."""
        shown = predictions.examples(SHOWN)
        seen: dict[str, NDArray[Any]] = {
            "series_target": predictions.target[shown],
            "gradient_norms": gradient_norms(network, recipe.task, self._equal_lengths(recipe, data.train)),
        }
        for number, k in enumerate(shown):
            seen[f"series_{number}_values"] = data.test.values[k]
            steps = step_by_step(network, torch.from_numpy(recipe.reader(data.test.values[k])).unsqueeze(1))
            seen[f"series_{number}_probabilities"] = steps.probabilities
        return seen

    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> list[Prediction]:
        """The class of each file, `.csv` or `.npy`."""
        paths = [Path(one) for one in given]
        values = tuple(_read(path, recipe.reader.channels, self.coordinates) for path in paths)
        nobody = Part(values, (0,) * len(paths))
        return self.told_of(recipe, network, nobody, paths, [f"{len(one)} steps" for one in values])

    def _equal_lengths(self, recipe: Recipe, train: Part) -> Any:
        """Some training series of the most common length."""
        T = Counter(len(one) for one in train.values).most_common(1)[0][0]
        chosen = [k for k, one in enumerate(train.values) if len(one) == T][:GRADIENT_BATCH]
        return ragged.one([recipe.reader(train.values[k]) for k in chosen], [train.labels[k] for k in chosen])


def _read(path: Path, channels: int, coordinates: int | None) -> NDArray[np.float32]:
    if not path.is_file():
        raise InputError(str(path), came="no such file", wanted="a series: .csv or .npy")
    if path.suffix.lower() == ".ts" or path.stem.endswith(("_TRAIN", "_TEST")):
        cure = "Write one series a file, a step a row; or have them all scored: recorrente evaluate RUN FILE"
        raise InputError(str(path), came="a file of many series", wanted="one, .csv or .npy", cure=cure)
    values = series.read_numbers(path, coordinates)
    _check_channels(str(path), values, channels)
    return values


def _check_channels(argument: str, values: NDArray[np.float32], channels: int) -> None:
    """Refuses other channels than were learnt; a series that lies on its side is told so."""
    if values.shape[1] != channels:
        cure = "Turn it round: a step is a row, a channel a column" if len(values) == channels else ""
        raise InputError(argument, came=f"{values.shape[1]} channels", wanted=f"{channels}, as was learnt", cure=cure)


def resampled(values: NDArray[np.float32], steps: int = 64) -> NDArray[np.float32]:
    """The same at 64 evenly spread steps, flat, so that series of any length can be set beside each other."""
    return series.at_steps(values, steps).T.ravel().astype(np.float32)


def _varied(
    values: NDArray[np.float32], scaled: Scaled, random: np.random.Generator, cut: float
) -> NDArray[np.float32]:
    """A series without some of its steps at the ends, a little longer or shorter, larger or smaller, and with noise.

    Larger or smaller around the mean of each channel: a tenth of 1013 hPa is more than any weather.
    """
    kept = max(2, round(len(values) * random.uniform(1 - cut, 1)))
    first = random.integers(0, max(1, len(values) - kept + 1))
    part = values[first : first + kept]
    made = series.at_steps(part, max(2, round(len(part) * random.uniform(1 - STRETCH, 1 + STRETCH))))
    mean, deviation = np.array(scaled.mean), np.array(scaled.deviation)
    made = mean + (made - mean) * random.uniform(1 - LOUDER, 1 + LOUDER, (1, values.shape[1]))
    return (made + NOISE * deviation * random.standard_normal(made.shape)).astype(np.float32)
