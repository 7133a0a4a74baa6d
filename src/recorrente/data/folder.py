"""A folder of class folders, with pictures of one's own.

    FOLDER/CLASS/*                              a fifth of each class is held out to test on
    FOLDER/train/CLASS/* and FOLDER/test/CLASS/*

Classes and pictures are taken in natural order (2 before 10), so that the same folder gives the same arrays anywhere.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from recorrente.data.imageset import ImageData, ImageSet, Pictures, hold_out
from recorrente.data.picture import SUFFIXES, extent, prepare_resize
from recorrente.data.progress import Progress
from recorrente.errors import InputError

__all__ = [
    "Listing",
    "Wanted",
    "each",
    "each_good",
    "has_test",
    "list_flat",
    "list_items",
    "load_folder",
    "refuse_lost",
    "split_folder",
]

HELD_OUT = 0.2
REPLACE = "Replace or remove what cannot be read"
LARGEST_KEPT = 64
"""Pixels a side up to which pictures that are all of one size keep it."""
DEFAULT_SIZE = (28, 28)

Item = TypeVar("Item")


@dataclass(frozen=True)
class Wanted:
    """Which files of a class folder are items.

    Attributes:
        noun: what they are called, in the plural.
        suffixes: of their names, in small letters.
        otherwise: what else a folder of this kind may be, for the error.
    """

    noun: str
    suffixes: tuple[str, ...]
    otherwise: str = ""


PICTURES = Wanted("pictures", SUFFIXES, ", or the four IDX files of a set like MNIST")


@dataclass(frozen=True)
class Listing:
    """Files and the class number of each."""

    paths: list[Path]
    labels: list[int]

    def numbers(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The class numbers, `(N,)` int64."""
        return np.array(self.labels, np.int64)


def load_folder(
    folder: Path, *, size: tuple[int, int] | None, seed: int, progress: Progress, skip_bad: bool = False
) -> ImageData:
    """Reads class folders of pictures: grey, turned as EXIF says, scaled to one size with their proportions kept.

    Args:
        folder: see the top of this file.
        size: height and width; None keeps the pictures' own size where they all share one of at most 64 x 64, and
            makes them 28 x 28 otherwise.
        seed: which pictures are held out, where the folder has no `test/`.
        progress: told how many pictures are read.
        skip_bad: leave out pictures that cannot be read, instead of refusing them all; they are named.

    Raises:
        InputError: no pictures, an empty class folder, a single class, a `train/` without `test/` or other classes in
            it, or pictures that cannot be read (which are named).
    """
    classes, train, test = split_folder(folder, PICTURES, seed)
    paths = train.paths + test.paths
    height, width = size or _common_size(paths, progress)
    images, skipped = each_good(
        lambda path: prepare_resize(path, height, width)[0], paths, "read pictures", progress, skip_bad=skip_bad
    )

    def part(listing: Listing, pictures: Sequence[Pictures | None], use: str) -> ImageSet:
        there = [
            (picture, label) for picture, label in zip(pictures, listing.labels, strict=True) if picture is not None
        ]
        labels = [label for _, label in there]
        refuse_lost(folder, classes, listing.labels, labels, f"{PICTURES.noun} {use}", skipped)
        return ImageSet(np.stack([picture for picture, _ in there]), np.array(labels, np.int64))

    learnt = part(train, images[: len(train.paths)], "to learn from")
    tested = part(test, images[len(train.paths) :], "to test on")
    return ImageData(folder.resolve().name, classes, learnt, tested, skipped=tuple(skipped))


def refuse_lost(
    folder: Path, classes: Sequence[str], listed: Iterable[int], there: Iterable[int], of: str, skipped: Sequence[str]
) -> None:
    """Refuses a class of which every item of a part was left out; `of`: what the part is."""
    if lost := set(listed) - set(there):
        came = f"no {of} of class {classes[min(lost)]} that can be read"
        more = ", ..." if skipped[3:] else ""
        cure = f"Mend or remove what was left out: {'; '.join(skipped[:3])}{more}"
        raise InputError(str(folder), came=came, wanted="one or more of each class", cure=cure)


