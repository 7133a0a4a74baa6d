"""Sequences of joints with a class each: what a body does, from where its joints are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from recorrente import baselines
from recorrente.data import joints, ragged
from recorrente.data.joints import Posture
from recorrente.data.progress import Progress
from recorrente.data.series import Series as Part
from recorrente.data.series import SeriesData
from recorrente.evaluation import Predictions
from recorrente.kinds.base import Reading, Recipe
from recorrente.kinds.series import Series, resampled
from recorrente.training import Plan

__all__ = ["Joints"]


class Joints(Series):
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "joints"
    own_shape: ClassVar[Mapping[str, Any]] = {"hidden": 64, "layers": 2, "bidirectional": True, "dropout": 0.5}
    own_plan: ClassVar[Mapping[str, Any]] = {"epochs": 100, "batch": 16, "learning_rate": 3e-3}
    own_task: ClassVar[Mapping[str, Any]] = {}
    coordinates = joints.COORDINATES

    def load(
        self, source: str | Path, reading: Reading, plan: Plan, progress: Progress, learnt: Sequence[str] | None = None
    ) -> SeriesData:
        reading.only(self.name, "mirror")
        return joints.load(source, seed=plan.seed, learnt=learnt, progress=progress)

    def reader(self, data: SeriesData, reading: Reading, plan: Plan) -> Posture:
        return Posture.of(data.train.values)

    def reader_from(self, config: Mapping[str, Any]) -> Posture:
        return Posture(**config)

    def varied(
        self, recipe: Recipe, part: Part, sequences: ragged.Sequences, random: np.random.Generator
    ) -> ragged.Sequences:
        """A little otherwise in every epoch; mirrored as the run's config says."""
        mirror = bool(recipe.reading.mirror)
        return [recipe.reader(joints.varied(one, random, mirror=mirror)) for one in part.values]

    def beside(self, recipe: Recipe, data: SeriesData, predictions: Predictions) -> dict[str, Any]:
        train, test = (
            np.stack([resampled(recipe.reader(one), 8) for one in part.values]) for part in (data.train, data.test)
        )
        linear = baselines.linear(train, data.train.labels, test, data.test.labels)
        return {"baselines": {**super().beside(recipe, data, predictions)["baselines"], "linear on 8 steps": linear}}
