"""Names in a config become objects: the one file that knows all the others.

`train` goes from data to run folder; `load` gives the trained model back from one. What differs between images and
texts is told by `recorrente.kinds`.
"""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recorrente import inspection, kinds, report, training
from recorrente.credit import named
from recorrente.data import image
from recorrente.data.folder import naming
from recorrente.data.progress import Progress, silent
from recorrente.data.source import of_known
from recorrente.errors import InputError, RunError
from recorrente.exchange import weights
from recorrente.kinds.base import Kind, Prediction, Reading, Recipe, Results
from recorrente.kinds.marks import TESTED, changed, marks
from recorrente.network import Network
from recorrente.runs import Run, refuse_taken, write_bytes, write_text
from recorrente.shape import Shape
from recorrente.tasks.classify import Classify
from recorrente.training import Feed, Plan, Task, Watcher
from recorrente.watch import GradientWatch, Told

__all__ = [
    "Classify",
    "Plan",
    "Prediction",
    "Reading",
    "Recipe",
    "Shape",
    "Trained",
    "default_plan",
    "default_shape",
    "draw_inspection",
    "image",
    "inspect",
    "load",
    "of_run",
    "resume",
    "train",
]


INSPECTED = 32  # sequences that `inspect` reads
LEADING = ("accuracy", "word_error_rate", "mse", "mae", "loss", "test_size")
"""What `metrics.json` begins with, as far as a kind tells it."""


@dataclass(frozen=True)
class Trained:
    """A trained model with its preprocessing, out of a run folder."""

    run: Run
    recipe: Recipe
    network: Network

    @property
    def kind(self) -> Kind:
        """The kind of data that it reads."""
        return _kind(self.recipe)

    def predict(self, given: str | Path | Sequence[str | Path]) -> Sequence[Any]:
        """What the model says of an item or of each: the class of a picture, sound or text; what follows a table's end.

        Returns:
            A `Prediction` for each item; of tables a `kinds.forecast.Said` for each series and column.

        Raises:
            InputError: a file that is of another kind; it is named.
        """
        items = [given] if isinstance(given, str | Path) else list(given)
        if not items:
            raise InputError("given", came="nothing", wanted="a file, or more")
        return self.kind.predict(self.recipe, self.network, items)

    def evaluate(self, data: str | Path | None = None) -> dict[str, Any]:
        """Scores on the test part of `data`; by default on that of the data set that the model was trained on.

        Other data is read as the network was taught to read: brought to its rate or size, whatever that of the files.
        Of classified items and transcripts that nobody divided into parts all are scored. `split` says in words what
        was tested on, where a kind tells. What a training with `skip_bad` leaves out is left out here too, and named
        in `skipped`.

        The training's own data may not be what it was. Then the test part is drawn anew, and what is in it may have
        been learnt: `changed` says so.

        Raises:
            InputError: data that the network cannot read, or of other classes.
        """
        source = self.recipe.source if data is None else _source(data)
        loaded = _again(self.recipe, source, silent)
        beside: dict[str, Any] = {name: getattr(loaded, name, None) for name in ("split", "skipped")}
        if source == self.recipe.source and changed(self.recipe.marks, loaded, TESTED):
            beside["changed"] = "the data is not what it was: what is tested on now may have been learnt"
        scores = self.kind.scores(self.recipe, self.network, loaded)
        return scores | {name: list(told) if name == "skipped" else told for name, told in beside.items() if told}

    def generate(
        self, prompt: str = "", *, length: int = 500, temperature: float = 0.8, top_k: int = 0, seed: int = 0
    ) -> Iterator[str]:
        """Text that goes on from the prompt, a piece at a time; of a model of running text.

        Args:
            prompt: what it goes on from; it is not repeated.
            length: how many tokens: characters, bytes or words, as the model was trained.
            temperature: under 1 more of what is likely, over 1 more of what is not; 0 always takes the likeliest.
            top_k: draw among the k likeliest; 0 among all.
            seed: of the draws.

        Raises:
            InputError: a model of another kind, or a number out of its range.
        """
        return self.kind.generate(
            self.recipe, self.network, prompt, length=length, temperature=temperature, top_k=top_k, seed=seed
        )

    def summary(self) -> str:
        """The scores in a line or two."""
        return self.kind.summary(self.run.read_json("metrics.json"))


