"""What tables that are text have in common: what parts their cells, what an empty one holds, how numbers are written.

A number may have a mark before its decimals and the other mark between its thousands: 1,234.5 or 1.234,5. `1.234` can
be either, and what it is only the cells beside it tell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "DATE",
    "DELIMITERS",
    "MISSING",
    "NUMBER",
    "Numerals",
    "are_names",
    "counted",
    "declared",
    "delimiter_of",
    "first_few",
    "most",
    "numeral",
    "with_point",
]

DELIMITERS = ",;\t|"
MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "?", ".")
"""In small letters, without blanks around."""
OTHER = {".": ",", ",": "."}
"""The mark between thousands, by the one before decimals."""
MOST = 0.9
"""The share of a column's cells that make it one of times, or one of numbers."""
NAMED = 5
"""Cells or columns that are named where there may be many; the others are counted."""
DAY = r"(\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.](\d{1,2}[-/.])?\d{2,4}|[A-Za-z]{3,9}[ -]\d{4})"
DATE = re.compile(DAY + r"([ T]\d{1,2}:\d{2}.*)?")
YEAR = re.compile(r"1[5-9]\d\d|20\d\d")
QUOTED = re.compile(r'"[^"]*"')
DECLARED = re.compile(r'"?sep=([,;\t|:])"?[ \t]*\n', re.IGNORECASE)


def delimiter_of(line: str) -> str:
    """Of what may part the cells of a line, what it has most often outside of quotes; a comma where it has none.

    What parts a line into numbers and times alone goes before a comma, which is before decimals then.

    Example:
        >>> delimiter_of("loja;vendas, em R$;preço"), delimiter_of('day;"sold, in all, net"'), delimiter_of("1,5;2,25")
        (';', ';', ';')
    """
    bare = QUOTED.sub("", line)
    for mark in DELIMITERS.replace(",", ""):
        if mark in bare and all(map(_is_value, line.split(mark))):
            return mark
    return max(DELIMITERS, key=bare.count)


def _is_value(cell: str) -> bool:
    cell = cell.strip().strip('"')
    return cell.lower() in MISSING or bool(NUMBER.match(cell) or DATE.fullmatch(cell))


def declared(text: str) -> tuple[str, str]:
    r"""What a first line `sep=;`, as Excel writes it, says that parts the cells, and the text after it.

    Example:
        >>> declared("sep=;\na;b"), declared("a;b")
        ((';', 'a;b'), ('', 'a;b'))
    """
    said = DECLARED.match(text)
    return (said[1], text[said.end() :]) if said else ("", text)


def are_names(rows: Sequence[Sequence[str]], named: Collection[str] = ()) -> bool:
    """Whether the first row of a table names its columns.

    So it does where a cell is in `named`; where one is text and the column below is of numbers or of times; where its
    numbers go up by one, as years side by side do; or where no number is in it. No row of names has a time in it that
    stands above times, nor a cell that is missing where the others are no text.

    Example:
        >>> are_names([["country", "1990", "1991"], ["Chile", "5.5", "6.5"]])
        True
        >>> are_names([["2024-01-01", "5"], ["2024-01-02", "6"]]), are_names([["1", ""], ["2", "3"]])
        (False, False)
    """
    first = [cell.strip() for cell in rows[0]]
    if named and not set(named).isdisjoint(first):
        return True
    columns = _below(rows)
    if any(DATE.fullmatch(cell) and most(DATE, column) for cell, column in zip(first, columns, strict=False)):
        return False
    there = [cell for cell in first if cell.lower() not in MISSING]
    texts = [cell for cell in there if not NUMBER.match(cell)]
    if len(texts) == len(there):
        return bool(texts)
    return any(map(_is_above_values, first, columns)) or _run_on(rows, first, columns)


