"""What a report tells, read from the run folder and nothing else."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorrente.errors import RunError
from recorrente.runs import Run

__all__ = ["Content"]


@dataclass(frozen=True)
class Content:
    """The files of a run folder, parsed."""

    config: dict[str, Any]
    metrics: dict[str, Any]
    history: dict[str, list[float]]  # a column a name
    seen: dict[str, NDArray[Any]]  # observations.npz

    @classmethod
    def of(cls, folder: Path) -> Content:
        """Reads them.

        Raises:
            RunError: one is missing or broken; it is named.
        """
        run = Run.open(folder)
        rows = run.read_csv("history.csv")
        history = {name: [float(row[name]) for row in rows] for name in rows[0]} if rows else {}
        return cls(run.config, run.read_json("metrics.json"), history, _arrays(run))

    @property
    def kind(self) -> str:
        """The kind of the data: `image`, `language`, ..."""
        return str(self.config["data"]["kind"])

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of their indices."""
        return list(self.config["data"]["classes"])


def _arrays(run: Run) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(run.read_bytes("observations.npz")), allow_pickle=False) as arrays:
            return dict(arrays)
    except RunError:
        raise
    except Exception as error:  # a broken zip shows itself as one of half a dozen
        path = str(run / "observations.npz")
        raise RunError(path, came=f"a broken file ({error})", wanted="the arrays as they were written") from error
