"""What sounds and clips with a transcript each have in common, from batches to scores and report."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from recorrente import baselines
from recorrente.data import groups, ragged
from recorrente.data.batch import Batch
from recorrente.data.folder import naming
from recorrente.data.imageset import hold_out
from recorrente.data.progress import Progress
from recorrente.data.transcripts import Transcribed, TranscribedData, Units, aligned, slots_of, stretched
from recorrente.errors import InputError
from recorrente.evaluation import gradient_norms
from recorrente.kinds.base import Prediction, Reading, Recipe, Results
from recorrente.kinds.classified import LEFT_OUT_TOLD, Ragged
from recorrente.network import Network
from recorrente.tasks.transcribe import Transcribe, collapse, error_rate, in_slots
from recorrente.training import Plan

__all__ = ["Heard", "TranscribedKind", "Transcriber"]

SHOWN, GRADIENT_BATCH, BEGINNINGS = 3, 16, 12
FASTER = 0.8
"""Augmentation may leave so much of a sequence's steps."""


@dataclass(frozen=True)
class Transcriber:
    """How a sequence becomes steps, and a transcript numbers.

    Attributes:
        steps: makes `(T, ...)` of a wave or of frames: `mel.Mel` or `frames.Frames`.
        units: of the transcripts.
        slots: the symbols that may stand at each place, of a set whose sentences are all built alike.
    """

    steps: Any
    units: Units
    slots: tuple[tuple[int, ...], ...]

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        slots = [list(slot) for slot in self.slots]
        return {"steps": self.steps.to_config(), "units": self.units.to_config(), "slots": slots}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], steps: Any) -> Transcriber:
        """What `to_config` wrote; `steps` reads its own part."""
        slots = tuple(tuple(slot) for slot in config["slots"])
        return cls(steps(config["steps"]), Units.from_config(config["units"]), slots)


@dataclass(frozen=True)
class Heard:
    """What a network understood of N sequences, in their order.

    Attributes:
        said: the transcripts.
        confidence: the mean probability, over the steps, of what each step says.
        in_grammar: the likeliest transcripts that are built as those learnt from; none where they have no grammar.
        loss: nats a symbol.
    """

    said: tuple[str, ...]
    confidence: tuple[float, ...]
    in_grammar: tuple[str, ...]
    loss: float


