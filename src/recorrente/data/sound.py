"""Sound files and the class of each: decoded on all cores, mixed to one channel, at one rate, kept for next time.

    FOLDER/CLASS/*.wav                               and .flac, .ogg
    FOLDER/train/CLASS/* and FOLDER/test/CLASS/*
    FOLDER/CLASS_SPEAKER_NUMBER.wav                  a flat folder whose names tell the class and who speaks

A speaker is either learnt from or tested on, where the names tell one: `CLASS_SPEAKER_NUMBER`, or
`SPEAKER_nohash_NUMBER` and `SPEAKER-NUMBER` inside class folders. Elsewhere a fifth of each class is held out.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorrente.data.folder import Listing, Wanted, each, list_flat, split_folder
from recorrente.data.known import KNOWN, cache, folder_of
from recorrente.data.progress import Progress
from recorrente.data.source import locate, of_known
from recorrente.errors import InputError

__all__ = ["SUFFIXES", "SoundData", "Sounds", "decode", "load", "needed"]

SUFFIXES = (".wav", ".flac", ".ogg")
SOUNDS = Wanted("sounds", SUFFIXES, ", or files named CLASS_SPEAKER_NUMBER.wav")
FLAT = re.compile(r"(?P<label>[^_]+)_(?P<speaker>[^_]+)_(?P<number>\d+)$")
INSIDE = re.compile(r"(?P<speaker>[A-Za-z0-9]+)(?:_nohash_|-)\d+$")
HELD_OUT = 0.2
HIGHEST_RATE = 16_000
OFFICIAL_TEST = range(5)
"""Of the Free Spoken Digit Dataset: recordings 0 to 4 of each speaker and digit are its test set."""


def needed(name: str) -> Any:
    """The library of that name, of the extra `audio`.

    Raises:
        InputError: it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        cure = "pip install 'recorrente[audio]'"
        raise InputError("audio", came=f"no {name}", wanted="the libraries that read sound", cure=cure) from error


@dataclass(frozen=True)
class Sounds:
    """N sounds at one rate."""

    waves: tuple[NDArray[np.float32], ...]  # each (samples,), in -1..1
    labels: tuple[int, ...]
    speakers: tuple[str, ...]  # empty where nothing tells
    names: tuple[str, ...]

    def __len__(self) -> int:
        """N."""
        return len(self.labels)

    def subset(self, indices: Iterable[int]) -> Sounds:
        """Those, in that order."""
        chosen = list(indices)
        parts = (tuple(part[k] for k in chosen) for part in (self.waves, self.labels, self.speakers, self.names))
        return Sounds(*parts)  # type: ignore[arg-type]


@dataclass(frozen=True)
class SoundData:
    """A data set of sounds.

    Attributes:
        name: for the report.
        classes: the name of each class number.
        train, test: what is learnt from and what is tested on.
        rate: samples a second.
        split: in words, how the test part was chosen.
        skipped: what was left out, one line each.
    """

    name: str
    classes: tuple[str, ...]
    train: Sounds
    test: Sounds
    rate: int
    split: str
    skipped: tuple[str, ...] = ()


def load(
    source: str | Path,
    *,
    rate: int | None = None,
    leave_out: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    progress: Progress,
) -> SoundData:
    """Sounds from a known name or a folder.

    Args:
        source: see the top of this file.
        rate: samples a second that all are brought to; by default that of the first file, at most 16,000.
        leave_out: a speaker who is tested on, and nobody else.
        skip_bad: leave out files that cannot be read, instead of refusing them all; they are named.
        seed: what is held out.
        progress: told of files read.

    Raises:
        InputError: no sounds, a single class, files that cannot be read, a speaker whom there is not.
    """
    needed("soundfile")
    known = of_known(source)
    folder = folder_of(KNOWN[str(source)]) if known else locate(source)
    if not folder.is_dir():
        raise InputError(str(source), came="a file", wanted="a folder of sounds, a folder for each class")
    flat = _flat(folder)
    if flat is not None:
        name, (classes, listing), given = str(source) if known else folder.resolve().name, flat, None
    else:
        name = folder.resolve().name
        classes, train, test, given = *split_folder(folder, SOUNDS, seed), True
        listing = Listing(train.paths + test.paths, train.labels + test.labels)
    rate = rate or min(HIGHEST_RATE, _rate_of(listing.paths))
    waves, skipped = _decode_all(listing.paths, rate, skip_bad, progress)
    there = [k for k, wave in enumerate(waves) if wave is not None]
    sounds = Sounds(
        tuple(waves[k] for k in there),  # type: ignore[misc]
        tuple(listing.labels[k] for k in there),
        tuple(_speaker(listing.paths[k], flat is not None) for k in there),
        tuple(listing.paths[k].name for k in there),
    )
    in_test = None
    if given and (folder / "train").is_dir():
        in_test = {k for k, place in enumerate(there) if place >= len(train.paths)}
    official = known and name == "fsdd"
    tested, split = _split(sounds, classes, in_test, official=official, leave_out=leave_out, seed=seed)
    kept = [k for k in range(len(sounds)) if k not in tested]
    data = SoundData(name, classes, sounds.subset(kept), sounds.subset(sorted(tested)), rate, split, tuple(skipped))
    return _checked(data)


