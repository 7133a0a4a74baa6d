"""The gradient through time watched while a network trains, at a bounded cost.

Knows a network, a task and the clock; who draws what is seen is passed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from recorrente.data.batch import Batch
from recorrente.evaluation import gradient_norms
from recorrente.network import Network
from recorrente.runs import Run
from recorrente.training import Task

__all__ = ["GradientWatch"]

ROWS = 4  # sequences of a batch that are looked at
SHARE = 0.03  # of the time of a training that looking may take
COLUMNS = ("epoch", "layer", "step", "norm")

Told = Callable[[Sequence[Sequence[float]]], None]


class GradientWatch:
    """A `training.Onlooker`: the norm of dL/dh_t at every step, of a few sequences of a batch, now and then.

    A look that took d seconds is followed by none for d / 0.03: what it costs is bounded whatever the network. It is
    made in evaluation mode and draws no random number, so that the weights at the end are the same bits with it as
    without. The last look of an epoch goes to `gradient.csv`; an epoch that was too short to be looked at has no rows.

    Args:
        task: what is learnt.
        told: called with the medians `(L, T)` of each look.
    """

    def __init__(self, task: Task, told: Told | None = None) -> None:
        self.task, self.told = task, told
        self.looks = 0
        self._next = 0.0
        self._last: NDArray[np.floating] | None = None

    def look(self, network: Network, batch: Batch) -> None:
        """Looks, if it is time to."""
        started = time.perf_counter()
        if started < self._next:
            return
        norms = gradient_norms(network, self.task, batch.of_one_length(ROWS))
        network.train()
        self._last = np.median(norms, axis=2)
        self.looks += 1
        if self.told:
            self.told(self._last.tolist())
        ended = time.perf_counter()
        self._next = ended + (ended - started) / SHARE

    def epoch(self, number: int, run: Run) -> None:
        """Keeps the last look of an epoch, if there was one; `number` counts from 1."""
        if self._last is None:
            return
        before = run.read_csv("gradient.csv") if (run / "gradient.csv").exists() else []
        rows = [[row[name] for name in COLUMNS] for row in before if int(row["epoch"]) < number]
        for (layer, step), norm in np.ndenumerate(self._last):
            rows.append([str(number), str(layer + 1), str(step), f"{norm:.6g}"])
        run.write_csv("gradient.csv", COLUMNS, rows)
        self._last = None
