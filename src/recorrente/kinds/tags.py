"""Words with a tag each: parts of speech, names in a text. Read both ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from recorrente import baselines
from recorrente.credit.flow import gradient_flow
from recorrente.data import ragged, tagged
from recorrente.data.batch import NO_TARGET
from recorrente.data.progress import Progress
from recorrente.data.reading import read_text
from recorrente.data.source import is_file
from recorrente.data.tagged import Sentences, TaggedText
from recorrente.data.words import WordFeatures
from recorrente.errors import InputError
from recorrente.evaluation import Predictions
from recorrente.kinds.base import Prediction, Reading, Recipe
from recorrente.kinds.classified import Ragged
from recorrente.network import Network
from recorrente.tasks.tag import Tag
from recorrente.training import Plan

__all__ = ["Tags"]

SHOWN, MISTAKES, GRADIENT_BATCH = 4, 16, 32


class Tagged(Prediction):
    """What the model says of one word."""

    read: ClassVar[str] = "word"


class Tags(Ragged):
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "tags"
    uses: ClassVar[tuple[str, ...]] = ("embedding",)
    own_shape: ClassVar[Mapping[str, Any]] = {
        "hidden": 128,
        "layers": 1,
        "bidirectional": True,
        "embedding": 64,
        "dropout": 0.3,
    }
    own_plan: ClassVar[Mapping[str, Any]] = {"epochs": 3, "batch": 32, "learning_rate": 4e-3}
    together = 128
    counted = "words"
    items = "sentences"

    def task(self, config: Mapping[str, Any]) -> Tag:
        for name, value in config.items():
            raise InputError(name, came=repr(value), wanted="nothing said of it, where each word has a tag")
        return Tag()

    def task_config(self, task: object) -> dict[str, Any]:
        return {"name": "tag"}

    def load(
        self, source: str | Path, reading: Reading, plan: Plan, progress: Progress, learnt: Sequence[str] | None = None
    ) -> TaggedText:
        reading.only(self.name, "encoding", "skip_bad")
        return tagged.load(
            source,
            encoding=reading.encoding,
            skip_bad=bool(reading.skip_bad),
            seed=plan.seed,
            learnt=learnt,
            progress=progress,
        )

    def reader(self, data: TaggedText, reading: Reading, plan: Plan) -> WordFeatures:
        return WordFeatures.of(data.train.words)

    def reader_from(self, config: Mapping[str, Any]) -> WordFeatures:
        return WordFeatures.from_config(config)

    def network(self, recipe: Recipe) -> Network:
        return recipe.shape.build_for_ids(recipe.reader.sizes, len(recipe.classes))

    def divide(self, plan: Plan, data: TaggedText) -> tuple[Sentences, Sentences]:
        order = np.random.RandomState(plan.seed).permutation(len(data.train)).tolist()
        held = min(max(1, round(plan.validation * len(order))), len(order) - 1)
        if not held:
            raise InputError("data", came="a single sentence to learn from", wanted="two or more")
        return data.train.subset(order[held:]), data.train.subset(order[:held])

    def encode(self, recipe: Recipe, part: Sentences) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
        return [recipe.reader.encode(words) for words in part.words], [np.array(tags, np.int64) for tags in part.tags]

    @torch.inference_mode()
    def predicted(self, recipe: Recipe, network: Network, part: Sentences) -> Predictions:
        """The tags of all words, sentence after sentence."""
        network.eval()
        probabilities, targets, loss = [], [], 0.0
        for batch in self.in_order(recipe, part):
            logits, target = recipe.task.logits(network, batch).transpose(0, 1), batch.target.t()  # a sentence a row
            there = target != NO_TARGET
            probabilities.append(logits[there].softmax(-1))
            targets.append(target[there])
            loss += float(functional.cross_entropy(logits[there], target[there], reduction="sum"))
        every = torch.cat(targets).numpy()
        return Predictions(torch.cat(probabilities).numpy(), every, loss / len(every))

    def beside(self, recipe: Recipe, data: TaggedText, predictions: Predictions) -> dict[str, Any]:
        train, test = (list(zip(part.words, part.tags, strict=True)) for part in (data.train, data.test))
        return {
            "baselines": {"most frequent tag": baselines.most_frequent_tag(train, test)},
            "unknown_words": _unknown(predictions, data),
            "skipped": list(data.skipped),
        }

    def table(
        self, recipe: Recipe, data: TaggedText, predictions: Predictions
    ) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        columns, rows = super().table(recipe, data, predictions)
        words = [word for sentence in data.test.words for word in sentence]
        return (*columns, "word"), [(*row, word) for row, word in zip(rows, words, strict=True)]

    def observe(
        self, recipe: Recipe, network: Network, data: TaggedText, predictions: Predictions
    ) -> dict[str, NDArray[Any]]:
        """What the report is drawn from: some tagged sentences, the commonest confusions, the gradient."""
        wrong = predictions.prediction != predictions.target
        pairs = Counter(zip(predictions.target[wrong].tolist(), predictions.prediction[wrong].tolist(), strict=True))
        starts = np.cumsum([0, *(len(words) for words in data.test.words)])
        shown = [k for k, words in enumerate(data.test.words) if 4 <= len(words) <= 40][:SHOWN] or [0]
        seen: dict[str, NDArray[Any]] = {
            "confused": np.array([(*pair, count) for pair, count in pairs.most_common(MISTAKES)], int).reshape(-1, 3),
            "gradient_norms": self._gradient(recipe, network, data.train),
        }
        for number, k in enumerate(shown):
            part = slice(int(starts[k]), int(starts[k + 1]))
            seen[f"sentence_{number}_words"] = np.array(data.test.words[k], dtype=str)
            seen[f"sentence_{number}_target"] = predictions.target[part]
            seen[f"sentence_{number}_prediction"] = predictions.prediction[part]
            seen[f"sentence_{number}_confidence"] = predictions.confidence[part]
        return seen

    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> list[Prediction]:
        """The tag of each word of each text, or of each line of each file."""
        items = [item for one in given for item in _items(one, recipe)]
        sentences = Sentences(tuple(words for words, _ in items), tuple((0,) * len(words) for words, _ in items))
        rows: list[list[float]] = self.predicted(recipe, network, sentences).probabilities.tolist()
        words = [(word, path) for sentence, path in items for word in sentence]
        return [
            Tagged.of(recipe.classes, row, path=path, text=word) for row, (word, path) in zip(rows, words, strict=True)
        ]

    def _gradient(self, recipe: Recipe, network: Network, train: Sentences) -> NDArray[np.float32]:
        """The norm of dL/dh_t, `(L, T, B)`, for the tag in the middle of sentences of one length."""
        lengths = Counter(len(words) for words in train.words[:2000])
        wanted = max(lengths, key=lambda length: (length > 8, lengths[length]))
        chosen = [k for k, words in enumerate(train.words[:2000]) if len(words) == wanted][:GRADIENT_BATCH]
        encoded, targets = self.encode(recipe, train.subset(chosen))
        batch, middle = ragged.one(encoded, targets), wanted // 2

        def loss(y: Tensor) -> Tensor:
            return functional.cross_entropy(y[middle], batch.target[middle], reduction="sum")

        with torch.no_grad():
            x = network.encoder(batch.x)
        return gradient_flow(Network(network.recurrence, network.head), x, loss).norms.numpy()


def _items(one: str | Path, recipe: Recipe) -> list[tuple[tuple[str, ...], Path | None]]:
    path = Path(one)
    found = isinstance(one, Path) or is_file(one)
    lines = read_text(path, recipe.reading.encoding).split("\n") if found else [str(one)]
    sentences = [tuple(recipe.reader.split(line)) for line in lines]
    if not any(sentences):
        raise InputError("text", came=repr(str(one)), wanted="a text with a word in it")
    return [(words, path if found else None) for words in sentences if words]


def _unknown(predictions: Predictions, data: TaggedText) -> dict[str, float]:
    """How many words of the test are not in the training part, and how many of them are tagged right."""
    known = {word.lower() for words in data.train.words for word in words}
    new = np.array([word.lower() not in known for words in data.test.words for word in words])
    right = (predictions.prediction == predictions.target)[new]
    return {"count": int(new.sum()), "accuracy": float(right.mean()) if len(right) else 1.0}