def default_shape(
    cell: str | None = None, *, kind: str = "image", reading: Reading | None = None, **given: Any
) -> Shape:
    """The network for a kind of data and a cell, but for what is given; each kind's own file holds the numbers."""
    chosen: Kind = kinds.of_name(kind)
    return chosen.shape(cell or chosen.cell, reading or Reading(), given)


def default_plan(source: str, cell: str | None = None, *, kind: str | None = None, **given: Any) -> Plan:
    """The plan for a data set and a cell, but for what is given; each kind's own file holds the numbers."""
    chosen: Kind = kinds.of_name(kind or kinds.find(source).kind)
    return chosen.plan(source, cell or chosen.cell, given)


def train(
    data: str | Path,
    *,
    out: str | Path | None = None,
    kind: str | None = None,
    reading: Reading | None = None,
    shape: Shape | None = None,
    task: Task | None = None,
    plan: Plan | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    watcher: Watcher | None = None,
    progress: Progress = silent,
    tell: Callable[[str], None] | None = None,
    watch_gradient: Told | bool = False,
    made: Callable[[Path], None] | None = None,
) -> Trained:
    """Trains a recurrent network and leaves a run folder with a report.

    Args:
        data: a known name (`digits`, `shakespeare`, ...) or a file or folder of one's own.
        out: the run folder; by default a new one under `runs/`.
        kind: of the data: `image`, `language`, `text`, `tags`, `audio`, `speech`, `video`, `visual-speech`, `joints`,
            `series`, `forecast` or `probe`; None finds it by looking.
        reading: how the data is read, where that is not left to the kind.
        shape, task, plan: the network, the loss, how to train.
        device: where torch computes.
        overwrite: replace a run that is there; what else lies in its folder stays.
        watcher: told of the training.
        progress: told of the wait before it: downloads, files that are read.
        tell: told, a line at a time, what was found in the data and mended, where a kind has such notes, and how
            much is learnt from and tested on.
        watch_gradient: look at the gradient through time now and then, see `recorrente.watch`, and keep it in
            `gradient.csv`; a function is called with its medians `(L, T)`.
        made: told of the run folder as soon as it is this training's.

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
    if out is not None:
        refuse_taken(out, overwrite=overwrite)
    reading = reading or Reading()
    chosen: Kind = kinds.of_name(kinds.find(data, reading.said, kind).kind)
    reading = reading.settled(data, chosen.name)
    shape = shape or chosen.shape(chosen.cell, reading, {})
    plan = plan or chosen.plan(str(data), shape.cell, {})
    task = task or chosen.task({})
    loaded = chosen.load(data, reading, plan, progress)
    if tell:
        for line in (*getattr(loaded, "notes", ()), *filter(None, [chosen.parts(loaded)])):
            tell(line)
    reader = chosen.reader(loaded, reading, plan)
    recipe = Recipe(
        _source(data), chosen.name, chosen.classes(loaded), reader, shape, task, plan, reading, marks(loaded)
    )
    with naming(getattr(loaded, "skipped", ())):
        feed = chosen.feed(recipe, loaded)  # it refuses what is too little, before a folder is made or replaced
    network = _network(recipe)  # the same: it may be too large
    _check_credit(network, plan)
    config = recipe.to_config(chosen.task_config(task))
    unnamed = Path("runs") / f"{Path(data).resolve().name}-{shape.cell}"
    run = Run.create_unnamed(unnamed, config) if out is None else Run.create(out, config, overwrite=overwrite)
    if made:
        made(run.folder)
    return _follow(recipe, network, loaded, feed, run, device, watcher, watch_gradient)


def resume(
    folder: str | Path,
    *,
    device: str = "cpu",
    watcher: Watcher | None = None,
    progress: Progress = silent,
    watch_gradient: Told | bool = False,
) -> Trained:
    """Goes on with an interrupted training, and ends where it would have ended.

    Raises:
        InputError, RunError: as `load`; and data that is not what the training began with.
    """
    _check_device(device)
    run, recipe = Run.open(folder), of_run(folder)
    data = _again(recipe, recipe.source, progress)
    if parts := changed(recipe.marks, data):
        came, wanted = f"data that has changed since ({', '.join(parts)})", "what the training began with"
        raise RunError(recipe.source, came=came, wanted=wanted, cure="Bring it back as it was, or train anew")
    feed = _kind(recipe).feed(recipe, data)
    return _follow(recipe, _network(recipe), data, feed, run, device, watcher, watch_gradient)


def of_run(folder: str | Path) -> Recipe:
    """The recipe that a run folder followed."""
    run = Run.open(folder)
    return _from_config(run.config, run.folder)


def load(folder: str | Path) -> Trained:
    """The trained model of a run folder, with its preprocessing.

    Raises:
        RunError: no run folder, one of another version, or one whose weights are missing or cut off.
    """
    run, recipe = Run.open(folder), of_run(folder)
    path = run / "model.safetensors"
    if not path.exists() and (run / "checkpoint.pt").exists():
        cure = f"Go on with it: recorrente train --resume {shlex.quote(str(folder))}"
        raise RunError(str(folder), came="a training that did not end", wanted="a finished run", cure=cure)
    network = _network(recipe)
    _fill(network, weights.from_bytes(run.read_bytes(path.name), str(path)), run.folder, recipe.source)
    network.eval()
    return Trained(run, recipe, network)


def inspect(folder: str | Path) -> dict[str, Any]:
    """The gradient through time of a run's network, on sequences kept to validate on; see `recorrente.inspection`.

    Raises:
        RunError: as `load`.
    """
    trained = load(folder)
    recipe = trained.recipe
    feed = trained.kind.feed(recipe, _again(recipe, recipe.source, silent))
    some = next(iter(feed.validation())).of_one_length(INSPECTED)
    return inspection.inspect(trained.network, recipe.task, some)


def draw_inspection(folder: str | Path, told: dict[str, Any]) -> Path:
    """Keeps what `inspect` told as `inspection.json`, and puts its pictures into the report; the report's path."""
    run = Run.open(folder)
    run.write_json("inspection.json", told)
    return report.write(run.folder)


