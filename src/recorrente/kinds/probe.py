"""Probes of memory: sequences made by a rule, anew for every step of the training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np
import torch
from numpy.typing import NDArray

from recorrente.credit import gradient_flow
from recorrente.data.batch import Batch
from recorrente.data.probes import PROBES
from recorrente.data.probes import Probe as Rule
from recorrente.data.progress import Progress
from recorrente.errors import InputError
from recorrente.kinds.base import Reading, Recipe, Results
from recorrente.network import Network
from recorrente.shape import Shape
from recorrente.tasks.answer import Answer
from recorrente.training import Feed, Plan

__all__ = ["Length", "Probe"]

BATCHES = 100
"""Of an epoch: there is no set to go through."""
TOGETHER, KEPT = 100, 10
"""Rows of a batch that is only read, and how many such batches validate or test."""
GRADIENT_BATCH, SHOWN = 32, 200
LEARNT, VALIDATED, TESTED = range(3)
"""What keeps the random numbers of the parts apart."""

SHORTEST = {"copy": 1}
"""Where a probe is learnt on shorter sequences too, if nothing is said."""

PLANS: dict[str, dict[str, Any]] = {
    "adding": {"epochs": 30, "batch": 64, "learning_rate": 4e-3, "rise": 0.1},
    "copy": {"epochs": 80, "batch": 64, "learning_rate": 5e-3, "rise": 0.1},
    "parity": {"epochs": 20, "batch": 64, "learning_rate": 4e-3, "rise": 0.1},
    "mackey-glass": {"epochs": 20, "batch": 32, "learning_rate": 4e-3, "rise": 0.1},
}


@dataclass(frozen=True)
class Length:
    """What the sequences are made by: the rule's name and a length; `shortest` where training varies it."""

    name: str
    length: int
    shortest: int | None = None

    def __post_init__(self) -> None:
        if self.shortest is not None and not self.rule.least <= self.shortest <= self.length:
            wanted = f"{self.rule.least} steps or more, and not more than the length, {self.length}"
            raise InputError("shortest", came=self.shortest, wanted=wanted)

    @property
    def rule(self) -> Rule:
        """The rule itself."""
        return PROBES[self.name]

    def batch(self, B: int, *seed: int) -> Batch:
        """B rows; the same for the same seed."""
        x, target = self.rule.make(np.random.default_rng(seed), self.length, B)
        return Batch(torch.from_numpy(x), torch.from_numpy(target))

    def drawn(self, *seed: int) -> Length:
        """The same with the length of one batch to learn from: evenly from `shortest` on, on a logarithmic scale.

        What is asked over a short time is learnt first and carries over to a longer one, and most batches are cheap.
        """
        if self.shortest is None:
            return self
        scale = np.random.default_rng((*seed, self.length)).uniform(math.log(self.shortest), math.log(self.length + 1))
        return replace(self, length=min(max(self.shortest, int(math.exp(scale))), self.length))

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return asdict(self)


