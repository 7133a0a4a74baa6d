"""Text as numbers and back: characters, bytes, words, or pieces of words.

Knows nothing of files, nor of what the numbers are for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from recorrente.errors import InputError

__all__ = ["BY_NAME", "Bytes", "Characters", "Pieces", "Units", "Words", "from_config"]

UNKNOWN = "\ufffd"
WORD = re.compile(r" ?\w+| ?[^\w\s]+|\s")
"""A word with the blank before it, so that the words one after the other are the text again."""
LARGEST_VOCABULARY = 10_000
PIECES = 1_000


class Units(Protocol):
    """What a text is cut into."""

    name: str

    @property
    def size(self) -> int: ...
    @property
    def forbidden(self) -> tuple[int, ...]: ...
    def encode(self, text: str) -> list[int]: ...
    def decode(self, ids: Sequence[int]) -> str: ...
    def to_config(self) -> dict[str, Any]: ...


class _Vocabulary:
    """Units out of a list; number 0 stands for all that are not in it."""

    name: str

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.vocabulary = tuple(vocabulary)
        self._ids = {unit: number for number, unit in enumerate(self.vocabulary, 1)}

    @property
    def size(self) -> int:
        """How many there are, the unknown one counted."""
        return len(self.vocabulary) + 1

    @property
    def forbidden(self) -> tuple[int, ...]:
        """What is never to be generated: the unknown one."""
        return (0,)

    def _numbers(self, units: Iterable[str]) -> list[int]:
        ids = self._ids
        return [ids.get(unit, 0) for unit in units]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these numbers."""
        return "".join(self.vocabulary[number - 1] if number else UNKNOWN for number in ids)

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return {"name": self.name, "vocabulary": list(self.vocabulary)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> _Vocabulary:
        """What `to_config` wrote."""
        return cls(config["vocabulary"])


class Characters(_Vocabulary):
    """The characters of the text it is made of.

    Example:
        >>> units = Characters.of("não")
        >>> units.encode("não!"), units.decode(units.encode("não"))
        ([1, 3, 2, 0], 'não')
    """

    name = "characters"

    @classmethod
    def of(cls, text: str) -> Characters:
        """Those of a text."""
        letters = Counter(text)
        return cls(sorted(letters, key=lambda letter: (-letters[letter], letter)))

    def encode(self, text: str) -> list[int]:
        """A number a character."""
        return self._numbers(text)


class Words(_Vocabulary):
    """Words and signs, each with the blank before it; those that the text has only once are unknown.

    Args:
        vocabulary: those that are known.
        letters: how many different characters the text has; None counts those of the vocabulary, as for what versions
            that did not count them kept.

    Example:
        >>> words = Words.of("a rosa, a rosa")
        >>> words.vocabulary, words.letters, words.unknown("uma rosa")
        ((' rosa',), 6, ['uma'])
    """

    name = "words"

    def __init__(self, vocabulary: Sequence[str], letters: int | None = None) -> None:
        super().__init__(vocabulary)
        self.letters = len(set("".join(vocabulary))) if letters is None else letters

    @classmethod
    def of(cls, text: str) -> Words:
        """The most frequent ones of a text."""
        frequent = Counter(WORD.findall(text)).most_common(LARGEST_VOCABULARY)
        return cls([word for word, count in frequent if count > 1], len(set(text)))

    def encode(self, text: str) -> list[int]:
        """A number a word."""
        return self._numbers(WORD.findall(text))

    def unknown(self, text: str) -> list[str]:
        """The words of a text that are not known, in order."""
        return [word for word in WORD.findall(text) if word not in self._ids]

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return {**super().to_config(), "letters": self.letters}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Words:
        """What `to_config` wrote."""
        return cls(config["vocabulary"], config.get("letters"))


class Bytes:
    """The 256 bytes of UTF-8: any text of any language, with nothing unknown.

    Example:
        >>> Bytes().encode("é"), Bytes().decode([195, 169])
        ([195, 169], 'é')
    """

    name = "bytes"
    size = 256
    forbidden: tuple[int, ...] = ()

    @classmethod
    def of(cls, text: str) -> Bytes:
        """The same for any text."""
        return cls()

    def encode(self, text: str) -> list[int]:
        """A number a byte."""
        return list(text.encode())

    def decode(self, ids: Sequence[int]) -> str:
        """The text; what is no UTF-8 shows as the replacement character."""
        return bytes(ids).decode(errors="replace")

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Bytes:
        """What `to_config` wrote."""
        return cls()


class Pieces:
    """Frequent pieces of words, by byte-pair encoding over bytes (Sennrich et al., arXiv 1508.07909); `tokenizers`'."""

    name = "pieces"
    forbidden: tuple[int, ...] = ()

    def __init__(self, content: str) -> None:
        self._tokenizer = _tokenizers().Tokenizer.from_str(content)

    @classmethod
    def of(cls, text: str) -> Pieces:
        """Those that are frequent in a text."""
        tokenizers = _tokenizers()
        made = tokenizers.Tokenizer(tokenizers.models.BPE())
        made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = tokenizers.decoders.ByteLevel()
        alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
        trainer = tokenizers.trainers.BpeTrainer(vocab_size=PIECES, initial_alphabet=alphabet, show_progress=False)
        made.train_from_iterator(text.splitlines(keepends=True), trainer)
        return cls(made.to_str())

    @property
    def size(self) -> int:
        """How many there are."""
        return int(self._tokenizer.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        """A number a piece."""
        return list(self._tokenizer.encode(text).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """The text; what is no UTF-8 shows as the replacement character."""
        return str(self._tokenizer.decode(list(ids)))

    def to_config(self) -> dict[str, Any]:
        """Plain values, for a config file."""
        return {"name": self.name, "tokenizer": self._tokenizer.to_str()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Pieces:
        """What `to_config` wrote."""
        return cls(config["tokenizer"])


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        cure = "Install it: pip install recorrente[text]"
        raise InputError("units", came="'pieces' without the library tokenizers", wanted="it", cure=cure) from error
    return tokenizers


BY_NAME: dict[str, Any] = {units.name: units for units in (Characters, Bytes, Words, Pieces)}
"""Every kind of units, by the name that `--units` takes."""


def from_config(config: Mapping[str, Any]) -> Units:
    """The units that `to_config` wrote."""
    made: Units = BY_NAME[config["name"]].from_config(config)
    return made