def _source(data: str | Path) -> str:
    """What a config names data by: the name of a known set, or a path that holds wherever one stands."""
    return str(Path(data).resolve()) if Path(data).exists() and not of_known(data) else str(data)


def _again(recipe: Recipe, source: str, progress: Progress) -> Any:
    """A set as the trained network reads it.

    Raises:
        InputError: one of other classes: the network knows them by their numbers alone.
    """
    kind = _kind(recipe)
    loaded = kind.again(recipe, source, progress)
    if (classes := kind.classes(loaded)) != recipe.classes:
        raise InputError("data", came=f"the classes {', '.join(classes)}", wanted=", ".join(recipe.classes))
    return loaded


def _kind(recipe: Recipe) -> Kind:
    chosen: Kind = kinds.of_name(recipe.kind)
    return chosen


def _from_config(config: dict[str, Any], folder: Path) -> Recipe:
    """The recipe that `Recipe.to_config` wrote into the `config.json` of a folder."""
    try:
        data, task = config["data"], dict(config["task"])
        task.pop("name")
        kind: Kind = kinds.of_name(data["kind"])
        reading, network = dict(data.get("reading", {})), dict(config["network"])
        if network.get("cell") != "elman":
            network.pop("activation", None)  # older versions kept one that the cell has not
        if reading.get("size"):
            reading["size"] = tuple(reading["size"])
        return Recipe(
            source=data["source"],
            kind=kind.name,
            classes=tuple(data["classes"]),
            reader=kind.reader_from(data["reader"]),
            shape=Shape(**network),
            task=kind.task(task),
            plan=Plan(**config["training"]),
            reading=Reading(**reading),
            marks=dict(data.get("marks", {})),
        )
    except KeyError as error:
        source = config.get("data", {}).get("source")
        if source is None:
            came = f"no {error.args[0]}"
            raise RunError(str(folder / "config.json"), came=came, wanted="what a training wrote") from error
        raise _of_another_version(folder, f"a config.json without {error.args[0]}", source) from error
    except (TypeError, ValueError) as error:
        came, wanted = f"a broken configuration ({error})", "what a training wrote"
        raise RunError(str(folder / "config.json"), came=came, wanted=wanted) from error


