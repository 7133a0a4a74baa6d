"""Texts with a class each: messages, questions, reviews, names. Read word by word, or letter by letter."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray

from recorrente import baselines, evaluation
from recorrente.data import labelled, ragged, units
from recorrente.data.imageset import hold_out
from recorrente.data.labelled import LabelledTexts, Texts
from recorrente.data.progress import Progress
from recorrente.data.reading import read_text
from recorrente.data.source import is_file
from recorrente.data.words import WordFeatures, split_words
from recorrente.errors import InputError
from recorrente.evaluation import Predictions, gradient_norms, step_by_step
from recorrente.kinds import classified
from recorrente.kinds.base import EVALUATION_BATCH, Prediction, Reading, Recipe, Results
from recorrente.kinds.image import no_generation
from recorrente.layers import Network
from recorrente.shape import Shape
from recorrente.tasks.classify import Classify
from recorrente.training import Feed, Plan

__all__ = ["LabelledReader", "Text"]

SHORT = 20
"""Texts of fewer characters, at the median, are read letter by letter: names, not sentences."""
LONGEST = 1_000
"""Steps that are read of a text; what comes after them is not."""
SHOWN, MISTAKES, GRADIENT_BATCH = 4, 16, 32
NO_TARGET = -100


@dataclass(frozen=True)
class LabelledReader:
    """How a text becomes steps of ids: of letters, or of words with their features."""

    cut: Any
    whole_files: bool = False

    @classmethod
    def of(cls, data: LabelledTexts, named: str | None) -> LabelledReader:
        """What was asked for, or letters for short texts and words for others; made for the training texts."""
        named = named or ("words" if statistics.median(map(len, data.train.texts)) >= SHORT else "characters")
        if named == "words":
            return cls(WordFeatures.of(split_words(text) for text in data.train.texts), data.whole_files)
        if named not in ("characters", "bytes"):
            raise InputError(
                "units", came=repr(named), wanted="one of characters, bytes, words, where texts are classified"
            )
        return cls(units.BY_NAME[named].of("".join(data.train.texts)), data.whole_files)

    @cached_property
    def words(self) -> bool:
        """Whether it reads words."""
        return isinstance(self.cut, WordFeatures)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many ids each feature of a step has."""
        return self.cut.sizes if self.words else (self.cut.size,)

    def steps(self, text: str) -> list[str]:
        """What is read at each step."""
        return split_words(text)[:LONGEST] if self.words else list(text)[:LONGEST]

    def __call__(self, text: str) -> NDArray[np.int64]:
        """`(T, F)` or `(T,)`, at least one step."""
        ids = self.cut.encode(split_words(text) if self.words else text)
        read = np.array(ids, np.int64)[:LONGEST]
        return read if len(read) else np.zeros((1, *read.shape[1:]), np.int64)

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        cut = self.cut.to_config()
        return {**(cut if self.words else {"units": cut}), "whole_files": self.whole_files}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LabelledReader:
        """What `to_config` wrote."""
        cut = WordFeatures.from_config(config) if "words" in config else units.from_config(config["units"])
        return cls(cut, config["whole_files"])


