"""What all kinds that tell classes apart have in common, from batches to scores.

A kind of its own says how its data is read, what the steps of its sequences are, and what its report shows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import NDArray

from recorrente import evaluation
from recorrente.data import ragged
from recorrente.data.batch import Batch
from recorrente.data.imageset import hold_out
from recorrente.data.progress import Progress
from recorrente.data.source import of_known
from recorrente.errors import InputError
from recorrente.evaluation import Predictions
from recorrente.kinds.base import Prediction, Reading, Recipe, Results
from recorrente.kinds.marks import moved
from recorrente.network import Network
from recorrente.shape import Shape
from recorrente.tasks.classify import Classify
from recorrente.training import Feed, Plan

__all__ = ["Classified", "Ragged"]

LEFT_OUT_TOLD = 3


class Classified(ABC):
    """A kind whose model says a class of each sequence, or of each step; see `kinds.base.Kind`.

    Its data has `classes`, `train` and `test`, and `split`, in words how they were parted; `skipped` where files or
    rows may be left out.

    Attributes:
        uses: of the settings that not every kind uses (`base.OF_SOME`), those that it does.
        own_shape, own_plan, own_task: what is chosen for this kind where nothing is said.
        together: sequences in a batch that is only read.
        counted: what is scored, in the plural.
        items: what is learnt from, in the plural, where that is another thing.
    """

    name: ClassVar[str]
    cell: ClassVar[str] = "gru"
    uses: ClassVar[tuple[str, ...]] = ()
    own_shape: ClassVar[Mapping[str, Any]] = {}
    own_plan: ClassVar[Mapping[str, Any]] = {}
    own_task: ClassVar[Mapping[str, Any]] = {}
    together: ClassVar[int] = 500
    counted: ClassVar[str] = "sequences"
    items: ClassVar[str] = ""

    @abstractmethod
    def load(self, source: str | Path, reading: Reading, plan: Plan, progress: Progress) -> Any:
        """The data; see `kinds.base.Kind`."""

    @abstractmethod
    def reader(self, data: Any, reading: Reading, plan: Plan) -> Any:
        """How an item becomes steps, found from the training part alone."""

    @abstractmethod
    def reader_from(self, config: Mapping[str, Any]) -> Any:
        """The same again, from `config.json`."""

    @abstractmethod
    def network(self, recipe: Recipe) -> Network:
        """The network, not yet trained."""

    @abstractmethod
    def feed(self, recipe: Recipe, data: Any) -> Feed:
        """Batches to train on, and to validate on."""

    @abstractmethod
    def in_order(self, recipe: Recipe, part: Any) -> Iterator[Batch]:
        """A part as batches that are only read."""

    @abstractmethod
    def beside(self, recipe: Recipe, data: Any, predictions: Predictions) -> dict[str, Any]:
        """What stands beside the scores in `metrics.json`: `baselines`, and what else a kind tells."""

    @abstractmethod
    def observe(self, recipe: Recipe, network: Network, data: Any, predictions: Predictions) -> dict[str, NDArray[Any]]:
        """What the report is drawn from."""

    @abstractmethod
    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> list[Prediction]:
        """What the model says of items that a person gives."""

    def shape(self, cell: str, reading: Reading, given: Mapping[str, Any]) -> Shape:
        return Shape(cell, **{**self.own_shape, **given})

    def plan(self, source: str, cell: str, given: Mapping[str, Any]) -> Plan:
        return Plan(**{**self.own_plan, **given})

    def task(self, config: Mapping[str, Any]) -> Any:
        return Classify(**{**self.own_task, **config})

    def task_config(self, task: Any) -> dict[str, Any]:
        return {"name": "classify", **asdict(task)}

    def classes(self, data: Any) -> tuple[str, ...]:
        return data.classes

    def parts(self, data: Any) -> str:
        train, test = len(data.train), len(data.test)
        return f"{train:,} {self.items or self.counted} to learn from, {test:,} to test on: {data.split}"

    def predicted(self, recipe: Recipe, network: Network, part: Any) -> Predictions:
        """What the network says of a part."""
        return evaluation.predict(network, recipe.task, self.in_order(recipe, part))

    def told_of(
        self, recipe: Recipe, network: Network, part: Any, paths: Sequence[Path], seen: Sequence[str]
    ) -> list[Prediction]:
        """What the network says of files that were read as `part`, each with what was seen of it, in words."""
        rows: list[list[float]] = self.predicted(recipe, network, part).probabilities.tolist()
        return [
            Prediction.of(recipe.classes, row, path=path, preparation=words)
            for row, path, words in zip(rows, paths, seen, strict=True)
        ]

    def scores(self, recipe: Recipe, network: Network, data: Any) -> dict[str, Any]:
        return evaluation.scores(self.predicted(recipe, network, data.test), recipe.classes)

    def results(self, recipe: Recipe, network: Network, data: Any) -> Results:
        predictions = self.predicted(recipe, network, data.test)
        scores = evaluation.scores(predictions, recipe.classes) | self.beside(recipe, data, predictions)
        scores["split"] = data.split
        return Results(scores, self.observe(recipe, network, data, predictions), *self.table(recipe, data, predictions))

    def table(
        self, recipe: Recipe, data: Any, predictions: Predictions
    ) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        """The columns and rows of `predictions.csv`."""
        names = np.array(recipe.classes)
        columns = zip(names[predictions.target], names[predictions.prediction], predictions.confidence, strict=True)
        rows = [(index, target, said, f"{confidence:.6f}") for index, (target, said, confidence) in enumerate(columns)]
        return ("index", "target", "prediction", "confidence"), list[tuple[object, ...]](rows)

    def generate(self, recipe: Recipe, network: Network, prompt: str, **how: Any) -> NoReturn:
        came = f"a model that tells {recipe.kind} apart"
        raise InputError("run", came=came, wanted="one that was trained on running text")

    def summary(self, metrics: Mapping[str, Any]) -> str:
        """The score in a line, beside the baselines, how the test part was chosen, and what was left out."""
        accuracy, loss, size = (metrics[name] for name in ("accuracy", "loss", "test_size"))
        lines = [f"test accuracy {accuracy:.4f}  loss {loss:.4f}  ({size} {self.counted})"]
        if beside := ", ".join(f"{name} {value:.4f}" for name, value in metrics.get("baselines", {}).items()):
            lines.append(f"beside it: {beside}")
        if "split" in metrics:
            lines.append(f"test part: {metrics['split']}")
        if skipped := metrics.get("skipped", []):
            lines.append(f"left out: {len(skipped)} ({'; '.join(skipped[:LEFT_OUT_TOLD])})")
        return "\n".join(lines)


class Ragged(Classified):
    """The same where sequences have lengths of their own.

    Another set is read whole, to test on: it is not divided, and may have few of the classes.

    Attributes:
        least_steps: batches in an epoch; a smaller set is read several times in one, each time anew.
    """

    least_steps: ClassVar[int] = 1

    @abstractmethod
    def load(
        self, source: str | Path, reading: Reading, plan: Plan, progress: Progress, learnt: Sequence[str] | None = None
    ) -> Any:
        """The data; where classes were `learnt`, by them, and whole unless something there says what to test on."""

    def again(self, recipe: Recipe, source: str | Path, progress: Progress) -> Any:
        if str(source) == recipe.source:
            return self.load(source, recipe.reading, recipe.plan, progress)
        own = self.as_learnt(recipe.reading, recipe.reader, source)
        reading = replace(own, leave_out=None, group=None)  # others are seen and heard there
        if of_known(source):
            return self.load(source, reading, recipe.plan, progress)
        own_data = moved(recipe.marks, lambda: self.load(source, own, recipe.plan, progress))
        return own_data or self.load(source, reading, recipe.plan, progress, recipe.classes)

    def as_learnt(self, reading: Reading, reader: Any, source: str | Path) -> Reading:
        """How another set is read for a trained network, by its reader: as `predict` reads a file."""
        return reading

    @abstractmethod
    def encode(self, recipe: Recipe, part: Any) -> tuple[ragged.Sequences, ragged.Targets]:
        """The steps of each sequence of a part, `(T, ...)`, and its class, or those of its steps."""

    def task(self, config: Mapping[str, Any]) -> Any:
        task = super().task(config)
        if task.steps != "last":
            raise InputError("steps", came=repr(task.steps), wanted="last, where sequences are not all of one length")
        return task

    def divide(self, plan: Plan, data: Any) -> tuple[Any, Any]:
        """The training part as two, every class in both in its own share: to fit, and to validate on."""
        labels = np.array(data.train.labels)
        kept, held = hold_out(labels, plan.validation, plan.seed, data.classes, of=f"{self.counted} to learn from")
        return data.train.subset(kept), data.train.subset(held)

    def learnt(self, recipe: Recipe, fit: Any) -> Any:
        """What an epoch reads of the part to fit: all of it, where a kind does not say otherwise."""
        return fit

    def varied(
        self, recipe: Recipe, part: Any, sequences: ragged.Sequences, random: np.random.Generator
    ) -> ragged.Sequences:
        """The sequences of a part as an epoch meets them: as they are, where a kind does not say otherwise."""
        return sequences

    def read(self, recipe: Recipe, random: np.random.Generator | None = None) -> ragged.Read | None:
        """What makes steps of one encoded sequence when its batch is made, varied where there is a `random`."""
        return None

    def follow(self, recipe: Recipe) -> ragged.Follow | None:
        """What makes a target fit the steps that `read` makes, where it tells of steps."""
        return None

    def feed(self, recipe: Recipe, data: Any) -> Feed:
        plan = recipe.plan
        fit, validation = self.divide(plan, data)
        fit = self.learnt(recipe, fit)
        sequences, targets = self.encode(recipe, fit)

        def once(number: int) -> Iterator[Batch]:
            random = np.random.default_rng((plan.seed, number, 1))
            met, read = self.varied(recipe, fit, sequences, random), self.read(recipe, random)
            return ragged.batches(
                met, targets, plan.batch, seed=plan.seed, epoch=number, read=read, follow=self.follow(recipe)
            )

        steps = -(-len(fit) // plan.batch)
        times = -(-self.least_steps // steps)

        def train(epoch: int) -> Iterator[Batch]:
            return chain.from_iterable(map(once, range(epoch * times, (epoch + 1) * times)))

        return Feed(train, lambda: self.in_order(recipe, validation), steps=steps * times)

    def in_order(self, recipe: Recipe, part: Any) -> Iterator[Batch]:
        """A part as batches that are only read."""
        return ragged.batches(*self.encode(recipe, part), self.together, read=self.read(recipe))
