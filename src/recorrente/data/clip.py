"""One recorded clip, decoded: frames at a steady rate and of one size, whatever it was recorded with.

Knows a file at a time, through PyAV (`recorrente[video]`) or as an array of frames in `.npy`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorrente.data.reading import read_array
from recorrente.errors import InputError

__all__ = ["ARRAYS", "SUFFIXES", "Sampling", "decode", "extent", "needed", "opened"]

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v", ".gif")
ARRAYS = (".npy",)
COLOURS = 3


def needed() -> Any:
    """PyAV, of the extra `video`.

    Raises:
        InputError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        cure = "pip install 'recorrente[video]'"
        raise InputError("video", came="no av", wanted="the library that reads video", cure=cure) from error
    return av


@dataclass(frozen=True)
class Sampling:
    """Which frames of a clip are read, and how large.

    Args:
        size: height and width in pixels; clips of another shape are scaled to fit, with black beside them.
        rate: frames a second; a slower clip shows a frame more than once. Arrays of frames are read as they are.
        most: frames; of a longer clip so many are taken, evenly spread.

    Raises:
        InputError: a number out of its range.
    """

    size: tuple[int, int]
    rate: float = 10.0
    most: int = 64

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise InputError("size", came=self.size, wanted="a height and a width of 1 pixel or more")
        if not 0 < self.rate < math.inf:
            raise InputError("frame_rate", came=self.rate, wanted="frames a second, above 0")
        if self.most < 2:
            raise InputError("frames", came=self.most, wanted="2 frames or more")


def decode(path: Path, sampling: Sampling) -> NDArray[Any]:
    """The frames of a clip, `(T, H, W, C)`: uint8 of three colours, or what an array of frames holds.

    Raises:
        InputError: no clip that can be read, or one without a frame.
    """
    if not path.is_file():
        raise InputError(str(path), came="no such file", wanted=f"a clip: {', '.join((*SUFFIXES, *ARRAYS))}")
    if path.suffix.lower() in ARRAYS:
        return _of_size(path, _array(path), sampling)
    frames = _sampled(_decoded(path), sampling)
    if not frames:
        raise InputError(str(path), came="a clip without a frame", wanted="some")
    return np.stack(frames)


def opened(path: Path, sampling: Sampling, colours: int) -> tuple[NDArray[Any], str]:
    """A clip that a person gives to what has learnt from others, and in words what was made of it.

    Raises:
        InputError: as `decode`; or other colours than were learnt.
    """
    frames = decode(path, sampling)
    T, H, W, C = frames.shape
    if colours != C:
        raise InputError(str(path), came=f"frames of {C} colours", wanted=f"{colours}, as was learnt")
    return frames, f"{T} frames of {W}x{H} pixels"


def extent(path: Path) -> tuple[int, int] | None:
    """Height and width as the clip is shown; None where it cannot be read."""
    try:
        if path.suffix.lower() in ARRAYS:
            height, width = _array(path).shape[1:3]
            return height, width
        first = next(_decoded(path), None)
    except InputError:
        return None
    if first is None:
        return None
    turned = _quarters(first[1]) % 2
    return (first[1].width, first[1].height) if turned else (first[1].height, first[1].width)


def _array(path: Path) -> NDArray[Any]:
    """Frames of a `.npy` file, `(T, H, W, C)`."""
    frames = read_array(path, "frames")
    if frames.ndim not in (3, 4) or not frames.size or frames.dtype.kind not in "uif":
        raise InputError(str(path), came=f"{frames.dtype} {frames.shape}", wanted="frames (T, H, W) or (T, H, W, C)")
    frames = frames if frames.ndim == 4 else frames[..., None]
    if not np.isfinite(frames).all():
        raise InputError(str(path), came="a pixel that is missing or infinite", wanted="numbers")
    return frames if frames.dtype == np.uint8 else frames.astype(np.float32)


def _of_size(path: Path, frames: NDArray[Any], sampling: Sampling) -> NDArray[Any]:
    """An array of frames; it has no clock to sample by, and is not scaled."""
    if frames.shape[1:3] != sampling.size:
        came, wanted = (f"{height}x{width} pixels" for height, width in (frames.shape[1:3], sampling.size))
        raise InputError(str(path), came=came, wanted=f"{wanted}, as the others have")
    return frames[_evenly(len(frames), sampling.most)]


def _evenly(count: int, most: int) -> NDArray[np.intp]:
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.intp)


def _decoded(path: Path) -> Iterator[tuple[float, Any]]:
    """Each frame with its time in seconds."""
    av = needed()
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(str(path), came="a file without pictures", wanted="a clip")
            stream = container.streams.video[0]
            stream.thread_type = "NONE"  # clips are decoded side by side instead
            for index, frame in enumerate(container.decode(stream)):
                yield (frame.time if frame.time is not None else index / float(stream.average_rate or 25)), frame
    except InputError:
        raise
    except (av.FFmpegError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(str(path), came=f"a file that is no clip ({reason})", wanted=", ".join(SUFFIXES)) from error


def _sampled(frames: Iterable[tuple[float, Any]], sampling: Sampling) -> list[NDArray[np.uint8]]:
    """The frame that is shown at each tick of the clock, scaled; never more than three times `most` are held."""
    taken: list[NDArray[np.uint8]] = []
    tick, ticks, start, time, shown = 1 / sampling.rate, 0, 0.0, 0.0, None
    for now, frame in frames:
        if shown is None:
            start = now
        time = now - start
        due = math.ceil(time / tick - 1e-6) - ticks
        if shown is not None and due > 0:
            taken += [_scaled(shown, sampling.size)] * min(due, sampling.most)
            ticks += due
        shown = frame
        if len(taken) > 2 * sampling.most:  # a long clip is read at half the rate from here on
            taken, tick, ticks = taken[::2], 2 * tick, -(-ticks // 2)
    if shown is not None and (not taken or ticks * tick <= time + 1e-6):
        taken.append(_scaled(shown, sampling.size))
    return [taken[k] for k in _evenly(len(taken), sampling.most)]


def _quarters(frame: Any) -> int:
    """Quarter turns to the left by which a frame is stored otherwise than shown, as telephones do."""
    return round(getattr(frame, "rotation", 0) / 90) % 4


def _scaled(frame: Any, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A frame as it is shown, fitted into `size` with its proportions kept: `(H, W, 3)`."""
    turns = _quarters(frame)
    height, width = size if turns % 2 == 0 else size[::-1]
    scale = min(height / frame.height, width / frame.width)
    inner = max(1, round(scale * frame.height)), max(1, round(scale * frame.width))
    picture = frame.reformat(width=inner[1], height=inner[0], format="rgb24").to_ndarray()
    whole = np.zeros((height, width, COLOURS), np.uint8)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    whole[top : top + inner[0], left : left + inner[1]] = picture
    return np.rot90(whole, turns)
