"""Texts with a class each: tables, labelled lines, class folders, a file a class.

    reviews.csv, .tsv         a column of texts and one of classes
    FILE                      CLASS<tab>text or text<tab>CLASS on each line
    FOLDER/CLASS/*.txt        a text a file; or FOLDER/train/CLASS/*.txt and FOLDER/test/CLASS/*.txt
    FOLDER/CLASS.txt          a text a line

Where nothing says what to test on, a fifth of each class is held out; equal texts all go to one side.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recorrente.data import folder as folders
from recorrente.data.cells import counted, declared, delimiter_of
from recorrente.data.folder import Wanted, each_good, list_classes, list_flat
from recorrente.data.groups import numbered
from recorrente.data.imageset import AT_RANDOM, OWN, WHOLE, hold_out
from recorrente.data.known import KNOWN, files
from recorrente.data.progress import Progress
from recorrente.data.reading import read_text
from recorrente.data.source import TABLES, locate, of_known
from recorrente.errors import InputError

__all__ = ["LabelledTexts", "Texts", "divided", "load", "rows_of", "split", "texts_of", "thinned", "thinning"]

HELD_OUT = 0.2
TEXT_FILES = Wanted("texts", (".txt",))
MOST = 0.9
"""The share of a column's cells that make it one of classes."""
QUOTED = 'A cell with a quote in it is quoted as a whole, and its own quotes are doubled: """Great"" movie"'
NAMED = 5
"""Bad rows that an error names; the others are counted."""


