"""Which kind of data a source is, found by looking at names of files and at the first lines of a text.

Reads a little and imports nothing slow; what is really in the files, each kind's own reader finds out.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from recorrente.data.cells import DATE, DELIMITERS, NUMBER, are_names, declared, delimiter_of, first_few, most
from recorrente.data.known import KNOWN
from recorrente.data.source import TABLES, below, locate, of_known
from recorrente.data.times import part_of
from recorrente.errors import InputError

__all__ = ["Found", "find"]

PARQUET = (".parquet", ".pq")
SOUNDS = (".wav", ".flac", ".ogg")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v")
NUMBERS = (".csv", ".npy")
TAGGED = (".conll", ".conllu", ".tagged", ".pos")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
NOTES = re.compile(
    r"(read[ _-]?me|leia[ _-]?me|licen[sc]e|licença|licenca|notes?|notas?|copying|copyright|credits|créditos|creditos|"
    r"about|sobre|authors?|autor(es)?|citation|changelog|sources?|fontes?|info|classes|labels)([ _.-].*)?",
    re.IGNORECASE,
)
"""What a text is called that tells of the files beside it."""
TRIED = 5
"""GIFs or arrays that are opened, for the first may be broken."""
WANTED = "pictures, texts, sounds (.wav, .flac, .ogg), clips (.mp4, ...) or series (.csv, .npy), in class folders"
LOOKED_AT = 1 << 16
"""Bytes of a file that are looked at."""
ROWS = 200
"""Rows of a table that are looked at."""
NAMED = 4
"""Columns that are named; the others are counted."""
PROSE = 3
"""Words of a cell, on the average, from which a column is one of texts."""
NAMES = 20
"""A column with no more different cells has names of series or of kinds, where they come again and again."""
TIMES = ("date", "data", "time", "tempo", "datetime", "timestamp", "year", "ano")
"""What a column of whole numbers is called that holds times."""
MONTH = re.compile(r"(1[6-9]|2[0-3])\d\d(0[1-9]|1[0-2])")
"""Such as 202601: what stands in a column of months, where it is a time and no part of one."""
OF_TABLES = {
    "forecast": ("target", "time", "known", "horizon", "context", "season"),
    "text": ("text", "label"),
}
"""What is said of a table of one kind alone."""
FEW_LABELS = 0.2
"""Labels are few: at most one different for every five lines."""


@dataclass(frozen=True)
class Found:
    """A kind, and what it was known by."""

    kind: str
    why: str


def find(source: str | Path, said: Collection[str] = (), kind: str | None = None) -> Found:
    """The kind of a known set, a file or a folder.

    Args:
        source: where it is.
        said: the names of what was said of how it is read: who names the target of a table means a forecast.
        kind: what somebody says that it is; then nobody looks.

    Raises:
        InputError: there is nothing there, or nothing in it that is known; a known set is said to be of another kind.
    """
    if of_known(source):
        own = KNOWN[str(source)].kind
        if kind not in (None, own):
            cure = "A known set is of one kind; leave the word out"
            raise InputError("kind", came=f"{kind!r} for {source}", wanted=repr(own), cure=cure)
        return Found(own, "a known set")
    if kind is not None:
        return Found(kind, "as --kind says")
    path = locate(source)
    return _of_folder(path) if path.is_dir() else _of_file(path, said)


def _of_folder(folder: Path) -> Found:
    files = list(islice(below(folder), 10_000))
    if any("-ubyte" in path.name for path in files):
        return Found("image", "IDX files")
    if found := _of_transcribed(folder, files):
        return found
    if any(path.parent == folder and path.stem.endswith("_TRAIN") for path in files):
        return Found("series", "TRAIN and TEST files of series")
    media = [path for path in files if path.suffix.lower() in (*SOUNDS, *VIDEOS, *PICTURES) or _in_class(folder, path)]
    texts = [path for path in files if path.suffix.lower() == ".txt"]
    if media and len(media) >= len(_told(texts, media)):
        return _of_media(media, files)
    if texts:
        return _of_texts(folder, texts, files)
    if files:
        raise InputError(str(folder), came=f"a folder of {_suffixes(files)}", wanted=WANTED, cure=_cure(folder, files))
    raise InputError(str(folder), came="an empty folder", wanted=WANTED)


def _in_class(folder: Path, path: Path) -> bool:
    """Whether it may be a series, or an array of frames, of a class."""
    return path.suffix.lower() in NUMBERS and path.parent != folder


def _told(texts: list[Path], media: list[Path]) -> list[Path]:
    """The texts that may be what is learnt: no note on the others, and none with the name of one of them."""
    named = {path.with_suffix("") for path in media}
    return [path for path in texts if not NOTES.fullmatch(path.stem) and path.with_suffix("") not in named]


def _of_media(media: list[Path], files: list[Path]) -> Found:
    """Sounds, clips, joints, series or pictures: what most of them are."""
    if sum(path.suffix.lower() in SOUNDS for path in media) * 2 > len(media):
        return _found("audio", "a folder of sounds", SOUNDS, files)
    if why := _of_clips(media):
        return _found("video", why, (*VIDEOS, ".gif", ".npy"), files)
    if sum(path.suffix.lower() in NUMBERS for path in media) * 2 > len(media):
        kind = "joints" if any(map(_poses, media[:TRIED])) else "series"
        return _found(kind, f"class folders of {kind}", NUMBERS, files)
    return _found("image", "a folder of pictures", PICTURES, files)


def _of_texts(folder: Path, texts: list[Path], files: list[Path]) -> Found:
    loose = sum(path.parent == folder for path in texts)
    if loose * 2 > len(texts):
        why = f"a folder of {loose} text files; give --kind text if each is a class, a line an item"
        return _found("language", why, (".txt",), files)
    return _found("text", "class folders of text files", (".txt",), files)


def _found(kind: str, why: str, suffixes: tuple[str, ...], files: list[Path]) -> Found:
    """A kind, and what lies beside its files and is left aside."""
    aside = [path for path in files if path.suffix.lower() not in suffixes]
    return Found(kind, f"{why}; left aside: {_suffixes(aside)}" if aside else why)


def _suffixes(files: list[Path]) -> str:
    """The commonest endings of names, and how many files have each."""
    counted = Counter(path.suffix or "files without a suffix" for path in files)
    return ", ".join(f"{suffix} ({number})" for suffix, number in counted.most_common(NAMED))


def _cure(folder: Path, files: list[Path]) -> str:
    tables = [path for path in files if path.suffix.lower() in (*TABLES, *PARQUET)]
    return f"A table is given itself: {tables[0]}" if tables else "Is it of these? Then say so with --kind"


def _of_transcribed(folder: Path, files: list[Path]) -> Found | None:
    """Sounds with texts of their names beside them; clips too, but not in class folders, where texts may be any."""
    names = {path.with_suffix("") for path in files if path.suffix.lower() == ".txt"}
    told = [path for path in files if path.with_suffix("") in names]
    sounds = [path for path in told if path.suffix.lower() in SOUNDS]
    clips = [path for path in told if path.parent == folder and _is_clip(path)]
    tables = [path for path in files if path.parent == folder and path.suffix.lower() in TABLES]
    if sounds and 2 * len(sounds) >= sum(path.suffix.lower() in SOUNDS for path in files):
        return Found("speech", "sounds with transcripts beside them")
    if clips and 2 * len(clips) >= sum(path.suffix.lower() in (*VIDEOS, ".gif") for path in files):
        return Found("visual-speech", "clips with transcripts beside them")
    return _of_transcripts(tables[0]) if len(tables) == 1 and len(tables) < len(files) else None


def _of_transcripts(path: Path) -> Found | None:
    """A table of which a column names sounds or clips."""
    lines = _lines(path)[1:TRIED]
    cells = [cell.strip().strip('"').lower() for line in lines for cell in re.split(f"[{DELIMITERS}]", line)]
    for suffixes, kind, what in ((SOUNDS, "speech", "sounds"), (VIDEOS, "visual-speech", "clips")):
        if any(cell.endswith(suffixes) for cell in cells):
            return Found(kind, f"a table of {what} and transcripts")
    return None


def _of_clips(files: list[Path]) -> str:
    """What tells that most files are clips: their names, or what is in the first GIF or array; else nothing."""
    clips = sum(path.suffix.lower() in VIDEOS for path in files)
    if clips and (clips + sum(path.suffix.lower() == ".gif" for path in files)) * 2 >= len(
        files
    ):  # many have words beside them
        return "a folder of clips"
    for suffix, moves, why in ((".gif", _moves, "a folder of moving GIFs"), (".npy", _shows, "a folder of frames")):
        alike = [path for path in files if path.suffix.lower() == suffix]
        if len(alike) * 2 > len(files) and any(map(moves, alike[:TRIED])):
            return why
    return ""


def _is_clip(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in VIDEOS or (suffix == ".gif" and _moves(path))


def _moves(path: Path) -> bool:
    """Whether a GIF has more than one picture: each is announced by a graphic control block."""
    with path.open("rb") as file:
        return file.read(1 << 20).count(b"\x00\x21\xf9\x04") > 1


def _shows(path: Path) -> bool:
    """Whether an array is of frames: bytes in three dimensions, or any numbers in four."""
    return len(_shape(path)) == 4 or (len(_shape(path)) == 3 and "'|u1'" in _header(path))


def _poses(path: Path) -> bool:
    """Whether an array is of joints: two coordinates of each at every step."""
    return path.suffix.lower() == ".npy" and len(_shape(path)) == 3 and _shape(path)[2] == 2


def _header(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(256).decode("latin-1")


def _shape(path: Path) -> list[int]:
    shape = _header(path).partition("'shape': (")[2].partition(")")[0]
    return [int(part) for part in shape.split(",") if part.strip().isdecimal()]


def _of_file(path: Path, said: Collection[str] = ()) -> Found:
    suffix = path.suffix.lower()
    if suffix == ".ts" or (suffix in (".txt", ".tsv") and path.stem.endswith(("_TRAIN", "_TEST"))):
        return Found("series", "a file of labelled series")
    if suffix in PARQUET or _begins(path, b"PAR1"):
        if meant := [name for name in OF_TABLES["text"] if name in said]:
            cure = "Write it as .csv, or leave the option out to have its numbers foretold"
            raise InputError(meant[0], came=f"it, of the Parquet table {path.name}", wanted="a .csv or .tsv", cure=cure)
        return Found("forecast", "a Parquet table")
    if suffix in TABLES:
        return _of_transcripts(path) or _as_said(said) or _of_table(path)
    if suffix in TAGGED or suffix == ".zip":
        return Found("tags", "a file of tagged words")
    if suffix in PICTURES:
        cure = f"Give the folder that holds it: {path.resolve().parent}"
        raise InputError(str(path), came="a single picture", wanted="a folder of class folders", cure=cure)
    if suffix in VIDEOS:
        cure = f"Give the folder that holds it: {path.resolve().parent}"
        raise InputError(str(path), came="a single clip", wanted="a folder of class folders", cure=cure)
    if suffix in SOUNDS:
        cure = f"Give the folder that holds it: {path.resolve().parent}"
        raise InputError(str(path), came="a single sound", wanted="a folder of class folders", cure=cure)
    return _of_lines(_lines(path))


def _as_said(said: Collection[str]) -> Found | None:
    """What a table is by the options that mean something for one kind of table alone.

    Raises:
        InputError: options of both kinds.
    """
    meant = {kind: [name for name in options if name in said] for kind, options in OF_TABLES.items()}
    if all(meant.values()):
        numbers, texts = meant["forecast"][0], meant["text"][0]
        cure = f"Leave out --{numbers} to tell texts apart, or --{texts} to foretell numbers"
        raise InputError(texts, came=f"it and --{numbers}", wanted="options of one kind of table", cure=cure)
    return next((Found(kind, f"a table, with --{names[0]}") for kind, names in meant.items() if names), None)


def _begins(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def _of_table(path: Path) -> Found:
    """Texts with a class, or numbers over time: by what most cells of each column are."""
    columns = _columns(path)
    numbers = [name for name, cells in columns.items() if most(NUMBER, cells)]
    times = [name for name, cells in columns.items() if most(DATE, cells) and name not in numbers]  # 9.782 is none
    times += [name for name in numbers if name.strip().lower() in TIMES or _of_months(name, columns[name])]
    values = [name for name in numbers if name not in times and part_of(name) in ("", "year")]
    prose = [name for name, cells in columns.items() if name not in times and _words(cells) >= PROSE]
    if times and values:
        prose = [name for name in prose if not _come_again(columns[name])]
    if prose or not values:
        named = prose if _words(prose) < PROSE else []  # without a row of names, the first text stands there
        return Found("text", f"a table with text in {first_few(named, count=NAMED)}" if named else "a table with text")
    if times:
        return Found("forecast", f"a table with times in {times[0]} and numbers in {first_few(values, count=NAMED)}")
    if len(values) == len(columns):
        return Found("forecast", f"a table of numbers alone, in {first_few(values, count=NAMED)}")
    return Found("text", "a table with words and no times; --kind forecast if its rows follow each other in time")


def _of_months(name: str, cells: list[str]) -> bool:
    return part_of(name) == "month" and most(MONTH, cells)


def _columns(path: Path) -> dict[str, list[str]]:
    """The first cells of each column, by its name; nothing where the file is no table of equal rows."""
    said, text = declared("\n".join(line for line in _lines(path) if line.strip()))
    lines = text.split("\n")[: ROWS + 1]
    if len(lines) < 2:
        return {}
    try:
        rows = list(csv.reader(lines, delimiter=said or delimiter_of(lines[0])))
    except csv.Error:
        return {}
    names, rows = (rows[0], rows[1:]) if are_names(rows) else ([""] * len(rows[0]), rows)
    names = [name or f"column {k}" for k, name in enumerate(names, 1)]
    whole = [row for row in rows if len(row) == len(names)]
    return {name: [row[k].strip() for row in whole] for k, name in enumerate(names)} if whole else {}


def _lines(path: Path) -> list[str]:
    """The first lines of a file that are whole; U+0085 ends none, for such bytes are within letters of UTF-8."""
    with path.open("rb") as file:
        beginning = file.read(LOOKED_AT)
    text = next((text for code in ("utf-8-sig", "latin-1") if (text := _decoded(beginning, code))), "")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    return lines[:-1] if len(beginning) == LOOKED_AT else lines


def _decoded(content: bytes, encoding: str) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="ignore")
    return content.decode(encoding, errors="ignore") if encoding == "latin-1" or _is(content, encoding) else ""


def _is(content: bytes, encoding: str) -> bool:
    """Whether bytes are in an encoding, but for a letter that is cut off at their end."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(content)
    except UnicodeDecodeError:
        return False
    return True


