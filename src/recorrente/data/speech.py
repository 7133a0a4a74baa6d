"""Sounds with a transcript each: of one's own, or strings of spoken digits made of recorded ones.

A string is said by one speaker, with silences of random length between the digits. No recording is in two parts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorrente.data import sound
from recorrente.data.clipsets import DIGITS
from recorrente.data.decoded import decode_all
from recorrente.data.folder import Wanted
from recorrente.data.imageset import hold_out
from recorrente.data.progress import Progress
from recorrente.data.sound import SUFFIXES, Sounds, decode, needed, rate_of
from recorrente.data.source import locate, of_known
from recorrente.data.transcripts import Transcribed, TranscribedData, divided, list_transcribed
from recorrente.errors import InputError

__all__ = ["load", "strings"]

SOUNDS = Wanted("sounds", SUFFIXES)
STRINGS = {"train": 2000, "validation": 200, "test": 300}
FEWEST, MOST, SILENCE = 1, 7, 0.3
"""Digits of a string, and the most seconds before, between and after them."""


def load(
    source: str | Path,
    *,
    rate: int | None = None,
    group: str | None = None,
    leave_out: str | None = None,
    encoding: str | None = None,
    validation: float = 0.05,
    skip_bad: bool = False,
    seed: int = 0,
    whole: bool = False,
    progress: Progress,
) -> TranscribedData:
    """Sounds and their transcripts from a known name, a folder or a table; see `data.transcripts`.

    Args:
        source: see there.
        rate: samples a second that all are brought to; by default that of the first file, at most 16,000.
        group: a regular expression that finds the speaker in a path; its first bracket, if any.
        leave_out: a speaker who is tested on, and nobody else.
        encoding: of the transcripts; None finds it out.
        validation: the share of the recordings that strings to validate on are made of.
        skip_bad: leave out what cannot be read or has no transcript, instead of refusing it all; it is named.
        seed: what is held out, and what is made.
        whole: a folder or table is all tested on, where it does not say which part to.
        progress: told of files read.

    Raises:
        InputError: no sounds, files that cannot be read, some without a transcript, a speaker whom there is not.
    """
    needed("soundfile")
    if of_known(source):
        for name, value in (("group", group), ("encoding", encoding)):
            if value is not None:
                raise InputError(name, came=repr(value), wanted=f"nothing: {source} has no files of transcripts")
        return _strings_of("fsdd", rate, leave_out, validation, seed, progress)
    place = locate(source)
    listed = list_transcribed(place, SOUNDS, encoding=encoding, skip_bad=skip_bad)
    rate = rate_of(listed.paths, rate)
    waves, skipped = decode_all(
        listed.paths, lambda path: decode(path, rate), f"sounds {rate}", "sounds", skip_bad=skip_bad, progress=progress
    )
    return divided(
        place, listed, waves, rate, group=group, leave_out=leave_out, skipped=skipped, seed=seed, whole=whole
    )


def _strings_of(
    name: str, rate: int | None, leave_out: str | None, validation: float, seed: int, progress: Progress
) -> TranscribedData:
    digits = sound.load(name, rate=rate, leave_out=leave_out, seed=seed, progress=progress)
    kept, held = hold_out(np.array(digits.train.labels), validation, seed, digits.classes, of="recordings")
    recordings = {"train": digits.train.subset(kept), "validation": digits.train.subset(held), "test": digits.test}
    made = {
        part: strings(of, STRINGS[part], rate=digits.rate, random=np.random.default_rng((seed, number)))
        for number, (part, of) in enumerate(recordings.items())
    }
    split = f"strings of {len(digits.test)} recordings: {digits.split}"
    return TranscribedData(
        f"{name}-strings", made["train"], made["test"], digits.rate, split, validation=made["validation"]
    )


def strings(digits: Sounds, count: int, *, rate: int, random: np.random.Generator) -> Transcribed:
    """So many strings of 1 to 7 digits, each said by one speaker; a recording may be in several.

    Args:
        digits: recordings whose classes are the digits 0 to 9.
        count: N.
        rate: samples a second.
        random: what is drawn from.
    """
    of_speaker = {who: np.flatnonzero(np.array(digits.speakers) == who) for who in sorted(set(digits.speakers))}
    sequences, texts, speakers = [], [], []
    for _ in range(count):
        who = str(random.choice(list(of_speaker)))
        chosen = random.choice(of_speaker[who], random.integers(FEWEST, MOST + 1))
        silences = (random.uniform(0, SILENCE, len(chosen) + 1) * rate).astype(int)
        pieces: list[NDArray[Any]] = [np.zeros(silences[0], np.float32)]
        for k, silence in zip(chosen.tolist(), silences[1:], strict=True):
            pieces += (digits.waves[k], np.zeros(silence, np.float32))
        sequences.append(np.concatenate(pieces))
        texts.append(" ".join(DIGITS[digits.labels[k]] for k in chosen))
        speakers.append(who)
    names = tuple(f"string {number} {who}" for number, who in enumerate(speakers))
    return Transcribed(tuple(sequences), tuple(texts), tuple(speakers), names)