def split_folder(folder: Path, wanted: Wanted, seed: int) -> tuple[tuple[str, ...], Listing, Listing]:
    """The classes of a folder of class folders, what is learnt from, and what is tested on.

    Raises:
        InputError: no such files, an empty class folder, a single class, a `train/` without `test/`.
    """
    parts = _parts(folder)
    if parts is not None:
        classes, train = _list_classes(parts[0], wanted)
        return classes, train, _list_classes(parts[1], wanted, classes)[1]
    classes, listing = _list_classes(folder, wanted)
    kept, held = hold_out(listing.numbers(), HELD_OUT, seed, classes, of=wanted.noun)
    return classes, _pick(listing, kept.tolist()), _pick(listing, held.tolist())


def _pick(listing: Listing, indices: Sequence[int]) -> Listing:
    return Listing([listing.paths[k] for k in indices], [listing.labels[k] for k in indices])


def _natural(path: Path) -> tuple[tuple[int, int, str], ...]:
    """A key that puts 2 before 10 and á before b: digits compare as numbers, letters without case and accents."""
    name = unicodedata.normalize("NFD", path.name)
    plain = "".join(letter for letter in name if not unicodedata.combining(letter)).casefold()
    pieces = re.findall(r"\d+|\D+", plain)
    return (*((0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces), (2, 0, name))


def _visible(paths: Iterable[Path]) -> list[Path]:
    """Without what systems leave behind (.DS_Store, __MACOSX, .ipynb_checkpoints), in natural order."""
    return sorted((path for path in paths if not path.name.startswith((".", "__", "@"))), key=_natural)


def _folders(folder: Path) -> list[Path]:
    return [path for path in _visible(folder.iterdir()) if path.is_dir()]


def list_items(folder: Path, wanted: Wanted) -> list[Path]:
    """All items below a folder, at any depth."""
    found: list[Path] = []
    for path in _visible(folder.iterdir()):
        if path.is_dir():
            found += list_items(path, wanted)
        elif path.suffix.lower() in wanted.suffixes:
            found.append(path)
    return found


def list_flat(folder: Path, wanted: Wanted) -> list[Path]:
    """The items that lie in the folder itself, in natural order; none where it has folders with such."""
    if any(list_items(path, wanted) for path in _folders(folder)):
        return []
    return [path for path in _visible(folder.iterdir()) if path.suffix.lower() in wanted.suffixes]


def has_test(folder: Path) -> bool:
    """Whether a folder says itself what is tested on, in `train/` and `test/`."""
    return _parts(folder) is not None


def _parts(folder: Path) -> tuple[Path, Path] | None:
    """`train` and `test`, or None where the folder itself holds the classes."""
    named = {path.name.lower(): path for path in _folders(folder)}
    if "train" not in named or not _folders(named["train"]):
        return None
    if "test" not in named:
        raise InputError(
            str(folder),
            came=f"folders {', '.join(named)}",
            wanted="train and test, each with a folder for every class",
            cure=f"Add test/, or give {named['train']} itself to have a fifth of it held out",
        )
    return named["train"], named["test"]


def _list_classes(
    folder: Path, wanted: Wanted, classes: tuple[str, ...] | None = None
) -> tuple[tuple[str, ...], Listing]:
    """The class folders and their items; with `classes`, no others are allowed."""
    folders = _folders(folder)
    if not folders:
        raise _no_classes(folder, wanted)
    names = [unicodedata.normalize("NFC", path.name) for path in folders]
    if classes is None and len(folders) < 2:
        raise InputError(
            str(folder), came=f"a single class folder, {names[0]}", wanted="two classes or more, a folder for each"
        )
    strange = [name for name in names if classes is not None and name not in classes]
    if strange:
        raise InputError(
            str(folder),
            came=f"classes {', '.join(strange)}",
            wanted="only those to learn from",
            cure=f"train/ has {', '.join(classes or ())}",
        )
    listing = Listing([], [])
    order = classes or tuple(names)
    for name, path in zip(names, folders, strict=True):
        items = list_items(path, wanted)
        if not items:
            raise InputError(
                str(path),
                came=f"a class folder without {wanted.noun}",
                wanted=f"files named {', '.join(wanted.suffixes[:5])}" + (", ..." if wanted.suffixes[5:] else ""),
                cure=f"Put {wanted.noun} in, or remove the folder",
            )
        listing.paths.extend(items)
        listing.labels.extend([order.index(name)] * len(items))
    return order, listing


def _no_classes(folder: Path, wanted: Wanted) -> InputError:
    loose = [path for path in folder.iterdir() if path.suffix.lower() in wanted.suffixes]
    noun, one = wanted.noun, wanted.noun.removesuffix("s")
    return InputError(
        str(folder),
        came=f"{len(loose)} {noun} but no class folders" if loose else f"a folder without {noun}",
        wanted=f"a folder for each class with its {noun} in it{wanted.otherwise}",
        cure=f"Move each {one} into a folder named after its class" if loose else "",
    )


def _common_size(paths: Sequence[Path], progress: Progress) -> tuple[int, int]:
    """The size that all pictures share, if it is small enough to keep."""

    def measure(path: Path) -> tuple[int, int] | None:
        try:
            return extent(path)
        except InputError:
            return None  # it is read next, and named then with all others that cannot be

    first = next(filter(None, map(measure, paths)), None)
    if first is None or max(first) > LARGEST_KEPT:
        return DEFAULT_SIZE
    return first if set(each(measure, paths, "measure pictures", progress)) <= {first, None} else DEFAULT_SIZE


def each(
    read: Callable[[Path], Item], paths: Sequence[Path], what: str, progress: Progress, *, cure: str = REPLACE
) -> list[Item]:
    """`read` of every path, in order, on all cores; all that fail are named together, with the cure."""

    def attempt(path: Path) -> Item | InputError:
        try:
            return read(path)
        except InputError as error:
            return error

    results: list[Item] = []
    failures: list[InputError] = []
    # Pillow releases the GIL while it decodes and scales.
    with ThreadPoolExecutor(min(16, (os.cpu_count() or 1) + 1)) as pool:
        for done, result in enumerate(pool.map(attempt, paths), 1):
            if isinstance(result, InputError):
                failures.append(result)
            else:
                results.append(result)
            progress(what, done, len(paths))
    if failures:
        raise _all_failures(failures, cure)
    return results


def each_good(
    read: Callable[[Path], Item], paths: Sequence[Path], what: str, progress: Progress, *, skip_bad: bool
) -> tuple[list[Item | None], list[str]]:
    """As `each`; with `skip_bad`, None for what cannot be read, and why, a line each in order of names."""
    skipped: list[str] = []
    names = Counter(path.name for path in paths)

    def attempt(path: Path) -> Item | None:
        try:
            return read(path)
        except InputError as error:
            if not skip_bad:
                raise
            name = path.name if names[path.name] == 1 else f"{path.parent.name}/{path.name}"
            skipped.append(f"{name}: {error.came}")
            return None

    return each(attempt, paths, what, progress, cure=f"{REPLACE}, or leave it out with --skip-bad"), sorted(skipped)


def _all_failures(failures: Sequence[InputError], cure: str) -> InputError:
    first, others = failures[0], [failure.argument for failure in failures[1:]]
    named = ", ".join(others[:9]) + (f" and {len(others) - 9} more" if len(others) > 9 else "")
    return InputError(
        first.argument,
        came=first.came,
        wanted=first.wanted,
        cure=(f"The same holds for {named}. " if others else "") + cure,
    )