class TranscribedKind(Ragged):
    """A kind whose model writes down what is said; see `kinds.base.Kind`."""

    measure: ClassVar[str]  # what a step is counted in, for an error

    @abstractmethod
    def steps_in(self, sequence: NDArray[Any], how: Any) -> int:
        """How many steps a sequence will have."""

    @abstractmethod
    def step_seconds(self, recipe: Recipe) -> float:
        """Seconds from step to step."""

    @abstractmethod
    def loaded(
        self, source: str | Path, reading: Reading, plan: Plan, progress: Progress, *, whole: bool
    ) -> TranscribedData:
        """The data as it is; `whole`: all of it to test on, unless something there says what to test on."""

    @abstractmethod
    def steps_of(self, data: TranscribedData) -> Any:
        """What makes steps, found from the training part."""

    @abstractmethod
    def opened(self, recipe: Recipe, path: Path) -> tuple[NDArray[Any], str]:
        """A file that a person gives, and in words what was done to it."""

    def load(
        self, source: str | Path, reading: Reading, plan: Plan, progress: Progress, learnt: Sequence[str] | None = None
    ) -> TranscribedData:
        """The data, without sequences too short for their transcript, which are refused or left out."""
        data = self.loaded(source, reading, plan, progress, whole=learnt is not None)
        used = ("train", "validation", "test") if learnt is None else ("test",)
        units = Units.of(getattr(data, used[0]).texts, reading.units)
        parts, short = {}, []
        for name in used:
            if (part := getattr(data, name)) is not None:
                good = [k for k in range(len(part)) if self._has_room(part, k, units, data.how)]
                short += [part.names[k] for k in sorted({*range(len(part))} - {*good})]
                parts[name] = part.subset(good)
        if short and not reading.skip_bad:
            came = f"{len(short)} transcripts too long for their {self.counted} ({', '.join(short[:LEFT_OUT_TOLD])})"
            fewer = "" if units.name == "words" else ", or learn words with --units words"
            cure = f"Is it the right transcript? Leave them out with --skip-bad{fewer}"
            raise InputError(data.name, came=came, wanted=f"more {self.measure} than {units.name}", cure=cure)
        told = tuple(f"{name}: too short for its transcript" for name in short)
        with naming(told):
            data = replace(data, **parts, skipped=(*data.skipped, *told))
        if learnt is None and len(data.train) < 2:
            came = f"{len(data.train)} transcripts to learn from"
            raise InputError(data.name, came=came, wanted="two or more, one to learn from and one to validate on")
        return data

    def _has_room(self, part: Transcribed, k: int, units: Units, how: Any) -> bool:
        numbers = units.encode(part.texts[k])
        needed = len(numbers) + int((numbers[1:] == numbers[:-1]).sum())  # a blank between equal neighbours
        return needed <= FASTER * self.steps_in(part.sequences[k], how)

    def task(self, config: Mapping[str, Any]) -> Transcribe:
        for name, value in config.items():
            if name != "aligned":
                wanted = f"nothing: {self.name} is learnt by CTC over all steps"
                raise InputError(name, came=repr(value), wanted=wanted)
        return Transcribe(**config)

    def task_config(self, task: Transcribe) -> dict[str, Any]:
        return {"name": "transcribe", **asdict(task)}

    def classes(self, data: TranscribedData) -> tuple[str, ...]:
        """None: the symbols of the transcripts are the reader's."""
        return ()

    def reader(self, data: TranscribedData, reading: Reading, plan: Plan) -> Transcriber:
        units = Units.of(data.train.texts, reading.units)
        return Transcriber(self.steps_of(data), units, slots_of(data.train.texts, units))

    def targets(self, recipe: Recipe, part: Transcribed, steps: Sequence[int]) -> list[NDArray[np.int64]]:
        """The numbers of each transcript; with what is said at each step, where the set tells and words are learnt."""
        units: Units = recipe.reader.units
        numbers = [units.encode(text) for text in part.texts]
        if not part.spans or units.name != "words":
            return numbers
        return [aligned(*told) for told in zip(numbers, part.spans, steps, strict=True)]

    def follow(self, recipe: Recipe) -> ragged.Follow | None:
        return lambda target, steps: target if target.ndim == 1 else stretched(target, steps)

    def divide(self, plan: Plan, data: TranscribedData) -> tuple[Transcribed, Transcribed]:
        """The part to validate on that the set has itself, else whole groups where there are enough, else some."""
        if data.validation is not None:
            return data.train, data.validation
        everyone = sorted({group for group in data.train.groups if group})
        if everyone and all(data.train.groups) and plan.validation * len(everyone) >= 1:
            held = groups.held_groups(everyone, plan.validation, plan.seed)
            inside = [group in held for group in data.train.groups]
            kept, out = np.flatnonzero(~np.array(inside)), np.flatnonzero(inside)
        else:
            kept, out = hold_out(np.zeros(len(data.train), np.int64), plan.validation, plan.seed, of="transcripts")
        return data.train.subset(kept.tolist()), data.train.subset(out.tolist())

    @torch.inference_mode()
    def heard(self, recipe: Recipe, network: Network, part: Transcribed) -> Heard:
        """What the network understands of a part."""
        network.eval()
        reader: Transcriber = recipe.reader
        said, confidence, in_grammar, loss, symbols = [], [], [], 0.0, 0
        for batch in self.in_order(recipe, part):
            logits = recipe.task.logits(network, batch)
            count = recipe.task.count(batch.target)
            loss, symbols = loss + float(recipe.task.ctc(logits, batch.target)) * count, symbols + count
            for row, steps in zip(logits.log_softmax(-1).transpose(0, 1).numpy(), _lengths(batch), strict=True):
                best = row[:steps].max(axis=1)
                said.append(reader.units.text(collapse(row[:steps].argmax(axis=1).tolist())))
                confidence.append(float(np.exp(best).mean()))
                if reader.slots:
                    in_grammar.append(reader.units.text(in_slots(row[:steps], reader.slots)))
        return Heard(tuple(said), tuple(confidence), tuple(in_grammar), loss / max(1, symbols))

    def scores(self, recipe: Recipe, network: Network, data: TranscribedData) -> dict[str, Any]:
        return _scores(self.heard(recipe, network, data.test), data.test.texts)

    def results(self, recipe: Recipe, network: Network, data: TranscribedData) -> Results:
        heard = self.heard(recipe, network, data.test)
        metrics = _scores(heard, data.test.texts) | self.beside(recipe, data, heard)
        return Results(metrics, self.observe(recipe, network, data, heard), *self.table(recipe, data, heard))

    def beside(self, recipe: Recipe, data: TranscribedData, predictions: Any) -> dict[str, Any]:
        known, wanted = set(recipe.reader.units.symbols), data.test.texts
        return {
            "baselines": {"the commonest words": baselines.commonest_words(data.train.texts, wanted)},
            "unknown": sum(one not in known for text in wanted for one in recipe.reader.units.cut(text)),
            "grammar": [len(slot) for slot in recipe.reader.slots],
            "split": data.split,
            "skipped": list(data.skipped),
        }

    def table(
        self, recipe: Recipe, data: TranscribedData, predictions: Any
    ) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        heard: Heard = predictions
        columns = ["index", "name", "target", "prediction", "confidence"]
        told: list[Sequence[str]] = [
            data.test.names,
            data.test.texts,
            heard.said,
            [f"{one:.6f}" for one in heard.confidence],
        ]
        if heard.in_grammar:
            columns.append("in_grammar")
            told.append(heard.in_grammar)
        return tuple(columns), [(index, *row) for index, row in enumerate(zip(*told, strict=True))]

    def observe(
        self, recipe: Recipe, network: Network, data: TranscribedData, predictions: Any
    ) -> dict[str, NDArray[Any]]:
        """What the report is drawn from: some sequences with their transcripts as they come, the gradient."""
        heard: Heard = predictions
        test, shown = data.test, _to_show(heard.said, data.test.texts)
        seen: dict[str, NDArray[Any]] = {
            "heard_target": np.array([test.texts[k] for k in shown], dtype=str),
            "heard_said": np.array([heard.said[k] for k in shown], dtype=str),
            "heard_names": np.array([test.names[k] for k in shown], dtype=str),
            "step_seconds": np.array(self.step_seconds(recipe)),
            "symbols": np.array(["", *recipe.reader.units.symbols], dtype=str),
            "gradient_norms": gradient_norms(network, recipe.task, self._equal_lengths(recipe, data.train)),
        }
        for number, k in enumerate(shown):
            x = torch.from_numpy(recipe.reader.steps(test.sequences[k])).unsqueeze(1)
            seen[f"heard_{number}_picture"] = self.picture(recipe, test.sequences[k])
            seen[f"heard_{number}_probabilities"] = _probabilities(network, x)
            ends = np.unique(np.linspace(1, len(x), BEGINNINGS).round().astype(int))
            texts = [self._beginning(recipe, network, x[:end]) for end in ends.tolist()]
            seen[f"heard_{number}_seconds"] = ends * self.step_seconds(recipe)
            seen[f"heard_{number}_so_far"] = np.array(texts, dtype=str)
        return seen

    def picture(self, recipe: Recipe, sequence: NDArray[Any]) -> NDArray[Any]:
        """What the report shows of a sequence: spectrogram `(T, C)`, or frames `(T, H, W, C)`."""
        steps: NDArray[Any] = recipe.reader.steps(sequence)
        return steps

    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> list[Prediction]:
        """The transcript of each file."""
        paths = [Path(one) for one in given]
        opened = [self.opened(recipe, path) for path in paths]
        nothing = ("",) * len(paths)
        part = Transcribed(tuple(one for one, _ in opened), nothing, nothing, tuple(path.name for path in paths))
        heard = self.heard(recipe, network, part)
        return [
            Prediction(path, said, confidence, {}, words)
            for path, said, confidence, (_, words) in zip(paths, heard.said, heard.confidence, opened, strict=True)
        ]

    def summary(self, metrics: Mapping[str, Any]) -> str:
        """The rates in a line, beside the baseline, how the test part was chosen, and what was left out."""
        words, letters, size = (metrics[name] for name in ("word_error_rate", "character_error_rate", "test_size"))
        lines = [f"word error rate {words:.4f}  character error rate {letters:.4f}  ({size} {self.counted})"]
        lines.append(f"wholly right: {metrics['sentences_right']:.4f}")
        if "word_error_rate_in_grammar" in metrics:
            lines.append(f"word error rate {metrics['word_error_rate_in_grammar']:.4f} within the grammar of the set")
        if "baselines" in metrics:
            lines.append(f"beside it: the commonest words {metrics['baselines']['the commonest words']:.4f}")
            lines.append(f"test part: {metrics['split']}")
        if skipped := metrics.get("skipped", []):
            lines.append(f"left out: {len(skipped)} ({'; '.join(skipped[:LEFT_OUT_TOLD])})")
        return "\n".join(lines)

    def _beginning(self, recipe: Recipe, network: Network, x: torch.Tensor) -> str:
        """What would be written if the sequence ended here; one that is read both ways is read anew."""
        return str(recipe.reader.units.text(collapse(_probabilities(network, x).argmax(1).tolist())))

    def _equal_lengths(self, recipe: Recipe, train: Transcribed) -> Batch:
        """Some training sequences, cut to the steps of the shortest of them."""
        chosen = sorted(range(min(len(train), 200)), key=lambda k: -len(train.sequences[k]))[:GRADIENT_BATCH]
        steps = [recipe.reader.steps(train.sequences[k]) for k in chosen]
        T = min(map(len, steps))
        numbers = [recipe.reader.units.encode(train.texts[k])[: T // 2] for k in chosen]
        return replace(ragged.one([one[:T] for one in steps], numbers), lengths=None)


def _to_show(said: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Some transcripts, of middling length: right ones, and one that is not."""
    middle = np.median([len(text) for text in wanted])
    order = sorted(range(len(wanted)), key=lambda k: abs(len(wanted[k]) - middle))
    right, wrong = ([k for k in order if (said[k] == wanted[k]) is fit] for fit in (True, False))
    return right[: SHOWN - 1] + wrong[: 1 if right else SHOWN]


@torch.inference_mode()
def _probabilities(network: Network, x: torch.Tensor) -> NDArray[np.float32]:
    """Of each symbol at each step, `(T, K)`, of one sequence `(T, 1, ...)`."""
    network.eval()
    y: NDArray[np.float32] = network(x)[0][:, 0].softmax(-1).numpy()
    return y


def _lengths(batch: Batch) -> Iterator[int]:
    yield from [len(batch.x)] * len(batch) if batch.lengths is None else batch.lengths.tolist()


def _scores(heard: Heard, wanted: Sequence[str]) -> dict[str, Any]:
    """Of a test part: words and letters that are wrong for each that was said, and transcripts without a fault."""
    words = [text.split() for text in wanted]
    rate = error_rate(words, [text.split() for text in heard.said])
    scores = {
        "word_error_rate": rate,
        "loss": heard.loss,
        "test_size": len(wanted),
        "character_error_rate": error_rate(wanted, heard.said),
        "sentences_right": float(np.mean([one == other for one, other in zip(wanted, heard.said, strict=True)])),
    }
    if heard.in_grammar:
        scores["word_error_rate_in_grammar"] = error_rate(words, [text.split() for text in heard.in_grammar])
    return scores
