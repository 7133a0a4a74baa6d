"""Files decoded on all cores into arrays, and the arrays kept on disk until a file changes.

Knows arrays that differ in their first dimension alone: waves, frames. What is in them, each reader knows.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from recorrente.data.folder import each_good
from recorrente.data.known import cache
from recorrente.data.progress import Progress
from recorrente.errors import InputError

__all__ = ["decode_all"]

Decode = Callable[[Path], NDArray[Any]]


def decode_all(
    paths: Sequence[Path], decode: Decode, how: str, what: str, *, skip_bad: bool, progress: Progress
) -> tuple[list[NDArray[Any] | None], list[str]]:
    """The array of each file, None for those left out, and why; from the cache where the same was read before.

    Args:
        paths: of the files.
        decode: one of them, `(T, ...)`; it raises `InputError` where it cannot.
        how: all that decoding depends on but the files.
        what: is read, in the plural, for the progress.
        skip_bad: leave out what cannot be decoded, and say so.
        progress: told of files read.

    Raises:
        InputError: files that cannot be decoded, all named; with `skip_bad`, where none is left.
    """
    kept = cache() / "decoded" / f"{_key(paths, how)}.npz"
    if found := _found(kept):
        return list(found), []
    decoded, skipped = each_good(decode, paths, f"read {what}", progress, skip_bad=skip_bad)
    if all(one is None for one in decoded):
        folder = os.path.commonpath([path.parent for path in paths])
        came = f"no {what} that can be read, of {len(paths)} ({skipped[0]})"
        raise InputError(folder, came=came, wanted="some", cure="Replace them, or give another folder")
    if not skipped and len({(one.dtype, one.shape[1:]) for one in decoded if one is not None}) == 1:
        _keep(kept, [one for one in decoded if one is not None])
    return decoded, skipped


def _found(path: Path) -> list[NDArray[Any]]:
    """The arrays of a cache; nothing where there is none, or none that is whole: it is only made again."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return np.split(arrays["whole"], arrays["ends"][:-1])
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        return []


def _keep(path: Path, arrays: Sequence[NDArray[Any]]) -> None:
    """Writes the cache beside its place, and renames; where that cannot be, all is decoded again next time."""
    beside = path.with_suffix(f".{os.getpid()}.part")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                np.savez(file, whole=np.concatenate(arrays), ends=np.cumsum([len(one) for one in arrays]))
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def _key(paths: Sequence[Path], how: str) -> str:
    """Of these files as they are now."""
    sums = hashlib.sha256(f"2 {how}".encode())
    for path in paths:
        state = path.stat() if path.exists() else None  # what is not there is named when it is decoded
        written = f" {state.st_size} {state.st_mtime_ns}\n" if state else " is not there\n"
        sums.update(os.fsencode(path.resolve()) + written.encode())
    return sums.hexdigest()[:32]
