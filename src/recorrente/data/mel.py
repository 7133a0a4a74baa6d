"""From a wave to frames: the logarithm of its energy in bands of the mel scale, about as the ear divides pitch.

Knows spectra; librosa computes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorrente.data.sound import needed

__all__ = ["Mel", "MelStream", "augmented"]

FLOOR = 1e-6
"""Energy under which a band counts as silent."""
LONGEST_MASK, WIDEST_MASK, STRETCH, NOISE, TONE, CURVES = 8, 6, 0.2, 0.15, 0.7, 5
"""Of augmentation: frames, bands, share of the length, deviations of a band twice, cosines that make a tone."""


@dataclass(frozen=True)
class Mel:
    """Log-mel frames, each band brought to mean 0 and deviation 1 over the training sounds.

    Attributes:
        rate: samples a second.
        bands: C.
        window, hop: seconds.
        mean, deviation: of each band.
    """

    rate: int
    bands: int = 40
    window: float = 0.032
    hop: float = 0.010
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()

    @classmethod
    def of(cls, waves: Iterable[NDArray[np.float32]], rate: int, *, hop: float = 0.010) -> Mel:
        """Made for the training sounds."""
        plain = cls(rate, hop=hop)
        frames = np.concatenate([plain(wave) for wave in waves])
        mean = frames.mean(axis=0, dtype=np.float64)  # in float32 the sum over hours of frames drifts
        deviation = np.maximum(frames.std(axis=0, dtype=np.float64), 1e-3)
        return cls(rate, hop=hop, mean=tuple(mean.tolist()), deviation=tuple(deviation.tolist()))

    def __call__(self, wave: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(T, C)`, a frame every `hop` seconds; one at least."""
        stream = MelStream(self)
        return np.concatenate([stream(wave), stream.end()])

    def frames(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Those of all windows that lie in the samples, `(T, C)`; the first begins with the first sample."""
        if len(samples) < self.size:
            return np.zeros((0, self.bands), np.float32)
        spectrum = needed("librosa").stft(samples, n_fft=self.size, hop_length=self.step, center=False)
        energy = _bands(self.rate, self.size, self.bands) @ np.abs(spectrum) ** 2
        frames = np.log(energy.T + FLOOR).astype(np.float32)
        if not self.mean:
            return frames
        scaled = (frames - np.array(self.mean, np.float32)) / np.array(self.deviation, np.float32)
        return np.ascontiguousarray(scaled, np.float32)

    @property
    def size(self) -> int:
        """Samples of a window."""
        return round(self.window * self.rate)

    @property
    def step(self) -> int:
        """Samples from a frame to the next."""
        return round(self.hop * self.rate)

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Mel:
        """What `to_config` wrote."""
        return cls(**{**config, "mean": tuple(config["mean"]), "deviation": tuple(config["deviation"])})


class MelStream:
    """The frames of a sound that arrives in chunks: the same as of the whole, each as soon as its window is heard.

    A window stands around its frame, with silence before the first sample and after the last: a frame is told half a
    window after its time, and `end` tells the last ones.

    Example:
        >>> wave, mel = np.sin(np.arange(1000, dtype=np.float32)), Mel(8000)
        >>> stream = MelStream(mel)
        >>> parts = [stream(wave[:300]), stream(wave[300:310]), stream(wave[310:]), stream.end()]
        >>> [len(part) for part in parts], np.allclose(np.concatenate(parts), mel(wave), atol=1e-5)
        ([3, 0, 8, 2], True)
    """

    def __init__(self, mel: Mel) -> None:
        self.mel = mel
        self._kept = np.zeros(mel.size // 2, np.float32)
        self._heard = 0

    def __call__(self, chunk: NDArray[np.float32]) -> NDArray[np.float32]:
        """The frames that are now complete, `(T, C)`; T may be 0."""
        self._heard += len(chunk)
        self._kept = np.concatenate([self._kept, chunk])
        frames = self.mel.frames(self._kept)
        self._kept = self._kept[len(frames) * self.mel.step :]
        return frames

    def end(self) -> NDArray[np.float32]:
        """The frames of the end; a sound shorter than a window is made as long as one."""
        missing = max(0, self.mel.size - self._heard)
        return self(np.zeros(missing + self.mel.size // 2, np.float32))


@lru_cache
def _bands(rate: int, size: int, bands: int) -> NDArray[np.float32]:
    """What each band takes of each frequency, `(C, size/2 + 1)`."""
    weights: NDArray[np.float32] = needed("librosa").filters.mel(sr=rate, n_fft=size, n_mels=bands)
    return weights


def augmented(frames: NDArray[np.float32], random: np.random.Generator, *, tone: float = TONE) -> NDArray[np.float32]:
    """The frames said faster or slower, higher or lower, in another tone, with noise, and with parts missing.

    A tone is a smooth curve over the bands, the same in all frames, as another voice, room or microphone has; its first
    part is loudness; its cosines have `tone` deviations of a band. Masks of frames and bands are those of SpecAugment
    (Park et al., arXiv 1904.08779), without its time warping.
    """
    T, C = frames.shape
    length = max(2, round(T * random.uniform(1 - STRETCH, 1 + STRETCH)))
    at = np.linspace(0, T - 1, length)
    low = np.floor(at).astype(int)
    part = (at - low)[:, None].astype(np.float32)
    made = frames[low] * (1 - part) + frames[np.minimum(low + 1, T - 1)] * part
    made = np.roll(made, int(random.integers(-1, 2)), axis=1)
    made += random.normal(0, tone, CURVES) @ np.cos(np.pi * np.outer(np.arange(CURVES), (np.arange(C) + 0.5) / C))
    made += random.normal(0, NOISE, made.shape)
    begin, width = random.integers(0, length), random.integers(0, min(LONGEST_MASK, length // 4) + 1)
    made[begin : begin + width] = 0
    begin, width = random.integers(0, C), random.integers(0, WIDEST_MASK + 1)
    made[:, begin : begin + width] = 0
    return made.astype(np.float32)
