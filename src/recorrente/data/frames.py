"""From the frames of a clip to steps that a network reads, and clips a little otherwise for training.

Knows arrays, not files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorrente.data.clip import Sampling

__all__ = ["Frames", "varied"]

STRETCH, NOISE = 0.2, 0.1
"""Of augmentation: shares of the length, and standard deviations."""


@dataclass(frozen=True)
class Frames:
    """Each colour against the clip's own median, in deviations of all; and how it changed since the frame before.

    Against its median, a clip is the same in another light, or in a warmer room.

    Attributes:
        sampling: how a clip becomes frames.
        deviation, change: of each colour, over the training clips.
    """

    sampling: Sampling
    deviation: tuple[float, ...]
    change: tuple[float, ...]

    @classmethod
    def of(cls, clips: Sequence[NDArray[Any]], sampling: Sampling) -> Frames:
        """Made for the training clips."""
        squares = np.stack([(_centred(one) ** 2).mean(axis=(0, 1, 2)) for one in clips])
        changes = np.stack([(_changes(one) ** 2).mean(axis=(0, 1, 2)) for one in clips])
        scales = (np.sqrt(part.mean(axis=0)) for part in (squares, changes))
        return cls(sampling, *(tuple(np.where(part > 0, part, 1).astype(float).tolist()) for part in scales))

    @property
    def colours(self) -> int:
        """C of a frame."""
        return len(self.deviation)

    def __call__(self, clip: NDArray[Any]) -> NDArray[np.float32]:
        """`(T, 2C, H, W)` from `(T, H, W, C)`: values, then changes."""
        values = _centred(clip) / np.array(self.deviation, np.float32)
        changes = _changes(clip) / np.array(self.change, np.float32)
        both = np.concatenate([values, changes], axis=3)
        return np.ascontiguousarray(both.transpose(0, 3, 1, 2))

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Frames:
        """What `to_config` wrote."""
        sampling = Sampling(**{**config["sampling"], "size": tuple(config["sampling"]["size"])})
        return cls(sampling, *(tuple(config[name]) for name in ("deviation", "change")))


def _centred(clip: NDArray[Any]) -> NDArray[np.float32]:
    return clip.astype(np.float32) - np.median(clip, axis=(0, 1, 2)).astype(np.float32)


def _changes(clip: NDArray[Any]) -> NDArray[np.float32]:
    return np.diff(clip.astype(np.float32), axis=0, prepend=clip[:1].astype(np.float32))


def varied(
    clip: NDArray[Any],
    deviation: Sequence[float],
    random: np.random.Generator,
    *,
    shift: int,
    mirror: bool,
    noise: float = NOISE,
) -> NDArray[np.float32]:
    """A clip a little slower or faster, moved by up to `shift` pixels, with noise, and now and then mirrored.

    Args:
        clip: `(T, H, W, C)`.
        deviation: of each colour; the noise is a share of it.
        random: what is drawn from.
        shift: pixels each way; what comes in at an edge repeats it.
        mirror: half of the clips have left and right changed.
        noise: in deviations of the values. Small changes from frame to frame drown in more of it than they have.
    """
    T, H, W, _ = clip.shape
    at = np.linspace(0, T - 1, max(1, round(T * random.uniform(1 - STRETCH, 1 + STRETCH))))
    before = np.floor(at).astype(np.intp)
    share = (at - before).astype(np.float32)[:, None, None, None]
    made = clip[before] * (1 - share) + clip[np.minimum(before + 1, T - 1)] * share
    if mirror and random.random() < 0.5:
        made = made[:, :, ::-1]
    down, right = random.integers(0, 2 * shift + 1, 2)
    wide = np.pad(made, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="edge")
    made = wide[:, down : down + H, right : right + W]
    if not noise:
        return made
    return made + noise * np.array(deviation, np.float32) * random.standard_normal(made.shape, np.float32)
