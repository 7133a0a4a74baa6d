"""What a kind of data has to know, so that `recipe` can train any.

A kind goes from a source to data, from data to batches, from a trained network to results. It is chosen by name or by
looking (`recorrente.kinds.find`); what all kinds share - run folder, training, report - is `recipe`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

from numpy.typing import NDArray

import recorrente
from recorrente.data.known import KNOWN
from recorrente.data.progress import Progress
from recorrente.data.source import of_known
from recorrente.errors import InputError
from recorrente.network import Network
from recorrente.shape import Shape
from recorrente.training import Feed, Plan, Task

__all__ = ["OF_SOME", "Kind", "Prediction", "Printed", "Reading", "Recipe", "Results", "check_used"]


@dataclass(frozen=True)
class Reading:
    """How the data is read: what a person may say of it; None where the kind decides.

    Args:
        order: of pictures: `rows`, `pixels` or `permuted`.
        size: of pictures and clips of a folder: height and width.
        units: of text: `characters`, `bytes`, `words` or `pieces`; of transcripts `words` or `characters`.
        encoding: of text files.
        text, label: of a table with text: the names of the two columns.
        rate: of sounds, samples a second that all are brought to.
        leave_out: of sounds and clips, the speaker or group that is tested on.
        frame_rate, frames: of clips, frames a second, and the most of a clip.
        mirror: of clips and joints, whether they are learnt with left and right changed as well.
        group: of clips and transcripts, a regular expression that finds the group in a path; of tables see `target`.
        length: of probes of memory, the steps of a sequence.
        shortest: of probes of memory, the shortest sequence to learn from: each batch draws a length from there up.
        target, time, known: of tables of numbers, names of columns between commas: what is foretold, what holds the
            time, what is known of the future, too. `group` there names the columns that tell series apart.
        horizon, context, season: of tables of numbers, in steps: what is foretold, what is read before it, and the
            season of the naive forecast.
        skip_bad: leave out files of a folder, and rows of a table, that cannot be read; they are counted and named.
    """

    order: str | None = None
    size: tuple[int, int] | None = None
    units: str | None = None
    encoding: str | None = None
    text: str | None = None
    label: str | None = None
    rate: int | None = None
    leave_out: str | None = None
    frame_rate: float | None = None
    frames: int | None = None
    mirror: bool | None = None
    group: str | None = None
    length: int | None = None
    shortest: int | None = None
    target: str | None = None
    time: str | None = None
    known: str | None = None
    horizon: int | None = None
    context: int | None = None
    season: int | None = None
    skip_bad: bool | None = None

    @property
    def said(self) -> tuple[str, ...]:
        """The names of what was said."""
        return tuple(one.name for one in fields(self) if getattr(self, one.name) is not None)

    def settled(self, source: str | Path, kind: str) -> Reading:
        """The same with what is usual for a known set of that kind, where nothing was said of it."""
        if not of_known(source) or KNOWN[str(source)].kind != kind:
            return self
        usual = KNOWN[str(source)].reading.items()
        unsaid: dict[str, Any] = {name: value for name, value in usual if getattr(self, name) is None}
        return replace(self, **unsaid)

    def only(self, kind: str, *allowed: str) -> None:
        """Refuses what was said but means nothing for a kind."""
        for name in self.said:
            if name not in allowed:
                came = f"{getattr(self, name)!r} for data of the kind {kind}"
                wanted = f"one of {', '.join(allowed)}" if allowed else "nothing said of how it is read"
                raise InputError(name, came=came, wanted=wanted, cure="Another kind is chosen with --kind")


class Reader(Protocol):
    """What the trained model reads with; kept in `config.json`."""

    def to_config(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Recipe:
    """All that a training follows, and all that `config.json` keeps.

    Attributes:
        source: the name or path of the data.
        kind: the name of its kind.
        classes: what is told apart; nothing where text is foretold.
        reader: how the data becomes numbers.
        shape, task, plan: the network, the loss, how to train.
        reading: what was said of how the data is read, and what is usual for a known set.
        marks: digests of what is learnt from and tested on, see `kinds.marks`; none in runs of older versions.
    """

    source: str
    kind: str
    classes: tuple[str, ...]
    reader: Any
    shape: Shape
    task: Any
    plan: Plan
    reading: Reading = field(default_factory=Reading)
    marks: Mapping[str, str] = field(default_factory=dict)

    def to_config(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """A nested dictionary of plain values; `task` tells of the task."""
        said = {name: value for name, value in asdict(self.reading).items() if value is not None}
        return {
            "recorrente": recorrente.__version__,
            "data": {
                "source": self.source,
                "kind": self.kind,
                "classes": list(self.classes),
                "reader": self.reader.to_config(),
                "reading": said,
                "marks": dict(self.marks),
            },
            "network": asdict(self.shape),
            "task": dict(task),
            "training": asdict(self.plan),
        }


@dataclass(frozen=True)
class Prediction:
    """What the model says of one picture, one text, one word, or one sound.

    Attributes:
        read: what `text` is, in a word.
        path: the file; None where the text itself was given.
        label: the likeliest class, or the transcript.
        confidence: its probability; of a transcript the mean of those of its steps.
        probabilities: of every class; none of a transcript.
        preparation: what was done to the item before it was read.
        text: what was read, where it is text.
    """

    read: ClassVar[str] = "text"

    path: Path | None
    label: str
    confidence: float
    probabilities: dict[str, float]
    preparation: str = ""
    text: str = ""

    def rows(self) -> list[dict[str, str]]:
        """The one row that is printed of it, by column: of what was read, or of its file."""
        named = {self.read: self.text} if self.text else {"file": str(self.path)}
        confidence = f"{self.confidence:.4f}"
        return [{**named, "prediction": self.label, "confidence": confidence, "preparation": self.preparation}]

    @classmethod
    def of(
        cls, classes: Sequence[str], row: Sequence[float], *, path: Path | None, preparation: str = "", text: str = ""
    ) -> Prediction:
        """From the probabilities in the order of the classes."""
        best = max(range(len(row)), key=row.__getitem__)
        return cls(path, classes[best], row[best], dict(zip(classes, row, strict=True)), preparation, text)


class Printed(Protocol):
    """What a model says of an item, and how that is printed."""

    def rows(self) -> list[dict[str, str]]: ...


@dataclass(frozen=True)
class Results:
    """What a kind tells of a trained network: numbers, a row for each test item, and what the report is drawn from."""

    metrics: dict[str, Any]
    seen: dict[str, NDArray[Any]]
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[object]] = ()
    texts: Mapping[str, str] = field(default_factory=dict)  # further files of the run folder


OF_SOME = ("embedding", "tied", "window", "shift")
"""Settings of `Shape` and `Plan` that not every kind uses."""


def check_used(kind: Kind, given: Mapping[str, Any]) -> None:
    """Refuses what of `OF_SOME` is given to a kind that does not use it.

    Raises:
        InputError: its name is the setting's.
    """
    for name in OF_SOME:
        if name in given and name not in kind.uses:
            wanted = "nothing said of it: no such thing is used there"
            raise InputError(name, came=f"{given[name]!r} for data of the kind {kind.name}", wanted=wanted)


class Kind(Protocol):
    """One kind of data. `data` is whatever its own `load` returns; its `notes`, if there are any, are told."""

    name: str
    cell: str
    """The cell where none is named."""
    uses: tuple[str, ...]
    """Those of `OF_SOME` that mean something for it."""

    def shape(self, cell: str, reading: Reading, given: Mapping[str, Any]) -> Shape: ...
    def plan(self, source: str, cell: str, given: Mapping[str, Any]) -> Plan: ...
    def task(self, config: Mapping[str, Any]) -> Task: ...
    def task_config(self, task: Task) -> dict[str, Any]: ...
    def load(self, source: str | Path, reading: Reading, plan: Plan, progress: Progress) -> Any: ...
    def again(self, recipe: Recipe, source: str | Path, progress: Progress) -> Any:
        """The data of the training anew; or other data, as the trained model reads it, and is tested on it."""
        ...

    def classes(self, data: Any) -> tuple[str, ...]: ...
    def parts(self, data: Any) -> str:
        """How much is learnt from and tested on, and how the test part was chosen; empty where it is made anew."""
        ...

    def reader(self, data: Any, reading: Reading, plan: Plan) -> Reader: ...
    def reader_from(self, config: Mapping[str, Any]) -> Reader: ...
    def network(self, recipe: Recipe) -> Network: ...
    def feed(self, recipe: Recipe, data: Any) -> Feed: ...
    def results(self, recipe: Recipe, network: Network, data: Any) -> Results: ...
    def scores(self, recipe: Recipe, network: Network, data: Any) -> dict[str, Any]: ...
    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> Sequence[Printed]: ...
    def generate(
        self, recipe: Recipe, network: Network, prompt: str, *, length: int, temperature: float, top_k: int, seed: int
    ) -> Iterator[str]: ...
    def summary(self, metrics: Mapping[str, Any]) -> str: ...
