"""A folder of class folders, with pictures of one's own.

    FOLDER/CLASS/*                              a fifth of each class is held out to test on
    FOLDER/train/CLASS/* and FOLDER/test/CLASS/*    or Training/ and Testing/, train_set/ and test_set/

Classes and pictures are taken in natural order (2 before 10), so that the same folder gives the same arrays anywhere.
Other folders beside `train/` and `test/` are left aside, and told.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np

from recorrente.data.groups import numbered
from recorrente.data.imageset import AT_RANDOM, WHOLE, ImageData, ImageSet, Pictures, hold_out
from recorrente.data.picture import SUFFIXES, extent, prepare_resize
from recorrente.data.progress import Progress
from recorrente.data.source import around, enters, inside
from recorrente.errors import InputError

__all__ = [
    "Listing",
    "Wanted",
    "divided",
    "each",
    "each_good",
    "given_parts",
    "list_classes",
    "list_flat",
    "list_items",
    "load_folder",
    "naming",
    "of_part",
    "part_named",
    "refuse_lost",
]

HELD_OUT = 0.2
REPLACE = "Replace or remove what cannot be read"
PARTS = ("train", "test")
PART = re.compile(r"(train|test)(?:ing)?(?:[-_ ]?set)?", re.IGNORECASE)
NAMED = 3
"""What was left out, as far as a refusal names it; the rest is counted."""
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
    """Files and the class number of each.

    Attributes:
        tested: the places of those that lie in `test/`; None where the folder does not say what is tested on.
        split: in words, how `divided` chooses the test part.
    """

    paths: list[Path]
    labels: list[int]
    tested: frozenset[int] | None = None
    split: str = AT_RANDOM


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
    classes, listing = list_classes(folder, PICTURES)
    height, width = size or _common_size(listing.paths, progress)
    pictures, skipped = each_good(
        lambda path: prepare_resize(path, height, width)[0], listing.paths, "read pictures", progress, skip_bad=skip_bad
    )
    there = [k for k, picture in enumerate(pictures) if picture is not None]
    parts = divided(folder, classes, listing, there, skipped, seed=seed, of=PICTURES.noun)

    def part(chosen: Sequence[int]) -> ImageSet:
        images: list[Pictures] = [pictures[k] for k in chosen]  # type: ignore[misc]
        return ImageSet(np.stack(images), np.array([listing.labels[k] for k in chosen], np.int64))

    name, (train, test) = folder.resolve().name, map(part, parts)
    return ImageData(name, classes, train, test, skipped=tuple(skipped), split=listing.split)


def given_parts(tested: Collection[int] | None, split: str, there: Sequence[int]) -> tuple[set[int], str] | None:
    """Which of the items that are there lie in `test/`, and that in words; None where the folder does not say."""
    return None if tested is None else ({at for at, k in enumerate(there) if k in tested}, split)


def divided(
    folder: Path,
    classes: Sequence[str],
    listing: Listing,
    there: Sequence[int],
    skipped: Sequence[str],
    *,
    seed: int,
    of: str,
    learnt: Sequence[str] | None = None,
) -> tuple[list[int], list[int]]:
    """The places to learn from and those to test on, of what can be read.

    What was left out has no say in what is drawn: each class has its share of what is left.

    Args:
        folder, classes, listing: as `list_classes` found them.
        there: the places of what can be read.
        skipped: what was left out, and why, a line each.
        seed: what is drawn, where the folder does not say.
        of: the items, in the plural.
        learnt: as `list_classes` has it; nothing is drawn then, and all is for both where the folder does not say.

    Raises:
        InputError: a class of which nothing is left to learn from, or a single item; what was left out is named.
    """
    if learnt is not None or listing.tested is not None:
        tested = frozenset(there) if listing.tested is None else listing.tested
        outside, inside = ([k for k in there if (k in tested) is fit] for fit in (False, True))
        if learnt is None:
            refuse_lost(folder, classes, listing.labels, (listing.labels[k] for k in outside), of, skipped)
        if not inside:
            raise InputError(str(folder), came=f"no {of} to test on", wanted="one or more", cure=_left_out(skipped))
        return outside or inside, inside
    labels = [listing.labels[k] for k in there]
    refuse_lost(folder, classes, listing.labels, labels, of, skipped)
    with naming(skipped):
        kept, held = hold_out(np.array(labels, np.int64), HELD_OUT, seed, classes, of=of)
    return [there[k] for k in kept], [there[k] for k in held]


def refuse_lost(
    folder: Path, classes: Sequence[str], listed: Iterable[int], there: Iterable[int], of: str, skipped: Sequence[str]
) -> None:
    """Refuses a class of which nothing is left to learn from; `of`: the items, in the plural."""
    if lost := set(listed) - set(there):
        came = f"no {of} to learn from of class {classes[min(lost)]} that can be read"
        raise InputError(str(folder), came=came, wanted="one or more of each class", cure=_left_out(skipped))


@contextmanager
def naming(skipped: Sequence[str]) -> Iterator[None]:
    """What is refused in here for being too little names what was left out before."""
    try:
        yield
    except InputError as error:
        if not skipped:
            raise
        cure = f"{error.cure}. {_left_out(skipped)}" if error.cure else _left_out(skipped)
        raise InputError(error.argument, came=error.came, wanted=error.wanted, cure=cure) from error


def _left_out(skipped: Sequence[str]) -> str:
    more = f" and {len(skipped) - NAMED} more" if skipped[NAMED:] else ""
    return f"Mend or remove what was left out: {'; '.join(skipped[:NAMED])}{more}" if skipped else ""


def list_classes(folder: Path, wanted: Wanted, learnt: Sequence[str] | None = None) -> tuple[tuple[str, ...], Listing]:
    """The classes of a folder of class folders, and the files of each.

    Args:
        folder: see the top of this file.
        wanted: which files.
        learnt: the classes of a trained network that is to be tested on them: those are the classes then, of which a
            folder need not have all, and what nobody divided is all tested on.

    Raises:
        InputError: no such files, an empty class folder, a single class or one that was not learnt, a `train/` without
            `test/`, a folder that cannot be read, or whose name cannot.
    """
    parts = _parts(folder)
    places = (folder,) if parts is None else parts
    met = set().union(*(around(inner) for place in (folder, *places) for inner in (place, *_folders(place))))
    names = [_class_names(place, wanted) for place in places]
    if learnt is None:
        _refuse_own(places, names)
    classes, _ = numbered(list(dict.fromkeys(chain(*names))), learnt)
    listed = [_list_classes(place, wanted, met, classes) for place in places]
    if parts is None:
        return classes, replace(listed[0], split=AT_RANDOM if learnt is None else WHOLE)
    train, test = listed
    aside = [f"{path.name}/" for path in _folders(folder) if path not in parts and list_items(path, wanted)]
    first = len(train.paths)
    tested = frozenset(range(first, first + len(test.paths)))
    return classes, Listing(train.paths + test.paths, train.labels + test.labels, tested, of_part(parts[1].name, aside))


def of_part(test: str, aside: Sequence[str]) -> str:
    """In words, that the folder `test` is tested on, and what lies beside it and `train` and is not read.

    Example:
        >>> of_part("Testing", ["val/"])
        'the folder Testing/; left aside: val/'
    """
    return f"the folder {test}/" + (f"; left aside: {', '.join(aside)}" if aside else "")


def part_named(name: str) -> str:
    """`train` or `test`, where the name of a folder says that it is such a part; else nothing.

    Example:
        >>> part_named("Training"), part_named("test_set"), part_named("trains")
        ('train', 'test', '')
    """
    found = PART.fullmatch(name)
    return found[1].lower() if found else ""


def _natural(path: Path) -> tuple[tuple[int, int, str], ...]:
    """A key that puts 2 before 10 and á before b: digits compare as numbers, letters without case and accents."""
    name = unicodedata.normalize("NFD", path.name)
    plain = "".join(letter for letter in name if not unicodedata.combining(letter)).casefold()
    pieces = re.findall(r"\d+|\D+", plain)
    return (*((0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces), (2, 0, name))


def _folders(folder: Path) -> list[Path]:
    """Those in it, in natural order, but links that lead back to it or out to one that holds it."""
    back = around(folder)
    return sorted((path for path in inside(folder)[1] if path.resolve() not in back), key=_natural)


def list_items(folder: Path, wanted: Wanted, met: set[Path] | None = None) -> list[Path]:
    """All items below a folder, at any depth and behind links, each folder once.

    Args:
        folder: where to look.
        wanted: what for.
        met: folders that are not entered any more; None takes those `around` it.
    """
    met = around(folder) if met is None else met
    files, folders = inside(folder)
    found = [(path, [path]) for path in files if path.suffix.lower() in wanted.suffixes]
    ordered = sorted(folders, key=_natural)
    found += [(path, list_items(path, wanted, met)) for path in ordered if enters(path, met)]
    return [item for _, items in sorted(found, key=lambda one: _natural(one[0])) for item in items]


def list_flat(folder: Path, wanted: Wanted) -> list[Path]:
    """The items that lie in the folder itself, in natural order; none where it has folders with such."""
    if any(list_items(path, wanted) for path in _folders(folder)):
        return []
    return sorted((path for path in inside(folder)[0] if path.suffix.lower() in wanted.suffixes), key=_natural)


def _parts(folder: Path) -> tuple[Path, Path] | None:
    """`train` and `test`, or None where the folder itself holds the classes."""
    folders = _folders(folder)
    train, test = (next((path for path in folders if part_named(path.name) == part), None) for part in PARTS)
    if train is None or not _folders(train):
        return None
    if test is None:
        raise InputError(
            str(folder),
            came=f"folders {', '.join(path.name for path in folders)}",
            wanted="train and test, each with a folder for every class",
            cure=f"Add test/, or give {train} itself to have a fifth of it held out",
        )
    return train, test


def _named(path: Path) -> str:
    """The name of a class, by that of its folder.

    Raises:
        InputError: bytes that are no UTF-8, as archives from other systems leave.
    """
    try:
        path.name.encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode(errors="backslashreplace")
        came, cure = "a name that is not UTF-8", "Rename the folder"
        raise InputError(shown, came=came, wanted="the name of a class in UTF-8", cure=cure) from error
    return unicodedata.normalize("NFC", path.name)


def _class_names(folder: Path, wanted: Wanted) -> list[str]:
    folders = _folders(folder)
    if not folders:
        raise _no_classes(folder, wanted)
    return [_named(path) for path in folders]


def _refuse_own(places: Sequence[Path], names: Sequence[Sequence[str]]) -> None:
    """Refuses a single class to learn from, and others than those to test on."""
    classes = list(dict.fromkeys(names[0]))
    if len(classes) < 2:
        came = f"a single class folder, {classes[0]}"
        raise InputError(str(places[0]), came=came, wanted="two classes or more, a folder for each")
    if strange := [name for name in names[-1] if name not in classes]:
        came, cure = f"classes {', '.join(strange)}", f"Those are {', '.join(classes)}"
        raise InputError(str(places[-1]), came=came, wanted="only those to learn from", cure=cure)


def _list_classes(folder: Path, wanted: Wanted, met: set[Path], classes: Sequence[str]) -> Listing:
    """The items of the class folders, numbered by the classes."""
    listing = Listing([], [])
    for path in _folders(folder):
        items = list_items(path, wanted, met)
        if not items:
            raise InputError(
                str(path),
                came=f"a class folder without {wanted.noun}",
                wanted=f"files named {', '.join(wanted.suffixes[:5])}" + (", ..." if wanted.suffixes[5:] else ""),
                cure=f"Put {wanted.noun} in, or remove the folder",
            )
        listing.paths.extend(items)
        listing.labels.extend([classes.index(_named(path))] * len(items))
    return listing


def _no_classes(folder: Path, wanted: Wanted) -> InputError:
    loose = [path for path in inside(folder)[0] if path.suffix.lower() in wanted.suffixes]
    noun = wanted.noun
    one = noun if noun == "series" else noun.removesuffix("s")
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
            skipped.append(f"{os.fsencode(name).decode(errors='backslashreplace')}: {error.came}")
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
