"""Many recorded clips: frames of one size and rate, decoded on all cores and kept for next time.

Knows files, not what is learnt of them: a class each is `video`'s matter, a transcript each is that of `lips`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from recorrente.data.clip import ARRAYS, SUFFIXES, Sampling, decode, extent, needed
from recorrente.data.decoded import decode_all
from recorrente.data.folder import Wanted
from recorrente.data.progress import Progress

__all__ = ["CLIPS", "clips_of"]

CLIPS = Wanted("clips", (*SUFFIXES, *ARRAYS))
LARGEST = 48
"""Pixels of the longer side, where no size is given and the first clip is larger."""


def clips_of(
    paths: Sequence[Path],
    *,
    size: tuple[int, int] | None,
    rate: float,
    most: int,
    skip_bad: bool,
    progress: Progress,
) -> tuple[Sampling, list[NDArray[Any] | None], list[str]]:
    """How they were read, the frames of each, None for those left out, and why.

    Args:
        paths: of the clips.
        size: height and width; None is the first clip's proportions, at most 48 pixels a side.
        rate, most: see `clip.Sampling`.
        skip_bad: leave out what cannot be decoded, and say so.
        progress: told of files read.

    Raises:
        InputError: files that cannot be read, all named; with `skip_bad`, where none is left.
    """
    if any(path.suffix.lower() not in ARRAYS for path in paths):
        needed()
    sampling = Sampling(size or _size_of(paths), rate, most)

    def frames(path: Path) -> NDArray[Any]:
        return decode(path, sampling)

    return sampling, *decode_all(paths, frames, f"clips {sampling}", "clips", skip_bad=skip_bad, progress=progress)


def _size_of(paths: Sequence[Path]) -> tuple[int, int]:
    """The size of the first clip that can be read; that of a large one made smaller, with its proportions."""
    for path in paths:
        if (found := extent(path)) is not None:
            scale = 1 if path.suffix.lower() in ARRAYS else min(1, LARGEST / max(found))
            return max(1, round(scale * found[0])), max(1, round(scale * found[1]))
    return LARGEST, LARGEST  # they are read next, and named then
