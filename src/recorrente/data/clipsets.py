"""The known sets of clips that come as one archive of arrays: what is in each, and its own split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DIGITS", "GRID_WORDS", "READERS", "ClipSet", "Sentences", "grid_sentences"]

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GRID_WORDS = ("command", "colour", "preposition", "letter", "digit", "adverb")
UNSEEN = (7, 8, 9)
"""Of nagoya: the subjects who are tested on."""


@dataclass(frozen=True)
class ClipSet:
    """Clips, the class and group of each, and which are tested on."""

    classes: tuple[str, ...]
    frames: tuple[NDArray[Any], ...]  # each (T, H, W, C)
    labels: tuple[int, ...]
    groups: tuple[str, ...]
    names: tuple[str, ...]
    tested: tuple[int, ...]
    split: str
    rate: float  # frames a second


def nagoya(path: Path) -> ClipSet:
    """Temperatures in degrees Celsius, ten frames a second."""
    with np.load(path, allow_pickle=False) as arrays:
        degrees = arrays["frames"].astype(np.float32)[..., None] / 64
        subjects = arrays["subject"].tolist()
        names = [f"{file} {start}" for file, start in zip(arrays["source_file"], arrays["start"], strict=True)]
        return ClipSet(
            tuple(arrays["classes"].tolist()),
            tuple(np.split(degrees, arrays["offsets"][1:-1])),
            tuple(arrays["label"].tolist()),
            tuple(map(str, subjects)),
            tuple(names),
            tuple(k for k, subject in enumerate(subjects) if subject in UNSEEN),
            "the subjects 7 to 9, who were not learnt from",
            10.0,
        )


def grid(path: Path, word: str) -> ClipSet:
    """One word of each sentence, 25 frames a second; the sentence with a damaged picture is left out."""
    with np.load(path, allow_pickle=False) as arrays:
        slot = GRID_WORDS.index(word)
        frames, ends = arrays["frames"], arrays["n_frames"]
        whole = np.flatnonzero(arrays["valid"]).tolist()
        said = arrays["words"][:, slot]
        spans = zip(arrays["word_start"][:, slot].tolist(), arrays["word_end"][:, slot].tolist(), strict=True)
        between = [(int(start), min(ceil(end), int(last))) for (start, end), last in zip(spans, ends, strict=True)]
        there = {str(one) for one in said[whole]}
        classes = tuple(one for one in DIGITS if one in there) if word == "digit" else tuple(sorted(there))
        return ClipSet(
            classes,
            tuple(frames[k, between[k][0] : between[k][1], ..., None] for k in whole),
            tuple(classes.index(str(said[k])) for k in whole),
            ("",) * len(whole),
            tuple(str(arrays["names"][k]) for k in whole),
            tuple(at for at, k in enumerate(whole) if arrays["is_test"][k]),
            "the set's own, sentences of the same speaker",
            25.0,
        )


@dataclass(frozen=True)
class Sentences:
    """Clips, what is said in each, and which are tested on."""

    frames: tuple[NDArray[Any], ...]  # each (T, H, W, C)
    texts: tuple[str, ...]
    spans: tuple[NDArray[Any], ...]  # of each, (words, 2): the first frame of each word, and the one after its last
    names: tuple[str, ...]
    tested: tuple[int, ...]
    split: str
    rate: float  # frames a second


def grid_sentences(path: Path) -> Sentences:
    """Whole sentences of six words, 25 frames a second; the one with a damaged picture is left out."""
    with np.load(path, allow_pickle=False) as arrays:
        frames, ends = arrays["frames"], arrays["n_frames"].tolist()
        whole = np.flatnonzero(arrays["valid"]).tolist()
        return Sentences(
            tuple(frames[k, : ends[k], ..., None] for k in whole),
            tuple(" ".join(arrays["words"][k].tolist()) for k in whole),
            tuple(np.stack([arrays["word_start"], arrays["word_end"]], axis=2)[whole]),
            tuple(str(arrays["names"][k]) for k in whole),
            tuple(at for at, k in enumerate(whole) if arrays["is_test"][k]),
            "the set's own, sentences of the same speaker",
            25.0,
        )


READERS: dict[str, Callable[[Path], ClipSet]] = {
    "nagoya": nagoya,
    "grid": partial(grid, word="command"),
    **{f"grid-{word}": partial(grid, word=word) for word in GRID_WORDS},
}
"""By the name of the set."""
