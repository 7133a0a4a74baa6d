"""Pictures: a class for each, read row by row or pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recorrente import baselines
from recorrente.data import idx, image
from recorrente.data.batch import Batch
from recorrente.data.catalogue import KNOWN
from recorrente.data.folder import PICTURES, each_good, list_classes
from recorrente.data.image import ImageData, ImageSet, Reader
from recorrente.data.progress import Progress
from recorrente.data.source import as_made, locate, of_known
from recorrente.errors import InputError
from recorrente.evaluation import Predictions
from recorrente.kinds.base import Prediction, Reading, Recipe
from recorrente.kinds.classified import Classified
from recorrente.kinds.marks import moved
from recorrente.network import Network
from recorrente.observation import observe
from recorrente.shape import Shape
from recorrente.training import Feed, Plan

__all__ = ["Image"]


LINEAR_SIDE = 32
"""Pixels of the longer side that the linear model beside the score reads at most."""


class Image(Classified):
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "image"
    uses: ClassVar[tuple[str, ...]] = ("shift",)
    counted = "pictures"

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

    def load(self, source: str | Path, reading: Reading, plan: Plan, progress: Progress) -> ImageData:
        reading.only(self.name, "order", "size", "skip_bad")
        if reading.size is not None and (of_known(source) or _is_idx(source)):
            as_made(source, "pictures", {"size": reading.size})
        skip_bad = bool(reading.skip_bad)
        return image.load(source, size=reading.size, skip_bad=skip_bad, seed=plan.seed, progress=progress)

    def again(self, recipe: Recipe, source: str | Path, progress: Progress) -> ImageData:
        """As it was learnt; pictures of another folder one by one as `predict` reads them."""
        reader: Reader = recipe.reader
        size, skip_bad = (reader.height, reader.width), bool(recipe.reading.skip_bad)
        other = str(source) != recipe.source

        def load() -> ImageData:
            return image.load(source, size=size, skip_bad=skip_bad, seed=recipe.plan.seed, progress=progress)

        if other and not of_known(source) and (path := locate(source)).is_dir() and idx.find(path) is None:
            return moved(recipe.marks, load) or _one_by_one(path, recipe.classes, reader, skip_bad, progress)
        return _brought_to(reader, load()) if other else load()

    def reader(self, data: ImageData, reading: Reading, plan: Plan) -> Reader:
        known = KNOWN.get(data.name)
        order = reading.order or (known.order if known else "") or "rows"
        return Reader.of(data, order=cast(image.Order, order), seed=plan.seed)

    def reader_from(self, config: Mapping[str, Any]) -> Reader:
        return Reader.from_config(config)

    def network(self, recipe: Recipe) -> Network:
        return recipe.shape.build(recipe.reader.inputs, len(recipe.classes))

    def feed(self, recipe: Recipe, data: ImageData) -> Feed:
        plan, reader = recipe.plan, recipe.reader
        fit, validation = self.divide(plan, data)

        def moved(images: Tensor, generator: torch.Generator) -> Tensor:
            return image.shift(images, plan.shift, generator)

        def shuffled(epoch: int) -> Iterator[Batch]:
            augment = moved if plan.shift else None
            return image.batches(fit, reader, plan.batch, seed=plan.seed, epoch=epoch, augment=augment)

        return Feed(shuffled, lambda: self.in_order(recipe, validation), steps=-(-len(fit) // plan.batch))

    def divide(self, plan: Plan, data: ImageData) -> tuple[ImageSet, ImageSet]:
        return image.split_validation(data.train, plan.validation, plan.seed, data.classes)

    def in_order(self, recipe: Recipe, part: ImageSet) -> Iterator[Batch]:
        return image.batches(part, recipe.reader, self.together)

    def beside(self, recipe: Recipe, data: ImageData, predictions: Predictions) -> dict[str, Any]:
        train, test = (_pixels(part.images) / np.float32(data.maximum) for part in (data.train, data.test))
        labels, wanted = data.train.labels.tolist(), data.test.labels.tolist()
        beside = {
            "majority class": baselines.majority(labels, wanted),
            "linear on pixels": baselines.softmax_regression(train, labels, test, wanted),
        }
        return {"baselines": beside, **({"skipped": list(data.skipped)} if data.skipped else {})}

    def observe(
        self, recipe: Recipe, network: Network, data: ImageData, predictions: Predictions
    ) -> dict[str, NDArray[Any]]:
        return observe(network, recipe.task, recipe.reader, data, predictions)

    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> list[Prediction]:
        """The class of each picture, of any size and polarity."""
        paths = [Path(one) for one in given]
        pictures, words = zip(*(image.picture(path, recipe.reader) for path in paths), strict=True)
        unlabelled = ImageSet(np.stack(pictures), np.zeros(len(pictures), np.int64))
        return self.told_of(recipe, network, unlabelled, paths, words)


def _is_idx(source: str | Path) -> bool:
    folder = locate(source)
    return folder.is_dir() and idx.find(folder) is not None


def _one_by_one(folder: Path, learnt: Sequence[str], reader: Reader, skip_bad: bool, progress: Progress) -> ImageData:
    """The pictures of class folders, each made as one that a person gives; nothing is learnt from any of them."""
    classes, listing = list_classes(folder, PICTURES, learnt)
    pictures, skipped = each_good(
        lambda path: image.picture(path, reader)[0], listing.paths, "read pictures", progress, skip_bad=skip_bad
    )
    there = [k for k, picture in enumerate(pictures) if picture is not None]
    if not there:
        raise InputError(str(folder), came=f"no picture that can be read ({skipped[0]})", wanted="one or more")
    labels = np.array(listing.labels, np.int64)[there]
    every = ImageSet(np.stack([pictures[k] for k in there]), labels)  # type: ignore[misc]
    tested = np.array([listing.tested is None or k in listing.tested for k in there])
    name, preparation = folder.resolve().name, reader.preparation
    return ImageData(
        name, classes, every, every.subset(tested), reader.maximum, preparation, tuple(skipped), split=listing.split
    )


def _brought_to(reader: Reader, data: ImageData) -> ImageData:
    """A set that is no folder of files, its brightness in the reader's unit.

    Raises:
        InputError: pictures of another size.
    """
    if data.size != (reader.height, reader.width):
        (H, W), wanted = data.size, f"{reader.width}x{reader.height}, as was learnt"
        cure = "Pictures in class folders are brought to that size"
        raise InputError("data", came=f"pictures of {W}x{H} pixels", wanted=wanted, cure=cure)

    def part(images: ImageSet) -> ImageSet:
        return ImageSet((images.images * (reader.maximum / data.maximum)).round().astype(np.uint8), images.labels)

    if data.maximum == reader.maximum:
        return data
    return replace(data, train=part(data.train), test=part(data.test), maximum=reader.maximum)


def _pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`(N, F)`: the pixels of each picture; of a large one the means over blocks, at most 32 a side."""
    block = -(-max(images.shape[1:]) // LINEAR_SIDE)
    height, width = (max(1, side // block) for side in images.shape[1:])
    tall, wide = (min(block, side) for side in images.shape[1:])
    blocks = images[:, : height * tall, : width * wide].reshape(-1, height, tall, width, wide)
    return blocks.mean(axis=(2, 4), dtype=np.float32).reshape(len(images), -1)
