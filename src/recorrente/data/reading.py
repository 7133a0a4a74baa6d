"""Files become text: which encoding they are in, one form for letters and for ends of lines. Or an array."""

from __future__ import annotations

import codecs
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorrente.errors import InputError

__all__ = ["decode", "read_array", "read_bytes", "read_text"]

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
MARK = "\ufeff"
"""What is left of such a mark where the encoding was named and the mark was not expected."""
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1a\x1b"))
"""Bytes that no text holds; a file with them is of another kind."""


def read_text(path: Path, encoding: str | None = None) -> str:
    """The text of a file; see `decode`.

    Raises:
        InputError: the file cannot be read, is empty, or is no text.
    """
    return decode(read_bytes(path), str(path), encoding)


def read_bytes(path: Path) -> bytes:
    """The content of a file, or an InputError that names it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(str(path), came=error.strerror or str(error), wanted="a file that can be read") from error


def read_array(path: Path, wanted: str) -> NDArray[Any]:
    """The array of a `.npy` file; what else numpy would open under that name is none.

    Raises:
        InputError: no such file; `wanted` says what should be in it.
    """
    try:
        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(str(path), came=f"no array ({error})", wanted=f"a .npy file of {wanted}") from error


def decode(content: bytes, name: str, encoding: str | None = None) -> str:
    r"""Text in Unicode's composed form (NFC) with `\n` at the ends of lines, without a mark of its encoding.

    Args:
        content: of a file.
        name: of the file, for the error.
        encoding: of the file; None takes UTF-8, or UTF-16 where it has a mark, or else Windows' and ISO's Latin-1.

    Raises:
        InputError: nothing but blanks; bytes that are not in `encoding`; a file that is no text at all.

    Example:
        >>> decode("coração".encode("latin-1"), "a.txt") == decode("coração".encode(), "b.txt")
        True
    """
    text = _decoded(content, name, encoding).removeprefix(MARK)
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InputError(name, came="an empty file", wanted="a file with text in it")
    return text


def _decoded(content: bytes, name: str, encoding: str | None) -> str:
    if encoding is not None:
        return _strict(content, name, encoding)
    for mark, marked in MARKS:
        if content.startswith(mark):
            return _strict(content, name, marked)
    odd = len(content) - len(content.translate(None, CONTROLS))
    if odd:
        came = f"a binary file ({odd} bytes that no text holds)"
        raise InputError(name, came=came, wanted="text", cure="If it is text, name its encoding with --encoding")
    return _readable(content, "utf-8") or _readable(content, "cp1252") or content.decode("latin-1")


def _readable(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _strict(content: bytes, name: str, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        came = f"byte 0x{content[error.start]:02x} at position {error.start}"
        cure = "Give the file's own encoding, such as --encoding latin-1"
        raise InputError(name, came=came, wanted=f"text in {encoding}", cure=cure) from error
    except LookupError as error:
        wanted = "an encoding that Python knows, such as utf-8 or latin-1"
        raise InputError("encoding", came=repr(encoding), wanted=wanted) from error
