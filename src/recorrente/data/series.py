"""Series of numbers with a class each: sensors, gestures, heartbeats.

    NAME_TRAIN.ts, NAME_TEST.ts     as the UEA archive writes: a case a line, ":" between channels, "," between values,
                                    the class last
    NAME_TRAIN.txt, NAME_TEST.txt   as the UCR archive does, or .tsv: a case a line, the class first; what it
                                    fills up with NaN at the end is not read
    FOLDER/CLASS/*.csv, *.npy       a series a file: a step a row, a channel a column
    FOLDER/train/CLASS/* and FOLDER/test/CLASS/*

Lengths are kept. A single file is split, too: where nothing says what to test on, a fifth of each class is held out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recorrente.data.cells import MISSING, NUMBER, declared, delimiter_of, numeral
from recorrente.data.folder import Wanted, divided, each, list_classes
from recorrente.data.groups import numbered
from recorrente.data.imageset import AT_RANDOM, OWN, WHOLE, hold_out
from recorrente.data.known import KNOWN, files
from recorrente.data.progress import Progress
from recorrente.data.reading import read_array, read_text
from recorrente.data.source import inside, locate, of_known
from recorrente.errors import InputError

__all__ = ["Series", "SeriesData", "at_steps", "load", "read_numbers"]

ARCHIVED = (".ts", ".txt", ".tsv")
NUMBERS = Wanted("series", (".csv", ".npy"), ", or NAME_TRAIN.ts and NAME_TEST.ts")
HELD_OUT = 0.2
FILL = "Fill gaps before training"
FILLED = ("", "nan")
"""What the UCR archive fills short series up with, to the length of the longest."""
OTHERWISE = (
    ("@timestamps", "true", "@timeStamps false: values alone, of steps that lie equally far apart"),
    ("@classlabel", "false", "@classLabel true, and the class at the end of each line, after a ':'"),
    ("@targetlabel", "true", "@classLabel true: classes, where these are numbers to be foretold"),
)
"""What the head of a .ts file may say of values that are not read here, and what is."""
POINT, COMMA = (re.compile(numeral(mark)) for mark in ".,")
"""What a number looks like that has a point, or a comma, before its decimals; 1.234 may be either."""
BOTH = ((POINT, COMMA), (COMMA, POINT))
BEFORE, AFTER = re.compile(r"[-+]?(0|[1-9][0-9]*)"), re.compile(r"[0-9]+")
"""What stands before a comma that is before decimals, and after it."""


@dataclass(frozen=True)
class Series:
    """N series and the class number of each."""

    values: tuple[NDArray[np.float32], ...]  # each (T, C)
    labels: tuple[int, ...]

    def __len__(self) -> int:
        """N."""
        return len(self.labels)

    def subset(self, indices: Iterable[int]) -> Series:
        """Those, in that order."""
        chosen = list(indices)
        return Series(tuple(self.values[k] for k in chosen), tuple(self.labels[k] for k in chosen))


@dataclass(frozen=True)
class SeriesData:
    """A data set of series, all of C channels; `split` says in words how the test part was chosen.

    What is read whole is all in both parts.
    """

    name: str
    classes: tuple[str, ...]
    train: Series
    test: Series
    split: str = OWN

    @property
    def channels(self) -> int:
        """C."""
        return self.train.values[0].shape[1]


def at_steps(values: NDArray[np.floating], count: int) -> NDArray[np.float64]:
    """`(count, C)` from `(T, C)`: the values at so many evenly spread steps, on straight lines between those there are.

    Example:
        >>> at_steps(np.array([[0.0], [2.0]]), 3).ravel().tolist()
        [0.0, 1.0, 2.0]
    """
    T = len(values)
    at = np.linspace(0, T - 1, count)
    return np.stack([np.interp(at, np.arange(T), channel) for channel in values.T], axis=1)


def load(
    source: str | Path,
    *,
    seed: int,
    learnt: Sequence[str] | None = None,
    coordinates: int | None = None,
    progress: Progress,
) -> SeriesData:
    """Series from a known name, a file or a folder.

    Args:
        source: see the top of this file.
        seed: what is held out.
        learnt: the classes of a trained network that is to be tested on the set; then what nobody divided is read
            whole, and need not have all of them.
        coordinates: see `read_numbers`.
        progress: told of files read.

    Raises:
        InputError: what cannot be read, a value that is no number, unequal channels, a single class or one that was
            not learnt.
    """
    if of_known(source):
        paths, name = files(KNOWN[str(source)], progress), str(source)
    else:
        path = locate(source)
        name = path.resolve().name
        if path.is_dir() and not (pair := _pair_in(path)):
            return _of_folders(path, seed, learnt, partial(read_numbers, coordinates=coordinates), progress)
        paths = pair if path.is_dir() else _pair_of(path)
    parts = [_cases(path) for path in paths]
    _refuse_unequal(name, [values for part in parts for values, _ in part])
    named = [sorted({label for _, label in part}) for part in parts]
    if learnt is None:
        _refuse_own(name, named)
    classes, _ = numbered(list(dict.fromkeys(chain(*named))), learnt)
    made = [
        Series(tuple(values for values, _ in part), tuple(classes.index(label) for _, label in part)) for part in parts
    ]
    if len(made) == 2:
        return SeriesData(name, classes, made[0], made[1])
    if learnt is not None:
        return SeriesData(name, classes, made[0], made[0], WHOLE)
    kept, out = hold_out(np.array(made[0].labels), HELD_OUT, seed, classes, of="series")
    return SeriesData(name, classes, made[0].subset(kept), made[0].subset(out), AT_RANDOM)


Case = tuple[NDArray[np.float32], str]


def _refuse_own(name: str, classes: Sequence[Sequence[str]]) -> None:
    """Refuses a single class to learn from, and others than those to test on."""
    if len(classes[0]) < 2:
        raise InputError(name, came=f"a single class, {classes[0][0]}", wanted="two classes or more")
    if strange := sorted(set(classes[-1]) - set(classes[0])):
        raise InputError(name, came=f"classes {', '.join(strange)} to test on", wanted="only those to learn from")


def _refuse_unequal(name: str, values: Sequence[NDArray[np.float32]]) -> None:
    channels = {one.shape[1] for one in values}
    if len(channels) > 1:
        raise InputError(name, came=f"series of {', '.join(map(str, sorted(channels)))} channels", wanted="one number")


def _pair_in(folder: Path) -> tuple[Path, ...]:
    """The TRAIN and TEST files of a folder; nothing where it has no such files."""
    found = [path for path in inside(folder)[0] if path.suffix.lower() in ARCHIVED and path.stem.endswith("_TRAIN")]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InputError(str(folder), came=f"several sets ({names})", wanted="one of the files itself")
    return _pair_of(found[0]) if found else ()


def _pair_of(path: Path) -> tuple[Path, ...]:
    other = path.with_name(path.name.replace("_TRAIN", "_TEST"))
    return (path, other) if other != path and other.is_file() else (path,)


def _cases(path: Path) -> list[Case]:
    """The series of one file of an archive, and the class of each."""
    if path.suffix.lower() == ".npy":
        cure = f"Give the folder of class folders that it lies in, or ask about it: recorrente predict RUN {path.name}"
        raise InputError(str(path), came="a single series", wanted="a folder, or a file of series", cure=cure)
    lines = read_text(path).split("\n")
    if cases := _of_sections(path, lines) if path.suffix.lower() == ".ts" else _of_rows(path, lines):
        return cases
    raise InputError(str(path), came="no series", wanted="one or more, a line each")


def _of_sections(path: Path, lines: Sequence[str]) -> list[Case]:
    """What follows the line `@data`, if what stands before it does not tell of something else."""
    heads = [line.strip().lower() for line in lines]
    begin = next((k for k, head in enumerate(heads, 1) if head == "@data"), None)
    if begin is None:
        raise InputError(str(path), came="no line @data", wanted="the archive's text, as .ts files are written")
    told = [head.split()[:2] for head in heads[: begin - 1]]
    for name, value, wanted in OTHERWISE:
        if [name, value] in told:
            raise InputError(str(path), came=f"{name} {value}", wanted=wanted)
    return [_case(path, at, line) for at, line in enumerate(lines[begin:], begin + 1) if line.strip()]


def _case(path: Path, at: int, line: str) -> Case:
    *channels, label = line.strip().split(":")
    if not channels:
        raise InputError(f"{path}, line {at}", came="no class", wanted="one at the end of the line, after a ':'")
    read = [_numbers(path, at, channel.split(",")) for channel in channels]
    if len({len(channel) for channel in read}) != 1:
        raise InputError(f"{path}, line {at}", came="channels of unequal length", wanted="a value of each at each step")
    return np.stack(read, axis=1), label.strip()


def _of_rows(path: Path, lines: Sequence[str]) -> list[Case]:
    """Lines of a class and numbers."""
    cells = [(at, _cells(line)) for at, line in enumerate(lines, 1) if line.strip()]
    rows = _with_points(path, [(at, words) for at, (_, *words) in cells])
    return [
        (_numbers(path, at, row)[:, None], _class(words[0])) for (at, row), (_, words) in zip(rows, cells, strict=True)
    ]


def _cells(line: str) -> list[str]:
    """Those of a row parted by tabs, `;`, commas or blanks, without what fills it up at its end."""
    mark = next((mark for mark in "\t;," if mark in line), None)
    cells = [cell.strip() for cell in line.strip().split(mark)]
    if mark == "\t" and any(" " in cell for cell in cells[1:]):
        cells = line.split()
    while cells[1:] and cells[-1].lower() in FILLED:
        cells.pop()
    return cells


def _class(word: str) -> str:
    """1 and 1.0000000e+00 are one class."""
    return f"{float(word):g}" if _is_number(word) else word


def _numbers(path: Path, at: int, words: Sequence[str]) -> NDArray[np.float32]:
    where = f"{path}, line {at}"
    try:
        with np.errstate(over="ignore"):
            values = np.array(words, np.float32)
    except ValueError as error:
        odd = next((word.strip() for word in words if not _is_number(word)), str(error))
        cure = FILL if odd.lower() in MISSING else "Leave out a line of names" if at == 1 else ""
        raise InputError(where, came=repr(odd), wanted="numbers", cure=cure) from error
    if not len(values):
        raise InputError(where, came="a series without a value", wanted="numbers")
    return _finite(where, values)


def _finite(where: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(values).all():
        came = "a value that is missing or infinite, or beyond 3e38"
        raise InputError(where, came=came, wanted="numbers", cure=FILL)
    return values


def _of_folders(
    folder: Path,
    seed: int,
    learnt: Sequence[str] | None,
    read: Callable[[Path], NDArray[np.float32]],
    progress: Progress,
) -> SeriesData:
    classes, listing = list_classes(folder, NUMBERS, learnt)
    values = each(read, listing.paths, "read series", progress)
    _refuse_unequal(folder.name, values)
    every = Series(tuple(values), tuple(listing.labels))
    kept, out = divided(folder, classes, listing, range(len(every)), (), seed=seed, of=NUMBERS.noun, learnt=learnt)
    split = listing.split + _channels(values, listing.paths)
    return SeriesData(folder.resolve().name, classes, every.subset(kept), every.subset(out), split)


def _channels(values: Sequence[NDArray[np.float32]], paths: Sequence[Path]) -> str:
    """How many channels were found, where `1,244` on each line could be one with decimals as well."""
    C = values[0].shape[1]
    whole = all((one == one.round()).all() and (one[:, 1::2] >= 0).all() for one in values)
    doubtful = C % 2 == 0 and whole and any(path.suffix.lower() == ".csv" for path in paths)
    return f"; {C} channels of whole numbers" if doubtful else ""


def read_numbers(path: Path, coordinates: int | None = None) -> NDArray[np.float32]:
    """One series, `(T, C)`: a `.csv`, with or without a line of names, or a `.npy`, whose later dimensions are joined.

    Commas, `;`, tabs or `|` part the channels. Where they are no commas, those may stand before decimals.

    Args:
        path: the file.
        coordinates: of each point of an array `(T, J, coordinates)`; None takes any number of them.

    Raises:
        InputError: no numbers, or none at all; points of other coordinates.
    """
    if path.suffix.lower() == ".npy":
        array = read_array(path, "numbers")
        real = np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)
        if array.ndim < 1 or not array.size or not real:
            raise InputError(str(path), came=f"{array.dtype} {array.shape}", wanted="real numbers (T, C)")
        if coordinates is not None and array.ndim == 3 and array.shape[2] != coordinates:
            came, wanted = f"{array.shape[2]} coordinates of each point", f"{coordinates}: (T, J, {coordinates})"
            raise InputError(str(path), came=came, wanted=wanted, cure="Leave out the others, or try --kind series")
        with np.errstate(over="ignore"):
            return _finite(str(path), array.reshape(len(array), -1).astype(np.float32))
    rows, delimiter = _rows(path)
    if all(row[1:] and not row[-1].strip() for _, row in rows):
        rows = [(at, row[:-1]) for at, row in rows]  # a delimiter at the end of each line
    if rows and _are_names(rows[0][1]):
        rows = rows[1:]
    if not rows:
        raise InputError(str(path), came="no row of numbers", wanted="a step a row, a channel a column")
    if len({len(row) for _, row in rows}) > 1:
        raise InputError(str(path), came="rows of unequal length", wanted="a value of each channel in each row")
    if delimiter == ",":
        _refuse_split(path, rows)
    return np.stack([_numbers(path, at, row) for at, row in _with_points(path, rows)])


Rows = list[tuple[int, list[str]]]
"""The number of a line, and the cells that end there."""


def _rows(path: Path) -> tuple[Rows, str]:
    """Those in which something stands, and what parts their cells."""
    whole = read_text(path)
    said, text = declared(whole)
    first = next((line for line in text.split("\n") if any(map(_is_number, line.split(",")))), text.split("\n", 1)[0])
    delimiter = said or delimiter_of(first)
    try:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter)
        rows = [(reader.line_num + bool(said), row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        wanted = "a step a row, a channel a column"
        raise InputError(str(path), came=f"a broken table ({error})", wanted=wanted) from error
    return rows, delimiter


def _are_names(row: Sequence[str]) -> bool:
    """No number is in a row of names, and something else than a mark for what is missing."""
    cells = [cell.strip() for cell in row]
    number = any(_is_number(cell) or NUMBER.match(cell) for cell in cells)
    return not number and any(cell.lower() not in MISSING for cell in cells)


def _refuse_split(path: Path, rows: Rows) -> None:
    """Refuses decimals behind a comma that would be channels of their own: -0 and 05 are no whole numbers.

    Without such a number it cannot be told: `1,244` are two channels then.
    """
    pairs = [(row[k].strip(), row[k + 1].strip()) for _, row in rows for k in range(0, len(row) - 1, 2)]
    if len(rows[0][1]) % 2 or not all(BEFORE.fullmatch(whole) and AFTER.fullmatch(after) for whole, after in pairs):
        return
    told = next((pair for pair in pairs if pair[0] in ("-0", "+0") or (len(pair[1]) > 1 and pair[1][0] == "0")), None)
    if told:
        came = f"{','.join(told)}, in which the comma stands before decimals and parts two channels just as well"
        cure = "Write 1.5, or part the channels by ; or a tab. Whole numbers are written 5 and 0, not 05 and -0"
        raise InputError(str(path), came=came, wanted="decimals after a point", cure=cure)


def _with_points(path: Path, rows: Rows) -> Rows:
    """The rows with numbers as Python writes them; a number of the other mark is left as it is.

    Raises:
        InputError: every number with a comma has three figures after it, and others tell that it has no decimals; or
            some have a comma before them and some a point.
    """
    cells = [cell.strip() for _, row in rows for cell in row]
    with_comma = [cell for cell in cells if "," in cell]
    if not with_comma:
        return rows
    points, commas = (any(own.match(cell) and not other.match(cell) for cell in cells) for own, other in BOTH)
    if points and commas:
        shown = [next(cell for cell in cells if one.match(cell) and not two.match(cell)) for one, two in BOTH]
        came = f"{shown[0]!r} and {shown[1]!r}"
        raise InputError(str(path), came=came, wanted="the same mark before all decimals, a point or a comma")
    if not points and not commas and any("," not in cell for cell in cells):
        came = f"{with_comma[0]!r}, which may have decimals or be of thousands"
        cure = "Write it without a mark if it is of thousands; else with a point, as in 1.234"
        raise InputError(str(path), came=came, wanted="numbers that can be read in one way only", cure=cure)
    return [(at, [_pointed(cell.strip(), point=points) for cell in row]) for at, row in rows]


def _pointed(cell: str, *, point: bool) -> str:
    if point:
        return cell.replace(",", "") if POINT.match(cell) else cell
    return cell.replace(".", "").replace(",", ".") if COMMA.match(cell) else cell


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
