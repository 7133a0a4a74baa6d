"""Running text: one or several files become one stream of numbers, the last part of it held out.

batch 0   row 0: steps 0..W     row 1: steps n..n+W ...     each row reads its own stretch of the stream,
batch 1   row 0: steps W..2W    row 1: ...                  and each batch goes on where the one before ended
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recorrente.data import units
from recorrente.data.batch import Batch
from recorrente.data.progress import Progress
from recorrente.data.reading import read_text
from recorrente.data.units import Units
from recorrente.errors import InputError

__all__ = ["RunningText", "batches", "in_order", "load", "steps"]

LEAST = 200
"""Characters that a text must have to be learnt from and tried on."""
ROWS_HELD_OUT = 20
STEPS_HELD_OUT = 256


@dataclass(frozen=True)
class RunningText:
    """A text in two parts.

    Attributes:
        name: for the report.
        units: what it is cut into; those of the training part.
        train, held_out: `(N,)` int64.
        held_out_text: the second part as it reads.
    """

    name: str
    units: Units
    train: Tensor
    held_out: Tensor
    train_text: str
    held_out_text: str


def load(
    files: Sequence[Path],
    name: str,
    *,
    cut: str | Units = "characters",
    held_out: float = 0.1,
    encoding: str | None = None,
    progress: Progress,
) -> RunningText:
    """Reads files one after the other; of each the last part is held out.

    Args:
        files: of text.
        name: for the report.
        cut: `characters`, `bytes`, `words` or `pieces`, made for the training part; or units that are made already.
        held_out: the share of each file.
        encoding: of the files; None finds it out.
        progress: told of files read.

    Raises:
        InputError: files that are no text, a text too short, or units that are not known.
    """
    if isinstance(cut, str) and cut not in units.BY_NAME:
        raise InputError("units", came=repr(cut), wanted=f"one of {', '.join(units.BY_NAME)}")
    first, last = [], []
    for done, file in enumerate(files, 1):
        text = read_text(file, encoding)
        place = round(len(text) * (1 - held_out))
        first.append(text[:place])
        last.append(text[place:])
        progress("read text", done, len(files))
    train, held = "\n".join(first), "\n".join(last)
    if len(train) + len(held) < LEAST:
        raise InputError(name, came=f"{len(train) + len(held)} characters", wanted=f"a text of {LEAST} or more")
    made: Units = units.BY_NAME[cut].of(train) if isinstance(cut, str) else cut
    return RunningText(name, made, _ids(made, train), _ids(made, held), train, held)


def _ids(made: Units, text: str) -> Tensor:
    ids = made.encode(text)
    if len(ids) < 2:
        raise InputError("units", came=f"a part of {len(ids)} {made.name}", wanted="2 or more", cure="Give more text")
    return torch.from_numpy(np.array(ids, np.int64))


def _fit(count: int, rows: int, window: int) -> tuple[int, int]:
    """Rows and window that a stream of `count` has room for."""
    rows = max(1, min(rows, (count - 1) // (2 * window)))
    return rows, min(window, max(1, (count - 1) // (2 * rows)))


def steps(ids: Tensor, rows: int, window: int) -> int:
    """Batches in an epoch, the same for each wherever it begins."""
    rows, window = _fit(len(ids), rows, window)
    return (len(ids) - window) // rows // window


def batches(ids: Tensor, rows: int, window: int, *, seed: int, epoch: int) -> Iterator[Batch]:
    """One epoch of full batches; it begins anywhere in the first window, so that the cuts fall elsewhere each time.

    Example:
        >>> first, second = batches(torch.arange(100), 4, 10, seed=0, epoch=0)
        >>> first.x.shape, first.continues, second.continues, bool((second.x == first.x + 10).all())
        (torch.Size([10, 4]), False, True, True)
    """
    count = steps(ids, rows, window)
    rows, window = _fit(len(ids), rows, window)
    begin = int(np.random.default_rng((seed, epoch)).integers(window))
    return _windows(ids[begin:], rows, window, count * window)


def in_order(ids: Tensor) -> Iterator[Batch]:
    """All of a stream but for fewer tokens than there are rows, in order."""
    rows = max(1, min(ROWS_HELD_OUT, len(ids) // (4 * STEPS_HELD_OUT)))
    return _windows(ids, rows, STEPS_HELD_OUT, (len(ids) - 1) // rows)


def _windows(ids: Tensor, rows: int, window: int, length: int) -> Iterator[Batch]:
    x = ids[: rows * length].view(rows, length).t()
    target = ids[1 : rows * length + 1].view(rows, length).t()
    for begin in range(0, length, window):
        part = slice(begin, begin + window)
        yield Batch(x[part].contiguous(), target[part].contiguous(), continues=begin > 0)
