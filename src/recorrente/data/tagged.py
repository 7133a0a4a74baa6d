"""Words with a tag each, in sentences.

    word<tab>TAG, word TAG       a word on each line; of more columns the first and the last, of CoNLL-U FORM and UPOS
    word_TAG, word/TAG           a word on each line, or a sentence on each line
    .zip                         of such files, called .txt

A line that begins with # and holds no tab where others do, or a =, or nothing but `newdoc` or `newpar`, is a comment.
An empty line ends a sentence; where some line holds several words, every line does. Where no sentence ends for long, it
ends at a full stop. A tenth is held out: of the files where there are ten or more, so that no article is on both sides,
and else of the sentences.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from recorrente.data.groups import numbered
from recorrente.data.imageset import WHOLE
from recorrente.data.known import KNOWN, files
from recorrente.data.progress import Progress
from recorrente.data.reading import decode, read_bytes
from recorrente.data.source import below, is_shown, locate, of_known
from recorrente.errors import InputError

__all__ = ["Sentences", "TaggedText", "load"]

HELD_OUT = 0.1
FILES_TO_SPLIT_BY = 10
LONGEST = 100
"""Words of a sentence; a longer one is cut."""
CLOSED = (RuntimeError, zlib.error, EOFError, OSError)
"""What is raised for archives with a password, packed in a way that is not known, or damaged inside."""
ENDS = (".", "!", "?", "...")
SIGNS = ("_", "/")
NEW = re.compile(r"#\s*new(doc|par)")
"""Comments of CoNLL-U without a value."""

Sentence = list[tuple[str, str]]


@dataclass(frozen=True)
class Sentences:
    """N sentences: the words of each, and the number of the tag of each word."""

    words: tuple[tuple[str, ...], ...]
    tags: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        """N."""
        return len(self.words)

    def subset(self, indices: Sequence[int]) -> Sentences:
        """Those, in that order."""
        return Sentences(tuple(self.words[k] for k in indices), tuple(self.tags[k] for k in indices))


@dataclass(frozen=True)
class TaggedText:
    """A data set of tagged sentences; a test sentence with a tag that training lacks is in neither part.

    What is read whole is all in both. `split` says in words how the test part was chosen.
    """

    name: str
    classes: tuple[str, ...]
    train: Sentences
    test: Sentences
    skipped: tuple[str, ...] = ()
    split: str = ""


def load(
    source: str | Path,
    *,
    encoding: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    learnt: Sequence[str] | None = None,
    progress: Progress,
) -> TaggedText:
    """Tagged sentences from a known name, a file, a zip of files or a folder of them.

    Args:
        source: see the top of this file.
        encoding: of the files; None finds it out.
        skip_bad: leave out lines without a tag instead of refusing them all.
        seed: what is held out.
        learnt: the tags of a trained network that is to be tested on the set; then it is read whole, and need not have
            all of them.
        progress: told of files read.

    Raises:
        InputError: what cannot be read, lines without a tag, a single tag, one that was not learnt.
    """
    known = of_known(source)
    paths = list(files(KNOWN[str(source)], progress)) if known else _files(locate(source))
    contents = [part for path in paths for part in _contents(path)]
    bad: list[str] = []
    parsed: list[list[Sentence]] = []
    for done, (name, content) in enumerate(contents, 1):
        lines, wrong = _parse(decode(content, name, encoding))
        bad += [f"{name} {one}" for one in wrong]
        parsed.append(lines)
        progress("read tagged words", done, len(contents))
    # What is known has its two odd lines; they are left out and told.
    if bad and not (skip_bad or known):
        came = f"{len(bad)} lines without a word and a tag ({', '.join(bad[:3])})"
        cure = "Mend them, or leave them out with --skip-bad"
        raise InputError(str(source), came=came, wanted="a word and its tag on each line", cure=cure)
    name = str(source) if known else locate(source).resolve().name
    return _split(name, parsed, seed, bad) if learnt is None else _whole(name, parsed, learnt, bad)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(below(path))
    if not found:
        raise InputError(str(path), came="an empty folder", wanted="files of tagged words")
    return found


def _contents(path: Path) -> list[tuple[str, bytes]]:
    content = read_bytes(path)
    if path.suffix.lower() != ".zip":
        return [(str(path), content)]
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = [(name, archive.read(name)) for name in archive.namelist() if _is_text(name)]
    except zipfile.BadZipFile as error:
        raise InputError(str(path), came=f"a broken archive ({error})", wanted="a zip of text files") from error
    except CLOSED as error:
        came, cure = f"an archive that cannot be unpacked ({error})", "Unpack it, and give the folder"
        raise InputError(str(path), came=came, wanted="a zip of text files", cure=cure) from error
    if not found:
        raise InputError(str(path), came="an archive without .txt files", wanted="a zip of text files")
    return found


def _is_text(name: str) -> bool:
    """Whether a name in an archive is that of a text, and not what is hidden or left behind."""
    return name.lower().endswith(".txt") and all(map(is_shown, PurePosixPath(name).parts))


def _parse(text: str) -> tuple[list[Sentence], list[str]]:
    """The sentences of a file, and the lines that could not be used."""
    lines = text.split("\n")
    tabbed = any("\t" in line for line in lines)
    read: list[Sentence] = []  # of each line; nothing of an empty one
    bad = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            read.append([])
        elif not _is_comment(line, tabbed):
            pairs = list(_pairs(line))
            if not all(word and tag for word, tag in pairs):
                bad.append(f"line {number}: {line.strip()[:40]!r}")
            elif pairs:
                read.append(pairs)
    return [part for sentence in _sentences(read) for part in _cut(sentence)], bad


def _is_comment(line: str, tabbed: bool) -> bool:
    """Whether a line tells of the text, as `# newdoc` does; `#<tab>SYM` is a word with its tag."""
    return line.startswith("#") and ("=" in line or (tabbed and "\t" not in line) or bool(NEW.fullmatch(line.strip())))


def _sentences(lines: Sequence[Sentence]) -> list[Sentence]:
    """What the lines of a file hold: a sentence each, where one has several words; else an empty line ends it."""
    if any(len(pairs) > 1 for pairs in lines):
        return list(lines)
    sentences: list[Sentence] = [[]]
    for pairs in lines:
        if pairs:
            sentences[-1] += pairs
        else:
            sentences.append([])
    return sentences


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    cells = line.strip().split("\t") if "\t" in line else line.split()
    if len(cells) == 10 and "\t" in line:  # CoNLL-U; a range such as 3-4 or an empty node has no tag
        if cells[0].isdigit():
            yield cells[1], cells[3]
        return
    sign = next((sign for sign in SIGNS if all(0 < cell.rfind(sign) < len(cell) - 1 for cell in cells)), None)
    if sign is not None and "\t" not in line:
        for cell in cells:
            word, _, tag = cell.rpartition(sign)
            yield word, tag
    elif len(cells) >= 2:
        yield cells[0].strip(), cells[-1].strip()
    else:
        yield "", ""


def _cut(sentence: Sentence) -> Iterator[Sentence]:
    """A sentence as it is; one too long at its full stops, or else at its length."""
    if len(sentence) <= LONGEST:
        yield from [sentence] if sentence else []
        return
    part: Sentence = []
    for pair in sentence:
        part.append(pair)
        if pair[0] in ENDS or len(part) == LONGEST:
            yield part
            part = []
    if part:
        yield part


def _whole(name: str, parsed: Sequence[Sequence[Sentence]], learnt: Sequence[str], bad: Sequence[str]) -> TaggedText:
    """All sentences, to test on."""
    sentences = [one for part in parsed for one in part]
    if not sentences:
        raise InputError(name, came="no words", wanted="a sentence or more")
    classes, _ = numbered(sorted({tag for one in sentences for _, tag in one}), learnt)
    every = _numbered(sentences, {tag: number for number, tag in enumerate(classes)})
    return TaggedText(name, classes, every, every, tuple(bad), WHOLE)


def _split(name: str, parsed: Sequence[Sequence[Sentence]], seed: int, bad: Sequence[str]) -> TaggedText:
    groups = parsed if len(parsed) >= FILES_TO_SPLIT_BY else [[one] for part in parsed for one in part]
    if len(groups) < 2:
        came = f"{len(groups)} sentences"
        raise InputError(name, came=came, wanted="two or more", cure="End each sentence with an empty line")
    order = np.random.RandomState(seed).permutation(len(groups)).tolist()
    held = set(order[: max(1, round(HELD_OUT * len(groups)))])
    train = [one for k, part in enumerate(groups) if k not in held for one in part]
    test = [one for k, part in enumerate(groups) if k in held for one in part]
    classes = tuple(sorted({tag for one in train for _, tag in one}))
    if len(classes) < 2:
        raise InputError(name, came=f"a single tag, {', '.join(classes)}", wanted="words of two tags or more")
    numbers = {tag: number for number, tag in enumerate(classes)}
    strange = sorted({tag for one in test for _, tag in one} - set(classes))
    tested = [one for one in test if not any(tag in strange for _, tag in one)]
    split = f"at random, a tenth of the {'files' if groups is parsed else 'sentences'}"
    told = [*bad, *(f"tag {tag}, which is not in the training part" for tag in strange)]
    return TaggedText(name, classes, _numbered(train, numbers), _numbered(tested, numbers), tuple(told), split)


def _numbered(sentences: Sequence[Sentence], numbers: dict[str, int]) -> Sentences:
    return Sentences(
        tuple(tuple(word for word, _ in one) for one in sentences),
        tuple(tuple(numbers[tag] for _, tag in one) for one in sentences),
    )