def _fill(network: Network, held: dict[str, torch.Tensor], folder: Path, source: str) -> None:
    """Puts a run's weights into the network that its config tells of; those that do not fit are named."""
    own = network.state_dict()
    told = {
        "without": sorted(own.keys() - held.keys()),
        "with": sorted(held.keys() - own.keys()),
        "of other shapes:": [name for name in own.keys() & held.keys() if own[name].shape != held[name].shape],
    }
    if odd := [f"{how} {', '.join(sorted(names))}" for how, names in told.items() if names]:
        raise _of_another_version(folder, f"weights {', '.join(odd)}", source)
    network.load_state_dict(held)


def _of_another_version(folder: Path, came: str, source: str) -> RunError:
    """A run of a version that built its network otherwise."""
    again = f"recorrente train {shlex.quote(source)} --out {shlex.quote(str(folder))} --overwrite"
    cure = f"It was trained with another version (older?) and must be trained again, with the options it had: {again}"
    return RunError(str(folder), came=came, wanted="what this version builds from config.json", cure=cure)


def _network(recipe: Recipe) -> Network:
    """The untrained network, the same for the same seed; torch's random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.plan.seed)
        try:
            return _kind(recipe).network(recipe)
        except RuntimeError as error:
            if not re.search("allocate memory|overflow", str(error), re.IGNORECASE):
                raise
            largest = max(("hidden", "embedding"), key=lambda name: getattr(recipe.shape, name))
            came, wanted = f"{getattr(recipe.shape, largest):,}", "a network that the memory holds"
            raise InputError(largest, came=came, wanted=wanted) from error


def _check_credit(network: Network, plan: Plan) -> None:
    """Refuses a rule that does not suit the cell: a step of one row is made by it, before a folder is touched."""
    layer: Any = network.recurrence
    own, layer.credit = layer.credit, named(plan.credit)
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            layer(torch.zeros(1, 1, layer.input_size))
    finally:
        layer.credit = own


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        wanted = "a device that torch can use here, such as cpu"
        raise InputError("device", came=repr(device), wanted=wanted) from error


def _follow(
    recipe: Recipe,
    network: Network,
    data: Any,
    feed: Feed,
    run: Run,
    device: str,
    watcher: Watcher | None,
    watch_gradient: Told | bool,
) -> Trained:
    kind = _kind(recipe)
    told = watch_gradient if callable(watch_gradient) else None
    onlooker = GradientWatch(recipe.task, told) if watch_gradient else None
    history = training.train(
        network, recipe.task, feed, recipe.plan, run, device=device, watcher=watcher, onlooker=onlooker
    )
    network.cpu().eval()
    if feed.finish:
        feed.finish(network)
    write_bytes(run / "model.safetensors", weights.to_bytes(network.state_dict()))
    _write(run, kind.results(recipe, network, data), network, history)
    report.write(run.folder)
    return Trained(run, recipe, network)


def _write(run: Run, results: Results, network: Network, history: list[dict[str, float]]) -> None:
    told = {
        "epochs": len(history),
        "train_seconds": sum(row["seconds"] for row in history),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
    }
    leading = {name: results.metrics[name] for name in LEADING if name in results.metrics}
    run.write_json("metrics.json", leading | told | results.metrics)
    if results.columns:
        run.write_csv("predictions.csv", results.columns, results.rows)
    for name, text in results.texts.items():
        write_text(run / name, text)
    buffer = io.BytesIO()
    seen: dict[str, Any] = results.seen
    np.savez_compressed(buffer, **seen)
    write_bytes(run / "observations.npz", buffer.getvalue())
