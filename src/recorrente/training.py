"""Batches, a network, a task and a plan, all passed in: a trained network in a run folder.

Knows epochs, optimisers and checkpoints. It does not know what kind of data it reads, nor who watches.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from recorrente.credit import named
from recorrente.data.batch import Batch
from recorrente.errors import InputError, RunError
from recorrente.network import Network
from recorrente.runs import Run, write_bytes

__all__ = ["Feed", "Onlooker", "Plan", "Task", "Watcher", "train"]

HISTORY = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "seconds",
    "samples_per_second",
)


SEEDS = 2**32  # so many have all that draw
STATEFUL = ("network", "optimizer", "schedule")
SECONDS_BETWEEN_TELLING = 0.1


class Task(Protocol):
    """What is predicted and how it is scored; see `recorrente.tasks`.

    One that is scored by what is wrong says `errors = True`: then `history.csv` has error rates, 1 less what is right.
    """

    def logits(self, network: Network, batch: Batch) -> Tensor: ...
    def loss_of(self, logits: Tensor, target: Tensor) -> Tensor: ...
    def correct(self, logits: Tensor, target: Tensor) -> Tensor: ...
    def count(self, target: Tensor) -> int: ...


@dataclass(frozen=True)
class Feed:
    """The batches of a training: those of one epoch, shuffled by its number alone, and those to validate on.

    What the held-out part still sets in a trained network, such as how wide its intervals are, `finish` does.
    """

    train: Callable[[int], Iterable[Batch]]
    validation: Callable[[], Iterable[Batch]]
    steps: int  # batches in an epoch
    finish: Callable[[Network], None] | None = None  # once, after the last epoch, before the weights are kept


@dataclass(frozen=True)
class Plan:
    """How to train: Adam under one rise and fall of the learning rate, with the gradient's norm clipped.

    The rate rises to `learning_rate` over the first part of all steps and falls to nothing by the last, each half a
    cosine (the one-cycle schedule, L. N. Smith, arXiv 1708.07120). Adam's beta1 goes the other way with it, from 0.95
    to 0.85 and back.

    Args:
        epochs: how often the training set is read.
        batch: sequences in a step.
        learning_rate: the highest one.
        clip: the largest norm of the whole gradient; a longer one is scaled down to it.
        validation: the share of the training set that is kept apart to validate on.
        rise: the share of all steps over which the learning rate rises; the first step already has the highest rate, or
            nearly, where that is one step or less.
        window: steps of a batch of running text, over which the gradient goes back; the state goes on from one to the
            next.
        shift: move each training picture by up to so many pixels, at random; 0 leaves it as it is.
        seed: of the weights, the order of the batches and all else that is random.
        credit: how the gradient goes back through time, a rule by name; see `recorrente.credit.named`.

    Raises:
        InputError: a number out of its range.
    """

    epochs: int = 5
    batch: int = 32
    learning_rate: float = 4e-3
    clip: float = 1.0
    validation: float = 0.05
    shift: int = 0
    seed: int = 0
    rise: float = 0.3
    window: int = 64
    credit: str = "full"

    def __post_init__(self) -> None:
        named(self.credit)
        for name, least in (("epochs", 1), ("batch", 1), ("shift", 0), ("seed", 0), ("window", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise InputError(name, came=value, wanted=f"an integer of {least} or more")
        if self.seed >= SEEDS:
            raise InputError("seed", came=self.seed, wanted=f"an integer under {SEEDS}")
        for name in ("learning_rate", "clip"):
            if not isinstance(getattr(self, name), Real) or not 0 < getattr(self, name) < math.inf:
                raise InputError(name, came=getattr(self, name), wanted="a number above 0")
        for name in ("validation", "rise"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(name, came=getattr(self, name), wanted="a share between 0 and 1")


class Watcher(Protocol):
    """Who watches a training; a progress bar, say."""

    def step(self, epoch: int, share: float, loss: float, accuracy: float, samples_per_second: float) -> None: ...
    def epoch(self, row: dict[str, float]) -> None: ...


class Onlooker(Protocol):
    """Who looks at the network itself while it learns, and leaves it as it was; see `recorrente.watch`."""

    def look(self, network: Network, batch: Batch) -> None: ...
    def epoch(self, number: int, run: Run) -> None: ...


def train(
    network: Network,
    task: Task,
    feed: Feed,
    plan: Plan,
    run: Run,
    *,
    device: str = "cpu",
    watcher: Watcher | None = None,
    onlooker: Onlooker | None = None,
) -> list[dict[str, float]]:
    """Trains `network` in place; keeps `checkpoint.pt` and `history.csv` in the run folder.

    Goes on from `checkpoint.pt` if there is one: the weights at the end are those of an uninterrupted training, bit
    for bit. After every epoch the checkpoint is replaced whole, so that at most one epoch is ever lost. The history is
    written after it, and again when it is taken up: a training may be killed between the two.

    Returns:
        The history, a dictionary an epoch.

    Raises:
        RunError: a checkpoint that cannot be read, or a folder that cannot be written.
        FloatingPointError: the loss is not a number any more; the checkpoint before it stands.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        trainer = _Trainer(network, task, feed, plan, device, onlooker)
        history = trainer.resume(run) if (run / "checkpoint.pt").exists() else []
        if history:
            _write_history(run, history, task)
        for epoch in range(len(history), plan.epochs):
            history.append(trainer.epoch(epoch, watcher))
            if onlooker:
                onlooker.epoch(epoch + 1, run)
            write_bytes(run / "checkpoint.pt", trainer.checkpoint(history))
            _write_history(run, history, task)
            if watcher:
                watcher.epoch(history[-1])
    return history


