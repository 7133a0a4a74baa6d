"""What tables that are text have in common: what parts their cells, what an empty one holds, how numbers are written.

A number may have a mark before its decimals and the other mark between its thousands: 1,234.5 or 1.234,5. `1.234` can
be either, and what it is only the cells beside it tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DELIMITERS", "MISSING", "NUMBER", "Numerals", "delimiter_of", "numeral", "with_point"]

DELIMITERS = ",;\t|"
MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "?", ".")
"""In small letters, without blanks around."""
OTHER = {".": ",", ",": "."}
"""The mark between thousands, by the one before decimals."""


def delimiter_of(line: str) -> str:
    """Of what may part the cells of a line, what it has most often; a comma where it has none.

    Example:
        >>> delimiter_of("loja;vendas, em R$;preço")
        ';'
    """
    return max(DELIMITERS, key=line.count)


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
