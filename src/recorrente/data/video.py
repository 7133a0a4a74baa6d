"""Clips and the class of each: frames of one size, decoded on all cores and kept for next time.

    FOLDER/CLASS/*.mp4                               and what else PyAV reads, or .npy with frames (T, H, W[, C])
    FOLDER/train/CLASS/* and FOLDER/test/CLASS/*
    FOLDER/CLASS/GROUP/*                             GROUP: who is seen, or where

A group is either learnt from or tested on, where folders or names tell one: `person01_...`, `v_Run_g03_c01`, or what a
pattern of one's own finds. Elsewhere a fifth of each class is held out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from recorrente.data import clipsets, groups
from recorrente.data.clip import Sampling
from recorrente.data.clips import CLIPS, clips_of
from recorrente.data.folder import given_parts, list_classes, naming, refuse_lost
from recorrente.data.imageset import WHOLE
from recorrente.data.known import KNOWN, files
from recorrente.data.progress import Progress
from recorrente.data.source import as_made, locate, of_known
from recorrente.errors import InputError

__all__ = ["Clips", "VideoData", "load"]

RATE, MOST = Sampling.rate, Sampling.most
NAMED = re.compile(r"(?:^|[_\- ])((?:person|subject|speaker|actor|group|[gsp])\d+)(?=[_\- .]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Clips:
    """N clips of frames of one size."""

    frames: tuple[NDArray[Any], ...]  # each (T, H, W, C): uint8, or float32 in a unit of its own
    labels: tuple[int, ...]
    groups: tuple[str, ...]  # empty where nothing tells
    names: tuple[str, ...]

    def __len__(self) -> int:
        """N."""
        return len(self.labels)

    def subset(self, indices: Iterable[int]) -> Clips:
        """Those, in that order."""
        chosen = list(indices)
        parts = (tuple(part[k] for k in chosen) for part in (self.frames, self.labels, self.groups, self.names))
        return Clips(*parts)  # type: ignore[arg-type]


@dataclass(frozen=True)
class VideoData:
    """A data set of clips.

    Attributes:
        name: for the report.
        classes: the name of each class number.
        train, test: what is learnt from and what is tested on; each is all of what is read whole.
        sampling: how a clip became frames.
        split: in words, how the test part was chosen.
        skipped: what was left out, one line each.
    """

    name: str
    classes: tuple[str, ...]
    train: Clips
    test: Clips
    sampling: Sampling
    split: str
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part, verb in ((self.train, "learn from"), (self.test, "test on")):
            if not len(part):
                raise InputError(self.name, came=f"no clip to {verb}", wanted="one or more")


def load(
    source: str | Path,
    *,
    size: tuple[int, int] | None = None,
    rate: float | None = None,
    most: int | None = None,
    group: str | None = None,
    leave_out: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    learnt: Sequence[str] | None = None,
    progress: Progress,
) -> VideoData:
    """Clips from a known name or a folder.

    Args:
        source: see the top of this file.
        size: height and width; by default the first clip's proportions, at most 48 pixels a side.
        rate, most: see `clip.Sampling`.
        group: a regular expression that finds the group in a clip's path below the folder; its first bracket, if any.
        leave_out: a group that is tested on, and nothing else.
        skip_bad: leave out files that cannot be read, instead of refusing them all; they are named.
        seed: what is held out.
        learnt: the classes of a trained network that is to be tested on the set; then what nobody divided is read
            whole, and need not have all of them.
        progress: told of files read.

    Raises:
        InputError: no clips, a single class or one that was not learnt, files that cannot be read, frames of unlike
            sizes, a group that there is not, or a known set with a setting that is for files.
    """
    if of_known(source):
        as_made(source, "frames", {"size": size, "frame_rate": rate, "frames": most, "group": group})
        return _known(str(source), leave_out, seed, progress)
    folder = locate(source)
    if not folder.is_dir():
        raise InputError(str(source), came="a file", wanted="a folder of clips, a folder for each class")
    classes, listing = list_classes(folder, CLIPS, learnt)
    paths = listing.paths
    sampling, decoded, skipped = clips_of(
        paths,
        size=size,
        rate=RATE if rate is None else rate,
        most=MOST if most is None else most,
        skip_bad=skip_bad,
        progress=progress,
    )
    there = [k for k, frames in enumerate(decoded) if frames is not None]
    clips = Clips(
        _alike(folder, [decoded[k] for k in there]),  # type: ignore[misc]
        tuple(listing.labels[k] for k in there),
        tuple(_group(paths[k].relative_to(folder), listing.tested is not None, group) for k in there),
        tuple(paths[k].name for k in there),
    )
    if group is not None and not all(clips.groups):
        lost = clips.names[clips.groups.index("")]
        raise InputError("group", came=f"{group!r}, which is not in {lost}", wanted="a pattern that each clip fits")
    name, given = folder.resolve().name, given_parts(listing.tested, listing.split, there)
    if learnt is not None and given is None:
        with naming(skipped):
            return VideoData(name, classes, clips, clips, sampling, WHOLE, tuple(skipped))
    refuse_lost(folder, classes, listing.labels, [listing.labels[k] for k in there], CLIPS.noun, skipped)
    with naming(skipped):
        data = _divided(name, classes, clips, sampling, given, leave_out, seed, tuple(skipped))
        return _to_learn_from(data) if learnt is None else data


def _to_learn_from(data: VideoData) -> VideoData:
    if lonely := [data.classes[k] for k in sorted(set(range(len(data.classes))) - set(data.train.labels))]:
        came = f"no clip of {', '.join(lonely)} to learn from"
        raise InputError(data.name, came=came, wanted="one or more of each class")
    return data


def _divided(
    name: str,
    classes: tuple[str, ...],
    clips: Clips,
    sampling: Sampling,
    given: tuple[set[int], str] | None,
    leave_out: str | None,
    seed: int,
    skipped: tuple[str, ...] = (),
) -> VideoData:
    tested, split = groups.tested(
        clips.groups, clips.labels, classes, given=given, leave_out=leave_out, seed=seed, who="group", of="clips"
    )
    kept = [k for k in range(len(clips)) if k not in tested]
    return VideoData(name, classes, clips.subset(kept), clips.subset(sorted(tested)), sampling, split, skipped)


def _known(name: str, leave_out: str | None, seed: int, progress: Progress) -> VideoData:
    read = clipsets.READERS[name](files(KNOWN[name], progress)[0])
    height, width = read.frames[0].shape[1:3]
    clips = Clips(read.frames, read.labels, read.groups, read.names)
    sampling = Sampling((height, width), read.rate, max(len(one) for one in read.frames))
    given = set(read.tested), read.split
    return _to_learn_from(_divided(name, read.classes, clips, sampling, given, leave_out, seed))


def _group(path: Path, in_parts: bool, pattern: str | None) -> str:
    """Who or what a clip shows, from its path below the folder; empty where nothing tells."""
    if pattern is not None:
        return groups.of_path(pattern, path)
    inside = path.parts[2 if in_parts else 1 :]  # below the class
    if len(inside) > 1:
        return inside[0]
    named = NAMED.search(path.stem)
    return named.group(1) if named else ""


def _alike(folder: Path, frames: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    """The clips, if all have as many colours and one unit."""
    found = sorted({f"{one.dtype} of {one.shape[3]}" for one in frames})
    if len(found) > 1:
        came = f"frames of unlike colours ({', '.join(found)})"
        raise InputError(str(folder), came=came, wanted="either clips or arrays of one type")
    return tuple(frames)
