"""Sequences with a transcript each: what was said, as text, and the symbols that it is made of.

    FOLDER/**/a.wav and a.txt beside it              a transcript a file
    FOLDER/train/... and FOLDER/test/...             the same, with a part that is tested on; others are left aside
    FILE.csv                                         a table of paths and transcripts; the paths as seen from its folder
    FOLDER with files and one table in it            the same

A transcript is read without case and punctuation. A fifth is held out to test on where nothing else is said.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorrente.data import groups
from recorrente.data.batch import NO_TARGET
from recorrente.data.folder import Wanted, given_parts, list_items, of_part, part_named
from recorrente.data.imageset import WHOLE
from recorrente.data.labelled import rows_of
from recorrente.data.reading import read_text
from recorrente.data.source import TABLES, inside
from recorrente.errors import InputError

__all__ = [
    "Listed",
    "Transcribed",
    "TranscribedData",
    "Units",
    "aligned",
    "divided",
    "list_transcribed",
    "plain",
    "slots_of",
    "stretched",
]

INSIDE_WORDS = "'’-"
"""Signs that belong to a word where they stand inside one."""
MOST_WORDS, FEWEST_TIMES = 100, 20
"""Words are the symbols where there are so few of them, each met so often on average."""
SLOT_SHARE = 0.1
"""A place holds one of a few words where it has fewer different ones than this share of the transcripts."""
NAMED = 3


@dataclass(frozen=True)
class Transcribed:
    """N sequences and the transcript of each."""

    sequences: tuple[NDArray[Any], ...]  # each (T, ...): a wave, or frames
    texts: tuple[str, ...]
    groups: tuple[str, ...]  # who speaks; empty where nothing tells
    names: tuple[str, ...]
    spans: tuple[NDArray[np.floating], ...] = ()  # of each, (words, 2): first and last step; empty where nobody knows

    def __len__(self) -> int:
        """N."""
        return len(self.texts)

    def subset(self, indices: Iterable[int]) -> Transcribed:
        """Those, in that order."""
        chosen = list(indices)
        whole = (self.sequences, self.texts, self.groups, self.names, self.spans)
        return Transcribed(*(tuple(part[k] for k in chosen) if part else () for part in whole))  # type: ignore[arg-type]


@dataclass(frozen=True)
class TranscribedData:
    """A data set of them.

    Attributes:
        name: for the report.
        train, test: what is learnt from and what is tested on; each is all of what is read whole.
        how: the sequences were read: samples a second, or a `clip.Sampling`.
        split: in words, how the test part was chosen.
        validation: what is validated on, where the set itself says.
        skipped: what was left out, one line each.
    """

    name: str
    train: Transcribed
    test: Transcribed
    how: Any
    split: str
    validation: Transcribed | None = None
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.test):
            raise InputError(self.name, came="no transcript to test on", wanted="one or more")


def plain(text: str) -> str:
    """A transcript without case and punctuation, a blank between words.

    Example:
        >>> plain("Não, d'água\u00a0  guarda-chuva: 'AGORA'!")
        "não d'água guarda-chuva agora"
    """
    spoken = "".join(
        one if one in INSIDE_WORDS or unicodedata.category(one)[0] in "LMN" else " "
        for one in unicodedata.normalize("NFC", text).lower()
    )
    return " ".join(word for word in (word.strip(INSIDE_WORDS) for word in spoken.split()) if word)


@dataclass(frozen=True)
class Units:
    """What a transcript is cut into, and the number of each symbol, from 1; 0 is the blank of CTC.

    Args:
        name: `words` or `characters`; a blank between words is a character too.
        symbols: in the order of their numbers.

    Example:
        >>> units = Units.of(["um dois", "dois"], "words")
        >>> units.symbols, units.encode("um zero dois").tolist()  # what was never met has no number
        (('dois', 'um'), [2, 1])
    """

    name: str
    symbols: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str], name: str | None) -> Units:
        """The symbols of the training transcripts; with no name, words where they are few and often met."""
        words = Counter(word for text in texts for word in text.split())
        if name is None:
            often = words.total() >= FEWEST_TIMES * len(words)
            name = "words" if often and len(words) <= MOST_WORDS else "characters"
        if name not in ("words", "characters"):
            raise InputError("units", came=repr(name), wanted="words or characters, for transcripts")
        return cls(name, tuple(sorted(words if name == "words" else set("".join(texts)))))

    def cut(self, text: str) -> list[str]:
        """The symbols of a transcript, those too that have no number."""
        return text.split() if self.name == "words" else list(text)

    def encode(self, text: str) -> NDArray[np.int64]:
        """The numbers of those that have one, `(S,)`."""
        numbers = {symbol: number for number, symbol in enumerate(self.symbols, 1)}
        return np.array([numbers[one] for one in self.cut(text) if one in numbers], np.int64)

    def text(self, numbers: Sequence[int]) -> str:
        """The transcript that they spell."""
        return (" " if self.name == "words" else "").join(self.symbols[number - 1] for number in numbers).strip()

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Units:
        """What `to_config` wrote."""
        return cls(config["name"], tuple(config["symbols"]))


def slots_of(texts: Sequence[str], units: Units) -> tuple[tuple[int, ...], ...]:
    """The symbols that were met at each place, where all transcripts have as many words and each place few of them.

    Nothing elsewhere. It is the grammar of a set whose sentences are all built alike.

    Example:
        >>> texts = ["set blue now", "lay red now"] * 20
        >>> slots_of(texts, Units.of(texts, "words"))
        ((2, 5), (1, 4), (3,))
    """
    rows = [units.encode(text).tolist() for text in texts]
    if units.name != "words" or len({len(row) for row in rows}) != 1:
        return ()
    slots = tuple(tuple(sorted(set(place))) for place in zip(*rows, strict=True))
    return slots if max(map(len, slots), default=0) < SLOT_SHARE * len(texts) else ()


@dataclass(frozen=True)
class Listed:
    """Files and the transcript of each.

    Attributes:
        paths, texts: in the same order.
        tested: the places of those in a part `test`; None where the folder is not divided so.
        split: in words, how that part was chosen; empty where there is none.
        skipped: what was left out, one line each.
    """

    paths: list[Path]
    texts: list[str]
    tested: set[int] | None
    split: str
    skipped: list[str]


def list_transcribed(source: Path, wanted: Wanted, *, encoding: str | None, skip_bad: bool) -> Listed:
    """The files of a folder or a table that have a transcript.

    Raises:
        InputError: no such files; some without a transcript, or with an empty one (they are named).
    """
    if source.is_file() and source.suffix.lower() in wanted.suffixes:
        came, cure = f"one of the {wanted.noun}", f"Give the folder that holds it: {source.resolve().parent}"
        raise InputError(str(source), came=came, wanted="a folder, or a table of paths and transcripts", cure=cure)
    table = source if source.is_file() else _table_in(source, wanted)
    found = _of_table(table, wanted, encoding) if table else _beside(source, wanted, encoding)
    found, split = _in_parts(source, found)
    good = [(path, text) for path, text, why in found if not why]
    bad = [f"{path.name}: {why}" for path, _, why in found if why]
    if (bad and not skip_bad) or not good:
        named = "; ".join(bad[:NAMED]) + (f" and {len(bad) - NAMED} more" if len(bad) > NAMED else "")
        came = f"{len(bad)} {wanted.noun} that cannot be learnt ({named})" if bad else f"no {wanted.noun}"
        cure = "Mend them, or leave them out with --skip-bad" if good else ""
        raise InputError(str(source), came=came, wanted=f"{wanted.noun} with a transcript each", cure=cure)
    paths, texts = [path for path, _ in good], [text for _, text in good]
    tested = {k for k, path in enumerate(paths) if part_named(_top(source, path)) == "test"} if split else None
    return Listed(paths, texts, tested, split, bad)


Found = list[tuple[Path, str, str]]
"""Of each file: where it is, its transcript, and what is wrong with it."""


def _in_parts(source: Path, found: Found) -> tuple[Found, str]:
    """Those in `train` and `test`, and in words how they are divided; all of them and nothing where they are not."""
    tops = [_top(source, path) for path, _, _ in found]
    named = {top: part_named(top) for top in tops}
    if not {"train", "test"} <= set(named.values()):
        return found, ""
    aside = sorted(f"{top}/" if top else "files beside them" for top, part in named.items() if not part)
    test = "/, ".join(sorted(top for top, part in named.items() if part == "test"))
    return [one for one, top in zip(found, tops, strict=True) if named[top]], of_part(test, aside)


def _beside(folder: Path, wanted: Wanted, encoding: str | None) -> Found:
    found = []
    for path in list_items(folder, wanted):
        told = next((one for one in (path.with_suffix(".txt"), path.with_suffix(".TXT")) if one.is_file()), None)
        found.append((path, *(_read(told, encoding) if told else ("", f"no {path.stem}.txt beside it"))))
    return found


def _read(path: Path, encoding: str | None) -> tuple[str, str]:
    try:
        return _checked(read_text(path, encoding))
    except InputError as error:
        return "", f"{path.name} is {error.came}"


def _checked(text: str) -> tuple[str, str]:
    spoken = plain(text)
    return spoken, "" if spoken else "an empty transcript"


def _table_in(folder: Path, wanted: Wanted) -> Path | None:
    """The only table of a folder where no file has a transcript beside it."""
    tables = [path for path in inside(folder)[0] if path.suffix.lower() in TABLES]
    if len(tables) != 1 or any(path.with_suffix(".txt").is_file() for path in list_items(folder, wanted)):
        return None
    return tables[0]


def _of_table(table: Path, wanted: Wanted, encoding: str | None) -> Found:
    rows = rows_of(table, read_text(table, encoding))

    def is_path(cell: str) -> bool:
        return cell.strip().lower().endswith(wanted.suffixes)

    column = next((k for k in range(len(rows[-1])) if is_path(rows[-1][k])), None)
    if column is None:
        came, shown = "no column of paths", ", ".join(wanted.suffixes[:3])
        raise InputError(str(table), came=came, wanted=f"a column of {wanted.noun} ({shown}) and one of transcripts")
    others = [k for k in range(len(rows[-1])) if k != column]
    widest = max(others, key=lambda k: sum(len(row[k]) for row in rows if k < len(row)))
    found = []
    for row in rows[0 if is_path(rows[0][column]) else 1 :]:
        path = table.parent / row[column].strip() if column < len(row) else table
        text, why = _checked(row[widest] if widest < len(row) else "")
        found.append((path, text, why if path.is_file() else "no such file"))
    return found


def _top(source: Path, path: Path) -> str:
    """The folder of `source` that a file lies in; nothing where it lies in none."""
    inner = path.relative_to(source).parts[:-1] if path.is_relative_to(source) else ()
    return inner[0] if inner else ""


def divided(
    source: Path,
    listed: Listed,
    sequences: Sequence[NDArray[Any] | None],
    how: Any,
    *,
    group: str | None,
    leave_out: str | None,
    skipped: Sequence[str],
    seed: int,
    whole: bool,
) -> TranscribedData:
    """What was listed and decoded, as a set of two parts; None stands for what could not be decoded.

    Args:
        source, listed: where it was found, and what.
        sequences: of each.
        how: see `TranscribedData`.
        group: a regular expression that finds the group in a path below `source`.
        leave_out: a group that is tested on, and nothing else.
        skipped: what could not be decoded.
        seed: what is held out.
        whole: it is all tested on, where the folder does not say which part to.
    """
    folder = source if source.is_dir() else source.parent
    there = [k for k, sequence in enumerate(sequences) if sequence is not None]
    paths = [listed.paths[k] for k in there]
    every = Transcribed(
        tuple(sequences[k] for k in there),  # type: ignore[misc]
        tuple(listed.texts[k] for k in there),
        tuple(groups.of_path(group, _below(path, folder)) if group else "" for path in paths),
        tuple(path.name for path in paths),
    )
    if group is not None and not all(every.groups):
        lost = every.names[every.groups.index("")]
        raise InputError("group", came=f"{group!r}, which is not in {lost}", wanted="a pattern that each file fits")
    given = given_parts(listed.tested, listed.split, there)
    told = (*listed.skipped, *skipped)
    if whole and given is None:
        return TranscribedData(source.resolve().name, every, every, how, WHOLE, skipped=told)
    if len(every) < 2 and not whole:
        raise InputError(str(source), came=f"{len(every)} transcripts", wanted="two or more")
    tested, split = groups.tested(
        every.groups,
        [0] * len(every),
        ["transcripts"],
        given=given,
        leave_out=leave_out,
        seed=seed,
        who="group",
        of="transcripts",
    )
    split = split.replace(" of each class", "")
    train = every.subset(k for k in range(len(every)) if k not in tested)
    return TranscribedData(source.resolve().name, train, every.subset(sorted(tested)), how, split, skipped=told)


def _below(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def aligned(symbols: NDArray[np.int64], spans: NDArray[np.floating], steps: int) -> NDArray[np.int64]:
    """A transcript and beside it what is said at each step, `(T, 2)`; silence is 0.

    Args:
        symbols: `(S,)`, one a word.
        spans: `(S, 2)`, the first step of each word and the step after its last, in fractions.
        steps: T.

    Example:
        >>> aligned(np.array([5, 3]), np.array([[1, 2.5], [2.5, 4]]), 5).T.tolist()
        [[5, 3, -100, -100, -100], [0, 5, 3, 3, 0]]
    """
    target = np.full((steps, 2), NO_TARGET, np.int64)
    target[: len(symbols), 0], target[:, 1] = symbols, 0
    for symbol, (start, end) in zip(symbols.tolist(), np.rint(spans).astype(int).tolist(), strict=True):
        target[start:end, 1] = symbol
    return target


def stretched(target: NDArray[np.int64], steps: int) -> NDArray[np.int64]:
    """The same where the sequence was made of so many steps, evenly slower or faster.

    Example:
        >>> stretched(np.array([[5, 0], [3, 5], [-100, 3]]), 5).T.tolist()
        [[5, 3, -100, -100, -100], [0, 0, 5, 3, 3]]
    """
    made = np.full((steps, 2), NO_TARGET, np.int64)
    symbols = target[target[:, 0] != NO_TARGET, 0]
    made[: len(symbols), 0] = symbols
    made[:, 1] = target[np.rint(np.linspace(0, len(target) - 1, steps)).astype(int), 1]
    return made
