"""Names in a config become objects: the one file that knows all the others.

`train` goes from data to run folder; `load` gives the trained model back from one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

import recorrente
from recorrente import cells, evaluation, initial, inspection, layers, report, training
from recorrente.data import image
from recorrente.data.batch import Batch
from recorrente.data.image import ImageData, ImageSet, Reader
from recorrente.data.progress import Progress, silent
from recorrente.errors import InputError, RunError
from recorrente.exchange import weights
from recorrente.layers import Network
from recorrente.observation import observe
from recorrente.runs import Run, write_bytes
from recorrente.tasks.classify import Classify
from recorrente.training import Feed, Plan, Watcher

__all__ = [
    "Classify",
    "Plan",
    "Prediction",
    "Recipe",
    "Shape",
    "Trained",
    "default_plan",
    "default_shape",
    "inspect",
    "load",
    "new_folder",
    "of_run",
    "resume",
    "train",
]

EVALUATION_BATCH = 500
INSPECTED = 32  # sequences that `inspect` reads
TORCH_LAYERS = {"gru": layers.GRU, "lstm": layers.LSTM}


@dataclass(frozen=True)
class Shape:
    """The network: which cell, how wide, how deep.

    Args:
        cell: a name in `recorrente.cells.BY_NAME`.
        activation: f of an Elman cell: `tanh`, `relu` or `linear`; the gated cells have their own.
        hidden: H.
        layers: L.
        bidirectional: read both ways.
        initial: W_hh before training: `orthogonal`, or `torch` for torch's own start.

    Raises:
        InputError: a number under 1, or a name that is not known.
    """

    cell: str = "gru"
    activation: str = "tanh"
    hidden: int = 64
    layers: int = 2
    bidirectional: bool = False
    initial: str = "torch"

    def __post_init__(self) -> None:
        if self.cell not in cells.BY_NAME:
            raise InputError("cell", came=repr(self.cell), wanted=f"one of {', '.join(cells.BY_NAME)}")
        cells.Elman(self.activation)
        if self.initial not in ("orthogonal", "torch"):
            raise InputError("initial", came=repr(self.initial), wanted="orthogonal or torch")
        for name in ("hidden", "layers"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise InputError(name, came=getattr(self, name), wanted="an integer of 1 or more")

    def build(self, inputs: int, outputs: int) -> Network:
        """The network of C `inputs` a step and K `outputs`, initialised from torch's random state."""
        recurrence: layers.TorchLayer | layers.Recurrent
        if self.cell in TORCH_LAYERS:
            layer = TORCH_LAYERS[self.cell]
            recurrence = layer(inputs, self.hidden, num_layers=self.layers, bidirectional=self.bidirectional)
        else:
            cell = cells.Elman(self.activation) if self.cell == "elman" else cells.BY_NAME[self.cell]()
            recurrence = layers.Recurrent(
                cell, inputs, self.hidden, num_layers=self.layers, bidirectional=self.bidirectional
            )
        if self.initial == "orthogonal":
            initial.orthogonal(recurrence)
        return Network(recurrence, nn.Linear(self.hidden * recurrence.directions, outputs))


