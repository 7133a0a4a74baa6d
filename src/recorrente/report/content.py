"""What a report tells, read from the run folder and nothing else."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorrente.errors import RunError
from recorrente.runs import Run, layer_names

__all__ = ["Content", "Watched"]


@dataclass(frozen=True)
class Watched:
    """The gradient while the network learnt, of those epochs that were looked at."""

    epochs: list[int]  # their numbers, from 1
    norms: NDArray[Any]  # (L, epochs, T), the median of dL/dh_t


@dataclass(frozen=True)
class Content:
    """The files of a run folder, parsed."""

    config: dict[str, Any]
    metrics: dict[str, Any]
    history: dict[str, list[float]]  # a column a name
    seen: dict[str, NDArray[Any]]  # observations.npz
    inspection: dict[str, Any] | None  # inspection.json, what `recorrente inspect` told last
    watched: Watched | None  # gradient.csv, where there is one

    @classmethod
    def of(cls, folder: Path) -> Content:
        """Reads them.

        Raises:
            RunError: one is missing or broken; it is named.
        """
        run = Run.open(folder)
        rows = run.read_csv("history.csv")
        if not rows:
            raise RunError(str(run / "history.csv"), came="no epoch", wanted="a line for each epoch of the training")
        history = {name: [float(row[name]) for row in rows] for name in rows[0]}
        told = run.read_json("inspection.json") if (run / "inspection.json").exists() else None
        return cls(run.config, run.read_json("metrics.json"), history, _arrays(run), told, _watched(run))

    @property
    def kind(self) -> str:
        """The kind of the data: `image`, `language`, ..."""
        return str(self.config["data"]["kind"])

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of their indices."""
        return list(self.config["data"]["classes"])

    def layer_names(self) -> list[str]:
        """Of each layer and direction."""
        network = self.config["network"]
        return layer_names(network["layers"], network["bidirectional"])


def _watched(run: Run) -> Watched | None:
    if not (run / "gradient.csv").exists():
        return None
    rows = run.read_csv("gradient.csv")
    names = ("layer", "epoch", "step")
    places = [np.unique([int(row[name]) for row in rows], return_inverse=True) for name in names]
    norms = np.full([len(values) for values, _ in places], np.nan)  # sequences of several lengths leave holes
    norms[tuple(index for _, index in places)] = [float(row["norm"]) for row in rows]
    return Watched(places[names.index("epoch")][0].tolist(), norms)


def _arrays(run: Run) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(run.read_bytes("observations.npz")), allow_pickle=False) as arrays:
            return dict(arrays)
    except RunError:
        raise
    except Exception as error:  # a broken zip shows itself as one of half a dozen
        path = str(run / "observations.npz")
        raise RunError(path, came=f"a broken file ({error})", wanted="the arrays as they were written") from error
