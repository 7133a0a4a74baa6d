"""Texts with a class each: messages, questions, reviews, names. Read word by word, or letter by letter."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from recorrente import baselines
from recorrente.data import labelled, ragged, units
from recorrente.data.labelled import LabelledTexts, Texts
from recorrente.data.progress import Progress
from recorrente.data.reading import read_text
from recorrente.data.source import is_file, locate, of_known
from recorrente.data.words import WordFeatures, split_words
from recorrente.errors import InputError
from recorrente.evaluation import Predictions, gradient_norms, step_by_step
from recorrente.kinds.base import Prediction, Reading, Recipe
from recorrente.kinds.classified import Ragged
from recorrente.network import Network
from recorrente.training import Feed, Plan

__all__ = ["LabelledReader", "Text"]

SHORT = 20
"""Texts of fewer characters, at the median, are read letter by letter: names, not sentences."""
LONGEST = 1_000
"""Steps that are read of a text; what comes after them is not."""
SHOWN, MISTAKES, GRADIENT_BATCH = 4, 16, 32


@dataclass(frozen=True)
class LabelledReader:
    """How a text becomes steps of ids: of letters, or of words with their features."""

    cut: Any
    whole_files: bool = False
    column: str | None = None  # of texts, in the table that was learnt
    label: str | None = None  # the column of classes there

    @classmethod
    def of(cls, data: LabelledTexts, named: str | None) -> LabelledReader:
        """What was asked for, or letters for short texts and words for others; made for the training texts."""
        columns = data.columns or (None, None)
        named = named or ("words" if statistics.median(map(len, data.train.texts)) >= SHORT else "characters")
        if named == "words":
            return cls(WordFeatures.of(split_words(text) for text in data.train.texts), data.whole_files, *columns)
        if named not in ("characters", "bytes"):
            raise InputError(
                "units", came=repr(named), wanted="one of characters, bytes, words, where texts are classified"
            )
        return cls(units.BY_NAME[named].of("".join(data.train.texts)), data.whole_files, *columns)

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
        known = {"whole_files": self.whole_files, "column": self.column, "label": self.label}
        return {**(cut if self.words else {"units": cut}), **known}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LabelledReader:
        """What `to_config` wrote."""
        cut = WordFeatures.from_config(config) if "words" in config else units.from_config(config["units"])
        return cls(cut, config["whole_files"], config.get("column"), config.get("label"))


class Text(Ragged):
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "text"
    uses: ClassVar[tuple[str, ...]] = ("embedding",)
    counted = "texts"
    own_shape: ClassVar[Mapping[str, Any]] = {
        "hidden": 128,
        "layers": 1,
        "bidirectional": True,
        "embedding": 128,
        "dropout": 0.5,
    }
    own_plan: ClassVar[Mapping[str, Any]] = {"epochs": 10, "batch": 32, "learning_rate": 2e-3}

    def load(
        self, source: str | Path, reading: Reading, plan: Plan, progress: Progress, learnt: Sequence[str] | None = None
    ) -> LabelledTexts:
        reading.only(self.name, "units", "encoding", "text", "label", "skip_bad")
        return labelled.load(
            source,
            text=reading.text,
            label=reading.label,
            encoding=reading.encoding,
            skip_bad=bool(reading.skip_bad),
            seed=plan.seed,
            learnt=learnt,
            progress=progress,
        )

    def as_learnt(self, reading: Reading, reader: Any, source: str | Path) -> Reading:
        """From the columns of the names that were learnt, where a table has them."""
        there = [] if of_known(source) else labelled.names_of(locate(source), reading.encoding)
        learnt = {"text": reader.column, "label": reader.label}
        return replace(reading, **{which: name for which, name in learnt.items() if name and name in there})

    def reader(self, data: LabelledTexts, reading: Reading, plan: Plan) -> LabelledReader:
        return LabelledReader.of(data, reading.units)

    def reader_from(self, config: Mapping[str, Any]) -> LabelledReader:
        return LabelledReader.from_config(config)

    def network(self, recipe: Recipe) -> Network:
        """Of letters the head reads all steps; for words that was not tried, and it reads where they end."""
        letters = not recipe.reader.words
        return recipe.shape.build_for_ids(recipe.reader.sizes, len(recipe.classes), pooled=letters)

    def divide(self, plan: Plan, data: LabelledTexts) -> tuple[Texts, Texts]:
        """No text that is validated on is learnt from, however often it stands in the set."""
        return labelled.divided(data.train, plan.validation, plan.seed, data.classes)

    def learnt(self, recipe: Recipe, fit: Texts) -> Texts:
        """Of letters what repeats is thinned: names do, and are learnt by heart. Of words all is read."""
        return fit if recipe.reader.words else labelled.thinned(fit)

    def feed(self, recipe: Recipe, data: LabelledTexts) -> Feed:
        """In the end the classes get the shares that they had before what repeats was thinned."""

        def finish(network: Network) -> None:
            fit, _ = self.divide(recipe.plan, data)
            by = labelled.thinning(fit, self.learnt(recipe, fit), len(data.classes))
            last = cast(nn.Linear, [*network.head.modules()][-1])
            last.bias.data += torch.from_numpy(by)

        return replace(super().feed(recipe, data), finish=finish)

    def encode(self, recipe: Recipe, part: Texts) -> tuple[list[NDArray[np.int64]], tuple[int, ...]]:
        return [recipe.reader(text) for text in part.texts], part.labels

    def beside(self, recipe: Recipe, data: LabelledTexts, predictions: Predictions) -> dict[str, Any]:
        train, test = data.train, data.test
        read = "words" if recipe.reader.words else "characters"
        bayes = baselines.naive_bayes(train.texts, train.labels, test.texts, test.labels, units=read)
        beside = {"majority class": baselines.majority(train.labels, test.labels), "naive Bayes": bayes}
        return {"baselines": beside, "skipped": list(data.skipped)}

    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> list[Prediction]:
        """The class of each text; of each file, of each of its lines where such were learnt."""
        items = [item for one in given for item in _items(one, recipe)]
        texts = Texts(tuple(text for text, _ in items), (0,) * len(items))
        rows: list[list[float]] = self.predicted(recipe, network, texts).probabilities.tolist()
        return [
            Prediction.of(recipe.classes, row, path=path, text=text)
            for row, (text, path) in zip(rows, items, strict=True)
        ]

    def observe(
        self, recipe: Recipe, network: Network, data: LabelledTexts, predictions: Predictions
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


def _items(one: str | Path, recipe: Recipe) -> list[tuple[str, Path | None]]:
    """A text and its file; a string that is no file is a text itself."""
    path = Path(one)
    if not isinstance(one, Path) and not is_file(one):
        if not one.strip():
            raise InputError("text", came=repr(one), wanted="a text with something in it")
        if (path.suffix.lower() in (".txt", ".csv", ".tsv") and " " not in one) or path.is_dir():
            came = "a folder" if path.is_dir() else "no such file"
            raise InputError(one, came=came, wanted="a text, or a file of text")
        return [(one, None)]
    content = read_text(path, recipe.reading.encoding)
    if recipe.reader.whole_files:
        return [(" ".join(content.split()), path)]
    texts = labelled.texts_of(path, content, recipe.classes, recipe.reader.column or recipe.reading.text)
    if not texts:
        raise InputError(str(path), came="no text in it", wanted="one text or more")
    return [(text, path) for text in texts]


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
    return ragged.one([encoded[k] for k in chosen], [train.labels[k] for k in chosen])