@dataclass(frozen=True)
class Recipe:
    """All that a training follows, and all that `config.json` keeps."""

    source: str
    classes: tuple[str, ...]
    reader: Reader
    shape: Shape
    task: Classify
    plan: Plan

    def to_config(self) -> dict[str, Any]:
        """A nested dictionary of plain values."""
        return {
            "recorrente": recorrente.__version__,
            "data": {
                "source": self.source,
                "kind": "image",
                "classes": list(self.classes),
                "reader": self.reader.to_config(),
            },
            "network": asdict(self.shape),
            "task": {"name": "classify", **asdict(self.task)},
            "training": asdict(self.plan),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], path: str) -> Recipe:
        """The recipe that `to_config` wrote; `path` is named in the error."""
        try:
            data, task = config["data"], dict(config["task"])
            task.pop("name")
            return cls(
                source=data["source"],
                classes=tuple(data["classes"]),
                reader=Reader.from_config(data["reader"]),
                shape=Shape(**config["network"]),
                task=Classify(**task),
                plan=Plan(**config["training"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(path, came=f"a broken configuration ({error})", wanted="what a training wrote") from error

    def network(self) -> Network:
        """The untrained network, the same for the same seed; torch's random state is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.plan.seed)
            return self.shape.build(self.reader.inputs, len(self.classes))


@dataclass(frozen=True)
class Prediction:
    """What the model says of one picture."""

    path: Path
    label: str
    confidence: float
    probabilities: dict[str, float]
    preparation: str  # what was done to the picture before it was read


@dataclass(frozen=True)
class Trained:
    """A trained model with its preprocessing, out of a run folder."""

    run: Run
    recipe: Recipe
    network: Network

    def predict(self, files: Sequence[str | Path]) -> list[Prediction]:
        """The class of each picture, of any size and polarity.

        Raises:
            InputError: a file that is no picture; it is named.
        """
        pictures = [image.picture(Path(file), self.recipe.reader) for file in files]
        unlabelled = ImageSet(np.stack([pixels for pixels, _ in pictures]), np.zeros(len(pictures), np.int64))
        said = _predict(self, unlabelled).probabilities.tolist()
        return [
            self._say(Path(file), dict(zip(self.recipe.classes, row, strict=True)), words)
            for file, row, (_, words) in zip(files, said, pictures, strict=True)
        ]

    def evaluate(self, data: str | Path | None = None) -> dict[str, Any]:
        """Scores on the test part of `data`; by default on that of the data set that the model was trained on."""
        loaded = _load_data(replace(self.recipe, source=str(data)) if data is not None else self.recipe)
        if loaded.classes != self.recipe.classes:
            raise InputError(
                "data", came=f"the classes {', '.join(loaded.classes)}", wanted=", ".join(self.recipe.classes)
            )
        return evaluation.scores(_predict(self, loaded.test), self.recipe.classes)

    @staticmethod
    def _say(path: Path, probabilities: dict[str, float], preparation: str) -> Prediction:
        label = max(probabilities, key=lambda name: probabilities[name])
        return Prediction(path, label, probabilities[label], probabilities, preparation)


def default_shape(cell: str, **given: Any) -> Shape:
    """The network for a cell, but for what is given: an Elman network is wider, and starts from an orthogonal W_hh."""
    defaults: dict[str, Any] = {"hidden": 110, "initial": "orthogonal"} if cell == "elman" else {}
    return Shape(cell, **defaults | given)


def default_plan(source: str, cell: str = "gru", **given: Any) -> Plan:
    """The plan for a data set and a cell, but for what is given; `docs/decisions` says where the numbers are from.

    The embedded digits are few, and read more often; elsewhere an Elman network wants a lower learning rate.
    """
    defaults: dict[str, Any] = {"shift": 1}
    if source == "digits":
        defaults["epochs"] = 40
    elif cell == "elman":
        defaults["learning_rate"] = 1e-3
    return Plan(**defaults | given)


def train(
    data: str | Path,
    *,
    out: str | Path | None = None,
    order: str = "rows",
    size: tuple[int, int] | None = None,
    shape: Shape | None = None,
    task: Classify | None = None,
    plan: Plan | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    watcher: Watcher | None = None,
    progress: Progress = silent,
) -> Trained:
    """Trains a recurrent network on images and leaves a run folder with a report.

    Args:
        data: a known name (`digits`, `mnist`, ...) or a folder of one's own.
        out: the run folder; by default a new one under `runs/`.
        order: how an image is read: `rows`, `pixels` or `permuted`.
        size: height and width to which pictures of a folder are brought; by default their own.
        shape, task, plan: the network, the loss, how to train.
        device: where torch computes.
        overwrite: replace a run folder that is there.
        watcher: told of the training.
        progress: told of the wait before it: downloads, pictures that are read.

    Raises:
        InputError, RunError: data that cannot be read, a folder that cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     trained = train("digits", out=f"{folder}/run", shape=Shape(hidden=16), plan=Plan(epochs=1))
        ...     sorted(path.name for path in trained.run.folder.glob("*.csv"))
        ['history.csv', 'predictions.csv']
    """
    _check_device(device)
    shape, task = shape or Shape(), task or Classify()
    plan = plan or default_plan(str(data), shape.cell)
    loaded = image.load(data, size=size, seed=plan.seed, progress=progress)
    reader = Reader.of(loaded, order=cast(image.Order, order), seed=plan.seed)
    source = data if isinstance(data, str) and not Path(data).is_dir() else str(Path(data).resolve())
    recipe = Recipe(source, loaded.classes, reader, shape, task, plan)
    folder = new_folder(data, shape.cell) if out is None else out
    run = Run.create(folder, recipe.to_config(), overwrite=overwrite)
    return _follow(recipe, loaded, run, device, watcher)


def resume(
    folder: str | Path, *, device: str = "cpu", watcher: Watcher | None = None, progress: Progress = silent
) -> Trained:
    """Goes on with an interrupted training, and ends where it would have ended."""
    _check_device(device)
    run, recipe = Run.open(folder), of_run(folder)
    return _follow(recipe, _load_data(recipe, progress), run, device, watcher)


def of_run(folder: str | Path) -> Recipe:
    """The recipe that a run folder followed."""
    run = Run.open(folder)
    return Recipe.from_config(run.config, str(run / "config.json"))


def load(folder: str | Path) -> Trained:
    """The trained model of a run folder, with its preprocessing.

    Raises:
        RunError: no run folder, one of a newer version, or one whose weights are missing or cut off.
    """
    run, recipe = Run.open(folder), of_run(folder)
    path = run / "model.safetensors"
    if not path.exists() and (run / "checkpoint.pt").exists():
        cure = f"Go on with it: recorrente train --resume {folder}"
        raise RunError(str(folder), came="a training that did not end", wanted="a finished run", cure=cure)
    network = recipe.network()
    try:
        network.load_state_dict(weights.from_bytes(run.read_bytes(path.name), str(path)))
    except RuntimeError as error:
        raise RunError(str(path), came="weights of other shapes", wanted="those that config.json tells of") from error
    network.eval()
    return Trained(run, recipe, network)


def inspect(folder: str | Path) -> dict[str, Any]:
    """The gradient through time of a run's network, on the first of its training data; see `recorrente.inspection`.

    Raises:
        RunError: as `load`.
    """
    trained = load(folder)
    images, reader = _load_data(trained.recipe).train, trained.recipe.reader
    batch = Batch(reader(images.images[:INSPECTED]), torch.from_numpy(images.labels[:INSPECTED]))
    return inspection.inspect(trained.network, trained.recipe.task, batch)


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        wanted = "a device that torch can use here, such as cpu"
        raise InputError("device", came=repr(device), wanted=wanted) from error


def _follow(recipe: Recipe, data: ImageData, run: Run, device: str, watcher: Watcher | None) -> Trained:
    network = recipe.network()
    fit, held_out = image.split_validation(data.train, recipe.plan.validation, recipe.plan.seed)
    history = training.train(
        network, recipe.task, _feed(recipe, fit, held_out), recipe.plan, run, device=device, watcher=watcher
    )
    network.cpu().eval()
    write_bytes(run / "model.safetensors", weights.to_bytes(network.state_dict()))
    trained = Trained(run, recipe, network)
    _write_results(trained, data, history)
    report.write(run.folder)
    return trained


def _feed(recipe: Recipe, fit: ImageSet, held_out: ImageSet) -> Feed:
    plan, reader = recipe.plan, recipe.reader

    def moved(images: Tensor, generator: torch.Generator) -> Tensor:
        return image.shift(images, plan.shift, generator)

    def shuffled(epoch: int) -> Iterator[Batch]:
        return image.batches(
            fit, reader, plan.batch, seed=plan.seed, epoch=epoch, augment=moved if plan.shift else None
        )

    def in_order() -> Iterator[Batch]:
        return image.batches(held_out, reader, EVALUATION_BATCH)

    return Feed(shuffled, in_order, steps=-(-len(fit) // plan.batch))


def _predict(trained: Trained, images: ImageSet) -> evaluation.Predictions:
    batches = image.batches(images, trained.recipe.reader, EVALUATION_BATCH)
    return evaluation.predict(trained.network, trained.recipe.task, batches)


def _write_results(trained: Trained, data: ImageData, history: list[dict[str, float]]) -> None:
    run, recipe = trained.run, trained.recipe
    predictions = _predict(trained, data.test)
    scores = evaluation.scores(predictions, recipe.classes)
    run.write_json(
        "metrics.json",
        {
            "accuracy": scores["accuracy"],
            "loss": scores["loss"],
            "test_size": scores["test_size"],
            "epochs": len(history),
            "train_seconds": sum(row["seconds"] for row in history),
            "parameters": sum(parameter.numel() for parameter in trained.network.parameters()),
            **scores,
        },
    )
    names = np.array(recipe.classes)
    columns = zip(names[predictions.target], names[predictions.prediction], predictions.confidence, strict=True)
    rows = ((index, target, said, f"{confidence:.6f}") for index, (target, said, confidence) in enumerate(columns))
    run.write_csv("predictions.csv", ("index", "target", "prediction", "confidence"), rows)
    buffer = io.BytesIO()
    seen: dict[str, Any] = observe(trained.network, recipe.task, recipe.reader, data, predictions)
    np.savez_compressed(buffer, **seen)
    write_bytes(run / "observations.npz", buffer.getvalue())


def _load_data(recipe: Recipe, progress: Progress = silent) -> ImageData:
    return image.load(
        recipe.source, size=(recipe.reader.height, recipe.reader.width), seed=recipe.plan.seed, progress=progress
    )


def new_folder(data: str | Path, cell: str) -> Path:
    """`runs/DATA-CELL`, or the first of `-2`, `-3`, ... that is free."""
    first = Path("runs") / f"{Path(data).resolve().name}-{cell}"
    later = (first.with_name(f"{first.name}-{number}") for number in count(2))
    return first if not first.exists() else next(folder for folder in later if not folder.exists())