class Probe:
    """See `kinds.base.Kind`. Its data is a `Length`: it is made where it is read."""

    name = "probe"
    cell = "lstm"
    uses: tuple[str, ...] = ()

    def shape(self, cell: str, reading: Reading, given: Mapping[str, Any]) -> Shape:
        """One layer, with gates that remember from one step to the length of the task."""
        gated = {"initial": "chrono"} if cell != "elman" else {"initial": "orthogonal"}
        shape = Shape(cell, **{"hidden": 64, "layers": 1} | gated | dict(given))
        if shape.bidirectional:
            raise InputError("bidirectional", came="both ways", wanted="one: a probe of memory asks what is kept")
        return shape

    def plan(self, source: str, cell: str, given: Mapping[str, Any]) -> Plan:
        return Plan(**PLANS.get(source, {}) | dict(given))

    def task(self, config: Mapping[str, Any]) -> Answer:
        for name, value in config.items():
            raise InputError(name, came=repr(value), wanted="nothing said of it: the probe itself says what is asked")
        return Answer()

    def task_config(self, task: object) -> dict[str, Any]:
        return {"name": "answer"}

    def load(self, source: str | Path, reading: Reading, plan: Plan, progress: Progress) -> Length:
        reading.only(self.name, "length", "shortest")
        if str(source) not in PROBES:
            raise InputError("data", came=repr(str(source)), wanted=f"one of {', '.join(PROBES)}")
        length, usual = PROBES[str(source)].checked(reading.length), SHORTEST.get(str(source))
        return Length(str(source), length, usual if reading.shortest is None else reading.shortest)

    def again(self, recipe: Recipe, source: str | Path, progress: Progress) -> Length:
        """As it was learnt, whatever is usual now."""
        if str(source) == recipe.source:
            return cast(Length, recipe.reader)
        return self.load(source, recipe.reading, recipe.plan, progress)

    def classes(self, data: Length) -> tuple[str, ...]:
        return data.rule.classes

    def parts(self, data: Length) -> str:
        return ""

    def reader(self, data: Length, reading: Reading, plan: Plan) -> Length:
        return data

    def reader_from(self, config: Mapping[str, Any]) -> Length:
        return Length(**config)

    def network(self, recipe: Recipe) -> Network:
        reader: Length = recipe.reader
        return recipe.shape.remembering(reader.length).build(reader.rule.inputs, reader.rule.outputs)

    def feed(self, recipe: Recipe, data: Length) -> Feed:
        plan = recipe.plan

        def train(epoch: int) -> Iterator[Batch]:
            seeds = ((plan.seed, LEARNT, epoch, k) for k in range(BATCHES))
            return (data.drawn(*seed).batch(plan.batch, *seed) for seed in seeds)

        return Feed(train, lambda: kept(data, plan.seed, VALIDATED), steps=BATCHES)

    def scores(self, recipe: Recipe, network: Network, data: Length) -> dict[str, Any]:
        return _scores(network, data, kept(data, recipe.plan.seed, TESTED))[0]

    def results(self, recipe: Recipe, network: Network, data: Length) -> Results:
        scores, said = _scores(network, data, kept(data, recipe.plan.seed, TESTED))
        target = data.batch(TOGETHER, recipe.plan.seed, TESTED, 0).target
        seen = {
            "answer_each_step": np.array(target.dim() == 2),
            "answer_target": _rows(target)[-SHOWN:].numpy(),
            "answer_said": _rows(said)[-SHOWN:].numpy(),
            "gradient_norms": _gradient(recipe, network, data),
        }
        return Results(scores, seen)

    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> NoReturn:
        raise InputError("run", came="a model of a probe of memory", wanted="one that was trained on data of one's own")

    def generate(self, recipe: Recipe, network: Network, prompt: str, **how: Any) -> NoReturn:
        raise InputError("run", came="a model of a probe of memory", wanted="one that was trained on running text")

    def summary(self, metrics: Mapping[str, Any]) -> str:
        """The loss beside that of a guess without memory, and those that others published."""
        lines = [
            f"test loss {metrics['loss']:.3g} ({metrics['measure']}, length {metrics['length']})"
            f"  right {metrics['accuracy']:.4f}  ({metrics['test_size']} sequences)",
            f"beside it: without memory {metrics['naive']:.3g}",
        ]
        if (shortest := metrics.get("shortest")) is not None:
            lines.append(f"learnt on lengths from {shortest} to {metrics['length']}")
        if published := metrics["published"]:
            told = "; ".join(f"{name} {value:g}" for name, value in published.items())
            lines.append(f"published, at the usual length: {told}")
        return "\n".join(lines)


def kept(data: Length, seed: int, part: int) -> Iterator[Batch]:
    """The sequences that validate, or test: always the same."""
    return (data.batch(TOGETHER, seed, part, k) for k in range(KEPT))


def _rows(answers: torch.Tensor) -> torch.Tensor:
    """The answers of many rows at the end, or of one row at every step."""
    return answers if answers.dim() == 1 else answers[:, 0]


@torch.inference_mode()
def _scores(network: Network, data: Length, batches: Iterator[Batch]) -> tuple[dict[str, Any], torch.Tensor]:
    """What the network scores, and what it says of the first batch."""
    network.eval()
    loss, right, asked, first = 0.0, 0, 0, None
    for batch in batches:
        logits = Answer.logits(network, batch)
        loss += float(Answer.loss_of(logits, batch.target)) / KEPT
        right, asked = right + int(Answer.correct(logits, batch.target)), asked + Answer.count(batch.target)
        first = Answer.said(logits).view(batch.target.shape) if first is None else first
    assert first is not None
    scores = {
        "accuracy": right / asked,
        "loss": loss,
        "test_size": KEPT * TOGETHER,
        "length": data.length,
        "shortest": data.shortest,
        "measure": data.rule.measure,
        "naive": data.rule.naive(data.length),
        "published": dict(data.rule.published),
    }
    return scores, first


def _gradient(recipe: Recipe, network: Network, data: Length) -> NDArray[np.float32]:
    """The norm of dL/dh_t, `(L, T, B)`, for what is asked last."""
    batch = data.batch(GRADIENT_BATCH, recipe.plan.seed, VALIDATED, 0)
    target = batch.target if batch.target.dim() == 1 else batch.target[-1]

    def loss(y: torch.Tensor) -> torch.Tensor:
        return Answer.loss_of(y[-1:], target) * len(target)

    return gradient_flow(network, batch.x, loss, gates=False).norms.numpy()
