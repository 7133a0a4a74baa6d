"""Joints of a body over time and the class of each sequence: poses as a camera or a tracker gives them.

FOLDER/CLASS/*.npy              (T, J, 2), or flat
FOLDER/CLASS/*.csv              a step a row; x and y of each joint side by side
FOLDER/train/CLASS/* and FOLDER/test/CLASS/*
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorrente.data import series
from recorrente.data.known import KNOWN, files
from recorrente.data.progress import Progress
from recorrente.data.series import Series, SeriesData
from recorrente.data.source import of_known
from recorrente.errors import InputError

__all__ = ["Posture", "load", "varied"]

COORDINATES = 2
"""x and y: those of a third dimension, or how sure a tracker was, are no part of it."""
TURN, SCALE, STRETCH, NOISE = 0.15, 0.15, 0.2, 0.02
"""Of augmentation: radians (a deviation), shares of size and length, and share of the body's own spread."""


def load(source: str | Path, *, seed: int, learnt: Sequence[str] | None = None, progress: Progress) -> SeriesData:
    """Sequences of joints, each `(T, 2J)`, from a known name or a folder.

    Args:
        source: see the top of this file.
        seed: what is held out.
        learnt: as `series.load` has it.
        progress: told of files read.

    Raises:
        InputError: as `series.load`, an odd number of coordinates, or an array of other than two of each joint.
    """
    if of_known(source):
        return _jhmdb(files(KNOWN[str(source)], progress)[0])
    data = series.load(source, seed=seed, learnt=learnt, coordinates=COORDINATES, progress=progress)
    if data.channels % 2 or data.channels < 4:
        came = f"{data.channels} coordinates a step"
        raise InputError(data.name, came=came, wanted="x and y of two joints or more", cure="Try --kind series")
    return data


def _jhmdb(path: Path) -> SeriesData:
    """As it was prepared by F. Yang et al.: its first split of three."""
    with np.load(path, allow_pickle=False) as arrays:
        poses = np.split(arrays["pose"].reshape(len(arrays["pose"]), -1), arrays["offsets"][1:-1])
        whole = Series(tuple(poses), tuple(arrays["label"].tolist()))
        kept, out = (np.flatnonzero(arrays["is_test"] == tested).tolist() for tested in (False, True))
        split = "the set's own, the first of its three"
        return SeriesData("jhmdb", tuple(arrays["classes"].tolist()), whole.subset(kept), whole.subset(out), split)


@dataclass(frozen=True)
class Posture:
    """A body of J joints, wherever it stands and however large it is, and how each joint moves.

    Attributes:
        joints: J.
        change: how much a coordinate of the scaled body changes in a step, over the training sequences.
        steps: of the longest of them.
    """

    joints: int
    change: float
    steps: int = 0

    @classmethod
    def of(cls, values: Sequence[NDArray[np.float32]]) -> Posture:
        """Made for the training sequences."""
        changes = np.concatenate([np.diff(_placed(one), axis=0).ravel() for one in values])
        scale = float(changes.std()) if changes.size else 0.0
        scale = scale or 1.0  # bodies that never move change by nothing
        return cls(values[0].shape[1] // 2, scale, max(map(len, values)))

    @property
    def channels(self) -> int:
        """Of what is read: x and y of each joint."""
        return 2 * self.joints

    @property
    def width(self) -> int:
        """Of a step: where each joint is, and how it moved."""
        return 2 * self.channels

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(T, 4J)` from `(T, 2J)`: places, then changes."""
        placed = _placed(values)
        changes = np.diff(placed, axis=0, prepend=placed[:1]) / self.change
        return np.concatenate([placed, changes], axis=1).astype(np.float32)

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return asdict(self)


def _placed(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Against the middle of the whole sequence, in units of the body's own spread, `(T, 2J)`."""
    points = values.reshape(len(values), -1, 2).astype(np.float64)
    return ((points - points.mean(axis=(0, 1))) / _spread(points)).reshape(len(values), -1)


def _spread(points: NDArray[np.float64]) -> float:
    """How far joints are from the middle of their body, root mean square over a sequence `(T, J, 2)`."""
    apart = points - points.mean(axis=1, keepdims=True)
    return max(float(np.sqrt((apart**2).sum(axis=2).mean())), 1e-6)


def varied(values: NDArray[np.float32], random: np.random.Generator, *, mirror: bool) -> NDArray[np.float32]:
    """A body a little slower or faster, turned, wider or taller, with noise; half of the time mirrored, if asked."""
    count = max(2, round(len(values) * random.uniform(1 - STRETCH, 1 + STRETCH)))
    made = series.at_steps(values, count).reshape(count, -1, 2)
    if mirror and random.random() < 0.5:
        made = made * (-1, 1)
    angle = random.normal(0, TURN)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    made = (made @ turn) * random.uniform(1 - SCALE, 1 + SCALE, 2)
    noise = NOISE * _spread(made) * random.standard_normal(made.shape)
    return (made + noise).reshape(count, -1).astype(np.float32)