def _write_history(run: Run, history: list[dict[str, float]], task: Task) -> None:
    """`history.csv`, with rates of errors for the shares of what is right where the task is scored by those."""
    errors = getattr(task, "errors", False)
    columns = [name.replace("accuracy", "error_rate") if errors else name for name in HISTORY]
    rows = [
        [1 - row[name] if errors and name.endswith("_accuracy") else row[name] for name in HISTORY] for row in history
    ]
    run.write_csv("history.csv", columns, [[f"{value:.6g}" for value in row] for row in rows])


def _one_cycle(optimizer: torch.optim.Optimizer, plan: Plan, steps: int) -> torch.optim.lr_scheduler.OneCycleLR:
    """The rise and fall of a plan over all steps of a training.

    Torch divides by the length of the rise, and of the fall. A rise that would end with the very first step is left out
    by making it a little shorter, and a single step is the first of two without a rise: both have the highest rate.
    """
    total, rise = (steps, plan.rise) if steps > 1 else (2, 0.5)
    if rise * total == 1:
        rise *= 1 - 1e-9
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=plan.learning_rate, total_steps=total, pct_start=rise)


class _Trainer:
    """What one training carries from step to step."""

    def __init__(
        self, network: Network, task: Task, feed: Feed, plan: Plan, device: str, onlooker: Onlooker | None
    ) -> None:
        self.network, self.task, self.feed, self.plan, self.device = network.to(device), task, feed, plan, device
        self.onlooker = onlooker
        if plan.credit != "full":  # a network that came with a rule of its own keeps it
            network.recurrence.credit = named(plan.credit)  # type: ignore[assignment]
        self.optimizer = torch.optim.Adam(network.parameters(), lr=plan.learning_rate, fused=True)
        self.schedule = _one_cycle(self.optimizer, plan, plan.epochs * feed.steps)

    def epoch(self, epoch: int, watcher: Watcher | None) -> dict[str, float]:
        """One pass over the training set, and one over the validation set."""
        self.network.train()
        tally, started, told = _Tally(), time.perf_counter(), 0.0
        for step, batch in enumerate(self.feed.train(epoch), start=1):
            batch = batch.to(self.device)
            tally.add(*self.step(batch))
            if self.onlooker:
                self.onlooker.look(self.network, batch)
            seconds = time.perf_counter() - started
            if watcher and (seconds - told > SECONDS_BETWEEN_TELLING or step == self.feed.steps):
                watcher.step(epoch, step / self.feed.steps, tally.loss, tally.accuracy, tally.count / seconds)
                told = seconds
        seconds = time.perf_counter() - started
        validation = self.validate()
        if not math.isfinite(tally.loss):
            raise FloatingPointError(f"the loss of epoch {epoch + 1} is {tally.loss}: lower the learning rate")
        return {
            "epoch": epoch + 1,
            "train_loss": tally.loss,
            "train_accuracy": tally.accuracy,
            "validation_loss": validation.loss,
            "validation_accuracy": validation.accuracy,
            "learning_rate": float(self.schedule.get_last_lr()[0]),
            "seconds": seconds,
            "samples_per_second": tally.count / seconds,
        }

    def step(self, batch: Batch) -> tuple[Tensor, Tensor, int]:
        """One update of the weights; the batch's loss, how many were right, and how many there were."""
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.task.logits(self.network, batch)
        loss = self.task.loss_of(logits, batch.target)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
        self.optimizer.step()
        self.schedule.step()
        return loss.detach(), self.task.correct(logits, batch.target), self.task.count(batch.target)

    @torch.inference_mode()
    def validate(self) -> _Tally:
        self.network.eval()
        tally = _Tally()
        for batch in self.feed.validation():
            batch = batch.to(self.device)
            logits = self.task.logits(self.network, batch)
            loss = self.task.loss_of(logits, batch.target)
            tally.add(loss, self.task.correct(logits, batch.target), self.task.count(batch.target))
        return tally

    def checkpoint(self, history: list[dict[str, float]]) -> bytes:
        """All that the next epoch depends on."""
        buffer = io.BytesIO()
        parts = {name: getattr(self, name).state_dict() for name in STATEFUL}
        torch.save({**parts, "history": history, "rng": torch.get_rng_state()}, buffer)
        return buffer.getvalue()

    def resume(self, run: Run) -> list[dict[str, float]]:
        """Takes up a checkpoint; the history that it carries."""
        try:
            file = io.BytesIO(run.read_bytes("checkpoint.pt"))
            content: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)  # written on any device
            own, held = self.network.state_dict(), content["network"]
            if own.keys() != held.keys() or any(own[name].shape != held[name].shape for name in own):
                came = "the weights of another network"
                cure = "It is of another version. Delete it to start this run over"
                raise RunError(str(run / "checkpoint.pt"), came=came, wanted="ours", cure=cure)
            for name in STATEFUL:
                getattr(self, name).load_state_dict(content[name])
        except RunError:
            raise
        except Exception as error:  # torch raises what its reader happens to meet in a broken file
            cure = "Delete it to start this run over"
            raise RunError(
                str(run / "checkpoint.pt"), came="a broken file", wanted="a checkpoint", cure=cure
            ) from error
        torch.set_rng_state(content["rng"])
        history: list[dict[str, float]] = content["history"]
        return history


class _Tally:
    """Loss and hits summed over batches, kept as tensors until somebody looks."""

    def __init__(self) -> None:
        self.count = 0
        self._loss: Tensor | float = 0.0
        self._correct: Tensor | int = 0

    def add(self, loss: Tensor, correct: Tensor, count: int) -> None:
        self._loss = self._loss + loss.double() * count
        self._correct = self._correct + correct
        self.count += count

    @property
    def loss(self) -> float:
        return float(self._loss) / self.count

    @property
    def accuracy(self) -> float:
        return float(self._correct) / self.count
