"""Clips with a transcript each: whole sentences as they are seen on lips, or of one's own, as signs may be."""

from __future__ import annotations

from pathlib import Path

from recorrente.data.clip import Sampling
from recorrente.data.clips import CLIPS, clips_of
from recorrente.data.clipsets import grid_sentences
from recorrente.data.known import KNOWN, files
from recorrente.data.progress import Progress
from recorrente.data.source import as_made, locate, of_known
from recorrente.data.transcripts import Transcribed, TranscribedData, divided, list_transcribed

__all__ = ["load"]

RATE, MOST = 25.0, 250
"""Frames a second, for lips move faster than bodies, and the most of a clip."""


def load(
    source: str | Path,
    *,
    size: tuple[int, int] | None = None,
    rate: float | None = None,
    most: int | None = None,
    group: str | None = None,
    leave_out: str | None = None,
    encoding: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    whole: bool = False,
    progress: Progress,
) -> TranscribedData:
    """Clips and their transcripts from a known name, a folder or a table; see `data.transcripts`.

    Args:
        source: see there.
        size: height and width; by default the first clip's proportions, at most 48 pixels a side.
        rate, most: see `clip.Sampling`; here 25 frames a second, and 250.
        group: a regular expression that finds who is seen in a path; its first bracket, if any.
        leave_out: a group that is tested on, and nothing else.
        encoding: of the transcripts; None finds it out.
        skip_bad: leave out what cannot be read or has no transcript, instead of refusing it all; it is named.
        seed: what is held out.
        whole: a folder or table is all tested on, where it does not say which part to.
        progress: told of files read.

    Raises:
        InputError: no clips, files that cannot be read, some without a transcript, a group that there is not.
    """
    if of_known(source):
        given = {"size": size, "frame_rate": rate, "frames": most, "group": group, "leave_out": leave_out}
        as_made(source, "clips", given)
        return _known(str(source), progress)
    place = locate(source)
    listed = list_transcribed(place, CLIPS, encoding=encoding, skip_bad=skip_bad)
    sampling, clips, skipped = clips_of(
        listed.paths,
        size=size,
        rate=RATE if rate is None else rate,
        most=MOST if most is None else most,
        skip_bad=skip_bad,
        progress=progress,
    )
    return divided(
        place, listed, clips, sampling, group=group, leave_out=leave_out, skipped=skipped, seed=seed, whole=whole
    )


def _known(name: str, progress: Progress) -> TranscribedData:
    read = grid_sentences(files(KNOWN[name], progress)[0])
    every = Transcribed(read.frames, read.texts, ("",) * len(read.texts), read.names, read.spans)
    height, width = read.frames[0].shape[1:3]
    sampling = Sampling((height, width), read.rate, max(map(len, read.frames)))
    train = every.subset(k for k in range(len(every)) if k not in set(read.tested))
    return TranscribedData(name, train, every.subset(read.tested), sampling, read.split)
