"""What a person sees while a training runs: a bar in a terminal, a line an epoch anywhere else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from types import TracebackType
from typing import TextIO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

__all__ = ["Display"]


BARS = "▁▂▃▄▅▆▇█"
WIDTH, NARROW = 48, 8  # the most characters of a curve, and the fewest in a terminal
DECADES = 4  # what a curve shows below its highest point; less is its lowest bar


def curve(values: Sequence[float], width: int = WIDTH) -> str:
    """Positive numbers as a line of bars, logarithmic: the highest of each stretch; a blank where all are zero.

    Example:
        >>> curve([1e-9, 1e-4, 1e-2, 1.0])
        '▁▁▅█'
    """
    count = min(width, len(values))
    cuts = [round(k * len(values) / count) for k in range(count + 1)]
    highest = [max(values[first:end]) for first, end in pairwise(cuts)]
    top = max(highest)
    if not 0 < top < math.inf:
        return " " * count

    def bar(value: float) -> str:
        if value <= 0:
            return " "
        height = 1 + math.log10(value / top) / DECADES
        return BARS[max(0, min(len(BARS) - 1, int(height * len(BARS))))]

    return "".join(map(bar, highest))


class _Bar(Progress):
    """A progress bar with lines of text below it."""

    below: Sequence[str] = ()

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        for line in self.below:  # too long a one goes on below: a number that is cut off would be another
            yield Text(line, overflow="fold", no_wrap=False)


class Display:
    """A `training.Watcher`, and a `data.progress.Progress`, that writes to a stream; to stderr as a rule.

    In a terminal a bar moves while data is read, and then one for the whole training with the epoch's loss, accuracy
    and speed and the time left. Each epoch leaves a line, there and where there is no terminal.

    Args:
        stream: where to write.
        epochs: of the training.
        score: what the share of right answers is called.
        errors: whether the share of wrong ones is told in its place.
        layers: the names of those whose gradient is drawn.
    """

    def __init__(
        self,
        stream: TextIO,
        epochs: int,
        score: str = "accuracy",
        *,
        errors: bool = False,
        layers: Sequence[str] = ("layer 1",),
    ) -> None:
        # A name may have brackets: nothing that is told is markup.
        self.console = Console(file=stream, highlight=False, soft_wrap=True, markup=False, emoji=False)
        self.epochs, self.score, self.errors, self.layers = epochs, score, errors, layers
        self.bar = _Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[told]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.task: TaskID | None = None
        self.waiting = ""

    def __enter__(self) -> Display:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def tell(self, line: str) -> None:
        """Something that was found; it stays."""
        self.console.print(line)

    def wait(self, what: str, done: int, total: int) -> None:
        """So much of a download or of a folder is read."""
        if what != self.waiting:
            self.waiting = what
            self._begin(total or None)
        self._show(what, done, "")

    def step(self, epoch: int, share: float, loss: float, accuracy: float, samples_per_second: float) -> None:
        """Part of an epoch is done: `share`, between 0 and 1."""
        if self.task is None or self.waiting:
            self.waiting = ""
            self._begin(self.epochs)
        told = f"loss {loss:.4f}  {self._scored(accuracy)}  {samples_per_second:,.0f} samples/s "
        self._show(f"epoch {epoch + 1}/{self.epochs}", epoch + share, told)

    def _scored(self, right: float) -> str:
        return f"{self.score} {1 - right if self.errors else right:.4f}"

    def _begin(self, total: float | None) -> None:
        if self.task is not None:
            self.bar.remove_task(self.task)
        self.task = self.bar.add_task("", total=total, told="")

    def _show(self, description: str, completed: float, told: str) -> None:
        assert self.task is not None
        self.bar.update(self.task, description=description, completed=completed, told=told)

    def gradient(self, norms: Sequence[Sequence[float]]) -> None:
        """The norm of dL/dh_t, `(L, T)`: a curve a layer, below the bar, or after the epoch where there is no bar."""
        self.bar.below = [self._drawn(name, layer) for name, layer in zip(self.layers, norms, strict=True)]

    def _drawn(self, name: str, norms: Sequence[float]) -> str:
        """The curve of a layer with words on both sides; in a terminal the line is no longer than that is wide."""
        as_read = norms[::-1] if name.endswith("reverse") else norms  # that direction reads the last step first
        before, after = f"dL/dh  {name}  first ", f" last  {_share(as_read)}"
        left = self.console.width - len(before) - len(after) if self.console.is_terminal else WIDTH
        return before + curve(norms, max(NARROW, min(WIDTH, left))) + after

    def epoch(self, row: dict[str, float]) -> None:
        """An epoch is done; `row` is its row of the history."""
        width = len(str(self.epochs))
        self.console.print(
            f"epoch {int(row['epoch']):{width}d}/{self.epochs}"
            f"  loss {row['train_loss']:.4f}  {self._scored(row['train_accuracy'])}"
            f"  validation loss {row['validation_loss']:.4f}  {self._scored(row['validation_accuracy'])}"
            f"  {row['samples_per_second']:,.0f} samples/s  {row['seconds']:.1f} s"
        )
        if not self.console.is_terminal:
            for line in self.bar.below:
                self.console.print(line)
            self.bar.below = ()  # the next epoch may be too short to be looked at


def _share(norms: Sequence[float]) -> str:
    """How much of the gradient at the last step that is read is left at the first, in words."""
    first, last = norms[0], norms[-1]
    return f"{first / last:.2g} of it arrives" if last > 0 else "none at the last step that is read"