@dataclass(frozen=True)
class Texts:
    """N texts and the class number of each."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        """N."""
        return len(self.labels)

    def subset(self, indices: Iterable[int]) -> Texts:
        """Those, in that order."""
        chosen = list(indices)
        return Texts(tuple(self.texts[k] for k in chosen), tuple(self.labels[k] for k in chosen))


@dataclass(frozen=True)
class LabelledTexts:
    """A data set of texts.

    Attributes:
        name: for the report.
        classes: the name of each class number.
        train, test: no text is in both, but where the set itself or a folder says what is tested on; each is all of
            what is read whole.
        skipped: what was left out, one line each.
        whole_files: a file is a text; else each of its lines is.
        split: in words, how the test part was chosen.
        columns: what the columns of texts and of classes of a table are called, where they have names.
    """

    name: str
    classes: tuple[str, ...]
    train: Texts
    test: Texts
    skipped: tuple[str, ...] = ()
    whole_files: bool = False
    split: str = f"{AT_RANDOM}, equal texts on one side"
    columns: tuple[str, str] | None = None


def load(
    source: str | Path,
    *,
    text: str | None = None,
    label: str | None = None,
    encoding: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    learnt: Sequence[str] | None = None,
    progress: Progress,
) -> LabelledTexts:
    """Labelled texts from a known name, a file or a folder.

    Args:
        source: see the top of this file.
        text, label: the columns of a table; found by looking where they are None.
        encoding: of the files; None finds it out.
        skip_bad: leave out rows without a text or a class, and files that are no text, instead of refusing them all.
        seed: what is held out.
        learnt: the classes of a trained network that is to be tested on the set; then what nobody divided is read
            whole, and need not have all of them.
        progress: told of files read.

    Raises:
        InputError: what cannot be read, a missing column, a single class, one that was not learnt.
    """
    if of_known(source):
        return _known(str(source), files(KNOWN[str(source)], progress))
    path = locate(source)
    name = path.resolve().name
    if path.is_dir():
        if lists := sorted(list_flat(path, TEXT_FILES)):
            pairs = _a_file_a_class(lists, encoding)
            return split(name, pairs, seed) if learnt is None else _whole(name, pairs, learnt)
        return _class_folders(path, encoding, skip_bad, seed, learnt, progress)
    pairs, skipped, columns = _table(path, read_text(path, encoding), text, label, skip_bad, learnt)
    data = split(name, pairs, seed, skipped) if learnt is None else _whole(name, pairs, learnt, skipped)
    return replace(data, columns=columns)


def split(name: str, pairs: Sequence[tuple[str, str]], seed: int, skipped: Sequence[str] = ()) -> LabelledTexts:
    """Pairs of a text and its class, a fifth of each class held out; equal texts all go to one side.

    Raises:
        InputError: a single class, or one with a single text.
    """
    classes = tuple(sorted({label for _, label in pairs}))
    if len(classes) < 2:
        came = f"a single class, {classes[0]!r}" if classes else "no texts"
        raise InputError(name, came=came, wanted="texts of two classes or more")
    with folders.naming(skipped):
        train, test = divided(_numbered(pairs, classes), HELD_OUT, seed, classes)
    return LabelledTexts(name, classes, train, test, tuple(skipped))


def _whole(
    name: str, pairs: Sequence[tuple[str, str]], learnt: Sequence[str], skipped: Sequence[str] = ()
) -> LabelledTexts:
    """Pairs of a text and its class, all of them to test on."""
    classes, _ = numbered(sorted({label for _, label in pairs}), learnt)
    return _to_test_on(name, classes, _numbered(pairs, classes), skipped)


def _to_test_on(
    name: str, classes: tuple[str, ...], every: Texts, skipped: Sequence[str], *, whole_files: bool = False
) -> LabelledTexts:
    with folders.naming(skipped):
        if not len(every):
            raise InputError(name, came="no texts", wanted="one or more")
    return LabelledTexts(name, classes, every, every, tuple(skipped), whole_files=whole_files, split=WHOLE)


def divided(every: Texts, share: float, seed: int, classes: Sequence[str]) -> tuple[Texts, Texts]:
    """What is kept and what is held out, a share of each class; equal texts all go to one side.

    Raises:
        InputError: a class with a single text.
    """
    frequency = Counter(every.labels)
    rarest: dict[str, int] = {}  # a text of several classes counts for the one that can least do without it
    for text, label in zip(every.texts, every.labels, strict=True):
        rarest[text] = min(rarest.get(text, label), label, key=frequency.__getitem__)
    different = list(rarest)
    _, held = hold_out(np.array(list(rarest.values()), np.int64), share, seed, classes, of="texts")
    kept_out = {different[k] for k in held}
    inside = [text in kept_out for text in every.texts]
    kept, out = (every.subset(k for k, there in enumerate(inside) if there is wanted) for wanted in (False, True))
    return kept, out


def thinned(every: Texts) -> Texts:
    """Of a text that stands n times with the same class, sqrt(n) of them; what stands once is left as it is.

    A text that is read again and again is learnt by heart, and what it has in common with others is not.

    Example:
        >>> thinned(Texts(("Nassar",) * 16 + ("Silva",), (0,) * 16 + (1,))).labels
        (0, 0, 0, 0, 1)
    """
    pairs = list(zip(every.texts, every.labels, strict=True))
    left = {pair: round(math.sqrt(count)) for pair, count in Counter(pairs).items()}
    chosen = []
    for k, pair in enumerate(pairs):
        if left[pair]:
            left[pair] -= 1
            chosen.append(k)
    return every.subset(chosen)


def thinning(every: Texts, thin: Texts, classes: int) -> NDArray[np.float32]:
    """`(K,)`: log of how many times as many texts each class has in `every` as in `thin`; 0 for a class without any.

    Added to what was learnt from `thin`, it gives the classes the shares that they have in `every`: by Bayes' rule, and
    as the logit adjustment of Menon et al., arXiv 2007.07314.
    """
    before, after = (np.bincount(part.labels, minlength=classes) for part in (every, thin))
    return np.log(np.maximum(before, 1) / np.maximum(after, 1)).astype(np.float32)


def _known(name: str, paths: Sequence[Path]) -> LabelledTexts:
    if name == "names":
        return split(name, _a_file_a_class(paths, None), seed=0)
    if name == "trec":
        train, test = ([_question(line) for line in _lines(read_text(path))] for path in paths)
        classes = tuple(sorted({label for _, label in train}))
        return LabelledTexts(name, classes, _numbered(train, classes), _numbered(test, classes), split=OWN)
    pairs, _, _ = _table(paths[0], read_text(paths[0]), None, None, skip_bad=False, learnt=None)
    return split(name, pairs, seed=0)


def _question(line: str) -> tuple[str, str]:
    """A line of TREC: `COARSE:fine question`."""
    kind, _, text = line.partition(" ")
    return text.strip(), kind.partition(":")[0]


def _numbered(pairs: Sequence[tuple[str, str]], classes: Sequence[str]) -> Texts:
    return Texts(tuple(text for text, _ in pairs), tuple(classes.index(label) for _, label in pairs))


def _a_file_a_class(paths: Sequence[Path], encoding: str | None) -> list[tuple[str, str]]:
    return [(line.strip(), path.stem) for path in paths for line in _lines(read_text(path, encoding))]


def _lines(content: str) -> list[str]:
    """Those with something in them. A form feed, or another sign at which `str.splitlines` cuts, stands inside one."""
    return [line for line in content.split("\n") if line.strip()]


def _class_folders(
    folder: Path, encoding: str | None, skip_bad: bool, seed: int, learnt: Sequence[str] | None, progress: Progress
) -> LabelledTexts:
    classes, listing = list_classes(folder, TEXT_FILES, learnt)

    def read(path: Path) -> str:
        return " ".join(read_text(path, encoding).split())

    read_all, skipped = each_good(read, listing.paths, "read texts", progress, skip_bad=skip_bad)
    there = [k for k, text in enumerate(read_all) if text is not None]

    def texts(chosen: Sequence[int]) -> Texts:
        return Texts(tuple(read_all[k] or "" for k in chosen), tuple(listing.labels[k] for k in chosen))

    name, every = folder.resolve().name, texts(there)
    if listing.tested is None and learnt is not None:
        return _to_test_on(name, classes, every, skipped, whole_files=True)
    if listing.tested is None:
        folders.refuse_lost(folder, classes, listing.labels, every.labels, TEXT_FILES.noun, skipped)
        with folders.naming(skipped):
            train, test = divided(every, HELD_OUT, seed, classes)
        return LabelledTexts(name, classes, train, test, tuple(skipped), whole_files=True)
    parts = folders.divided(folder, classes, listing, there, skipped, seed=seed, of=TEXT_FILES.noun, learnt=learnt)
    train, test = map(texts, parts)
    return LabelledTexts(name, classes, train, test, tuple(skipped), whole_files=True, split=listing.split)


def _table(
    path: Path, content: str, text: str | None, label: str | None, skip_bad: bool, learnt: Sequence[str] | None
) -> tuple[list[tuple[str, str]], list[str], tuple[str, str] | None]:
    """The texts and classes of a table, what was left out, and the names of those columns, if they have some."""
    rows = rows_of(path, content)
    header, columns = _columns(path, rows, text, label, learnt)
    pairs, bad = [], []
    for number, row in enumerate(rows[header:], header + 1):
        cells = [row[column].strip() if column < len(row) else "" for column in columns]
        if all(cells):
            pairs.append((cells[0], cells[1]))
        else:
            bad.append(f"row {number}: {'no text' if not cells[0] else 'no class'}")
    if bad and not skip_bad:
        more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        cure = "Mend them, or leave them out with --skip-bad"
        came = f"{counted(len(bad), 'row')} that cannot be used ({', '.join(bad[:NAMED])}{more})"
        raise InputError(str(path), came=came, wanted="a text and a class in each", cure=cure)
    text_at, label_at = columns
    return pairs, bad, (rows[0][text_at].strip(), rows[0][label_at].strip()) if header else None


def names_of(path: Path, encoding: str | None = None) -> list[str]:
    """The first row of a table; nothing where there is none."""
    rows = _table_of(path, read_text(path, encoding)) if path.is_file() else []
    return [name.strip() for name in rows[0]] if rows else []


def texts_of(path: Path, content: str, classes: Sequence[str], text: str | None = None) -> list[str]:
    """The texts of a file that somebody asks about: those of a table's column, else its lines.

    Args:
        classes: a column of them is one of classes, and tells that the first row is one of names.
        text: the name of the column of texts; where there is none of this name, the one with most in it.

    Raises:
        InputError: a table of several columns, and nothing tells which the texts are; a row that has more or fewer.
    """
    rows = _table_of(path, content)
    names = [name.strip() for name in rows[0]] if rows else []
    if odd := next((k for k, row in enumerate(rows, 1) if len(row) != len(names)), None):
        if text in names:
            came, cure = f"row {odd} of {len(rows[odd - 1])} cells", "Put quotes around a text with a delimiter in it"
            raise InputError(str(path), came=came, wanted=f"{len(names)} cells, as many as names", cure=cure)
        rows, names = [], []
    if text in names:
        return _column(rows[1:], names.index(text))
    if len(names) == 1:
        return _column(rows, 0)
    labels = [k for k in range(len(names)) if _share_of(classes, _column(rows[1:] or rows, k)) >= MOST]
    if labels:
        free = [k for k in range(len(names)) if k not in labels]
        column = max(free, key=lambda k: sum(map(len, _column(rows, k))), default=labels[0])
        first = names[labels[0]]
        return _column(rows[1:] if first and first not in classes else rows, column)
    if rows and path.suffix.lower() in TABLES:
        wanted = f"a column of texts called {text!r}" if text else "a column of texts and one of classes, as was learnt"
        cure = "Give one text a line in a .txt file, or learn from a table with --text NAME"
        raise InputError(str(path), came=f"columns {', '.join(names)}", wanted=wanted, cure=cure)
    return [line.strip() for line in _lines(content)]


def _table_of(path: Path, content: str) -> list[list[str]]:
    """The rows of a table; nothing where it is none, but lines."""
    lines = _lines(content)
    if not lines or (path.suffix.lower() not in TABLES and not all("\t" in line for line in lines)):
        return []
    if delimiter_of(lines[0]) in lines[0]:
        return rows_of(path, content)
    return [row for row in csv.reader(lines) if row]


def _column(rows: Sequence[Sequence[str]], column: int) -> list[str]:
    return [cell for row in rows if column < len(row) and (cell := row[column].strip())]


def _share_of(classes: Sequence[str], cells: Sequence[str]) -> float:
    return sum(cell in classes for cell in cells) / max(len(cells), 1)


def rows_of(path: Path, content: str) -> list[list[str]]:
    """The cells of each row; a file of lines with one tab each is taken as it is, quotes and all."""
    said, content = declared(content)
    lines = _lines(content)
    if path.suffix.lower() != ".csv" and all("\t" in line for line in lines):
        return [line.split("\t", 1) if line.count("\t") == 1 else line.split("\t") for line in lines]
    delimiter = said or delimiter_of("".join(lines[:1]))
    if delimiter not in "".join(lines[:1]):
        cure = "Is it running text? Then give --kind language"
        raise InputError(str(path), came="a single column", wanted="a column of texts and one of classes", cure=cure)
    csv.field_size_limit(1 << 27)
    reader = csv.reader(io.StringIO(content), delimiter=delimiter, strict=True)
    rows, begins = [], 1 + bool(said)
    try:
        for row in reader:
            rows += [row] if any(row) else []
            begins = reader.line_num + 1 + bool(said)
    except csv.Error as error:
        came, wanted = f"a broken table (in the row from line {begins}: {error})", "rows of cells, quoted where need be"
        raise InputError(str(path), came=came, wanted=wanted, cure=QUOTED) from error
    return rows


def _columns(
    path: Path, rows: Sequence[Sequence[str]], text: str | None, label: str | None, learnt: Sequence[str] | None
) -> tuple[int, list[int]]:
    """How many rows of names there are, 0 or 1, and the columns of the text and of the class.

    Where classes were learnt, that of the class is the one with most of them: a few rows may all be of one class.
    """
    names = [name.strip() for name in rows[0]]
    if text is not None and text == label:
        raise InputError("label", came=f"{label!r}, the column of the texts, too", wanted="the column of the classes")
    found: dict[str, int] = {}
    for argument, name in (("text", text), ("label", label)):
        if name is not None:
            if name not in names:
                raise InputError(argument, came=repr(name), wanted=f"a column of {path.name}: {', '.join(names)}")
            found[argument] = names.index(name)
    width = len(names)
    body = [row for row in (rows if learnt and not rows[1:] else rows[1:]) if len(row) >= width]
    if width < 2 or not body:
        came = f"{len(rows)} rows of {width} columns"
        raise InputError(str(path), came=came, wanted="a column of texts and one of classes, and rows of them")
    free = [column for column in range(width) if column not in found.values()]
    if learnt and "label" not in found:
        found["label"] = max(free, key=lambda column: _share_of(learnt, _column(body, column)))
        free.remove(found["label"])
    if "text" not in found:
        found["text"] = max(free, key=lambda column: sum(len(row[column]) for row in body))
        free.remove(found["text"])
    if "label" not in found:
        found["label"] = min(free, key=lambda column: len({row[column] for row in body}))
    counts = Counter(row[found["label"]].strip() for row in body if row[found["label"]].strip())
    if learnt is None and len(counts) > max(2, len(body) // 2):
        came = f"{len(counts)} different values in {len(body)} rows of column {names[found['label']]!r}"
        cure = "Name the columns: --text NAME --label NAME"
        raise InputError(str(path), came=came, wanted="a column of classes, each in several rows", cure=cure)
    header = 1 if text or label or names[found["label"]] not in {*counts, *(learnt or ())} else 0
    return header, [found["text"], found["label"]]