def _words(cells: list[str]) -> float:
    there = [cell for cell in cells if cell]
    return sum(len(cell.split()) for cell in there) / max(len(there), 1)


def _come_again(cells: list[str]) -> bool:
    """Whether the cells are a few names: those of shops, say, where every text has other words."""
    return len(set(cells)) <= max(len(cells) / 3, min(NAMES, len(cells) / 2))


def _row_of_numbers(line: str) -> bool:
    """A class and nine numbers or more."""
    words = line.replace(",", " ").split()
    return len(words) >= 10 and all(word.lstrip("+-").replace(".", "", 1)[:1].isdigit() for word in words[1:])


def _of_lines(lines: list[str]) -> Found:
    full = [line for line in lines if line.strip()]
    if len(full) >= 4 and all(_row_of_numbers(line) for line in full):
        return Found("series", "a class and the numbers of a series on each line")
    if len(full) >= 4:
        pairs = [line.split("\t") for line in full]
        if all(len(pair) == 2 for pair in pairs):
            first, second = ({pair[column].strip() for pair in pairs} for column in (0, 1))
            words = sum(len(pair[0].split()) == 1 and len(pair[1].split()) == 1 for pair in pairs)
            if words >= 0.95 * len(pairs) and len(full) < len(lines):
                return Found("tags", "a word and a tag on each line, and empty lines between sentences")
            if len(first) <= max(2, FEW_LABELS * len(pairs)) or len(second) <= max(2, FEW_LABELS * len(pairs)):
                return Found("text", "a label and a text on each line")
        if all(len(line.split()) == 1 and line.strip().rfind("_") > 0 for line in full):
            return Found("tags", "word_TAG on each line")
    return Found("language", "a file of running text")
