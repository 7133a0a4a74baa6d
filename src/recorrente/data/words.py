"""Words as numbers: the word itself, how it begins and ends, and how it is written.

What the ends of a word say helps with those that were never seen: -ção, -mente, -ing. Knows no files and no classes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["WordFeatures", "split_words"]

TOKEN = re.compile(r"\w+|[^\w\s]")
MOST = 30_000
"""Values of a feature that are kept, the most frequent."""

FEATURES = ("word", "prefix 2", "prefix 3", "suffix 1", "suffix 2", "suffix 3", "suffix 4", "form")


def split_words(text: str) -> list[str]:
    """Words and signs, in order.

    Example:
        >>> split_words("O que é isto?")
        ['O', 'que', 'é', 'isto', '?']
    """
    return TOKEN.findall(text)


class WordFeatures:
    """F numbers for each word; 0 stands for what training had only once, or never.

    Example:
        >>> features = WordFeatures.of([["O", "rio"], ["o", "rio"]])
        >>> features.encode(["o", "mar"]).shape, len(features.sizes)
        ((2, 8), 8)
    """

    def __init__(self, values: Sequence[Sequence[str]]) -> None:
        self.values = tuple(tuple(column) for column in values)
        self._ids = [{value: number for number, value in enumerate(column, 1)} for column in self.values]
        self._rows: dict[str, list[int]] = {}  # of words that were asked for before

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], *, least: int = 2) -> WordFeatures:
        """Those that occur at least so often in the sentences."""
        words = Counter(word for sentence in sentences for word in sentence)
        counts: list[Counter[str]] = [Counter() for _ in FEATURES]
        for word, count in words.items():
            for column, value in zip(counts, _features(word), strict=True):
                column[value] += count
        return cls([[value for value, count in column.most_common(MOST) if count >= least] for column in counts])

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each feature has."""
        return tuple(len(column) + 1 for column in self.values)

    def knows(self, word: str) -> bool:
        """Whether training had it more than once; of a number, whether it had one written like it."""
        small, *_, form = _features(word)
        number = word[-1:].isalnum() and any(map(str.isdigit, word))
        return small in self._ids[0] or (number and form in self._ids[-1])

    def split(self, text: str) -> list[str]:
        """Words and signs, in order; what the training sentences had as one word stays one.

        Example:
            >>> WordFeatures.of([["guarda-chuva", "R$", "3,50", "4,20"]] * 2).split("O guarda-chuva, a R$9,90.")
            ['O', 'guarda-chuva', ',', 'a', 'R$', '9,90', '.']
        """
        return [word for piece in text.split() for word in self._split(piece)]

    def _split(self, piece: str) -> Iterator[str]:
        """Of what stands between blanks: at each place the longest known word, or else one word or sign."""
        signs, at = split_words(piece), 0
        while at < len(signs):
            joined = [*accumulate(signs[at : at + self._longest])]
            last = max((k for k, word in enumerate(joined) if self.knows(word)), default=0)
            yield joined[last]
            at += last + 1

    @cached_property
    def _longest(self) -> int:
        """The most words and signs that `split_words` finds in one known word."""
        return max((len(split_words(value)) for value in (*self.values[0], *self.values[-1])), default=1)

    def encode(self, words: Sequence[str]) -> NDArray[np.int64]:
        """`(T, F)` of T words."""
        return np.array([self._row(word) for word in words], np.int64).reshape(len(words), len(self.values))

    def _row(self, word: str) -> list[int]:
        if word not in self._rows:
            self._rows[word] = [ids.get(value, 0) for ids, value in zip(self._ids, _features(word), strict=True)]
        return self._rows[word]

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return {"words": dict(zip(FEATURES, map(list, self.values), strict=True))}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> WordFeatures:
        """What `to_config` wrote."""
        return cls([config["words"][name] for name in FEATURES])


def _features(word: str) -> tuple[str, ...]:
    small = word.lower()
    return (small, small[:2], small[:3], small[-1:], small[-2:], small[-3:], small[-4:], _form(word))


def _form(word: str) -> str:
    """How it is written: letters become x or X, digits 9, each run one sign."""
    signs = "".join("9" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in word)
    return re.sub(r"(.)\1+", r"\1", signs)[:6]
