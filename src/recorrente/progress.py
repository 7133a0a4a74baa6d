"""What a person sees while a training runs: a bar in a terminal, a line an epoch anywhere else."""

from __future__ import annotations

from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Display"]


class Display:
    """A `training.Watcher` that writes to a stream, stderr as a rule.

    In a terminal each epoch has a moving bar with loss, accuracy, speed and the time left of the whole training; when
    it ends, and where there is no terminal, it leaves one line.
    """

    def __init__(self, stream: TextIO, epochs: int, done: int = 0) -> None:
        self.console = Console(file=stream, highlight=False, soft_wrap=True)
        self.epochs = epochs
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]:.4f}  accuracy {task.fields[accuracy]:.4f}"),
            TextColumn("{task.fields[speed]:,.0f} samples/s "),
            TimeRemainingColumn(compact=True),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task("", total=epochs, completed=done, loss=0.0, accuracy=0.0, speed=0.0)

    def __enter__(self) -> Display:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def step(self, epoch: int, share: float, loss: float, accuracy: float, samples_per_second: float) -> None:
        """Part of an epoch is done: `share`, between 0 and 1."""
        self.bar.update(
            self.task,
            description=f"epoch {epoch + 1}/{self.epochs}",
            completed=epoch + share,
            loss=loss,
            accuracy=accuracy,
            speed=samples_per_second,
        )

    def epoch(self, row: dict[str, float]) -> None:
        """An epoch is done; `row` is its row of the history."""
        width = len(str(self.epochs))
        self.console.print(
            f"epoch {int(row['epoch']):{width}d}/{self.epochs}"
            f"  loss {row['train_loss']:.4f}  accuracy {row['train_accuracy']:.4f}"
            f"  validation loss {row['validation_loss']:.4f}  accuracy {row['validation_accuracy']:.4f}"
            f"  {row['samples_per_second']:,.0f} samples/s  {row['seconds']:.1f} s"
        )