def _below(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The cells below the first row, by column."""
    whole = [row for row in rows[1:] if len(row) == len(rows[0])]
    return [[row[k].strip() for row in whole] for k in range(len(rows[0]))]


def _is_above_values(cell: str, column: Sequence[str]) -> bool:
    """Whether a cell is text above numbers, or above times."""
    if cell.lower() in MISSING or NUMBER.match(cell):
        return False
    return most(NUMBER, column) or (most(DATE, column) and not DATE.fullmatch(cell))


def _run_on(rows: Sequence[Sequence[str]], first: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    """Whether the numbers of the first row are names that go up by one.

    They are values where the next row goes up by one as well, or where most of them, or a text beside them, come again
    below. Without a text beside them they are three at least, or years.
    """
    at = [k for k, cell in enumerate(first) if NUMBER.match(cell)]
    texts = [k for k, cell in enumerate(first) if k not in at and cell.lower() not in MISSING]
    if not _go_up([first[k] for k in at]) or not columns[0] or _go_up([columns[k][0] for k in at]):
        return False
    if not texts and len(at) < 3 and not all(YEAR.fullmatch(first[k]) for k in at):
        return False
    again = [k for k in range(len(first)) if first[k] in columns[k]]
    return not set(texts).intersection(again) and 2 * len(set(at).intersection(again)) < len(at)


def _go_up(cells: Sequence[str]) -> bool:
    whole = all(cell.isascii() and cell.isdigit() for cell in cells)
    return whole and len(cells) > 1 and all(int(b) - int(a) == 1 for a, b in pairwise(cells))


def most(form: re.Pattern[str], cells: Sequence[str]) -> bool:
    """Whether nearly all cells in which something stands are of a form; none where nothing stands in any."""
    there = [cell for cell in cells if cell.lower() not in MISSING]
    return bool(there) and sum(bool(form.fullmatch(cell)) for cell in there) >= MOST * len(there)


def counted(count: int, noun: str) -> str:
    """So many of something, one or more.

    Example:
        >>> counted(1, "row"), counted(1200, "row")
        ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def first_few(names: Sequence[str], between: str = ", ", more: str = "more", *, count: int = NAMED) -> str:
    """The first `count`, and how many more there are.

    Example:
        >>> first_few(["row 3", "row 9"], "; "), first_few("abcdefg")
        ('row 3; row 9', 'a, b, c, d, e and 2 more')
    """
    left = len(names) - count
    return between.join(names[:count]) + (f" and {left} {more}" if left > 0 else "")


def numeral(mark: str) -> str:
    """What a number looks like that has `mark` before its decimals, as a regular expression.

    Example:
        >>> cells = ["1234.5", "1,234.5", "1.234,5", "1.234", "0.125", "12,34"]
        >>> [cell for cell in cells if re.match(numeral("."), cell)]
        ['1234.5', '1,234.5', '1.234', '0.125']
        >>> [cell for cell in cells if re.match(numeral(","), cell)]
        ['1.234,5', '1.234', '12,34']
    """
    decimals, thousands = re.escape(mark), re.escape(OTHER[mark])
    short = rf"([0-9]+({decimals}[0-9]*)?|{decimals}[0-9]+)([eE][-+]?[0-9]+)?"
    return rf"^[-+]?({short}|[1-9][0-9]{{0,2}}({thousands}[0-9]{{3}})+({decimals}[0-9]*)?)$"


NUMBER = re.compile(f"{numeral('.')}|{numeral(',')}")


@dataclass(frozen=True)
class Numerals:
    """How many cells of a column are numbers that are written in one way or the other.

    Attributes:
        points, commas: that can only have a point, or only a comma, before their decimals.
        whole: without a mark.
        either: with one mark and three figures after it, by the mark.
        first: of those in `either`, the first cell.
    """

    points: int
    commas: int
    whole: int
    either: dict[str, int]
    first: str

    @classmethod
    def of(cls, cells: pl.Series) -> Numerals:
        """Of cells of text, null where there is no value."""
        point, comma = (cells.str.contains(numeral(mark)) for mark in OTHER)
        both = point & comma
        marked = {mark: both & cells.str.contains(mark, literal=True) for mark in OTHER}
        either = {mark: _count(which) for mark, which in marked.items() if _count(which)}
        first = str(cells[(marked["."] | marked[","]).arg_true()[0]]) if either else ""
        whole = _count(both) - sum(either.values())
        return cls(_count(point & ~comma), _count(comma & ~point), whole, either, first)

    @property
    def count(self) -> int:
        """All of them."""
        return self.points + self.commas + self.whole + sum(self.either.values())

    @property
    def own(self) -> str:
        """The mark before decimals, by this column alone; nothing where it does not tell."""
        if not self.points and not self.commas:
            return ""
        return "." if self.points >= self.commas else ","

    def beside(self, learnt: str, others: str, delimiter: str) -> str:
        """The mark of a column that does not tell it alone; nothing where it cannot be told.

        1.000 beside 980 has no decimals, for 980 would have three, too; only what else is there may say so.

        Args:
            learnt: that of the same column, where it was learnt.
            others: that of the other columns, where they have one.
            delimiter: what parts the cells of the table; a comma within a cell is hardly before decimals then.
        """
        if learnt:
            return learnt if others in ("", learnt) else ""
        said = others or ("." if delimiter == "," and "," in self.either else "")
        alone = not self.whole and len(self.either) == 1
        if said and (alone or said not in self.either):
            return said
        return next(iter(self.either)) if alone else ""


def _count(which: pl.Series) -> int:
    return int(which.sum() or 0)


def with_point(column: pl.Series, mark: str) -> pl.Series:
    """A column whose numbers are written as Python does; null where one is written with the other mark.

    Args:
        column: of text.
        mark: before decimals; nothing takes away both.
    """
    if mark == "." and not column.str.contains(",", literal=True).any():
        return column
    text = column.str.strip_chars()
    if not mark:
        return text.str.replace_all("[.,]", "")
    own = text.str.contains(numeral(mark)).fill_null(value=False)
    strange = text.str.contains(numeral(OTHER[mark])).fill_null(value=False) & ~own
    made = text.str.replace_all(OTHER[mark], "", literal=True).str.replace(mark, ".", literal=True)
    return made.zip_with(own, text).set(strange, None)
