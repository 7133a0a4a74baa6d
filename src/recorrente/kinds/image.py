"""Pictures: a class for each, read row by row or pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np
import torch
from torch import Tensor

from recorrente import evaluation
from recorrente.data import image
from recorrente.data.batch import Batch
from recorrente.data.image import ImageData, ImageSet, Reader
from recorrente.data.progress import Progress
from recorrente.errors import InputError
from recorrente.kinds import classified
from recorrente.kinds.base import EVALUATION_BATCH, Prediction, Reading, Recipe, Results
from recorrente.layers import Network
from recorrente.observation import observe
from recorrente.shape import Shape
from recorrente.tasks.classify import Classify
from recorrente.training import Feed, Plan

__all__ = ["Image"]


class Image:
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "image"
    cell = "gru"

    def shape(self, cell: str, reading: Reading, given: Mapping[str, Any]) -> Shape:
        """An Elman network is wider, and starts from an orthogonal W_hh."""
        defaults: dict[str, Any] = {"hidden": 110, "initial": "orthogonal"} if cell == "elman" else {}
        return Shape(cell, **defaults | dict(given))

    def plan(self, source: str, cell: str, given: Mapping[str, Any]) -> Plan:
        """The embedded digits are few, and read more often; elsewhere an Elman network wants a lower rate."""
        defaults: dict[str, Any] = {"shift": 1}
        if source == "digits":
            defaults["epochs"] = 40
        elif cell == "elman":
            defaults["learning_rate"] = 1e-3
        return Plan(**defaults | dict(given))

    def task(self, config: Mapping[str, Any]) -> Classify:
        return Classify(**config)

    def task_config(self, task: Any) -> dict[str, Any]:
        return {"name": "classify", **asdict(task)}

    def load(self, source: str | Path, reading: Reading, plan: Plan, progress: Progress) -> ImageData:
        reading.only(self.name, "order", "size")
        return image.load(source, size=reading.size, seed=plan.seed, progress=progress)

    def again(self, recipe: Recipe, source: str | Path, progress: Progress) -> ImageData:
        reader: Reader = recipe.reader
        return image.load(source, size=(reader.height, reader.width), seed=recipe.plan.seed, progress=progress)

    def classes(self, data: ImageData) -> tuple[str, ...]:
        return data.classes

    def reader(self, data: ImageData, reading: Reading, plan: Plan) -> Reader:
        return Reader.of(data, order=cast(image.Order, reading.order or "rows"), seed=plan.seed)

    def reader_from(self, config: Mapping[str, Any]) -> Reader:
        return Reader.from_config(config)

    def network(self, recipe: Recipe) -> Network:
        return recipe.shape.build(recipe.reader.inputs, len(recipe.classes))

    def feed(self, recipe: Recipe, data: ImageData) -> Feed:
        plan, reader = recipe.plan, recipe.reader
        fit, held_out = image.split_validation(data.train, plan.validation, plan.seed)

        def moved(images: Tensor, generator: torch.Generator) -> Tensor:
            return image.shift(images, plan.shift, generator)

        def shuffled(epoch: int) -> Iterator[Batch]:
            augment = moved if plan.shift else None
            return image.batches(fit, reader, plan.batch, seed=plan.seed, epoch=epoch, augment=augment)

        def in_order() -> Iterator[Batch]:
            return image.batches(held_out, reader, EVALUATION_BATCH)

        return Feed(shuffled, in_order, steps=-(-len(fit) // plan.batch))

    def results(self, recipe: Recipe, network: Network, data: ImageData) -> Results:
        predictions = _predict(recipe, network, data.test)
        seen = observe(network, recipe.task, recipe.reader, data, predictions)
        return Results(evaluation.scores(predictions, recipe.classes), seen, *classified.table(predictions, recipe))

    def scores(self, recipe: Recipe, network: Network, data: ImageData) -> dict[str, Any]:
        return evaluation.scores(_predict(recipe, network, data.test), recipe.classes)

    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> list[Prediction]:
        """The class of each picture, of any size and polarity."""
        pictures = [image.picture(Path(file), recipe.reader) for file in given]
        unlabelled = ImageSet(np.stack([pixels for pixels, _ in pictures]), np.zeros(len(pictures), np.int64))
        said = _predict(recipe, network, unlabelled).probabilities.tolist()
        return [
            Prediction.of(recipe.classes, row, path=Path(file), preparation=words)
            for file, row, (_, words) in zip(given, said, pictures, strict=True)
        ]

    def generate(self, recipe: Recipe, network: Network, prompt: str, **how: Any) -> NoReturn:
        raise no_generation(recipe)

    def summary(self, metrics: Mapping[str, Any]) -> str:
        return classified.summary(metrics)


def no_generation(recipe: Recipe) -> InputError:
    """What is said when a classifier is asked to write."""
    return InputError(
        "run", came=f"a model that tells {recipe.kind} apart", wanted="one that was trained on running text"
    )


def _predict(recipe: Recipe, network: Network, images: ImageSet) -> evaluation.Predictions:
    return evaluation.predict(network, recipe.task, image.batches(images, recipe.reader, EVALUATION_BATCH))
