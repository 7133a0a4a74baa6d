"""Running text: what comes next, token by token. A network of this kind can write."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from recorrente import evaluation, generation
from recorrente.baselines import ngram_bits
from recorrente.credit.flow import gradient_flow
from recorrente.data import running, units
from recorrente.data.known import KNOWN, files
from recorrente.data.progress import Progress
from recorrente.data.running import RunningText
from recorrente.data.source import below, locate, of_known
from recorrente.data.units import Units, Words
from recorrente.errors import InputError
from recorrente.kinds.base import Reading, Recipe, Results
from recorrente.network import Network
from recorrente.shape import Shape
from recorrente.tasks.next_token import NextToken, bits_per_character, perplexity, spelling
from recorrente.training import Feed, Plan

__all__ = ["Language", "TextReader", "texts_in"]

BYTES_READ = 9_000_000
LENGTHS = {"shakespeare": 1_115_394, "machado": 3_154_684}
"""Bytes of the known sets, which are the same wherever the files lie, and before they are fetched."""
SAMPLE = 600
SAMPLE_TEMPERATURES = (0.5, 0.8, 1.0)
SHOWN = 120
"""Characters of the held-out text whose foretelling the report shows."""


@dataclass(frozen=True)
class TextReader:
    """How text becomes numbers."""

    units: Units

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return {"units": self.units.to_config()}


class Language:
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "language"
    cell = "lstm"
    uses: tuple[str, ...] = ("embedding", "tied", "window")

    def shape(self, cell: str, reading: Reading, given: Mapping[str, Any]) -> Shape:
        """One wide layer; words and pieces of words share their vectors with the head."""
        many = reading.units in ("words", "pieces")
        defaults: dict[str, Any] = {
            "hidden": 512,
            "layers": 1,
            "dropout": 0.2,
            "embedding": 128 if many else 64,
            "tied": many,
        }
        shape = Shape(cell, **defaults | dict(given))
        if shape.bidirectional:
            raise InputError("bidirectional", came="both ways", wanted="one, where the next token is foretold")
        return shape

    def plan(self, source: str, cell: str, given: Mapping[str, Any]) -> Plan:
        defaults: dict[str, Any] = {
            "epochs": _epochs(source),
            "batch": 32,
            "learning_rate": 3e-3,
            "validation": 0.1,
            "rise": 0.1,
            "window": 64,
        }
        return Plan(**defaults | dict(given))

    def task(self, config: Mapping[str, Any]) -> NextToken:
        for name, value in config.items():
            raise InputError(name, came=repr(value), wanted="nothing said of it, where the next token is foretold")
        return NextToken()

    def task_config(self, task: object) -> dict[str, Any]:
        return {"name": "next_token"}

    def load(self, source: str | Path, reading: Reading, plan: Plan, progress: Progress) -> RunningText:
        reading.only(self.name, "units", "encoding")
        return _load(source, reading.units or "characters", reading, plan, progress)

    def again(self, recipe: Recipe, source: str | Path, progress: Progress) -> RunningText:
        return _load(source, recipe.reader.units, recipe.reading, recipe.plan, progress)

    def classes(self, data: RunningText) -> tuple[str, ...]:
        return ()

    def parts(self, data: RunningText) -> str:
        train, held = len(data.train_text), len(data.held_out_text)
        return f"{train:,} characters to learn from, {held:,} to watch and to test on: the end of each file"

    def reader(self, data: RunningText, reading: Reading, plan: Plan) -> TextReader:
        return TextReader(data.units)

    def reader_from(self, config: Mapping[str, Any]) -> TextReader:
        return TextReader(units.from_config(config["units"]))

    def network(self, recipe: Recipe) -> Network:
        size = recipe.reader.units.size
        return recipe.shape.build_for_ids((size,), size)

    def feed(self, recipe: Recipe, data: RunningText) -> Feed:
        plan = recipe.plan
        return Feed(
            lambda epoch: running.batches(data.train, plan.batch, plan.window, seed=plan.seed, epoch=epoch),
            lambda: running.in_order(data.held_out),
            steps=running.steps(data.train, plan.batch, plan.window),
        )

    def scores(self, recipe: Recipe, network: Network, data: RunningText) -> dict[str, Any]:
        """The loss on the held-out part, in each of its usual dresses."""
        loss, accuracy, count = evaluation.foretold(network, NextToken(), running.in_order(data.held_out))
        characters, spelt, unknown = len(data.held_out_text), 0.0, {}
        if isinstance(data.units, Words):
            words = data.units.unknown(data.held_out_text)
            spelt = spelling(words, data.units.letters)
            unknown = {
                "unknown_words": len(words) / len(data.held_out),
                "spelling_bits_per_character": spelt / characters,
            }
        return {
            "accuracy": accuracy,
            "loss": loss,
            "perplexity": perplexity(loss),
            "bits_per_character": bits_per_character(loss, len(data.held_out), characters, spelt=spelt),
            **unknown,
            "test_size": count,
            "units": data.units.name,
        }

    def results(self, recipe: Recipe, network: Network, data: RunningText) -> Results:
        scores = self.scores(recipe, network, data)
        scores["baselines"] = {"5-gram bits per character": ngram_bits(data.train_text, data.held_out_text)}
        samples = [
            "".join(self.generate(recipe, network, "", length=SAMPLE, temperature=warmth, top_k=0, seed=0))
            for warmth in SAMPLE_TEMPERATURES
        ]
        told = "\n".join(
            f"temperature {warmth}:\n{text}\n" for warmth, text in zip(SAMPLE_TEMPERATURES, samples, strict=True)
        )
        seen = {"samples": np.array(samples), "temperatures": np.array(SAMPLE_TEMPERATURES)}
        seen |= _foretelling(recipe, network, data) | {"gradient_norms": _gradient(recipe, network, data)}
        return Results(scores, seen, texts={"samples.txt": told})

    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> NoReturn:
        raise InputError("run", came="a model of running text", wanted="a classifier", cure="Try: recorrente generate")

    def generate(
        self, recipe: Recipe, network: Network, prompt: str, *, length: int, temperature: float, top_k: int, seed: int
    ) -> Iterator[str]:
        """Goes on from the prompt, piece by piece, each as soon as it is whole UTF-8."""
        made: Units = recipe.reader.units
        _refuse_half(prompt)
        start = made.encode(prompt or "\n") or made.encode("\n")
        inside = made.encode(f" {prompt}")
        if start[0] in made.forbidden and len(inside) == len(start):  # a word that the text never begins with
            start = inside
        if prompt and all(number in made.forbidden for number in start):
            came = f"{prompt!r}, of which the model knows nothing"
            raise InputError("prompt", came=came, wanted=f"{made.name} that its text has")
        tokens = generation.generate(
            network, start, length=length, temperature=temperature, top_k=top_k, seed=seed, forbidden=made.forbidden
        )
        return _whole(made, tokens)

    def summary(self, metrics: Mapping[str, Any]) -> str:
        beside = ", ".join(f"{name} {value:.4f}" for name, value in metrics.get("baselines", {}).items())
        spelt = ""
        if "unknown_words" in metrics:  # of words, and not kept by older versions
            share, bits = metrics["unknown_words"], metrics["spelling_bits_per_character"]
            spelt = f"\nunknown words: {share:.2%} of all; spelling them out takes {bits:.4f} of the bits per character"
        return (
            f"held-out loss {metrics['loss']:.4f} nats a token ({metrics['units']})"
            f"  perplexity {metrics['perplexity']:.2f}  bits per character {metrics['bits_per_character']:.4f}"
            f"  next token right {metrics['accuracy']:.4f}  ({metrics['test_size']} tokens){spelt}"
        ) + (f"\nbeside it: {beside}" if beside else "")


def _refuse_half(prompt: str) -> None:
    """Refuses what a terminal gave that is no UTF-8."""
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise InputError("prompt", came=ascii(prompt), wanted="text in UTF-8") from error


def _epochs(source: str) -> int:
    """So many that a short text is read more often: about nine million bytes in all, from 3 to 60 times."""
    if of_known(source):
        length = LENGTHS[source]
    else:
        length = sum(text.stat().st_size for text in texts_in(locate(source))) or BYTES_READ // 8
    return min(max(round(BYTES_READ / length), 3), 60)


def _load(source: str | Path, cut: str | Units, reading: Reading, plan: Plan, progress: Progress) -> RunningText:
    if of_known(source):
        paths, name = list(files(KNOWN[str(source)], progress)), str(source)
    else:
        path = locate(source)
        paths, name = texts_in(path), path.resolve().name
        if not paths:
            raise InputError(str(source), came="a folder without .txt files", wanted="one file of text or more")
    return running.load(paths, name, cut=cut, held_out=plan.validation, encoding=reading.encoding, progress=progress)


def texts_in(path: Path) -> list[Path]:
    """The file itself, or those of a folder that are called a text."""
    return [path] if path.is_file() else sorted(text for text in below(path) if text.suffix.lower() == ".txt")


LONGEST_LETTER = 4
"""Bytes of a character in UTF-8, and so the most tokens that one can be spread over."""


def _whole(made: Units, tokens: Iterator[int]) -> Iterator[str]:
    """Text as it grows; bytes that do not yet make a character wait for the next."""
    waiting: list[int] = []
    for token in tokens:
        waiting.append(token)
        text = made.decode(waiting)
        if not text.endswith("\ufffd") or len(waiting) >= LONGEST_LETTER:
            yield text
            waiting = []
    if waiting:
        yield made.decode(waiting)


@torch.inference_mode()
def _foretelling(recipe: Recipe, network: Network, data: RunningText) -> dict[str, Any]:
    """The beginning of the held-out text, token by token: how surprising each was, and what was expected."""
    network.eval()
    made, ids = data.units, data.held_out[: SHOWN + 1]
    y, _ = network(ids[:-1].unsqueeze(1))
    logs = y[:, 0].log_softmax(-1)
    likely = logs.topk(min(3, logs.shape[1])).indices
    return {
        "shown_tokens": np.array([made.decode([int(token)]) for token in ids[1:]]),
        "shown_bits": (-logs[torch.arange(len(logs)), ids[1:]] / math.log(2)).numpy(),
        "shown_expected": np.array([[made.decode([int(k)]) for k in row] for row in likely]),
    }


def _gradient(recipe: Recipe, network: Network, data: RunningText) -> NDArray[np.float32]:
    """The norm of dL/dh_t within one window, `(L, T, B)`, for the loss at its last step."""
    plan = recipe.plan
    batch = next(running.batches(data.train, plan.batch, plan.window, seed=plan.seed, epoch=0))
    with torch.no_grad():
        x = network.encoder(batch.x)

    def loss(y: Tensor) -> Tensor:
        return functional.cross_entropy(y[-1], batch.target[-1], reduction="sum")

    return gradient_flow(Network(network.recurrence, network.head), x, loss).norms.numpy()
