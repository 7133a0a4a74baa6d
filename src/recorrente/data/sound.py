"""Sound files and the class of each: decoded on all cores, mixed to one channel, at one rate, kept for next time.

    FOLDER/CLASS/*.wav                               and .flac, .ogg
    FOLDER/train/CLASS/* and FOLDER/test/CLASS/*     as `data.folder` has it
    FOLDER/CLASS_SPEAKER_NUMBER.wav                  a flat folder whose names tell the class and who speaks

A speaker is either learnt from or tested on, where the names tell one: `CLASS_SPEAKER_NUMBER`, or
`SPEAKER_nohash_NUMBER` and `SPEAKER-NUMBER` inside class folders. Elsewhere, and where files are named after their
class (`owl/owl-1.wav`), a fifth of each class is held out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorrente.data import groups
from recorrente.data.decoded import decode_all
from recorrente.data.folder import Listing, Wanted, given_parts, list_classes, list_flat, naming, refuse_lost
from recorrente.data.imageset import WHOLE
from recorrente.data.known import KNOWN, folder_of
from recorrente.data.progress import Progress
from recorrente.data.source import locate, of_known
from recorrente.errors import InputError

__all__ = ["SUFFIXES", "SoundData", "Sounds", "decode", "load", "needed", "rate_of"]

SUFFIXES = (".wav", ".flac", ".ogg")
SOUNDS = Wanted("sounds", SUFFIXES, ", or files named CLASS_SPEAKER_NUMBER.wav")
FLAT = re.compile(r"(?P<label>[^_]+)_(?P<speaker>[^_]+)_(?P<number>\d+)$")
INSIDE = re.compile(r"(?P<speaker>[A-Za-z0-9]+)(?:_nohash_|-)\d+$")
LOWEST_RATE, HIGHEST_RATE = 100, 16_000
RECORDED_RATE = 192_000
"""More than that nobody records: it may be asked for, but is never taken unasked."""
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
        train, test: what is learnt from and what is tested on; each is all of what is read whole.
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
    learnt: Sequence[str] | None = None,
    progress: Progress,
) -> SoundData:
    """Sounds from a known name or a folder.

    Args:
        source: see the top of this file.
        rate: samples a second that all are brought to; by default that of the first file, at most 16,000.
        leave_out: a speaker who is tested on, and nobody else.
        skip_bad: leave out files that cannot be read, instead of refusing them all; they are named.
        seed: what is held out.
        learnt: the classes of a trained network that is to be tested on the set; then what nobody divided is read
            whole, and need not have all of them.
        progress: told of files read.

    Raises:
        InputError: no sounds, a single class or one that was not learnt, files that cannot be read, a speaker whom
            there is not.
    """
    needed("soundfile")
    known = of_known(source)
    folder = folder_of(KNOWN[str(source)]) if known else locate(source)
    if not folder.is_dir():
        raise InputError(str(source), came="a file", wanted="a folder of sounds, a folder for each class")
    flat = _flat(folder, learnt)
    name = str(source) if known and flat is not None else folder.resolve().name
    classes, listing = flat if flat is not None else list_classes(folder, SOUNDS, learnt)
    rate = rate_of(listing.paths, rate)
    waves, skipped = decode_all(
        listing.paths, lambda path: decode(path, rate), f"sounds {rate}", "sounds", skip_bad=skip_bad, progress=progress
    )
    there = [k for k, wave in enumerate(waves) if wave is not None]
    sounds = Sounds(
        tuple(waves[k] for k in there),  # type: ignore[misc]
        tuple(listing.labels[k] for k in there),
        tuple(_speaker(listing.paths[k], flat is not None) for k in there),
        tuple(listing.paths[k].name for k in there),
    )
    chosen = given_parts(listing.tested, listing.split, there)
    if learnt is not None and chosen is None:
        with naming(skipped):
            return _to_test_on(SoundData(name, classes, sounds, sounds, rate, WHOLE, tuple(skipped)))
    refuse_lost(folder, classes, listing.labels, [listing.labels[k] for k in there], SOUNDS.noun, skipped)
    if known and name == "fsdd":
        chosen = _official(sounds)
    with naming(skipped):
        tested, split = groups.tested(
            sounds.speakers,
            sounds.labels,
            classes,
            given=chosen,
            leave_out=leave_out,
            seed=seed,
            who="speaker",
            of="sounds",
        )
    kept = [k for k in range(len(sounds)) if k not in tested]
    data = SoundData(name, classes, sounds.subset(kept), sounds.subset(sorted(tested)), rate, split, tuple(skipped))
    with naming(skipped):
        return _to_learn_from(data) if learnt is None else _to_test_on(data)


def _to_learn_from(data: SoundData) -> SoundData:
    if missing := set(range(len(data.classes))) - set(data.train.labels):
        lonely = ", ".join(data.classes[k] for k in sorted(missing))
        came, wanted = f"no sound of {lonely} to learn from", "one or more of each class"
        cure = f"Tested on is {data.split}. Choose others with --seed or --leave-out, or rename the files"
        raise InputError(data.name, came=came, wanted=wanted, cure=cure)
    return _to_test_on(data)


def _to_test_on(data: SoundData) -> SoundData:
    if not len(data.test):
        raise InputError(data.name, came="no sound to test on", wanted="one or more")
    return data


def _flat(folder: Path, learnt: Sequence[str] | None) -> tuple[tuple[str, ...], Listing] | None:
    """Classes, and files of a folder whose names tell them; None where there are class folders."""
    paths = list_flat(folder, SOUNDS)
    found = [FLAT.fullmatch(path.stem) for path in paths]
    if not paths or not all(found):
        return None
    labels = [match["label"] for match in found if match]
    own = sorted(set(labels), key=lambda name: (len(name), name) if name.isdecimal() else (0, name))
    if learnt is None and len(own) < 2:
        raise InputError(str(folder), came=f"a single class, {own[0]}", wanted="two classes or more")
    classes, _ = groups.numbered(own, learnt)
    return classes, Listing(paths, [classes.index(label) for label in labels])


def _speaker(path: Path, flat: bool) -> str:
    match = (FLAT if flat else INSIDE).fullmatch(path.stem)
    return match["speaker"] if match else ""


def _official(sounds: Sounds) -> tuple[set[int], str]:
    """The test set of the Free Spoken Digit Dataset, and in words."""
    numbers = [int(Path(name).stem.rsplit("_", 1)[1]) for name in sounds.names]
    return {k for k, number in enumerate(numbers) if number in OFFICIAL_TEST}, "the official one, recordings 0 to 4"


def rate_of(paths: Sequence[Path], rate: int | None = None) -> int:
    """What all sounds are brought to: what is said, or the rate of the first that can be read, at most 16,000.

    Raises:
        InputError: fewer than 100 samples a second, not one for each step of 10 ms, or more than any sound is kept at.
    """
    rate = _usual_rate(paths) if rate is None else rate
    if not LOWEST_RATE <= rate <= RECORDED_RATE:
        wanted = f"{LOWEST_RATE} to {RECORDED_RATE} samples a second, such as 8000"
        raise InputError("rate", came=rate, wanted=wanted)
    return rate


def _usual_rate(paths: Sequence[Path]) -> int:
    soundfile = needed("soundfile")

    def known(path: Path) -> int | None:
        try:
            return int(soundfile.info(str(path)).samplerate)
        except (soundfile.LibsndfileError, UnicodeEncodeError):
            return None  # it is read next, and named then

    return min(HIGHEST_RATE, next((rate for rate in map(known, paths) if rate), HIGHEST_RATE))


def decode(path: Path, rate: int) -> NDArray[np.float32]:
    """One sound, its channels mixed, at `rate` samples a second.

    Raises:
        InputError: no sound that can be read, one without a sample, or with samples that are no numbers.
    """
    soundfile, librosa = needed("soundfile"), needed("librosa")
    if not path.is_file():
        raise InputError(str(path), came="no such file", wanted=f"a sound: {', '.join(SUFFIXES)}")
    try:
        samples, own = soundfile.read(str(path), dtype="float32", always_2d=True)
    except UnicodeEncodeError as error:
        came, wanted = "a name that is not UTF-8", "one that the library can open"
        raise InputError(str(path), came=came, wanted=wanted, cure="Rename the file") from error
    except (soundfile.LibsndfileError, RuntimeError) as error:
        came = f"a file that is no sound ({str(error).split(':')[-1].strip().rstrip('.')})"
        raise InputError(str(path), came=came, wanted=", ".join(SUFFIXES)) from error
    if not len(samples):
        raise InputError(str(path), came="a sound without a sample", wanted="some")
    if not np.isfinite(samples).all():
        raise InputError(str(path), came="a sound with samples that are missing or infinite", wanted="numbers")
    wave = samples.mean(axis=1)
    return wave if own == rate else librosa.resample(wave, orig_sr=own, target_sr=rate).astype(np.float32)