class Text:
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "text"
    cell = "gru"

    def shape(self, cell: str, reading: Reading, given: Mapping[str, Any]) -> Shape:
        defaults: dict[str, Any] = {
            "hidden": 128,
            "layers": 1,
            "bidirectional": True,
            "embedding": 128,
            "dropout": 0.5,
        }
        return Shape(cell, **defaults | dict(given))

    def plan(self, source: str, cell: str, given: Mapping[str, Any]) -> Plan:
        defaults: dict[str, Any] = {"epochs": 10, "batch": 32, "learning_rate": 2e-3}
        return Plan(**defaults | dict(given))

    def task(self, config: Mapping[str, Any]) -> Classify:
        task = Classify(**config)
        if task.steps != "last":
            raise InputError("steps", came=repr(task.steps), wanted="last, where texts are not all of one length")
        return task

    def task_config(self, task: Any) -> dict[str, Any]:
        return {"name": "classify", **asdict(task)}

    def load(self, source: str | Path, reading: Reading, plan: Plan, progress: Progress) -> LabelledTexts:
        reading.only(self.name, "units", "encoding", "text", "label", "skip_bad")
        return labelled.load(
            source,
            text=reading.text,
            label=reading.label,
            encoding=reading.encoding,
            skip_bad=bool(reading.skip_bad),
            seed=plan.seed,
            progress=progress,
        )

    def again(self, recipe: Recipe, source: str | Path, progress: Progress) -> LabelledTexts:
        return self.load(source, recipe.reading, recipe.plan, progress)

    def classes(self, data: LabelledTexts) -> tuple[str, ...]:
        return data.classes

    def reader(self, data: LabelledTexts, reading: Reading, plan: Plan) -> LabelledReader:
        return LabelledReader.of(data, reading.units)

    def reader_from(self, config: Mapping[str, Any]) -> LabelledReader:
        return LabelledReader.from_config(config)

    def network(self, recipe: Recipe) -> Network:
        return recipe.shape.build_for_ids(recipe.reader.sizes, len(recipe.classes))

    def feed(self, recipe: Recipe, data: LabelledTexts) -> Feed:
        plan = recipe.plan
        kept, held = hold_out(np.array(data.train.labels), plan.validation, plan.seed, data.classes, of="texts")
        fit, validation = data.train.subset(kept), data.train.subset(held)
        encoded = [recipe.reader(text) for text in fit.texts]
        return Feed(
            lambda epoch: ragged.batches(
                encoded, fit.labels, plan.batch, no_target=NO_TARGET, seed=plan.seed, epoch=epoch
            ),
            lambda: _in_order(recipe, validation),
            steps=-(-len(fit) // plan.batch),
        )

    def scores(self, recipe: Recipe, network: Network, data: LabelledTexts) -> dict[str, Any]:
        return evaluation.scores(_predict(recipe, network, data.test), recipe.classes)

    def results(self, recipe: Recipe, network: Network, data: LabelledTexts) -> Results:
        predictions = _predict(recipe, network, data.test)
        scores = evaluation.scores(predictions, recipe.classes)
        train, test = data.train, data.test
        scores["baselines"] = {
            "majority class": baselines.majority(train.labels, test.labels),
            "naive Bayes": baselines.naive_bayes(
                train.texts,
                train.labels,
                test.texts,
                test.labels,
                units="words" if recipe.reader.words else "characters",
            ),
        }
        scores["skipped"] = list(data.skipped)
        return Results(scores, _observe(recipe, network, data, predictions), *classified.table(predictions, recipe))

    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> list[Prediction]:
        """The class of each text; of each file, of each of its lines where such were learnt."""
        items = [item for one in given for item in _items(one, recipe)]
        said = _predict(recipe, network, Texts(tuple(text for text, _ in items), (0,) * len(items))).probabilities
        rows: list[list[float]] = said.tolist()
        return [
            Prediction.of(recipe.classes, row, path=path, text=text)
            for row, (text, path) in zip(rows, items, strict=True)
        ]

    def generate(self, recipe: Recipe, network: Network, prompt: str, **how: Any) -> NoReturn:
        raise no_generation(recipe)

    def summary(self, metrics: Mapping[str, Any]) -> str:
        left_out = metrics.get("skipped", [])
        told = classified.summary(metrics)
        return f"{told}\nleft out: {len(left_out)} ({'; '.join(left_out[:3])})" if left_out else told


def _items(one: str | Path, recipe: Recipe) -> list[tuple[str, Path | None]]:
    """A text and its file; a string that is no file is a text itself."""
    path = Path(one)
    if not isinstance(one, Path) and not is_file(one):
        if not one.strip():
            raise InputError("text", came=repr(one), wanted="a text with something in it")
        return [(one, None)]
    content = read_text(path, recipe.reading.encoding)
    if recipe.reader.whole_files:
        return [(" ".join(content.split()), path)]
    return [(line.strip(), path) for line in content.splitlines() if line.strip()]


def _in_order(recipe: Recipe, texts: Texts) -> Any:
    encoded = [recipe.reader(text) for text in texts.texts]
    return ragged.batches(encoded, texts.labels, EVALUATION_BATCH, no_target=NO_TARGET)


def _predict(recipe: Recipe, network: Network, texts: Texts) -> Predictions:
    return evaluation.predict(network, recipe.task, _in_order(recipe, texts))


def _observe(
    recipe: Recipe, network: Network, data: LabelledTexts, predictions: Predictions
) -> dict[str, NDArray[Any]]:
    """What the report is drawn from: texts as they arrive, mistakes, the gradient."""
    mistakes = predictions.most_confident_mistakes(MISTAKES)
    shown = _to_show(predictions, data.test)
    seen: dict[str, NDArray[Any]] = {
        "mistake_texts": np.array([data.test.texts[k] for k in mistakes], dtype=str),
        "mistake_target": predictions.target[mistakes],
        "mistake_prediction": predictions.prediction[mistakes],
        "mistake_confidence": predictions.confidence[mistakes],
        "arriving_target": predictions.target[shown],
        "gradient_norms": gradient_norms(network, recipe.task, _equal_lengths(recipe, data.train)),
    }
    for number, k in enumerate(shown):
        text = data.test.texts[k]
        steps = step_by_step(network, torch.from_numpy(recipe.reader(text)).unsqueeze(1))
        seen[f"arriving_{number}_steps"] = np.array(recipe.reader.steps(text) or [""], dtype=str)
        seen[f"arriving_{number}_probabilities"] = steps.probabilities
    return seen


ARRIVING = 40
"""Steps that a text may have to be shown as it arrives."""


def _to_show(predictions: Predictions, test: Texts) -> list[int]:
    """Short texts, of different classes as far as may be: recognised ones, and one that is not."""
    short = [k for k, text in enumerate(test.texts) if len(text.split()) <= ARRIVING and len(text) <= 8 * ARRIVING]
    right: dict[int, int] = {}
    for k in short:
        if predictions.prediction[k] == predictions.target[k]:
            right.setdefault(int(predictions.target[k]), k)
    wrong = [int(k) for k in predictions.most_confident_mistakes(len(test)) if int(k) in set(short)]
    return ([*right.values()][: SHOWN - 1] + wrong[:1]) or short[:1] or [0]


def _equal_lengths(recipe: Recipe, train: Texts) -> Any:
    """Some training texts that have the same length, the most common one of more than a few steps."""
    encoded = [recipe.reader(text) for text in train.texts[:2000]]
    lengths = Counter(len(steps) for steps in encoded)
    wanted = max(lengths, key=lambda length: (length > 5, lengths[length]))
    chosen = [k for k, steps in enumerate(encoded) if len(steps) == wanted][:GRADIENT_BATCH]
    return ragged.one([encoded[k] for k in chosen], [train.labels[k] for k in chosen], no_target=NO_TARGET)