def _checked(data: SoundData) -> SoundData:
    for part, named in ((data.train, "learn from"), (data.test, "test on")):
        missing = set(range(len(data.classes))) - set(part.labels)
        if missing and part is data.train:
            lonely = ", ".join(data.classes[k] for k in sorted(missing))
            raise InputError(data.name, came=f"no sound of {lonely} to {named}", wanted="one or more of each class")
        if not len(part):
            raise InputError(data.name, came=f"no sound to {named}", wanted="one or more")
    return data


def _flat(folder: Path) -> tuple[tuple[str, ...], Listing] | None:
    """Classes and files of a folder whose names tell the class; None where there are class folders."""
    paths = list_flat(folder, SOUNDS)
    found = [FLAT.fullmatch(path.stem) for path in paths]
    if not paths or not all(found):
        return None
    labels = [match["label"] for match in found if match]
    classes = tuple(sorted(set(labels), key=lambda name: (len(name), name) if name.isdecimal() else (0, name)))
    if len(classes) < 2:
        raise InputError(str(folder), came=f"a single class, {classes[0]}", wanted="two classes or more")
    return classes, Listing(paths, [classes.index(label) for label in labels])


def _speaker(path: Path, flat: bool) -> str:
    match = (FLAT if flat else INSIDE).fullmatch(path.stem)
    return match["speaker"] if match else ""


def _split(
    sounds: Sounds, classes: Sequence[str], given: set[int] | None, *, official: bool, leave_out: str | None, seed: int
) -> tuple[set[int], str]:
    """The sounds that are tested on, and how they were chosen."""
    everyone = sorted({speaker for speaker in sounds.speakers if speaker})
    if leave_out is not None:
        if leave_out not in everyone:
            wanted = f"one of {', '.join(everyone)}" if everyone else "files whose names tell who speaks"
            raise InputError("leave_out", came=repr(leave_out), wanted=wanted)
        return {k for k, who in enumerate(sounds.speakers) if who == leave_out}, f"the speaker {leave_out}, left out"
    if given is not None:
        return given, "the folder test/"
    if official:
        numbers = [int(Path(name).stem.rsplit("_", 1)[1]) for name in sounds.names]
        return {k for k, number in enumerate(numbers) if number in OFFICIAL_TEST}, "the official one, recordings 0 to 4"
    if len(everyone) >= 5 and all(sounds.speakers):
        order = np.random.default_rng(seed).permutation(everyone).tolist()
        held = sorted(order[: max(1, round(HELD_OUT * len(order)))])
        shown = ", ".join(held[:5]) + (" and others" if len(held) > 5 else "")
        return {k for k, who in enumerate(sounds.speakers) if who in held}, f"by speaker: {shown}"
    from recorrente.data.imageset import hold_out

    _, out = hold_out(np.array(sounds.labels), HELD_OUT, seed, classes, of="sounds")
    return set(out.tolist()), "at random, a fifth of each class"


def _rate_of(paths: Sequence[Path]) -> int:
    soundfile = needed("soundfile")

    def known(path: Path) -> int | None:
        try:
            return int(soundfile.info(str(path)).samplerate)
        except soundfile.LibsndfileError:
            return None  # it is read next, and named then

    return next((rate for rate in map(known, paths) if rate), HIGHEST_RATE)


def decode(path: Path, rate: int) -> NDArray[np.float32]:
    """One sound, its channels mixed, at `rate` samples a second.

    Raises:
        InputError: no sound that can be read, or one without a sample.
    """
    soundfile, librosa = needed("soundfile"), needed("librosa")
    if not path.is_file():
        raise InputError(str(path), came="no such file", wanted=f"a sound: {', '.join(SUFFIXES)}")
    try:
        samples, own = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        came = f"a file that is no sound ({str(error).split(':')[-1].strip().rstrip('.')})"
        raise InputError(str(path), came=came, wanted=", ".join(SUFFIXES)) from error
    if not len(samples):
        raise InputError(str(path), came="a sound without a sample", wanted="some")
    wave = samples.mean(axis=1)
    return wave if own == rate else librosa.resample(wave, orig_sr=own, target_sr=rate).astype(np.float32)


def _decode_all(
    paths: Sequence[Path], rate: int, skip_bad: bool, progress: Progress
) -> tuple[list[NDArray[np.float32] | None], list[str]]:
    """All sounds, None for those left out, and why; from the cache where the same files were read before."""
    kept = cache() / "decoded" / f"{_key(paths, rate)}.npz"
    if kept.is_file():
        with np.load(kept) as arrays:
            ends = arrays["ends"].tolist()
            whole = arrays["samples"]
        return [whole[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)], []
    skipped: list[str] = []

    def read(path: Path) -> NDArray[np.float32] | None:
        try:
            return decode(path, rate)
        except InputError as error:
            if not skip_bad:
                raise
            skipped.append(f"{path.name}: {error.came}")
            return None

    waves = each(read, paths, "read sounds", progress)
    if not skipped:
        _keep(kept, waves)
    return waves, sorted(skipped)


def _keep(path: Path, waves: Sequence[NDArray[np.float32] | None]) -> None:
    """Writes the cache beside its place, and renames."""
    whole = [wave for wave in waves if wave is not None]
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            np.savez(file, samples=np.concatenate(whole), ends=np.cumsum([len(wave) for wave in whole]))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _key(paths: Sequence[Path], rate: int) -> str:
    """Of these files as they are now."""
    sums = hashlib.sha256(f"1 {rate}".encode())
    for path in paths:
        state = path.stat()
        sums.update(f"{path.resolve()} {state.st_size} {state.st_mtime_ns}\n".encode())
    return sums.hexdigest()[:32]
